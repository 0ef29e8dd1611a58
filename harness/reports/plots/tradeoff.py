"""Accuracy against cost: every row with its interval, and the Pareto front, drawn and labelled."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from harness.analysis.front import front
from harness.analysis.recommend import choose
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.analysis.step_times import STEP_TIMES, time_doubt
from harness.metrics import Metric, metric
from harness.reports.legend import what_tells
from harness.reports.plots.annotations import annotate
from harness.reports.plots.labels import Box
from harness.reports.plots.names import batches, group_titles, run_title, unwatched_note, wrapped
from harness.reports.plots.style import (
    COLOURS,
    colours,
    headline,
    lay_out,
    log_axis,
    marker_of,
    new_figure,
    note,
    percent_axis,
    readable,
    styled,
)
from harness.text import counted

__all__ = ["COSTS", "Tradeoff", "draw_tradeoff", "tradeoff"]

COSTS = {
    "to_result_s": "time to result (s)",
    "inference_ms": "inference time (ms/step)",
    "train_ms": "train time (ms/step)",
}
"""The metrics that a row costs, and how a picture calls them."""

_PANELS = 4
_MANY = 40
_CROWD = 400
_LABELS = 16
_LABELS_ALONE = 8
_HIDDEN = 4  # how many times as bad it is to cover a row with a label
_ROOM = 0.1  # of the width, left of the cheapest row
_SIDE = 6.5  # points, the side of a marker
_HALO = 1.9  # points, the white edge below the black one of a row with a label


@dataclass(frozen=True)
class Tradeoff:
    """The rows of a table that have a cost, each with it, in the unit of the exports.

    `front` holds the places of the rows that no other beats, the cheapest first.  The times of the rows in
    `doubtful` are in doubt, so they are not on it; `without` counts the rows that have no cost.
    `chosen` is the place of the row that `recommend` chooses without limits, None if it has no cost and in a
    crowd.
    """

    table: Table
    rows: tuple[Row, ...]
    costs: tuple[float, ...]
    front: tuple[int, ...]
    doubtful: frozenset[int]
    without: int
    chosen: int | None

    @property
    def labelled(self) -> tuple[int, ...]:
        """The places of the rows that have a label: those on the front, or of many some evenly along it.

        With them the row that `recommend` chooses, on the front or not.  Without a front, so where every
        time is in doubt, the most accurate rows.
        """
        if not self.front:
            return tuple(range(min(_LABELS_ALONE, len(self.rows))))
        count, named = len(self.front), self.front
        if count > _LABELS:
            named = tuple(named[round(step * (count - 1) / (_LABELS - 1))] for step in range(_LABELS))
        return named if self.chosen is None or self.chosen in named else (*named, self.chosen)

    @property
    def crowded(self) -> bool:
        """Whether there are so many rows that all but the front become dots."""
        return len(self.rows) > _CROWD

    @property
    def compared(self) -> bool:
        """Whether the table has rows to tell apart."""
        return len(self.table.rows) > 1


def tradeoff(table: Table, cost: Metric) -> Tradeoff | None:
    """What a table's rows have to show against a cost; None where no row has one."""
    pairs = [(row, value) for row in table.rows if (value := row.value(cost)) is not None and value > 0]
    if not pairs:
        return None
    rows, costs = zip(*pairs, strict=True)
    doubtful = frozenset(place for place, row in enumerate(rows) if time_doubt(row.records, cost.name))
    sound = [None if place in doubtful else value for place, value in enumerate(costs)]
    best = front([row.accuracy for row in rows], sound)
    chosen = None
    if len(rows) <= _CROWD:
        winner = choose([row for row in table.rows if row.tied]).winner.row
        chosen = next((place for place, row in enumerate(rows) if row is winner), None)
    return Tradeoff(table, rows, costs, tuple(best), doubtful, len(table.rows) - len(rows), chosen)


