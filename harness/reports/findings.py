"""What a comparison found, for people: a comment for a pull request in markdown, and a short terminal table.

Names and reasons from the outside stand in backticks, where markdown takes nothing of them for its own.
"""

from collections.abc import Sequence

import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.comparison.finding import SEVERITIES, Finding, Judgement, Severity, Told
from harness.errors import UserError
from harness.reports.tables import in_one_cell, markdown
from harness.text import counted, quoted

__all__ = ["MOST_LINES", "MOST_ROWS", "render_findings", "render_refusal", "terminal_findings", "verdict"]

MOST_LINES = 20
"""How many findings of one severity a comment lists: GitHub takes 65,536 characters."""
MOST_ROWS = 60
"""How many cells its table of figures has."""

_FEW_CELLS = 3

_TITLES: dict[Severity, str] = {
    "regression": "Regressions",
    "undecided": "Undecided",
    "changed": "Changed set-up",
    "advisory": "Advisory",
    "improved": "Improved",
    "new": "New",
    "within": "Within their margin",
}
_COLOURS: dict[Severity, str] = {
    "regression": "bold red",
    "undecided": "yellow",
    "changed": "cyan",
    "advisory": "magenta",
    "improved": "green",
    "new": "green",
    "within": "dim",
}


def verdict(found: Judgement) -> str:
    """What the comparison amounts to, in a line."""
    worse, undecided = found.of("regression"), found.of("undecided")
    cells = f"{counted(len(found.planned), 'cell')} of {quoted(found.current.matrix)}"
    concerned = len(found.cells_of("regression"))
    part = "" if concerned == len(found.planned) else f"{concerned:,} of "
    head = f"{counted(len(worse), 'regression')} in {part}".rstrip() if worse else "No regression in"
    parts = [f"{head} {cells}"]
    parts += [f"{len(undecided)} undecided"] if undecided else []
    changed = found.of("changed")
    parts += [f"{counted(len(changed), 'change')} of the set-up"] if changed else []
    return "; ".join(parts) + "."


def render_findings(found: Judgement) -> str:
    """The comparison as a comment in markdown: the verdict, the worst first, what is unchanged folded."""
    parts = [f"### {verdict(found)}", f"{_told(found.baseline)} (baseline) to {_told(found.current)}."]
    parts += [
        _section(found, severity) for severity in _TITLES if severity != "within" and found.of(severity)
    ]
    unchanged, within = dict.fromkeys(found.unchanged), found.of("within")
    if table := _table(found, [name for name in found.figures if name not in unchanged]):
        parts.append(f"#### Figures of these cells\n\n{table}")
    if table := _table(found, list(unchanged)):
        parts.append(_fold(f"{counted(len(unchanged), 'cell')} within the margins", table))
    if lines := _lines(found, within):
        parts.append(_fold(f"{counted(len(within), 'change')} within the margin", "\n".join(lines)))
    return "\n\n".join(parts) + "\n"


def render_refusal(error: UserError) -> str:
    """What stands in a comment where nothing could be compared."""
    problem = f"{error.where}: {error.problem}" if error.where else error.problem
    told = [quoted(line, longest=600) for line in (problem, error.hint) if line]
    return "### Not compared\n\n" + "\n\n".join(told) + "\n"


def terminal_findings(found: Judgement) -> Group:
    """The verdict, and a table with the worst first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("finding", "what", "cells"):
        table.add_column(heading, overflow="fold")
    left = 0
    for severity, colour in _COLOURS.items():
        known = found.of(severity)
        left += max(0, len(known) - MOST_LINES)
        for each in known[:MOST_LINES]:
            table.add_row(Text(severity, colour), Text(each.message), Text(_cells(found, each)))
    line = Text(verdict(found), "bold red" if found.of("regression") else "bold green")
    parts: list[Text | Table] = [line]
    if table.row_count:
        parts += [Text(""), table]
    if left:
        parts.append(Text(f"and {counted(left, 'finding')} more, with --json or --markdown"))
    return Group(*parts)


def _told(told: Told) -> str:
    commits = ", ".join(quoted(commit) for commit in told.commits[:2]) or "an unknown commit"
    return f"{quoted(told.matrix)} at {commits}, begun {told.started[:10]}"


def _section(found: Judgement, severity: Severity) -> str:
    note = SEVERITIES[severity]
    lines = "\n".join(_lines(found, found.of(severity)))
    return f"#### {_TITLES[severity]}\n\n{note[0].upper()}{note[1:]}.\n\n{lines}"


def _lines(found: Judgement, findings: Sequence[Finding]) -> list[str]:
    lines = [
        # Of a change of the set-up the change is what matters, of all else the cell.
        f"- {each.message} ({_cells(found, each)})"
        if each.severity == "changed"
        else f"- {_cells(found, each)}: {each.message}"
        for each in findings[:MOST_LINES]
    ]
    if len(findings) > MOST_LINES:
        lines.append(f"- and {len(findings) - MOST_LINES:,} more; `--json` has all of them")
    return lines


def _cells(found: Judgement, each: Finding) -> str:
    """The cells of a finding: the names of a few, and that it is all of them."""
    if len(each.cells) > 1 and set(each.cells) >= set(found.cells):
        return f"all {counted(len(each.cells), 'cell')}"
    shown = [quoted(name) for name in each.cells[:_FEW_CELLS]]
    rest = len(each.cells) - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")


def _table(found: Judgement, names: Sequence[str]) -> str:
    """The figures of some cells before and after, one row a cell."""
    shown = names[:MOST_ROWS]
    if not shown:
        return ""
    lines = []
    for name in shown:
        line = {"cell": in_one_cell(quoted(name))}
        for figure in found.figures[name]:
            same = figure.before == figure.after
            line[figure.heading] = figure.after if same else f"{figure.before} to {figure.after}"
        lines.append(line)
    table = markdown(pd.DataFrame(lines), right=set(lines[0]) - {"cell"})
    return table + (f"\n\nThe first {MOST_ROWS} of {len(names):,} cells." if len(names) > MOST_ROWS else "")


def _fold(summary: str, text: str) -> str:
    # GitHub reads markdown inside the element only behind an empty line.
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"
