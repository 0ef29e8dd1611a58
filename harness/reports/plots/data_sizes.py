"""Data-size curves: accuracy against the number of training images, a small multiple a backbone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D

from harness.analysis.answers import Answers
from harness.analysis.data_sizes import TIMES, Outlook, SizeCurves, outlook, size_curves
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.records import Record
from harness.reports.plots.names import group_titles, run_title
from harness.reports.plots.style import (
    COLOURS,
    colours,
    headline,
    log_axis,
    new_figure,
    note,
    percent_axis,
    readable,
    styled,
)
from harness.reports.row_names import RowNames, row_names
from harness.statistics import Interval
from harness.text import counted

__all__ = ["SizeLine", "draw_data_sizes", "size_lines"]

_PANELS = 9
_COLUMNS = 3
_STEPS = 25
_APART, _WIDEST = 0.012, 0.06  # of the axis: how far points of one size stand apart, two and all of them
_DASHED = (0, (4, 2))
_DOTTED = (0, (2, 1.5))
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class SizeLine:
    """One strategy of a backbone: its name, its rows by training images, and its learning curve."""

    name: str
    rows: dict[int, Row]
    outlook: Outlook

    @property
    def extrapolated(self) -> bool:
        """Whether there is a fit to draw."""
        return self.outlook.curve.parameters is not None

    @property
    def farthest(self) -> int:
        """The largest number of training images that the line reaches."""
        return max(TIMES) * max(self.rows) if self.extrapolated else max(self.rows)

    @property
    def best(self) -> float:
        """Its highest accuracy, 0..1."""
        return max(row.accuracy for row in self.rows.values())


def size_lines(names: RowNames, curve: SizeCurves, answers: Answers) -> list[SizeLine]:
    """The lines of a panel, in the order of what trains; a strategy at a single size is a point."""
    return [
        SizeLine(names.strategy(rows[max(rows)]), dict(sorted(rows.items())), outlook(rows, answers))
        for rows in curve.strategies
    ]


@styled()
def draw_data_sizes(found: Standings) -> Any | None:
    """Draw test accuracy by the number of training images, a panel for each backbone and setting.

    Measured accuracies are joined by a line and have their 95 % intervals; where a learning curve can be
    fitted, it is drawn dashed from the largest size on, with an open marker and the curve's interval at
    `TIMES` that size: bands of several strategies would run into one.  None where no rows differ in training
    images alone.
    """
    curves = size_curves(found, tested=False)
    if not curves:
        return None
    shown, names = curves[:_PANELS], row_names(found)
    panels = [size_lines(names, curve, found.answers) for curve in shown]
    columns = min(_COLUMNS, len(shown))
    across = -(-len(shown) // columns)
    figure = new_figure(3.4 + 3.8 * columns, 1.0 + 3.4 * across)
    grid = figure.subplots(across, columns, sharex=True, sharey=True, squeeze=False)
    styles = _styles([line for panel in panels for line in panel])
    sizes = [size for panel in panels for line in panel for size in (*line.rows, line.farthest)]
    log_axis(grid[0, 0], sizes)
    low, high = grid[0, 0].get_xlim()
    for place, axes in enumerate(grid.flat):
        if place >= len(shown):
            axes.set_axis_off()
            continue
        for number, line in enumerate(panels[place]):
            apart = min(_APART, _WIDEST / len(panels[place])) * (number - (len(panels[place]) - 1) / 2)
            _draw_line(axes, line, styles[line.name], (high / low) ** apart)
        axes.set_title(readable(names.series(shown[place].first)), loc="left")
        # Below the last panel of a column, which may not be in the last line.
        axes.tick_params(labelbottom=place + columns >= len(shown), labelleft=place % columns == 0)
        if place + columns >= len(shown):
            axes.set_xlabel("training images, log scale")
        if place % columns == 0:
            axes.set_ylabel("test accuracy (%)")
    percent_axis(grid[0, 0])
    sns.despine(figure)
    _draw_key(figure, panels, styles)
    headline(figure, run_title("Accuracy by training images", found.facts.matrix, _counts(shown, panels)))
    note(figure, _notes(panels, len(curves)))
    return figure


def _draw_line(axes: Any, line: SizeLine, style: dict[str, Any], aside: float) -> None:
    points = [(images, row.accuracy, row.interval) for images, row in line.rows.items()]
    _draw_points(axes, points, aside, style)
    if not line.extrapolated:
        return
    beyond = np.unique(np.geomspace(max(line.rows), line.farthest, _STEPS).round().astype(int))
    curve = [(images, line.outlook.curve.predict(int(images)).accuracy) for images in beyond]
    known = [(aside * images, 100 * accuracy) for images, accuracy in curve if accuracy is not None]
    axes.plot(*zip(*known, strict=True), color=style["color"], linewidth=1.4, linestyle=_DASHED, zorder=2)
    told = [
        (each.images, each.accuracy, each.interval)
        for each in line.outlook.beyond
        if each.accuracy is not None and each.interval is not None
    ]
    for bar in _draw_points(axes, told, aside, style | _OPEN):
        bar.set_linestyle(_DOTTED)


def _draw_points(
    axes: Any, points: Sequence[tuple[int, float, Interval]], aside: float, style: dict[str, Any]
) -> Sequence[Any]:
    """Draw accuracies by images with their intervals, and return the bars of these."""
    sizes, accuracies, intervals = zip(*points, strict=True)
    ends = [
        [100 * max(0.0, middle - each.low) for middle, each in zip(accuracies, intervals, strict=True)],
        [100 * max(0.0, each.high - middle) for middle, each in zip(accuracies, intervals, strict=True)],
    ]
    shown = axes.errorbar(
        aside * np.array(sizes),
        100 * np.array(accuracies),
        yerr=ends,
        elinewidth=0.8,
        capsize=2.2,
        capthick=0.8,
        **style,
    )
    bars: Sequence[Any] = shown.lines[2]
    return bars


def _styles(lines: Sequence[SizeLine]) -> dict[str, dict[str, Any]]:
    """Colour and marker of each strategy, the same in all panels; light grey beyond the colours.

    The colours go to the most accurate strategies, and run from dark to light in the order of what trains.
    """
    names = list(dict.fromkeys(line.name for line in lines))
    best = {name: max(line.best for line in lines if line.name == name) for name in names}
    first = sorted(names, key=lambda name: -best[name])[:COLOURS]
    told = [name for name in names if name in first]
    own = dict(zip(told, zip(colours(len(told), lightest=0.85), _MARKS, strict=False), strict=True))
    return {name: _style(*own.get(name, ("0.8", "."))) for name in names}


_OPEN: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "white", "markeredgewidth": 0.8}


def _style(colour: Any, marker: str) -> dict[str, Any]:
    return {
        "color": colour,
        "marker": marker,
        "linewidth": 1.4,
        "markersize": 3 if marker == "." else 5,
        "markeredgecolor": "0.8" if marker == "." else "black",
        "markeredgewidth": 0.5,
        "zorder": 1 if marker == "." else 3,
    }


def _draw_key(figure: Any, panels: Sequence[Sequence[SizeLine]], styles: dict[str, dict[str, Any]]) -> None:
    entries: list[tuple[Any, str]] = [
        (Line2D([], [], **style), readable(name)) for name, style in styles.items() if style["marker"] != "."
    ]
    if others := len(styles) - len(entries):
        told = f"{others} other strateg{'y' if others == 1 else 'ies'}"
        entries.append((Line2D([], [], **_style("0.8", ".")), told))
    if any(line.extrapolated for panel in panels for line in panel):
        dashed = _style("0.3", "o") | _OPEN | {"linestyle": _DASHED}
        entries.append((Line2D([], [], **dashed), "extrapolated"))
    figure.legend(*zip(*entries, strict=True), loc="outside right upper", frameon=False, handlelength=3.4)


def _counts(shown: Sequence[SizeCurves], panels: Sequence[Sequence[SizeLine]]) -> list[tuple[Record, int]]:
    """A record and the number of rows of each panel, or of all together where they share all conditions."""
    records = [curve.first.first for curve in shown]
    rows = [sum(len(line.rows) for line in own) for own in panels]
    if len(set(group_titles(records))) == 1:
        return [(records[0], sum(rows))]
    return list(zip(records, rows, strict=True))


def _notes(panels: Sequence[Sequence[SizeLine]], groups: int) -> list[str]:
    lines = [line for panel in panels for line in panel]
    notes = ["Bars: 95 % interval of test accuracy. Marks of one size stand side by side."]
    fits = [line.outlook.curve for line in lines if line.extrapolated]
    if fits:
        counts = sorted({len(fit.points) for fit in fits})
        points = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        notes.append(
            f"Dashed: error = a + b n^-c, 3 parameters fitted to {points} points, up to {max(TIMES)} times "
            f"the largest size. Open marks, at {' and '.join(map(str, TIMES))} times, have the 95 % interval "
            "of the curve, if that law holds. In it is what all sizes have in common: what more images add "
            "is known better."
        )
        if counts[0] <= 3:
            notes.append("Three points cannot show whether it does.")
    if without := len(lines) - len(fits):
        notes.append(f"{counted(without, 'line')} without an extrapolation.")
    rows = [row for line in lines for row in line.rows.values()]
    if any(len(row.records) == 1 and row.cell.train_images is not None for row in rows):
        notes.append("Where one seed drew a part, no bar holds what another draw would give.")
    if groups > len(panels):
        notes.append(f"The first {len(panels)} of {groups} groups.")
    return notes
