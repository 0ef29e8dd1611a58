"""The list of pictures, and how they become files and parts of a page."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness.analysis.standings import Standings
from harness.analysis.timing_rows import Timings
from harness.errors import unknown
from harness.files import write_whole
from harness.reports.plots.data_sizes import draw_data_sizes
from harness.reports.plots.depth_curves import draw_depth_curves
from harness.reports.plots.heat_map import draw_heat_map
from harness.reports.plots.reliability import reliability_figure
from harness.reports.plots.step_times import draw_step_times, draw_timings
from harness.reports.plots.style import FORMATS, inline_svg, rendered
from harness.reports.plots.tradeoff import draw_tradeoff

__all__ = ["PLOTS", "Plot", "draw_plots", "draw_timing_plots", "plot_svg"]


@dataclass(frozen=True)
class Plot:
    """One picture: the name of its file, a title, and the function that draws it."""

    name: str
    title: str
    draw: Callable[[Standings], Any | None]


PLOTS = (
    Plot("accuracy-to-result", "Accuracy against time to result", partial(draw_tradeoff, cost="to_result_s")),
    Plot(
        "accuracy-inference", "Accuracy against inference time", partial(draw_tradeoff, cost="inference_ms")
    ),
    Plot("accuracy-train", "Accuracy against train time", partial(draw_tradeoff, cost="train_ms")),
    Plot("map-accuracy", "Accuracy by backbone and strategy", partial(draw_heat_map, name="test_accuracy")),
    Plot(
        "map-to-result", "Time to result by backbone and strategy", partial(draw_heat_map, name="to_result_s")
    ),
    Plot("steps-inference", "Inference time per step", partial(draw_step_times, name="inference_ms")),
    Plot("steps-train", "Train time per step", partial(draw_step_times, name="train_ms")),
    Plot("depths", "Accuracy and cost by unfrozen share", draw_depth_curves),
    Plot("data-sizes", "Accuracy by training images", draw_data_sizes),
    Plot("reliability", "Accuracy against confidence", reliability_figure),
)
"""Every picture of a run, in the order of the page."""


def draw_plots(
    found: Standings, folder: Path, *, formats: Sequence[str] = FORMATS, only: Sequence[str] = ()
) -> list[Path]:
    """Draw the pictures of a run that have something to show into a folder, or those of these names.

    Returns the files, which are named NAME.png and NAME.svg.  Raises `UserError` for a name or a format that
    there is not.
    """
    _require_known("format of pictures", formats, FORMATS)
    _require_known("picture", only, [plot.name for plot in PLOTS])
    chosen = [plot for plot in PLOTS if not only or plot.name in only]
    return [
        path
        for plot in chosen
        for path in _written(plot.draw(found), folder, plot.name, title=plot.title, formats=formats)
    ]


def draw_timing_plots(timings: Timings, folder: Path, *, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Draw the times per step of a timing run into a folder: a picture for each kind of step and batch.

    Returns the files.  Raises `UserError` for a format that there is not.
    """
    _require_known("format of pictures", formats, FORMATS)
    drawn = draw_timings(timings)
    return [
        path
        for title, figure in drawn
        for path in _written(figure, folder, f"times-{_slug(title)}", title=title, formats=formats)
    ]


def plot_svg(plot: Plot, found: Standings) -> tuple[str, str] | None:
    """A picture as (title, SVG element), for a page that holds them all; None with nothing to show."""
    figure = plot.draw(found)
    if figure is None:
        return None
    return plot.title, inline_svg(rendered(figure, "svg", title=plot.title), plot.name)


def _written(
    figure: Any | None, folder: Path, name: str, *, title: str, formats: Sequence[str]
) -> list[Path]:
    if figure is None:
        return []
    paths = [folder / f"{name}.{kind}" for kind in formats]
    for path, kind in zip(paths, formats, strict=True):
        write_whole(path, rendered(figure, kind, title=title))
    return paths


def _require_known(kind: str, names: Sequence[str], choices: Sequence[str]) -> None:
    for name in names:
        if name not in choices:
            raise unknown(kind, name, choices)


def _slug(title: str) -> str:
    """A title as the name of a file: "Inference time (ms/step), batch 4" is inference-time-batch-4."""
    plain = title.replace(" (ms/step)", "").lower()
    return re.sub(r"[^a-z0-9.]+", "-", plain).strip("-")
