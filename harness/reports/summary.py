"""A run's leaderboard for the terminal: ranks, accuracy, cost, and reasons; the file has the rest."""

from collections.abc import Sequence

from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.reports.columns import columns
from harness.reports.legend import title, verdict
from harness.text import paragraph, sentences, text_table

__all__ = ["render_summary"]

# The leaderboard's headings that stand here, where it has them, and how: broken, for a terminal is narrow.
_ALWAYS = {
    "rank": "rank",
    "backbone": "backbone",
    "strategy": "strategy",
    "training images": "training\nimages",
    "test accuracy (%)": "test\naccuracy\n(%)",
    "95 % interval": "95 %\ninterval",
    "to result (s)": "to\nresult\n(s)",
}
_WHERE_THEY_DIFFER = {
    "weights": "weights",
    "recipe": "recipe",
    "device": "device",
    "precision": "precision",
    "size (px)": "size\n(px)",
    "seed": "seed",
    "seeds": "seeds",
}
_NUMBERS = ("rank", "seed", "seeds", "training\nimages")
_CELLS = 8
_ROWS = 40


def render_summary(found: Standings, *, width: int | None = None) -> str:
    """What a run found, at most `width` characters wide where words allow it; without one, a row a line."""
    parts = [_ranked(each, named=len(found.tables) > 1, width=width) for each in found.tables]
    if found.controls:
        parts.append(f"Controls: random base, never ranked\n\n{_table(found.controls, width)}")
    if found.partial:
        parts.append(f"Some seeds have no result, so not ranked\n\n{_table(found.partial, width)}")
    reasons: dict[str, list[str]] = {}
    for record in found.failed:
        reasons.setdefault(f"{record.status}: {sentences(record.reason)}", []).append(record.name)
    for name, reason in found.missing:
        reasons.setdefault(f"not run: {reason}", []).append(name)
    if reasons:
        told = [line for reason, cells in reasons.items() for line in _without(reason, cells, width)]
        parts.append("\n".join(["Without a result", "", *told]).rstrip())
    return "\n\n".join(parts)


def _ranked(table: Table, *, named: bool, width: int | None) -> str:
    shown = table.rows[:_ROWS]
    more = len(table.rows) - len(shown)
    rest = f"and {more:,} more rows, in the leaderboard's file" if more else ""
    parts = (title(table, named=named), _filled(verdict(table), width), _table(shown, width), rest)
    return "\n\n".join(filter(None, parts))


def _table(rows: Sequence[Row], width: int | None) -> str:
    every = columns(rows)
    headings = {
        name: (_ALWAYS | _WHERE_THEY_DIFFER)[name]
        for name, column in every.items()
        if name in _ALWAYS or (name in _WHERE_THEY_DIFFER and len(set(column)) > 1)
    }
    shown = {heading: every[name] for name, heading in headings.items()}
    right = [heading for heading in shown if heading.endswith(")") or heading in _NUMBERS]
    return text_table(shown, right=right, width=width, wrapped=("strategy",))


def _without(reason: str, cells: Sequence[str], width: int | None) -> list[str]:
    """The cells that one reason keeps from a result, and the reason once."""
    more = len(cells) - _CELLS
    shown = cells if more <= 1 else [*cells[:_CELLS], f"and {more:,} more"]
    return [*shown, _filled(reason, width, mark="  "), ""]


def _filled(text: str, width: int | None, *, mark: str = "") -> str:
    return paragraph(text, width, mark=mark) if width and text else mark + text