@styled()
def draw_tradeoff(found: Standings, cost: str) -> Any | None:
    """Draw test accuracy against one of `COSTS`, a panel for each table; None where no row has that cost.

    Only the front and the row that `recommend` chooses are labelled, and without a front the most accurate
    rows: elsewhere the marker tells the strategy and its colour the backbone.
    """
    panels = [each for table in found.tables if (each := tradeoff(table, metric(cost)))]
    if not panels:
        return None
    shown = panels[:_PANELS]
    figure = new_figure(9.0, 0.6 + 4.4 * len(shown))
    grid = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    fills = _fills(shown)
    titles = group_titles([each.table.first for each in shown])
    for axes, panel, title in zip(grid, shown, titles, strict=True):
        _draw_points(axes, panel, fills)
        axes.set_ylabel("test accuracy (%)")
        axes.set_xlabel(f"{COSTS[cost]}, log scale")
        if len(shown) > 1:
            axes.set_title(title, loc="left")
    sns.despine(figure)
    _draw_key(figure, shown, fills)
    counts = [(each.table.first, len(each.rows)) for each in shown]
    headline(figure, run_title(f"Test accuracy against {COSTS[cost]}", found.facts.matrix, counts))
    note(figure, _notes(shown, cost, len(panels)))
    _draw_labels(figure, list(zip(grid, shown, strict=True)))
    return figure


def _fills(panels: Sequence[Tradeoff]) -> dict[str, Any]:
    """A colour for each backbone, those on a front first, then by accuracy; white for those beyond them."""
    ordered = [panel.rows[place].cell.backbone for panel in panels for place in reversed(panel.front)]
    ordered += [row.cell.backbone for panel in panels for row in panel.rows]
    backbones = list(dict.fromkeys(ordered))
    own = colours(len(backbones))
    return {name: own[place] if place < len(own) else "white" for place, name in enumerate(backbones)}


def _draw_points(axes: Any, panel: Tradeoff, fills: dict[str, Any]) -> None:
    """Draw the rows by kinds, each kind at once: a run may have thousands of rows."""
    ahead, named, costs = set(panel.front), {*panel.front, *panel.labelled}, np.array(panel.costs)
    low, middle, high = _percent(panel)
    many = len(costs) > _MANY
    log_axis(axes, panel.costs)
    left, right = axes.get_xlim()
    # Nothing is left of the front: with this room, a label finds its place there.
    axes.set_xlim(left * (left / right) ** _ROOM, right)
    rest = [place for place in range(len(costs)) if place not in ahead]
    for level, places in ((3, list(panel.front)), (2, [] if panel.crowded else rest)):
        axes.errorbar(
            costs[places],
            middle[places],
            yerr=[(middle - low)[places], (high - middle)[places]],
            fmt="none",
            ecolor="0.2" if level == 3 else "0.85" if many else "0.65",
            elinewidth=0.9 if level == 3 else 0.6,
            capsize=0 if many and level == 2 else 2,
            capthick=0.6,
            zorder=level - 1,
        )
    # What looks alike is drawn at once: backbones without a colour of their own are many.
    kinds: dict[tuple[str, Any, bool, bool], list[int]] = defaultdict(list)
    for place, row in enumerate(panel.rows):
        fill = fills[row.cell.backbone]
        kinds[row.cell.strategy, fill, place in named, place in panel.doubtful].append(place)
    for (strategy, fill, leads, doubtful), places in kinds.items():
        shape: dict[str, Any] = {
            "marker": marker_of(strategy),
            "markersize": _SIDE if leads or not many else 2 if panel.crowded else 5,
            "linestyle": "none",
            "zorder": 4 if leads else 3,
        }
        if leads:  # where markers overlap, each is seen as one of its own
            axes.plot(costs[places], middle[places], color="white", markeredgewidth=_HALO, **shape)
        axes.plot(
            costs[places],
            middle[places],
            markerfacecolor=fill,
            markeredgecolor="0.45" if fill == "white" else "black",
            markeredgewidth=0.3 if panel.crowded and not leads else 0.7,
            fillstyle="bottom" if doubtful else "full",
            markerfacecoloralt="white",
            # As shapes, thousands of dots make an SVG of megabytes.
            rasterized=panel.crowded and not leads,
            **shape,
        )
    tied = [
        place
        for place, row in enumerate(panel.rows)
        if row.tied and panel.compared and (place in ahead or not panel.crowded)
    ]
    axes.plot(costs[tied], middle[tied], **_RING)
    axes.plot(costs[list(panel.front)], middle[list(panel.front)], **_LINE)
    axes.margins(y=0.12)
    percent_axis(axes)


