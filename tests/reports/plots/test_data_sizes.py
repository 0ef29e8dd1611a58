"""The picture of data-size curves: what is measured, what is extrapolated, and what is said of both."""

from typing import Any

import numpy as np
import pytest
from fakes import record
from fakes_standings import result, shown, standings
from figures import check_legible, texts

from harness.analysis.data_sizes import size_curves
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.backbones import BACKBONES
from harness.reports.plots.data_sizes import draw_data_sizes, size_lines
from harness.reports.row_names import row_names

SPLIT = record().data.model_copy(
    update={"counts": {split: {"cats": 1000, "dogs": 1000} for split in ("train", "validation", "test")}}
)
RISING = {50: 0.62, 200: 0.80, 500: 0.87, None: 0.93}
"""Accuracies by training images; None is the whole split, 2,000 images."""


def rows(accuracies: dict[int | None, float], **cell: Any) -> list[Row]:
    return [
        shown(result(accuracy, train_images=images, data=SPLIT, **cell))
        for images, accuracy in accuracies.items()
    ]


def said(found: Standings) -> list[str]:
    return [text.replace("\n", " ") for text in texts(draw_data_sizes(found))]


def bands(axes: Any) -> list[Any]:
    """The corners of each interval of an extrapolation."""
    return [each.get_paths()[0].vertices for each in axes.collections if len(each.get_facecolor())]


def dashed(axes: Any) -> list[Any]:
    return [line for line in axes.lines if line.get_linestyle() == "--"]


def test_rows_of_one_size_give_no_picture():
    assert draw_data_sizes(standings([*rows({None: 0.9}), *rows({100: 0.8}, backbone="VGG16")])) is None


def test_every_size_has_its_accuracy_and_its_interval():
    found = standings(rows(RISING))
    axes = draw_data_sizes(found).axes[0]
    measured = next(line for line in axes.lines if line.get_marker() == "o")
    assert list(measured.get_xdata()) == pytest.approx([50, 200, 500, 2000])
    assert list(measured.get_ydata()) == pytest.approx([62, 80, 87, 93])
    bars = sorted(
        (low[1], high[1])
        for each in axes.collections
        if not len(each.get_facecolor())
        for (low, high) in each.get_segments()
    )
    ends = sorted((100 * row.interval.low, 100 * row.interval.high) for row in found.tables[0].rows)
    assert np.array(bars) == pytest.approx(np.array(ends))


def test_the_extrapolation_is_what_the_fit_predicts_up_to_four_times_the_largest_size():
    found = standings(rows(RISING))
    (curve,) = size_curves(found, tested=False)
    (line,) = size_lines(row_names(found), curve, found.answers)
    axes = draw_data_sizes(found).axes[0]
    (drawn,) = dashed(axes)
    assert line.outlook.curve.parameters is not None
    farthest = line.outlook.curve.predict(8000)
    assert farthest.accuracy is not None
    assert farthest.interval is not None
    assert (drawn.get_xdata()[0], drawn.get_xdata()[-1]) == (2000, 8000)
    assert drawn.get_ydata()[-1] == pytest.approx(100 * farthest.accuracy)
    (band,) = bands(axes)
    at_the_end = band[band[:, 0] == 8000, 1]
    ends = [100 * farthest.interval.low, 100 * farthest.interval.high]
    assert [at_the_end.min(), at_the_end.max()] == pytest.approx(ends)


def test_without_a_fit_nothing_is_extrapolated_and_that_is_said():
    found = standings(rows({50: 0.8, None: 0.9}))
    axes = draw_data_sizes(found).axes[0]
    assert (dashed(axes), bands(axes)) == ([], [])
    assert any("1 line without an extrapolation" in text for text in said(found))
    assert "extrapolated" not in said(found)


def test_three_points_for_three_parameters_are_said_to_prove_nothing():
    three, four = ({size: RISING[size] for size in sizes} for sizes in ((50, 200, None), tuple(RISING)))
    assert any("3 points" in text and "cannot show" in text for text in said(standings(rows(three))))
    assert any("4 points" in text for text in said(standings(rows(four))))
    assert not any("cannot show" in text for text in said(standings(rows(four))))


def test_each_backbone_has_a_panel_and_a_strategy_one_colour_in_all():
    tuned = {"strategy": "fine-tuning", "depth": "blocks:1"}
    found = standings(
        [
            *rows(RISING),
            *rows(RISING, **tuned),
            *rows(RISING, backbone="VGG16"),
            *rows(RISING, backbone="VGG16", **tuned),
        ]
    )
    figure = draw_data_sizes(found)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["MobileNet-0.25 at 160 px", "VGG16 at 160 px"]
    first, second = (
        {line.get_marker(): line.get_color() for line in axes.lines if line.get_marker() in ("o", "s")}
        for axes in figure.axes
    )
    assert first == second
    assert len(set(first.values())) == 2
    assert {"fast-extraction", "fine-tuning blocks:1"} <= set(said(found))


def test_a_part_that_one_seed_drew_is_said_to_be_less_sure():
    assert any("another draw" in text for text in said(standings(rows(RISING))))
    both = [
        shown(*(result(accuracy, train_images=images, data=SPLIT, seed=seed) for seed in (0, 1)))
        for images, accuracy in RISING.items()
    ]
    assert not any("another draw" in text for text in said(standings(both)))


def test_panels_and_colours_beyond_what_fits_are_counted():
    sizes = [row for size in range(100, 110) for row in rows(RISING, size=size)]
    assert any("The first 9 of 10 groups" in text for text in said(standings(sizes)))
    rates = [row for step in range(1, 10) for row in rows(RISING, learning_rate=step / 1000)]
    assert "2 other strategies" in said(standings(rates))


@pytest.mark.parametrize("panels", [1, 3, 7])
def test_texts_do_not_overlap(panels: int):
    tuned = {"strategy": "fine-tuning", "depth": "blocks:1"}
    backbones = list(BACKBONES)[:panels]
    found = [row for name in backbones for cell in ({}, tuned) for row in rows(RISING, backbone=name, **cell)]
    check_legible(draw_data_sizes(standings(found)))
