"""Pictures look the same everywhere, in grey too, and are the same bytes for the same content."""

from itertools import pairwise

import matplotlib as mpl
import pytest

from harness.reports.plots.style import (
    COLOURS,
    colours,
    inline_svg,
    lay_out,
    log_axis,
    marker_of,
    new_figure,
    readable,
    rendered,
    styled,
)
from harness.strategies import STRATEGIES


def grey(colour: tuple[float, float, float, float]) -> float:
    """The lightness of a colour as a grey picture has it (Rec. 601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


@pytest.mark.parametrize("count", range(2, COLOURS + 1))
def test_colours_are_told_apart_in_grey(count: int):
    shades = [grey(each) for each in colours(count)]
    steps = [second - first for first, second in pairwise(shades)]
    assert len(shades) == count
    assert min(steps) > 0.07


def test_there_are_no_more_colours_than_can_be_told_apart():
    assert len(colours(40)) == COLOURS


def test_every_strategy_has_a_marker_of_its_own():
    assert len({marker_of(name) for name in STRATEGIES}) == len(STRATEGIES)


def test_a_strategy_that_is_not_there_any_more_is_drawn_all_the_same():
    assert marker_of("one of another version")


def test_a_text_that_can_be_drawn_stays_as_it_is():
    assert readable("Größe, Ελλάδα, кошка\n$x$") == "Größe, Ελλάδα, кошка\n$x$"


def test_settings_of_a_user_change_nothing_and_are_kept():
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9}):
        with styled():
            assert (mpl.rcParams["font.size"], mpl.rcParams["lines.linewidth"]) == (8, 1.5)
        assert mpl.rcParams["font.size"] == 30


@pytest.mark.parametrize("values", [[3.0], [1.0, 1.1], [17.0, 38.0], [0.8, 527.0], [2.0, 90_000.0]])
def test_a_logarithmic_axis_holds_all_values_and_has_plain_numbers(values: list[float]):
    with styled():
        figure = new_figure(6, 4)
        axes = figure.subplots()
        log_axis(axes, values)
        figure.draw_without_rendering()
    low, high = axes.get_xlim()
    shown = [tick.label1.get_text() for tick in axes.xaxis.get_major_ticks() if low < tick.get_loc() < high]
    assert low < min(values)
    assert max(values) < high
    assert len(shown) >= 4
    assert all(float(text.replace(",", "")) > 0 for text in shown)


def test_an_element_of_a_page_has_ids_of_its_own_and_no_declarations():
    with styled():
        figure = new_figure(3, 2)
        axes = figure.subplots()
        axes.plot([1, 2], [1, 2], marker="o")
    text = inline_svg(rendered(figure, "svg", title="A title"), "first")
    assert text.startswith("<svg")
    assert "<title>A title</title>" in text
    assert 'id="first-axes_1"' in text
    assert text.count('id="') == text.count('id="first-')
    assert text.count('href="#') == text.count('href="#first-') > 0
    assert text.count("url(#") == text.count("url(#first-") > 0
    assert "metadata" not in text


def test_a_figure_is_laid_out_once_for_all_formats():
    with styled():
        figure = new_figure(3, 2)
        axes = figure.subplots()
        axes.set_ylabel("a label\nof three\nlines")
        as_made = axes.get_position().bounds
        lay_out(figure)
    laid_out = axes.get_position().bounds
    assert laid_out != as_made
    rendered(figure, "svg")
    rendered(figure, "png")
    assert axes.get_position().bounds == laid_out
