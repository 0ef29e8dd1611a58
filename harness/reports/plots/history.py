"""The history of one cell as a picture: a panel a metric, run by run, with levels and steps."""

import math
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import seaborn as sns
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.analysis.history import CellHistory, Series, changed
from harness.reports.history_facts import commit_of, size_of, unit_of, value_text
from harness.reports.plots.style import new_figure, note, readable, styled

__all__ = ["draw_history"]

_WIDTH = 8.4
_PANEL = 1.35
_LABELS = 9  # how many runs fit a commit and a date below the lowest panel
_NARROWEST = 0.1  # a panel shows a tenth of its level at least: a smaller range would make steps of noise


@styled()
def draw_history(cell: CellHistory) -> Any | None:
    """Draw a cell's metrics run by run, equally spaced in the order of time; None where it has no value."""
    if not cell.series:
        return None
    figure = new_figure(_WIDTH, 1.5 + _PANEL * len(cell.series))
    grid = figure.subplots(len(cell.series), 1, sharex=True, squeeze=False)[:, 0]
    blue, _, _, vermilion = sns.color_palette("colorblind", 4)
    moved = [place for place, both in enumerate(pairwise(cell.entries), 1) if changed(*both)]
    for axes, series in zip(grid, cell.series, strict=True):
        for place in moved:
            axes.axvline(place - 0.5, color="0.75", linewidth=0.8, linestyle=":", zorder=0)
        _draw_series(axes, cell, series, level=blue, step=vermilion)
    grid[-1].set_xlim(-0.6, len(cell.entries) - 0.4)
    _name_runs(grid[-1], cell)
    sns.despine(figure)
    figure.align_ylabels(grid)
    title = textwrap.wrap(readable(cell.cell.replace("/", " / ")), 95, break_on_hyphens=False)
    figure.suptitle("\n".join(title), x=0.01, ha="left", fontsize=9.5)
    note(figure, _notes(cell, versions=bool(moved)))
    return figure


def _draw_series(axes: Any, cell: CellHistory, series: Series, *, level: Any, step: Any) -> None:
    scale = series.metric.scale
    there = [(place, each) for place, each in enumerate(series.readings) if each is not None]
    values_by_place = {place: each.value for place, each in there}
    for place, each in there:
        if each.interval is not None:
            ends = [scale * each.interval.low, scale * each.interval.high]
            axes.plot([place, place], ends, color="0.45", linewidth=0.9, zorder=2)
    for first, last, value in series.levels:
        axes.plot([first - 0.4, last + 0.4], [scale * value] * 2, color=level, linewidth=1.8, zorder=1)
    sound = [place for place in series.used if place not in series.outliers]
    for places, look in (
        (sound, {"marker": "o", "color": "black"}),
        (series.outliers, {"marker": "D", "color": "black"}),
        ([place for place, each in there if each.doubt], {"marker": "o", "color": "black", "mfc": "white"}),
    ):
        values = [scale * values_by_place[place] for place in places]
        axes.plot(places, values, linestyle="none", markersize=3.6, zorder=3, **look)
    for place, entry in enumerate(cell.entries):
        if entry.failure:
            bottom = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            axes.plot([place], [0.06], marker="x", color="0.3", markersize=4.5, linestyle="none", **bottom)
    for moved in series.steps:
        axes.axvline((moved.before + moved.after) / 2, color=step, linewidth=1.3, linestyle="--", zorder=1)
    _set_range(axes, series)
    metric = series.metric
    unit = unit_of(metric)
    axes.set_title(f"{metric.label} ({unit})" if unit else metric.label, loc="left", pad=4)
    axes.set_title(readable(_told(cell, series)), loc="right", pad=4, fontsize=7.5)


def _set_range(axes: Any, series: Series) -> None:
    """The range of a panel: all values and intervals, and never less than a tenth of the level."""
    known = [each for each in series.readings if each is not None]
    ends = [each.value for each in known]
    ends += [end for each in known if each.interval for end in (each.interval.low, each.interval.high)]
    low, high = series.metric.scale * min(ends), series.metric.scale * max(ends)
    middle, half = (low + high) / 2, (high - low) / 2
    half = max(1.12 * half, _NARROWEST / 2 * abs(middle)) or 1.0
    axes.set_ylim(middle - half, middle + half)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def _told(cell: CellHistory, series: Series) -> str:
    """The steps of a panel in a few words, above it."""
    if series.kind == "few":
        return "too few values that count to tell steps"
    if series.unsettled:
        return f"the newest {len(series.unsettled)} far off: more runs will tell"
    if not series.steps:
        return "no step"
    if len(series.steps) > 2:
        return f"{len(series.steps)} steps, the last {_step_text(cell, series, -1)}"
    return "; ".join(_step_text(cell, series, place) for place in range(len(series.steps)))


def _step_text(cell: CellHistory, series: Series, place: int) -> str:
    step = series.steps[place]
    after = commit_of(cell.entries[step.after])
    short = after if " " in after else after[:7]
    return f"{size_of(series, step)} to {value_text(series, step.to_value)} with {short}"


def _name_runs(axes: Any, cell: CellHistory) -> None:
    """Name the runs by commit and day, of many every so many."""
    every = math.ceil(len(cell.entries) / _LABELS)
    places = range(0, len(cell.entries), every)
    labels = [
        f"{(cell.entries[each].commit or 'unknown')[:7]}\n{cell.entries[each].started:%Y-%m-%d}"
        for each in places
    ]
    axes.set_xticks(list(places), [readable(label) for label in labels], fontsize=7)
    axes.set_xlabel("commit and day (UTC) of the run" + (f", every {every}" if every > 1 else ""))


def _notes(cell: CellHistory, *, versions: bool) -> Sequence[str]:
    told = [f"{cell.machine.name}." + (f" Images {cell.manifest[:12]}." if cell.manifest else "")]
    series = cell.series
    if any(reading and reading.interval for each in series for reading in each.readings):
        told.append("Grey bars: the interval of a value by itself.")
    if any(each.levels for each in series):
        told.append("Blue: levels.")
    if any(each.steps for each in series):
        told.append("Dashed: steps.")
    if versions:
        told.append("Dotted: versions, settings, recipe or weights changed.")
    if any(each.outliers for each in series):
        told.append("Diamonds: outliers, no steps.")
    if any(reading and reading.doubt for each in series for reading in each.readings):
        told.append("Hollow: in doubt, counts for no step.")
    if any(entry.failure for entry in cell.entries):
        told.append("Crosses: runs in which the cell has no result.")
    return told
