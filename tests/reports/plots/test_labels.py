"""Labels cover no other label and stay in the frame, whatever the anchors."""

import math
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
    found = place_labels(
        [a for a, _ in labels], [s for _, s in labels], FRAME, obstacles=obstacles, markers=others
    )
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


def distance(box: Box, spot: tuple[float, float]) -> float:
    x, y = spot
    return math.hypot(max(box.left - x, x - box.right, 0), max(box.bottom - y, y - box.top, 0))


def test_a_label_is_nearer_to_its_own_marker_than_to_another():
    """Without the markers it would stand between them, as near to the one as to the other."""
    spot, others = (300, 200), [(300, 240), (300, 160), (340, 200)]
    (box,) = place_labels([spot], [(80, 20)], FRAME, markers=[spot, *others], reach=6)
    assert box is not None
    assert distance(box, spot) < min(distance(box, other) for other in others)


def test_a_longer_leader_is_taken_for_not_standing_nearer_to_another_marker():
    """Right of the marker it is less far to a free place, but there the other one is nearer."""
    spot, other, taken = (300, 200), (330, 222), Box(262, 100, 312, 300)
    (without,), (box,) = (
        place_labels([spot], [(80, 20)], FRAME, obstacles=[taken], markers=markers, reach=6)
        for markers in ([spot], [spot, other])
    )
    assert without is not None
    assert box is not None
    assert distance(without, spot) < distance(box, spot) < distance(box, other)


def test_a_label_among_others_markers_has_a_leader_that_is_seen():
    spot = (300, 200)
    crowd = [(x, y) for x in range(60, 560, 20) for y in range(40, 380, 20)]
    (box,) = place_labels([spot], [(80, 20)], FRAME, markers=[spot, *crowd], reach=6)
    assert box is not None
    assert distance(box, spot) >= 12


def test_no_leader_runs_along_a_line():
    """All about the marker is taken but what a line along the leader leads to."""
    line = Box(300, 199, 600, 201)
    walls = [Box(0, 0, 600, 170), Box(0, 230, 600, 400)]
    without, beside = (
        place_labels(
            [(300, 200)], [(80, 20)], FRAME, obstacles=[*walls, Box(200, 170, 295, 230)], lines=lines
        )
        for lines in ([], [line])
    )
    (along,), (away,) = without, beside
    assert along is not None
    assert away is not None
    assert along.bottom < 200 < along.top
    assert not away.bottom < 200 < away.top


def test_a_label_that_is_larger_than_the_frame_has_no_place():
    assert place_labels([(300, 200)], [(700, 20)], FRAME) == [None]


def test_boxes_that_only_touch_do_not_overlap():
    assert not Box(0, 0, 1, 1).overlaps(Box(1, 0, 2, 1))
    assert Box(0, 0, 1.1, 1).overlaps(Box(1, 0, 2, 1))


def end_of_leader(box: Box, spot: tuple[float, float], edge: float) -> tuple[float, float]:
    """Where the leader of a label meets the edge of its marker."""
    x, y = spot
    right, up = min(max(x, box.left), box.right) - x, min(max(y, box.bottom), box.top) - y
    length = math.hypot(right, up)
    return x + edge * right / length, y + edge * up / length


def but_a_strip(side: int) -> list[Box]:
    """Obstacles everywhere, two deep, but right (1) or left (-1) of the point (300, 200)."""
    behind = Box(0, 180, 292, 220) if side > 0 else Box(308, 180, 600, 220)
    return [Box(0, 0, 600, 180), Box(0, 220, 600, 400), behind] * 2


@pytest.mark.parametrize("side", [-1, 1])
def test_where_another_marker_covers_its_own_a_leader_comes_from_the_free_side(side: int):
    """On the side of the other one there is a free place, but its leader would be seen as the other's."""
    spot, other = (300.0, 200.0), (300.0 + 3 * side, 200.0)
    (box,) = place_labels(
        [spot], [(80, 20)], FRAME, obstacles=but_a_strip(side), markers=[spot, other], reach=8, edge=4
    )
    assert box is not None
    end = end_of_leader(box, spot, 4)
    assert math.dist(end, other) > math.dist(end, spot) + 1


def test_no_leader_passes_over_the_marker_of_another():
    """The only free place is behind the other marker."""
    spot, other = (300.0, 200.0), (330.0, 200.0)
    walls = [*but_a_strip(1), *[Box(320, 190, 340, 210)] * 2]
    (box,) = place_labels([spot], [(80, 20)], FRAME, obstacles=walls, markers=[spot, other], reach=8, edge=4)
    assert box is not None
    assert not (box.left > other[0] and box.bottom < other[1] < box.top)
