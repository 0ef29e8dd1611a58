"""The section on classes: how the best rows do class by class, and which classes are taken for which."""

from collections.abc import Sequence

from harness.analysis.classes import Recall, classes_differ, confusions, recalls
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.reports.row_names import full_names
from harness.reports.sections import each_table, names, table_of
from harness.reports.tables import number
from harness.text import counted

__all__ = ["classes_section"]

_MEANING = (
    "The share of a class's test images that are put in it, in %, with its 95 % interval. Classes of a row "
    "differ where the intervals of some two of them do not touch, widened so as to hold for all its classes "
    "at once (Bonferroni)."
)
_ROWS = 10
_CLASSES = 8
_CONFUSIONS = 15


def classes_section(found: Standings) -> str:
    """Accuracy by class and the most frequent confusions, of the most accurate rows."""
    text = each_table(found, lambda table: _of_table(table, found))
    return f"{_MEANING}\n\n{text}" if text else ""


def _of_table(table: Table, found: Standings) -> str:
    rows = table.rows[:_ROWS]
    each_row = [recalls(row, found.answers) for row in rows]
    several = len(table.first.data.classes) > 2
    differ = sum(map(classes_differ, each_row))
    of = f"the first {len(rows)} rows" if len(rows) < len(table.rows) else counted(len(rows), "row")
    if not differ:
        verdict = "No two classes of a row can be told apart."
    else:
        verdict = f"Of {of} {differ:,} {'has' if differ == 1 else 'have'} classes that differ."
    parts = [verdict, _recalls(rows, each_row)]
    if several:
        parts.append(_confusions(table.rows[0], rows, found))
    return "\n\n".join(filter(None, parts))


def _recalls(rows: Sequence[Row], found: Sequence[Sequence[Recall]]) -> str:
    """Rows by classes; of many classes those that these rows find hardest, the hardest first."""
    labels = [each.label for each in found[0]]
    hardest = sorted(range(len(labels)), key=lambda place: sum(each[place].value for each in found))
    shown = hardest[:_CLASSES] if len(labels) > _CLASSES else range(len(labels))
    columns = names(rows)
    text = list(columns)
    for place in shown:
        columns[f"{labels[place]} ({counted(found[0][place].images, 'image')})"] = [
            _recall(each[place]) for each in found
        ]
    table = table_of(columns, right=[name for name in columns if name not in text])
    if len(labels) > _CLASSES:
        table += f"\n\nThe {_CLASSES} hardest of {len(labels):,} classes."
    return table


def _recall(each: Recall) -> str:
    return (
        f"{number(each.value, 1, 100)} "
        f"({number(each.interval.low, 1, 100)} to {number(each.interval.high, 1, 100)})"
    )


def _confusions(best: Row, rows: Sequence[Row], found: Standings) -> str:
    """What the most accurate row takes for what, beside the mean of the shown rows."""
    of_best = confusions(best, found.answers)
    if not of_best:
        return ""
    others = [
        {(each.label, each.said): each.count for each in confusions(row, found.answers)} for row in rows
    ]
    digits = 0 if len(best.records) == 1 else 1
    shown = of_best[:_CONFUSIONS]
    columns = {
        "label": [each.label for each in shown],
        "taken for": [each.said for each in shown],
        "images": [number(each.count, digits) for each in shown],
        "share of the class (%)": [number(each.count / each.images, 1, 100) for each in shown],
        f"images, mean of {counted(len(rows), 'row')}": [
            number(sum(other.get((each.label, each.said), 0.0) for other in others) / len(others), 1)
            for each in shown
        ],
    }
    title = f"What {full_names(rows)[rows.index(best)]} confuses most often:"
    more = len(of_best) - len(shown)
    rest = f"\n\nand {more:,} more pairs of classes" if more else ""
    return f"{title}\n\n{table_of(columns, right=list(columns)[2:])}{rest}"
