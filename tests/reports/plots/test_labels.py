"""Labels cover no other label and stay in the frame, whatever the anchors."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reports.plots.labels import Box, place_labels

FRAME = Box(0, 0, 600, 400)

places = st.tuples(st.floats(0, 600), st.floats(0, 400))
sizes = st.tuples(st.floats(5, 160), st.floats(5, 40))


@given(st.lists(st.tuples(places, sizes), max_size=12), st.lists(places, max_size=20))
def test_no_label_overlaps_another_or_leaves_the_frame(
    labels: list[tuple[tuple[float, float], tuple[float, float]]], others: list[tuple[float, float]]
):
    obstacles = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in others]
    found = place_labels([a for a, _ in labels], [s for _, s in labels], FRAME, obstacles=obstacles)
    boxes = [box for box in found if box is not None]
    assert len(found) == len(labels)
    assert all(box.within(FRAME) for box in boxes)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_label_keeps_its_size_and_stands_beside_its_anchor():
    (box,) = place_labels([(300, 200)], [(80, 20)], FRAME, reach=6)
    assert box is not None
    assert (box.right - box.left, box.top - box.bottom) == pytest.approx((80, 20))
    assert not box.overlaps(Box(294, 194, 306, 206))
    assert box.overlaps(Box(285, 185, 315, 215))


def test_labels_of_one_spot_all_find_a_place():
    found = place_labels([(300, 200)] * 12, [(100, 24)] * 12, FRAME)
    assert None not in found


def test_a_free_side_is_chosen_before_one_with_obstacles():
    right = [Box(310, y, 420, y + 5) for y in range(100, 300, 10)]
    (box,) = place_labels([(300, 200)], [(80, 20)], FRAME, obstacles=right)
    assert box is not None
    assert not any(box.overlaps(other) for other in right)


def test_a_label_that_is_larger_than_the_frame_has_no_place():
    assert place_labels([(300, 200)], [(700, 20)], FRAME) == [None]


def test_boxes_that_only_touch_do_not_overlap():
    assert not Box(0, 0, 1, 1).overlaps(Box(1, 0, 2, 1))
    assert Box(0, 0, 1.1, 1).overlaps(Box(1, 0, 2, 1))
