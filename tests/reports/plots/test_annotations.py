"""Labels in a picture: as many as find a place, and nothing is hidden below them."""

from typing import Any

import pytest

from harness.reports.plots.annotations import Point, annotate
from harness.reports.plots.style import lay_out, new_figure, styled


@styled()
def labels(*texts: str, points: list[Point]) -> list[Any]:
    """The labels of these points of a small picture whose axes go from 0 to 1."""
    figure = new_figure(4, 3)
    axes = figure.subplots()
    lay_out(figure)
    annotate(axes, texts, points, markers=points, obstacles=[], lines=[])
    return list(axes.texts)


def test_each_label_has_its_text_and_a_leader_to_its_point():
    points = [(0.2, 0.3), (0.7, 0.6)]
    found = labels("one", "other\nof two lines", points=points)
    assert [each.get_text() for each in found] == ["one", "other\nof two lines"]
    assert [each.xy for each in found] == [pytest.approx(each) for each in points]
    assert all(each.arrow_patch is not None for each in found)


def test_a_label_without_a_place_is_left_out_and_leaves_nothing_behind():
    assert [each.get_text() for each in labels("x" * 100, "short", points=[(0.5, 0.5)] * 2)] == ["short"]


def test_a_label_has_an_outline_and_no_box_that_would_cover_what_is_below():
    (label,) = labels("one", points=[(0.5, 0.5)])
    assert label.get_bbox_patch() is None
    assert label.get_path_effects()