def _percent(panel: Tradeoff) -> NDArray[np.float64]:
    """Lower end, accuracy and upper end of each row, in per cent, of shape (3, rows)."""
    ends = [(row.interval.low, row.accuracy, row.interval.high) for row in panel.rows]
    found: NDArray[np.float64] = 100 * np.array(ends).T
    # An accuracy of 0 or 1 is the end of its own interval; rounding must not push that past it.
    return np.stack([np.minimum(found[0], found[1]), found[1], np.maximum(found[1], found[2])])


_RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 11.5,
    "markerfacecolor": "none",
    "markeredgecolor": "black",
    "markeredgewidth": 0.9,
    "linestyle": "none",
    "zorder": 2.5,  # a ring hides no marker
}
_LINE: dict[str, Any] = {
    "color": "black",
    "linewidth": 1.0,
    "linestyle": (0, (4, 2)),
    "drawstyle": "steps-post",
    "zorder": 1.5,
}


def _draw_key(figure: Any, panels: Sequence[Tradeoff], fills: dict[str, Any]) -> None:
    """The key beside the picture: strategies, backbones, and what ring, line and half a marker mean."""
    rows = [row for panel in panels for row in panel.rows]
    entries: list[tuple[Any, str]] = [(Line2D([], [], linestyle="none"), "strategy")]
    strategies = sorted({row.cell.strategy for row in rows})
    entries += [(_key(marker=marker_of(name), markerfacecolor="0.8"), name) for name in strategies]
    entries.append((Line2D([], [], linestyle="none"), "backbone"))
    named = [name for name, fill in fills.items() if fill != "white"]
    entries += [(_key(marker="o", markerfacecolor=fills[name]), readable(name)) for name in named]
    if others := len(fills) - len(named):
        mark = _key(marker="o", markerfacecolor="white", markeredgecolor="0.45")
        entries.append((mark, counted(others, "other backbone")))
    entries.append((Line2D([], [], linestyle="none"), "marks"))
    if any(len(panel.front) > 1 for panel in panels):
        entries.append((Line2D([], [], **_LINE), "Pareto front"))
    if any(panel.compared for panel in panels):
        entries.append((Line2D([], [], **(_RING | {"markersize": 9})), "tied with the best"))
    if any(panel.doubtful for panel in panels):
        half = _key(marker="o", markerfacecolor="0.4", markerfacecoloralt="white", fillstyle="bottom")
        entries.append((half, "time in doubt"))
    entries.append((Line2D([], [], color="0.2", linewidth=0.9), "95 % interval"))
    key = figure.legend(
        *zip(*entries, strict=True), loc="outside right upper", frameon=False, handlelength=1.6
    )
    for text in key.get_texts():
        if text.get_text() in ("strategy", "backbone", "marks"):
            text.set_fontweight("bold")


def _key(**style: Any) -> Any:
    usual: dict[str, Any] = {
        "linestyle": "none",
        "markersize": 6,
        "markeredgecolor": "black",
        "markeredgewidth": 0.7,
    }
    return Line2D([], [], **(usual | style))


