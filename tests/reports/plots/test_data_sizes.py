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


def points(drawn: Any) -> list[tuple[float, float, float, float]]:
    """Images, accuracy and the ends of its interval of each point of an errorbar."""
    line, _, (bars,) = drawn.lines
    ends = [(low[1], high[1]) for low, high in bars.get_segments()]
    return [(x, y, *each) for (x, y), each in zip(line.get_xydata(), ends, strict=True)]


def dashed(axes: Any) -> list[Any]:
    return [line for line in axes.lines if line.get_linestyle() == "--"]


def test_rows_of_one_size_give_no_picture():
    assert draw_data_sizes(standings([*rows({None: 0.9}), *rows({100: 0.8}, backbone="VGG16")])) is None


def test_every_size_has_its_accuracy_and_its_interval():
    found = standings(rows(RISING))
    measured = points(draw_data_sizes(found).axes[0].containers[0])
    rows_by_size = reversed(found.tables[0].rows)
    assert np.array(measured) == pytest.approx(
        np.array(
            [
                (images, 100 * row.accuracy, 100 * row.interval.low, 100 * row.interval.high)
                for images, row in zip((50, 200, 500, 2000), rows_by_size, strict=True)
            ]
        )
    )


def test_the_extrapolation_is_what_the_fit_predicts_up_to_four_times_the_largest_size():
    found = standings(rows(RISING))
    (curve,) = size_curves(found, tested=False)
    (line,) = size_lines(row_names(found), curve, found.answers)
    axes = draw_data_sizes(found).axes[0]
    (drawn,) = dashed(axes)
    assert line.outlook.curve.parameters is not None
    assert (drawn.get_xdata()[0], drawn.get_xdata()[-1]) == (2000, 8000)
    expected = []
    for images in (4000, 8000):
        told = line.outlook.curve.predict(images)
        assert told.accuracy is not None
        assert told.interval is not None
        expected.append((images, 100 * told.accuracy, 100 * told.interval.low, 100 * told.interval.high))
    assert drawn.get_ydata()[-1] == pytest.approx(expected[-1][1])
    assert np.array(points(axes.containers[1])) == pytest.approx(np.array(expected))


def test_what_is_extrapolated_has_the_marker_of_its_strategy_open_and_beside_those_of_others():
    """In grey a marker tells a strategy, and intervals that lay on each other would be one."""
    tuned = {"strategy": "fine-tuning", "depth": "blocks:1"}
    (axes,) = draw_data_sizes(standings([*rows(RISING), *rows(RISING, **tuned)])).axes
    measured, beyond = ([each.lines[0] for each in axes.containers[place::2]] for place in (0, 1))
    markers = [line.get_marker() for line in measured]
    assert [line.get_marker() for line in beyond] == markers
    assert len(set(markers)) == 2
    assert {line.get_markerfacecolor() for line in beyond} == {"white"}
    assert "white" not in {line.get_markerfacecolor() for line in measured}
    assert len({x for line in beyond for x in line.get_xdata()}) == 4


def test_without_a_fit_nothing_is_extrapolated_and_that_is_said():
    found = standings(rows({50: 0.8, None: 0.9}))
    axes = draw_data_sizes(found).axes[0]
    assert (dashed(axes), len(axes.containers)) == ([], 1)
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
