"""What sections of a report have in common: columns that tell rows apart, a part a table, folded lists."""

import html
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.reports.columns import columns
from harness.reports.tables import in_one_cell, markdown

__all__ = ["conditions", "each_table", "folded", "listed", "names", "table_of"]

_ALWAYS = ("backbone", "strategy")
_WHERE_THEY_DIFFER = ("weights", "recipe", "device", "precision", "training images")
_SIZE = "size (px)"
_AT_ONCE = 10


def names(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The columns that tell these rows apart, and always backbone and strategy."""
    found = columns(rows)
    # A size that a backbone alone decides tells nothing apart.
    sizes = len(set(zip(found["backbone"], found[_SIZE], strict=True))) > len(set(found["backbone"]))
    return {
        heading: column
        for heading, column in found.items()
        if heading in _ALWAYS
        or (heading in _WHERE_THEY_DIFFER and len(set(column)) > 1)
        or (heading == _SIZE and sizes)
    }


def each_table(found: Standings, render: Callable[[Table], str]) -> str:
    """What there is to say of each table; under a heading where there are several."""
    parts = [(table, text) for table in found.tables if (text := render(table))]
    if len(found.tables) == 1:
        return "\n\n".join(text for _, text in parts)
    return "\n\n".join(f"### {conditions(table)}\n\n{text}" for table, text in parts)


def table_of(found: Mapping[str, Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Columns of texts as a markdown table."""
    cells = {_cell(heading): [_cell(text) for text in column] for heading, column in found.items()}
    return markdown(pd.DataFrame(cells), right=[_cell(heading) for heading in right])


def listed(
    title: str, found: Mapping[str, Sequence[str]], *, right: Sequence[str] = (), most: int = 50
) -> str:
    """A list as a table under its title, at most so many rows; a long one is folded; "" of none."""
    count = len(next(iter(found.values())))
    if not count:
        return ""
    text = table_of({heading: column[:most] for heading, column in found.items()}, right=right)
    if count > most:
        text += f"\n\nand {count - most:,} more"
    return f"{title}\n\n{text}" if count <= _AT_ONCE else folded(title, text)


def folded(title: str, text: str) -> str:
    """A text that a reader unfolds; the title is no markdown."""
    return f"<details><summary>{html.escape(title, quote=False)}</summary>\n\n{text}\n\n</details>"


def _cell(text: str) -> str:
    """A text as it is, in a cell: a class may have any name."""
    return in_one_cell(text.replace("<", "&lt;"))


def conditions(table: Table) -> str:
    """What the rows of a table have in common and those of another have not."""
    first = table.first
    return f"Environment {first.environment.fingerprint}, {first.cell.device}, {first.cell.precision}"
