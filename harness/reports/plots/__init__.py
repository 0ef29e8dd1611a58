"""The pictures of a run, drawn from its records alone: a module for each kind, all listed in `PLOTS`.

To add a picture, write a function from `Standings` to a figure, None where the run has nothing to show, and
list it.
"""

from harness.reports.plots.plots import PLOTS, Plot, draw_plots, draw_timing_plots, plot_svg
from harness.reports.plots.style import FORMATS

__all__ = ["FORMATS", "PLOTS", "Plot", "draw_plots", "draw_timing_plots", "plot_svg"]
