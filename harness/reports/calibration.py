"""The section on calibration: whether a row's confidence can be believed."""

from collections.abc import Sequence

from harness.analysis.calibration import MOST_SEEDS, Calibration, calibrations
from harness.analysis.rows import Table
from harness.analysis.standings import Standings
from harness.reports.sections import each_table, names, table_of
from harness.reports.tables import number
from harness.statistics import Interval
from harness.text import counted

__all__ = ["MOST_ROWS", "calibration_section"]

MOST_ROWS = 20
"""How many rows of a table have their calibration worked out, the most accurate first."""

_MEANING = (
    "Confidence is the probability of the class that a row chooses. The expected calibration error (ECE) "
    "is the mean distance of accuracy from confidence over 15 bins of equal width. Chance alone keeps it "
    'above 0: "by chance" is what a perfectly calibrated row with the same confidences would show on '
    "average, and an error in bold is more than such a row shows in one test set of twenty. The Brier score "
    "is the squared distance of the probabilities from the truth, summed over classes, from 0 to 2. Both "
    "have 95 % intervals from test images drawn anew. A row is proven over- or underconfident where its "
    "mean confidence lies outside the interval of its accuracy."
)
_SEEDS = (
    "Rows of several seeds show means; the spread is the standard deviation of the ECE over seeds, which "
    "its interval does not include."
)


def calibration_section(found: Standings) -> str:
    """The calibration of the ranked rows; "" without any."""
    text = each_table(found, lambda table: _of_table(table, found))
    if not text:
        return ""
    most = max(len(row.records) for table in found.tables for row in table.rows)
    notes = [_MEANING, _SEEDS if most > 1 else ""]
    if most > MOST_SEEDS:
        notes.append(f"All figures here, accuracy too, are of the first {MOST_SEEDS} seeds of each row.")
    return "\n\n".join(filter(None, [*notes, text]))


def _of_table(table: Table, found: Standings) -> str:
    rows = table.rows[:MOST_ROWS]
    worked_out = calibrations(rows, found.answers)
    left = len(table.rows) - len(rows)
    rest = f"The first {len(rows)} of {len(table.rows):,} rows." if left else ""
    return "\n\n".join(filter(None, [_verdict(worked_out), _columns(worked_out), rest]))


def _verdict(found: Sequence[Calibration]) -> str:
    if len(found) == 1:
        word = found[0].verdict
        return f"The row is {word}." if word else "Neither over- nor underconfidence is proven."
    sentences = []
    for verdict in ("overconfident", "underconfident"):
        count = sum(each.verdict == verdict for each in found)
        if count:
            sentences.append(
                f"{count} of {counted(len(found), 'row')} {'is' if count == 1 else 'are'} {verdict}."
            )
    left = sum(not each.verdict for each in found)
    if left:
        whose = "the other" if sentences else "the"
        sentences.append(f"Of {whose} {counted(left, 'row')} it cannot be told.")
    if left == len(found):
        sentences = ["These test images prove no row over- or underconfident."]
    return " ".join(sentences)


def _columns(found: Sequence[Calibration]) -> str:
    rows = [each.row for each in found]
    columns = names(rows)
    text = list(columns)
    columns |= {
        "test accuracy (%)": [number(each.row.accuracy, 1, 100) for each in found],
        "confidence (%)": [number(each.confidence, 1, 100) for each in found],
        "confidence minus accuracy (points)": [f"{round(100 * each.excess, 1) + 0.0:+.1f}" for each in found],
        "proven": [each.verdict or "-" for each in found],
        "ECE (points)": [_error(each) for each in found],
        "ECE, 95 % interval": [_ends(each.interval, 1, 100) for each in found],
        "by chance (points)": [number(each.by_chance, 1, 100) for each in found],
    }
    if not any(each.verdict for each in found):
        del columns["proven"]
    if any(each.spread is not None for each in found):
        columns["ECE, spread (points)"] = [number(each.spread, 2, 100) for each in found]
    columns |= {
        "Brier score": [number(each.brier, 3) for each in found],
        "Brier, 95 % interval": [_ends(each.brier_interval, 3, 1) for each in found],
    }
    return table_of(columns, right=[name for name in columns if name not in (*text, "proven")])


def _error(each: Calibration) -> str:
    text = number(each.error, 1, 100)
    return f"**{text}**" if each.proven else text


def _ends(interval: Interval, digits: int, factor: float) -> str:
    return f"{number(interval.low, digits, factor)} to {number(interval.high, digits, factor)}"
