"""Heat map of backbones and strategies: a metric in every cell, and why there is none where there is none."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.patches import Patch, Rectangle

from harness.analysis.rows import Row, Table, conditions
from harness.analysis.standings import Standings
from harness.analysis.step_times import STEP_TIMES, time_doubt
from harness.metrics import Metric, metric
from harness.reports.plots.names import (
    anywhere,
    batches,
    group_titles,
    names,
    run_title,
    unwatched_note,
)
from harness.reports.plots.style import headline, new_figure, note, styled
from harness.text import counted

__all__ = ["Grid", "Square", "draw_heat_map", "grid"]

_PANELS = 4
_MOST = 45
_MOST_STRATEGIES = 18
_MOST_ACROSS = 9
"""How many columns are still read on a page of usual width."""
_LETTERS = 13
# Without their dark ends, on which neither numbers nor frames would be seen.
_LIGHT = {
    name: ListedColormap(colormaps[name](np.linspace(0.02, 0.62, 128))) for name in ("Blues", "Oranges")
}
_FAILED: dict[str, Any] = {"facecolor": "0.93", "edgecolor": "0.6", "hatch": "////", "linewidth": 0}


@dataclass(frozen=True)
class Square:
    """One cell of a heat map: a value in the unit of the exports, or the status of what failed.

    `tied` says that the row cannot be told from the most accurate one; `partial` that it lacks a seed;
    `doubtful` that its time cannot be compared.
    """

    value: float | None = None
    status: str = ""
    tied: bool = False
    partial: bool = False
    doubtful: bool = False


@dataclass(frozen=True)
class Grid:
    """The cells of one table by (row, column) of the picture; what was never planned is not in it.

    Backbones go `down`, by their best accuracy, and strategies `across`, in the order of the plan; where
    there are many more strategies than backbones (sizes and numbers of images count among them) it is the
    other way round, for a page is not that wide.  Of more than fit, those of the most accurate rows.
    """

    table: Table
    down: tuple[str, ...]
    across: tuple[str, ...]
    squares: dict[tuple[str, str], Square]


def grid(table: Table, found: Standings, shown: Metric) -> Grid | None:
    """Lay out a table, and the rows that lack a seed and the failures beside it; None without any value."""
    like = conditions(table.first)
    rows = [*table.rows, *(row for row in found.partial if conditions(row.first) == like)]
    cells = [anywhere(row.cell) for row in rows]
    there = set(cells)
    failed = {anywhere(record.cell): record.status for record in found.failed if conditions(record) == like}
    failed = {cell: status for cell, status in failed.items() if cell not in there}
    if all(row.value(shown) is None for row in rows):
        return None
    places = names([*cells, *failed])
    squares = {place: _square(row, shown) for place, row in zip(places[: len(rows)], rows, strict=True)} | {
        place: Square(status=str(status))
        for place, status in zip(places[len(rows) :], failed.values(), strict=True)
    }
    planned = {anywhere(record.cell): number for number, record in reversed(list(enumerate(found.records)))}
    order = sorted(
        zip(places, [*cells, *failed], strict=True),
        key=lambda each: planned[each[1]],
    )
    kept = set(list(dict.fromkeys(strategy for _, strategy in places))[:_MOST_STRATEGIES])
    backbones = tuple(dict.fromkeys(backbone for backbone, strategy in places if strategy in kept))[:_MOST]
    strategies = tuple(
        strategy for strategy in dict.fromkeys(each[0][1] for each in order) if strategy in kept
    )
    if len(strategies) > max(_MOST_ACROSS, len(backbones)):
        turned = {(strategy, backbone): square for (backbone, strategy), square in squares.items()}
        return Grid(table, strategies, backbones, turned)
    return Grid(table, backbones, strategies, squares)


def _square(row: Row, shown: Metric) -> Square:
    return Square(
        row.value(shown),
        tied=row.tied,
        partial=row.rank is None,
        doubtful=bool(time_doubt(row.records, shown.name)),
    )


@styled()
def draw_heat_map(found: Standings, name: str) -> Any | None:
    """Draw a metric of every backbone and strategy, a panel for each table; None where no row has it."""
    shown = metric(name)
    every = [each for table in found.tables if (each := grid(table, found, shown))]
    if not every:
        return None
    panels = every[:_PANELS]
    widths = [_column_width(each) * len(each.across) for each in panels]
    heights = [0.32 * len(each.down) + 0.75 for each in panels]
    figure = new_figure(max(5.6, max(widths) + 3.4), sum(heights) + 0.6)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    titles = group_titles([each.table.first for each in panels])
    values = [square.value for each in panels for square in each.squares.values() if square.value is not None]
    for each, panel, title in zip(axes, panels, titles, strict=True):
        _draw_grid(each, panel, shown, values)
        if len(panels) > 1:
            each.set_title(title, loc="left")
    heading = f"{shown.label[0].upper()}{shown.label[1:]} ({shown.unit})"
    heading = {"to_result_s": "Time to result (s)"}.get(name, heading)
    counts = [
        (each.table.first, sum(square.value is not None for square in each.squares.values()))
        for each in panels
    ]
    headline(figure, run_title(f"{heading} by backbone and strategy", found.facts.matrix, counts))
    _draw_key(figure, panels)
    note(figure, list(_notes(panels, found, name, len(every))))
    return figure


def _draw_grid(axes: Any, panel: Grid, shown: Metric, values: Sequence[float]) -> None:
    blank = Square()
    squares = [[panel.squares.get((row, column), blank) for column in panel.across] for row in panel.down]
    numbers = np.array([[np.nan if each.value is None else each.value for each in line] for line in squares])
    low, high = min(values), max(values)
    spread = low < high
    accuracy = shown.better == "higher"
    norm = (
        LogNorm(low, high)
        if spread and low > 0 and not accuracy
        else Normalize(low, high if spread else low + 1)
    )
    sns.heatmap(
        numbers,
        ax=axes,
        mask=np.isnan(numbers),
        cmap=_LIGHT["Blues" if accuracy else "Oranges"],
        norm=norm,
        annot=np.array([[_text(each, shown) for each in line] for line in squares]),
        fmt="",
        annot_kws={"fontsize": 7.5, "color": "black"},
        cbar=False,
        linewidths=1.0,
        linecolor="white",
        xticklabels=[_broken(name) for name in panel.across],
        yticklabels=list(panel.down),
    )
    axes.tick_params(length=0, rotation=0)
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", labelsize=7, length=0)
    for y, line in enumerate(squares):
        for x, each in enumerate(line):
            if each.status:
                axes.add_patch(Rectangle((x + 0.03, y + 0.05), 0.94, 0.9, **_FAILED))
                axes.text(x + 0.5, y + 0.5, each.status, ha="center", va="center", fontsize=7, bbox=_PLAIN)
            elif each.tied and len(panel.table.rows) > 1:
                axes.add_patch(Rectangle((x + 0.05, y + 0.09), 0.9, 0.82, fill=False, linewidth=1.3))
    axes.set_xlabel("")
    axes.set_ylabel("")


_PLAIN = {"facecolor": "0.93", "edgecolor": "none", "pad": 1}


def _broken(name: str) -> str:
    return textwrap.fill(name, _LETTERS, break_long_words=False)


def _column_width(panel: Grid) -> float:
    """The width of a column in inches, so that no heading reaches the next one."""
    longest = max(len(line) for name in panel.across for line in _broken(name).split("\n"))
    return max(0.9, 0.075 * longest)


def _text(square: Square, shown: Metric) -> str:
    if square.value is None:
        return ""
    text = shown.text(square.value)
    if square.doubtful:
        text += " !"
    return f"({text})" if square.partial else text


def _draw_key(figure: Any, panels: Sequence[Grid]) -> None:
    every = [square for panel in panels for square in panel.squares.values()]
    entries = []
    if any(square.tied for square in every) and len(every) > 1:
        entries.append((Patch(fill=False, linewidth=1.3), "tied with the\nmost accurate"))
    if any(square.status for square in every):
        entries.append((Patch(**_FAILED), "failed"))
    planned = all(
        (row, column) in panel.squares for panel in panels for row in panel.down for column in panel.across
    )
    if not planned:
        entries.append(
            (Patch(facecolor="white", edgecolor="0.7", linewidth=0.6), "not asked for,\nor not run")
        )
    if entries:
        figure.legend(*zip(*entries, strict=True), loc="outside right upper", frameon=False)


def _distant_tie(rows: Sequence[Row]) -> bool:
    """Whether a row is tied with the best while a more accurate one is not, the most accurate row first."""
    return any(after.tied and not before.tied for before, after in pairwise(rows))


def _notes(panels: Sequence[Grid], found: Standings, name: str, tables: int) -> Iterable[str]:
    every = [square for panel in panels for square in panel.squares.values()]
    if name in STEP_TIMES:
        yield batches((row.first for panel in panels for row in panel.table.rows), name)
    if any(square.partial for square in every):
        yield "In brackets: some seeds have no result, so the row is not ranked."
    if any(square.doubtful for square in every):
        yield "A time with ! cannot be compared: it was disturbed or unstable, or its seeds disagree."
    if metric(name).export_unit in ("s", "ms/step"):
        yield from unwatched_note(row for panel in panels for row in panel.table.rows)
    if name == "test_accuracy" and any(_distant_tie(panel.table.rows) for panel in panels):
        yield (
            "A framed row can be less accurate than one without a frame: where seeds are few or very unlike, "
            "less is known of what a row lacks."
        )
    if found.missing:
        yield f"{counted(len(found.missing), 'planned cell')} not run."
    hidden = [
        place
        for panel in panels
        for place in panel.squares
        if place[0] not in panel.down or place[1] not in panel.across
    ]
    if hidden:
        yield f"{counted(len(hidden), 'row')} beyond what fits; the exports have all."
    if tables > len(panels):
        yield f"The first {len(panels)} of {tables} tables."
