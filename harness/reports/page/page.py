"""The page of a run: one HTML file that holds everything it needs and loads nothing.

Its Content-Security-Policy forbids whatever is not the style, the script and the pictures that stand in it,
so that a name or a reason from a record is text even where a browser would read it otherwise.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.analysis.recommend import COSTS, choose
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.analysis.step_times import time_doubt
from harness.analysis.timing_rows import TimingRow
from harness.files import write_whole
from harness.metrics import metric
from harness.reports.leaderboard import header
from harness.reports.legend import notes, title, verdict
from harness.reports.page.section import sections
from harness.reports.recommend import reason
from harness.reports.row_names import full_names
from harness.text import counted

__all__ = ["FIRST_ROWS", "render_page", "write_page"]

FIRST_ROWS = 200
"""How many rows of a table stand in the page as HTML, and how many more the script draws at a time."""

_HERE = Path(__file__).parent
_QUOTED = re.compile(r"`([^`]+)`")
# What ends a script, or a line of one, written so that it does neither.
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def write_page(
    found: Standings,
    path: Path,
    *,
    plots: Callable[[], Sequence[tuple[str, str]]] = tuple,
    timings: Sequence[TimingRow] = (),
    beside: Sequence[str] = (),
) -> Path:
    """Write the page of a run, see `render_page`.  Returns where it was written."""
    write_whole(path, render_page(found, plots=plots, timings=timings, beside=beside))
    return path


def render_page(
    found: Standings,
    *,
    plots: Callable[[], Sequence[tuple[str, str]]] = tuple,
    timings: Sequence[TimingRow] = (),
    beside: Sequence[str] = (),
) -> str:
    """The page of a run as HTML; `timings` are the times on other devices.

    `plots` gives titles and SVG texts; it is asked for them last, since they may be drawn meanwhile.
    `beside` are the names of files in the same folder, which it links to.

    A plot is set as a picture, a document of its own: its identifiers and styles cannot meet those of another
    plot, and nothing in it runs or loads.
    """
    tables = sections(found, timings)
    data = _embedded({"first": FIRST_ROWS, "sections": [each.as_dict() for each in tables]})
    style, script = _asset("page.css"), _asset("page.js")
    facts = {
        "matrix": found.facts.matrix,
        "policy": _policy(style, script),
        "style": Markup(style),
        "script": Markup(script),
        "data": data,
        "answers": _answers(found),
        "facts": header(found.facts, found.records, timings),
        "sections": tables,
        "first": FIRST_ROWS,
        "backbones": sorted({name for each in tables for name in each.backbones} - {""}),
        "strategies": sorted({name for each in tables for name in each.strategies} - {""}),
        "beside": beside,
        "notes": [_with_code(note) for note in notes(found)],
    }
    pictures = [(name, base64.b64encode(svg.encode()).decode()) for name, svg in plots()]
    return _templates().get_template("page.html").render(facts, plots=pictures)


def _answers(found: Standings) -> list[tuple[str, str]]:
    """For each ranked table its conditions, where there are several, and its verdict."""
    several = len(found.tables) > 1
    if found.tables:
        return [(title(each, named=True) if several else "", _answer(each)) for each in found.tables]
    others = (
        (len(found.controls), "control"),
        (len(found.partial), "row that lacks a seed", "rows that lack a seed"),
        (len(found.failed) + len(found.missing), "cell without a result", "cells without a result"),
    )
    told = [
        counted(count, *names) if len(names) == 1 else f"{count:,} {names[count != 1]}"
        for count, *names in others
        if count
    ]
    return [("", f"No row could be ranked. The run has {', '.join(told)}.")]


def _answer(table: Table) -> str:
    """Which row is first, how sure that is, and which of those it is tied with `recommend` names."""
    best, names = table.rows[0], full_names(table.rows)
    tested = counted(best.images, "test image")
    low, high = (metric("test_accuracy").text(end) for end in (best.interval.low, best.interval.high))
    told = [f"First is {names[0]}: {_accuracy(best)} of {tested} (95 % interval {low} to {high} %)."]
    told.append(verdict(table))
    choice = choose(table.tied) if table.tied else None
    if choice is not None and choice.by:
        row = choice.winner.row
        which = "it" if row is best else f"{names[table.rows.index(row)]} ({_accuracy(row)})"
        why = reason(choice, COSTS["inference"])
        told.append(f"Use {which}: {why}. {_spent(row, 'From files to result it takes')}")
    else:
        told.append(_spent(best, "It takes from files to result"))
    return " ".join(filter(None, told))


def _spent(row: Row, start: str) -> str:
    soon = metric("to_result_s")
    seconds = row.value(soon)
    if seconds is None:
        return ""
    doubt = time_doubt(row.records, soon.name)
    return f"{start} {soon.text(seconds)} s{f' ({doubt})' if doubt else ''}."


def _accuracy(row: Row) -> str:
    return f"{metric('test_accuracy').text(row.accuracy)} %"


def _with_code(note: str) -> Markup:
    """A sentence whose words in backticks are set as code."""
    return Markup(_QUOTED.sub(r"<code>\1</code>", str(escape(note))))


def _embedded(data: Any) -> Markup:
    """Data as strict JSON that can stand in a script element: no sign in it ends one."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))


def _policy(style: str, script: str) -> str:
    """Forbid everything but this very style and script, and pictures that stand in the page."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