def _notes(panels: Sequence[Tradeoff], cost: str, tables: int) -> list[str]:
    notes = []
    if any(panel.compared and len(panel.front) > 1 for panel in panels):
        notes.append(
            "The front is of the values as they are shown: no other row is at least as accurate and costs "
            "less."
        )
    if any(panel.front and panel.chosen is not None and panel.chosen not in panel.front for panel in panels):
        notes.append("A label off the front names the row that `transferbench recommend` chooses.")
    if any(not panel.front for panel in panels):
        whose = "All times are" if len(panels) == 1 else "Where there is no front, all times are"
        notes.append(
            f"{whose} in doubt, so none can be compared: labels name the most accurate rows, at most "
            f"{_LABELS_ALONE}."
        )
    rows = [row for panel in panels for row in panel.rows]
    if any(panel.compared for panel in panels):
        means = what_tells(rows)
        notes.append(f"A row that is ringed cannot be told from the most accurate one by the {means}.")
    if cost in STEP_TIMES:
        notes.append(batches([row.first for row in rows], cost))
    if cost == "train_ms" and any(row.cell.strategy == "fast-extraction" for row in rows):
        notes.append("The train step of fast extraction is one of its head on cached features.")
    if without := sum(panel.without for panel in panels):
        notes.append(f"{counted(without, 'row')} without that time not shown.")
    if any(panel.doubtful and panel.front for panel in panels):
        notes.append(
            "A time in doubt (disturbed, unstable, or its seeds disagree) cannot be compared, so its row is "
            "not on the front."
        )
    notes += unwatched_note(rows)
    if len({row.cell.backbone for row in rows}) > COLOURS:
        along = "along the front from its top, then by accuracy"
        order = along if any(panel.front for panel in panels) else "those of the most accurate rows"
        notes.append(f"{COLOURS} backbones have a colour: {order}.")
    if any(panel.crowded for panel in panels):
        where = "stand on the front alone" if any(panel.front for panel in panels) else "are left out"
        notes.append(f"With so many rows, intervals and rings {where}.")
    if unnamed := sum(len(set(panel.front) - set(panel.labelled)) for panel in panels):
        notes.append(f"{counted(unnamed, 'row')} on the front without a label.")
    if tables > len(panels):
        notes.append(f"The first {len(panels)} of {tables} tables.")
    return notes


# Labels


def _draw_labels(figure: Any, panels: Sequence[tuple[Any, Tradeoff]]) -> None:
    """Set the labels; for that the picture is laid out, and then kept so."""
    lay_out(figure)
    point = figure.dpi / 72
    for axes, panel in panels:
        low, middle, high = _percent(panel)
        places = list(zip(panel.costs, map(float, middle), strict=True))
        spots = axes.transData.transform(places)
        ends = axes.transData.transform([(1, end) for end in (*low, *high)])[:, 1].reshape(2, -1).T
        bars = [Box(x - 1, bottom, x + 1, top) for (x, _), (bottom, top) in zip(spots, ends, strict=True)]
        steps, named = _steps(spots, panel.front), panel.labelled
        around = {  # once for all that lie at one place, of thousands
            (round(float(x)), round(float(y))): (_RING["markersize"] if row.tied else _SIDE) * point
            for row, (x, y) in zip(panel.rows, spots, strict=True)
        }
        obstacles = [_around(x, y, side) for (x, y), side in around.items()]
        # A row with a label is not to be hidden below that of another.
        obstacles += [_around(x, y, _RING["markersize"] * point) for x, y in spots[list(named)]] * _HIDDEN
        told = range(len(bars)) if len(bars) <= _MANY else panel.front or named
        rings = [
            _around(x, y, _RING["markersize"] * point)
            for place, (x, y) in enumerate(spots)
            if place in told and panel.rows[place].tied
        ]
        annotate(
            axes,
            wrapped(panel.rows, named),
            [places[place] for place in named],
            # Of thousands of dots one is always nearer: there the labelled ones alone are told apart.
            markers=[places[place] for place in panel.front or named] if panel.crowded else places,
            obstacles=[*obstacles, *(bars[place] for place in told), *steps],
            lines=[*steps, *rings, *(bars[place] for place in {*told, *named})],
        )


def _around(x: float, y: float, side: float) -> Box:
    return Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def _steps(spots: Any, places: Sequence[int]) -> list[Box]:
    """The line of the front as thin boxes, one for each of its straight parts."""
    found = []
    for first, second in pairwise(places):
        (x, y), (right, top) = spots[first], spots[second]
        found += [Box(x, y - 1, right, y + 1), Box(right - 1, y, right + 1, top)]
    return found
