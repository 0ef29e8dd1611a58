"""Depth curves: accuracy and cost against the share of the base that is trained, a line a backbone."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import seaborn as sns
from matplotlib.lines import Line2D

from harness.analysis.depths import SHARE, DepthLine, depth_lines, unfrozen_share
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.analysis.step_times import time_doubt
from harness.matrix import Cell
from harness.metrics import metric
from harness.reports.plots.names import Name, group_titles, names, run_title, unwatched_note
from harness.reports.plots.style import (
    COLOURS,
    colours,
    headline,
    log_axis,
    new_figure,
    note,
    percent_axis,
    styled,
)
from harness.text import counted

__all__ = ["draw_depth_curves"]

_PANELS = 3
_MOST = 40
_COST = metric("to_result_s")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


@styled()
def draw_depth_curves(found: Standings) -> Any | None:
    """Draw accuracy above time to result, by unfrozen share, a column for each table.

    Where a run has lines of all training images, those of parts of them are left to the picture of data
    sizes.
    None where no backbone of the run has two depths.
    """
    told = [(table, lines) for table in found.tables if (lines := depth_lines(table))]
    if not told:
        return None
    every = [(table, _of_all_images(lines)) for table, lines in told]
    panels = every[:_PANELS]
    figure = new_figure(3.6 + 4.4 * len(panels), 6.6)
    grid = figure.subplots(2, len(panels), sharex=True, sharey="row", squeeze=False)
    lines = [line for _, own in panels for line in own]
    cells = list(dict.fromkeys(line.cell for line in sorted(lines, key=lambda line: -line.best)))
    drawn = cells[:_MOST]
    styles = {cell: _style(place, len(cells)) for place, cell in enumerate(drawn)}
    titles = group_titles([table.first for table, _ in panels])
    farthest = 100 * max(share for line in lines for share in line.shares)
    hollow = False
    for (_, own), (upper, lower), title in zip(panels, grid.T, titles, strict=True):
        for line in reversed(own):
            if line.cell in styles:
                hollow |= _draw_line(upper, lower, line, styles[line.cell])
        upper.set_xlim(-0.03 * farthest, 1.05 * farthest)
        lower.set_xlabel("unfrozen share of the base's parameters (%)")
        if len(panels) > 1:
            upper.set_title(title, loc="left")
    grid[0, 0].set_ylabel("test accuracy (%)")
    percent_axis(grid[0, 0])
    grid[1, 0].set_ylabel("time to result (s), log scale")
    costs = [cost for line in lines for row in line.rows if (cost := row.value(_COST))]
    if costs:
        log_axis(grid[1, 0], costs, vertical=True)
    sns.despine(figure)
    _draw_key(figure, drawn, styles)
    counts = [(table.first, sum(len(line.rows) for line in own)) for table, own in panels]
    headline(figure, run_title("Accuracy and cost by unfrozen share", found.facts.matrix, counts))
    known = [row for _, own in told for line in own for row in line.rows]
    notes = list(_notes(found, lines, known, hollow=hollow, tables=(len(panels), len(every))))
    if len(cells) > len(drawn):
        notes.append(f"{counted(len(cells) - len(drawn), 'less accurate line')} not drawn.")
    note(figure, notes)
    return figure


def _draw_line(upper: Any, lower: Any, line: DepthLine, style: dict[str, Any]) -> bool:
    """Draw a line, accuracy above and cost below, and tell whether a time of it is hollow: in doubt."""
    places = [100 * share for share in line.shares]
    middle = [100 * row.accuracy for row in line.rows]
    below = [max(0.0, each - 100 * row.interval.low) for each, row in zip(middle, line.rows, strict=True)]
    above = [max(0.0, 100 * row.interval.high - each) for each, row in zip(middle, line.rows, strict=True)]
    if style["zorder"] > 1:
        upper.errorbar(
            places, middle, yerr=[below, above], elinewidth=0.8, capsize=2.2, capthick=0.8, **style
        )
    else:
        upper.plot(places, middle, **style)
    costs = [row.value(_COST) for row in line.rows]
    lower.plot(places, [math.nan if cost is None else cost for cost in costs], **style)
    doubtful = [
        (place, cost)
        for place, cost, row in zip(places, costs, line.rows, strict=True)
        if cost is not None and time_doubt(row.records, _COST.name)
    ]
    hollow = {"markerfacecolor": "white", "markeredgewidth": 1.0, "linestyle": "none"}
    if doubtful:
        lower.plot(*zip(*doubtful, strict=True), **(style | hollow | {"zorder": style["zorder"] + 1}))
    return bool(doubtful)


def _of_all_images(lines: Sequence[DepthLine]) -> Sequence[DepthLine]:
    return [line for line in lines if line.cell.train_images is None] or lines


def _style(place: int, count: int) -> dict[str, Any]:
    """Colour, dashes and marker of the line of that place; light grey for those beyond the colours."""
    if place >= COLOURS:
        return {"color": "0.8", "linewidth": 0.8, "marker": ".", "markersize": 3, "zorder": 1}
    return {
        "color": colours(count, lightest=0.85)[place],
        "linestyle": _DASHES[place % len(_DASHES)],
        "linewidth": 1.4,
        "marker": _MARKS[place % len(_MARKS)],
        "markersize": 5,
        "markeredgecolor": "black",
        "markeredgewidth": 0.5,
        "zorder": 3,
    }


def _draw_key(figure: Any, cells: Sequence[Cell], styles: dict[Cell, dict[str, Any]]) -> None:
    called = [_called(name) for name in names(cells)]
    entries = [(Line2D([], [], **styles[cell]), name) for cell, name in zip(cells, called, strict=True)][
        :COLOURS
    ]
    if (others := len(cells) - COLOURS) > 0:
        entries.append((Line2D([], [], **styles[cells[-1]]), counted(others, "other line")))
    figure.legend(
        *zip(*entries, strict=True),
        loc="outside right upper",
        frameon=False,
        handlelength=3.4,
        title="most accurate first",
    )


def _called(name: Name) -> str:
    """The backbone, and what tells this line from others of it; that it is fine-tuned all lines share."""
    backbone, rest = name
    apart = rest.removeprefix("fine-tuning").strip(" ,")
    return f"{backbone},\n{apart}" if apart else backbone


def _notes(
    found: Standings,
    lines: Sequence[DepthLine],
    known: Sequence[Row],
    *,
    hollow: bool,
    tables: tuple[int, int],
) -> Iterable[str]:
    """What a reader must know of the drawn lines; `known` are the rows of all that there are."""
    yield f"{SHARE} At 0 the base is frozen (extraction). Bars: 95 % interval of test accuracy."
    if hollow:
        yield "Hollow: the machine was disturbed beside it, so the time may be too long."
    yield from unwatched_note(row for line in lines for row in line.rows)
    drawn = {row.name for line in lines for row in line.rows}
    parts = {row.name for row in known if row.name not in drawn and row.cell.train_images is not None}
    if parts:
        yield f"{counted(len(parts), 'row')} of parts of the training images not shown."
    drawn |= parts
    tuned = [row for table in found.tables for row in table.rows if row.cell.strategy == "fine-tuning"]
    unknown = [row for row in tuned if unfrozen_share(row) is None]
    alone = [row for row in tuned if row.name not in drawn and row not in unknown]
    if unknown:
        yield f"{counted(len(unknown), 'row')} not shown: how large the base is, is not known."
    if alone and tables[0] == tables[1]:
        yield f"{counted(len(alone), 'row')} not shown: the only depth of the backbone."
    if tables[0] < tables[1]:
        yield f"The first {tables[0]} of {tables[1]} tables."
