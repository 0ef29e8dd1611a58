"""A run's leaderboard for the terminal: ranks, accuracy, cost, and reasons; the file has the rest."""

from collections.abc import Mapping, Sequence

from harness.records import Record
from harness.reports.leaderboard import columns
from harness.reports.standings import Ranked, Standings
from harness.reports.text import paragraph, sentences, text_table

__all__ = ["render_summary"]

# The leaderboard's headings that stand here, where it has them, and how: broken, for a terminal is narrow.
_ALWAYS = {
    "backbone": "backbone",
    "strategy": "strategy",
    "train images": "train\nimages",
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
}
_CELLS = 8


def render_summary(found: Standings, *, width: int | None = None) -> str:
    """What a run found, at most `width` characters wide where words allow it; without one, a row a line."""
    parts = [_ranked(each, named=len(found.ranked) > 1, width=width) for each in found.ranked]
    if found.random:
        parts.append(f"Controls: random base, never ranked\n\n{_table(found.random, width)}")
    reasons: dict[str, list[str]] = {}
    for record in found.failed:
        reasons.setdefault(f"{record.status}: {sentences(record.reason)}", []).append(record.name)
    if found.missing:
        reasons["not run: the run was interrupted before it"] = list(found.missing)
    if reasons:
        told = [line for reason, cells in reasons.items() for line in _without(reason, cells, width)]
        parts.append("\n".join(["Without a result", "", *told]).rstrip())
    return "\n\n".join(parts)


def _ranked(rows: Ranked, *, named: bool, width: int | None) -> str:
    first = rows.records[0]
    title = "Ranked by test accuracy"
    if named:
        title += (
            f" (environment {first.environment.fingerprint}, {first.cell.device}, {first.cell.precision})"
        )
    verdict = _filled(rows.verdict, width)
    table = _table(rows.records, width, {"rank": [str(rank) for rank in rows.ranks]})
    return "\n\n".join(part for part in (title, verdict, table) if part)


def _table(
    records: Sequence[Record], width: int | None, before: Mapping[str, Sequence[str]] | None = None
) -> str:
    every = columns(records)
    headings = {
        name: (_ALWAYS | _WHERE_THEY_DIFFER)[name]
        for name, column in every.items()
        if name in _ALWAYS or (name in _WHERE_THEY_DIFFER and len(set(column)) > 1)
    }
    shown = {**(before or {}), **{heading: every[name] for name, heading in headings.items()}}
    right = [
        heading for heading in shown if heading.endswith(")") or heading in ("rank", "seed", "train\nimages")
    ]
    return text_table(shown, right=right, width=width, wrapped=("strategy",))


def _without(reason: str, cells: Sequence[str], width: int | None) -> list[str]:
    """The cells that one reason keeps from a result, and the reason once."""
    more = len(cells) - _CELLS
    shown = cells if more <= 1 else [*cells[:_CELLS], f"and {more:,} more"]
    return [*shown, _filled(reason, width, mark="  "), ""]


def _filled(text: str, width: int | None, *, mark: str = "") -> str:
    return paragraph(text, width, mark=mark) if width and text else mark + text
