"""Learning curves of a run's cells: a small multiple each, accuracy above loss, epoch by epoch.

Widths and markers tell the lines apart without colour.  Published curves stand, dashed and grey, behind
the phases that repeat them.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.analysis.standings import read_run
from harness.errors import UserError, few
from harness.files import write_whole
from harness.published import PublishedEpoch, published_phases
from harness.records import Epoch, Record
from harness.running.folder import RunFolder, named_cells
from harness.text import trained_on

__all__ = ["CELLS", "Curves", "Panel", "Stretch", "curves_figure", "draw_curves", "find_curves", "panel"]

CELLS = 24
"""How many cells one picture shows."""

_FORMATS = (".png", ".svg")
_FLOORS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.0)
_COLUMNS = 4
_LINES: dict[str, dict[str, Any]] = {
    "training": {"marker": "o", "markersize": 3.5, "markerfacecolor": "white", "linewidth": 0.9},
    "validation": {"marker": "s", "markersize": 3.5, "linewidth": 1.8},
    "published training": {"color": "0.5", "linewidth": 1.1, "linestyle": (0, (1, 1.3)), "zorder": 1},
    "published validation": {"color": "0.35", "linewidth": 1.3, "linestyle": (0, (5, 2)), "zorder": 1},
    "chosen": {
        "marker": "o",
        "markersize": 9,
        "markerfacecolor": "none",
        "markeredgecolor": "black",
        "linestyle": "none",
        "zorder": 5,
    },
}


@dataclass(frozen=True)
class Curves:
    """What one picture shows: a run's name, its records with epochs, and sentences on what is left out."""

    run: str
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """One phase of a panel: its first and last place, and the published epochs that repeat it."""

    phase: str
    first: int
    last: int
    published: tuple[PublishedEpoch, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One cell's epochs in a row, counted through its phases.

    `places` are those counts from 1 on, or of a linear probe the strengths that it tried; `chosen` is
    the place in `epochs` of the one whose weights count.
    """

    epochs: tuple[Epoch, ...]
    places: tuple[float, ...]
    stretches: tuple[Stretch, ...]
    chosen: int | None
    by_strength: bool


def find_curves(folder: RunFolder, cell: str | None = None) -> Curves:
    """The cells of a run that have epochs, or those that a name, a part of one or a pattern means.

    Raises `UserError` if there are none.
    """
    facts, records = read_run(folder)
    names = [record.name for record in records]
    if cell is not None:
        meant = set(named_cells(cell, names, where=str(folder.path)))
        records = [record for record in records if record.name in meant]
    trained = [record for record in records if record.measured.history]
    idle = [record.name for record in records if not record.measured.history]
    if not trained:
        raise UserError(
            f"no epoch was trained in {few(idle)}",
            where=str(folder.path),
            hint="Zero-shot trains nothing; what failed before its first epoch has no curve.",
        )
    notes = [f"Without epochs, and so without a curve: {few(idle)}."] if idle else []
    if len(trained) > CELLS:
        first, last = trained[0].name, trained[CELLS - 1].name
        notes.append(f"The first {CELLS} of {len(trained)} cells, {first} to {last}; --cell chooses others.")
    return Curves(facts.matrix, tuple(trained[:CELLS]), tuple(notes))


def panel(record: Record) -> Panel:
    """Lay the phases of a record that has epochs one behind the other."""
    epochs, chosen = record.measured.history, record.measured.chosen
    published = published_phases(record)
    stretches, before = [], 0
    for phase, found in groupby(epochs, key=lambda epoch: epoch.phase):
        count = len(list(found))
        curve = published[phase].curve[:count] if phase in published else ()
        stretches.append(Stretch(phase, before + 1, before + count, curve))
        before += count
    strengths = tuple(epoch.strength for epoch in epochs if epoch.strength is not None)
    by_strength = len(strengths) == len(epochs)
    places = strengths if by_strength else tuple(float(place) for place in range(1, len(epochs) + 1))
    same = [
        chosen is not None and (each.phase, each.epoch) == (chosen.phase, chosen.epoch) for each in epochs
    ]
    return Panel(epochs, places, tuple(stretches), same.index(True) if True in same else None, by_strength)


def draw_curves(curves: Curves, path: Path) -> None:
    """Draw the curves into one PNG or SVG file; raise `UserError` for another ending."""
    if path.suffix not in _FORMATS:
        raise UserError(
            f"expected a picture that ends in {' or '.join(_FORMATS)}, got {path.name!r}",
            hint="For example: --out curves.png",
        )
    from harness.reports.plots.style import rendered

    title = f"Learning curves: {curves.run}"
    write_whole(path, rendered(curves_figure(curves), path.suffix.removeprefix("."), title=title))


def curves_figure(curves: Curves) -> Any:
    """The curves as one figure, a panel a cell; it need not become a file."""
    import seaborn as sns

    from harness.reports.plots.style import new_figure, readable, styled

    panels = [panel(record) for record in curves.records]
    columns = min(_COLUMNS, math.ceil(math.sqrt(len(panels))))
    rows = math.ceil(len(panels) / columns)
    scales = _scales(panels, classes=max(len(record.data.classes) for record in curves.records))
    colours = sns.color_palette("colorblind")
    lines = {name: {"color": colour} for name, colour in zip(_LINES, (colours[1], colours[0]), strict=False)}
    lines = {name: lines.get(name, {}) | style for name, style in _LINES.items()}
    with styled():
        figure = new_figure(max(6.8, 3.4 * columns), 3.7 * rows + 1.1)
        grid = figure.add_gridspec(2 * rows, columns)
        titles = [readable(title) for title in _titles(curves.records)]
        for number, each in enumerate(panels):
            row, column = divmod(number, columns)
            upper = figure.add_subplot(grid[2 * row, column])
            lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
            _draw_panel(each, upper, lower, lines, scales)
            upper.set_title(titles[number], loc="left", pad=14)
            if column == 0:
                upper.set_ylabel("accuracy (%)")
                lower.set_ylabel("loss (nats)")
        sns.despine(figure)
        _draw_frame(figure, curves, panels, lines, scales)
    return figure


@dataclass(frozen=True)
class _Scales:
    """The ends of all panels' axes: lowest accuracy, highest loss, and whether some loss is higher."""

    floor: float
    ceiling: float
    cut: bool


def _scales(panels: Sequence[Panel], classes: int) -> _Scales:
    shown: list[Epoch | PublishedEpoch] = [epoch for each in panels for epoch in each.epochs]
    shown += [epoch for each in panels for stretch in each.stretches for epoch in stretch.published]
    shares = [share for each in shown for share in (each.accuracy, each.validation_accuracy)]
    losses = [loss for each in shown for loss in (each.loss, each.validation_loss) if loss is not None]
    last = [each.epochs[-1].validation_loss for each in panels]
    last += [
        stretch.published[-1].validation_loss
        for each in panels
        for stretch in each.stretches
        if stretch.published
    ]
    lowest = min((share for share in shares if share is not None), default=0.5)
    floor = next(floor for floor in _FLOORS if floor <= lowest)
    # What starts far above guessing, or diverges, must not press all the others flat.
    highest = 1.05 * max(losses, default=math.log(classes))
    enough = max(math.log(classes), *(2 * loss for loss in last if loss is not None), 0.0)
    return _Scales(floor, min(highest, enough), highest > enough)


def _draw_panel(each: Panel, upper: Any, lower: Any, lines: dict[str, Any], scales: _Scales) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

    every = max(1, len(each.places) // 10)
    for axes, metric, factor in ((upper, "accuracy", 100), (lower, "loss", 1)):
        # A line for each phase: the next starts from the chosen epoch, not from the last.
        for stretch in each.stretches:
            ours = slice(stretch.first - 1, stretch.last)
            where = range(stretch.first, stretch.first + len(stretch.published))
            for kind, name in (("training", metric), ("validation", f"validation_{metric}")):
                values = [factor * getattr(epoch, name) for epoch in stretch.published]
                axes.plot(where, values, **lines[f"published {kind}"])
                found = [_scaled(getattr(epoch, name), factor) for epoch in each.epochs[ours]]
                axes.plot(each.places[ours], found, markevery=every, **lines[kind])
        if each.chosen is not None:
            value = _scaled(getattr(each.epochs[each.chosen], f"validation_{metric}"), factor)
            axes.plot([each.places[each.chosen]], [value], clip_on=False, **lines["chosen"])
        for stretch in each.stretches[1:]:
            axes.axvline(stretch.first - 0.5, color="0.6", linewidth=0.7, zorder=0)
    upper.set_ylim(100 * scales.floor, 100 + 2 * (1 - scales.floor))
    lower.set_ylim(0, scales.ceiling)
    upper.tick_params(labelbottom=False)
    _name_phases(each, upper)
    if each.by_strength:
        lower.set_xscale("log")
        # Plain numbers: powers would be set as formulas.
        lower.xaxis.set_major_locator(LogLocator(numticks=6))
        lower.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        lower.xaxis.set_minor_locator(NullLocator())
        lower.set_xlabel("strength C (the larger, the weaker the penalty)")
    else:
        lower.set_xlim(0.5, len(each.places) + 0.5)
        lower.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
        lower.set_xlabel("epoch" if len(each.stretches) == 1 else "epoch, counted through the phases")


def _name_phases(each: Panel, axes: Any) -> None:
    """Name the phases above the panel, the first from the left end on and the last up to the right end."""
    style = {"fontsize": 7, "color": "0.3", "va": "bottom", "transform": axes.transAxes}
    for number, stretch in enumerate(each.stretches):
        middle = (stretch.first + stretch.last - 1) / 2 / len(each.places)
        if number == 0:
            axes.text(0.0, 1.02, stretch.phase, ha="left", **style)
        elif number == len(each.stretches) - 1:
            axes.text(1.0, 1.02, stretch.phase, ha="right", **style)
        else:
            axes.text(middle, 1.02, stretch.phase, ha="center", **style)


def _draw_frame(
    figure: Any, curves: Curves, panels: Sequence[Panel], lines: dict[str, Any], scales: _Scales
) -> None:
    """The picture's title, the key to its lines, and what it does not show."""
    from matplotlib.lines import Line2D

    beside = any(stretch.published for each in panels for stretch in each.stretches)
    names = [name for name in lines if beside or not name.startswith("published")]
    count = len(panels)
    figure.legend(
        [Line2D([], [], **lines[name]) for name in names],
        ["chosen epoch" if name == "chosen" else name for name in names],
        title=f"Learning curves: {curves.run}, {count} cell{'' if count == 1 else 's'}",
        title_fontsize=11,
        alignment="left",
        loc="outside upper left",
        ncols=5,
        frameon=False,
    )
    notes = list(curves.notes)
    if scales.cut:
        notes.append(f"Losses above {scales.ceiling:.2g} are cut off.")
    if notes:
        width = round(figure.get_figwidth() * 18)
        text = "\n".join(textwrap.fill(note, width) for note in notes)
        figure.supxlabel(text, x=0.01, ha="left", fontsize=8)


def _titles(records: Sequence[Record]) -> list[str]:
    """A title for each cell: its backbone, what else tells the cells apart, and its strategy.

    A cell alone is titled with its name.
    """
    if len(records) == 1:
        return [f"{records[0].name}{_ended(records[0])}"]
    facts = [
        {
            "weights": record.weights.kind,
            "recipe": record.cell.recipe,
            "size": f"{record.cell.size} px",
            "training images": trained_on(record.cell.train_images),
            "seed": f"seed {record.cell.seed}",
            "device": record.cell.device,
            "precision": record.cell.precision,
        }
        for record in records
    ]
    apart = [name for name in facts[0] if len({each[name] for each in facts}) > 1]
    if any(record.cell.train_images is not None for record in records) and "training images" not in apart:
        apart.insert(0, "training images")
    titles = []
    for record, each in zip(records, facts, strict=True):
        first = textwrap.fill(", ".join([record.cell.backbone, *(each[name] for name in apart)]), 46)
        titles.append(f"{first}\n{record.cell.label}{_ended(record)}")
    return titles


def _ended(record: Record) -> str:
    return "" if record.status == "ok" else f" ({record.status})"


def _scaled(value: float | None, factor: float) -> float:
    return math.nan if value is None else factor * value
