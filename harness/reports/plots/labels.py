"""Where labels stand in a picture so that none covers another: plain geometry, no drawing.

All lengths are in one unit, whatever it is; y points up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "place_labels"]

_DIRECTIONS = 24
_RINGS = 40
# What is to be avoided, in lengths of leader that are taken for it.
_COVERED = 100.0
_CROSSED = 60.0
_STRUCK = 800.0
_NEARER = 60.0
_UNSEEN = 300.0
_ASTRAY = 400.0
# The same for each unit of a leader's length: on a line, and on the marker of another.
_ALONG = 3.0
_OVER = 20.0

Boxes = NDArray[np.float64]
"""Boxes of shape (count, 4): left, bottom, right, top."""

Leaders = NDArray[np.float64]
"""Straight leaders of shape (count, 2, 2): x and y at the marker's edge, then at the label."""

_Choice = tuple[Boxes, Leaders, NDArray[np.float64]]  # what a label may choose from, and the costs
_Place = tuple[NDArray[np.float64], NDArray[np.float64], float]  # its box and leader, and the cost


@dataclass(frozen=True)
class Box:
    """A rectangle whose sides are parallel to the axes."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: "Box") -> bool:
        """Whether the two have an inner point in common."""
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.top <= other.bottom or other.top <= self.bottom)

    def within(self, other: "Box") -> bool:
        """Whether the other one holds all of this one."""
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.bottom <= self.bottom
            and self.top <= other.top
        )


def place_labels(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    *,
    obstacles: Sequence[Box] = (),
    markers: Sequence[tuple[float, float]] = (),
    lines: Sequence[Box] = (),
    gap: float = 3.0,
    reach: float = 6.0,
    edge: float = 4.0,
) -> list[Box | None]:
    """A box for each label near its anchor, in the frame, and apart from all other labels by `gap`.

    `sizes` are the labels' widths and heights; no label covers what is within `reach` of its own anchor.  Its
    leader is seen from `edge` on, which is less: what is nearer to an anchor is its marker.  Obstacles, and
    the leaders of other labels, are kept free where that costs no long way.  So that nobody takes a label
    for that of another of the `markers`, its own is the nearest, or its leader is longer than twice the
    reach, and the other not within that; and the leader comes from a side where no other marker is at its
    end, passes over none, and does not run along `lines` (boxes).  None for a label that finds no free
    place.
    """
    soft, thin = _boxes(obstacles), _grown(_boxes(lines), gap)
    spots = np.array(markers, dtype=float).reshape(-1, 2)
    choices = []
    for anchor, (width, height) in zip(anchors, sizes, strict=True):
        boxes = _candidates(anchor, width, height, frame, reach)
        boxes = boxes[_within(boxes, frame) & ~_overlap(boxes, _boxes([_around(anchor, reach)]))[:, 0]]
        leaders = _leaders(anchor, boxes, edge)
        length = np.hypot(*(leaders[:, 1] - anchor).T)
        others = spots[(spots != anchor).any(axis=1)]
        cost = length + _COVERED * _overlap(boxes, soft).sum(axis=1)
        cost += _mistaken(boxes, length, others, reach) + _misled(leaders, others, edge)
        choices.append((boxes, leaders, cost + _ALONG * _lengths(leaders, thin).sum(axis=1)))
    order = range(len(choices))
    chosen = min((_chosen(choices, each, gap) for each in (order, order[::-1])), key=_total)
    return [Box(*map(float, chosen[number][0])) if number in chosen else None for number in order]


def _chosen(choices: Sequence[_Choice], order: Sequence[int], gap: float) -> dict[int, _Place]:
    """What each label chooses in that order: its box that costs least beside those that chose before it."""
    found: dict[int, _Place] = {}
    for number in order:
        boxes, leaders, alone = choices[number]
        beside = found.values()
        taken = np.array([box for box, _, _ in beside]).reshape(-1, 4)
        drawn = np.array([leader for _, leader, _ in beside]).reshape(-1, 2, 2)
        cost = alone + _STRUCK * (_lengths(leaders, _grown(taken, gap / 2)) > 0).sum(axis=1)
        cost += _STRUCK * (_lengths(drawn, _grown(boxes, gap / 2)) > 0).sum(axis=0)
        cost += _CROSSED * _cross(leaders, drawn).sum(axis=1)
        cost[_overlap(boxes, _grown(taken, gap)).any(axis=1)] = np.inf
        least = cost.min(initial=np.inf)
        if np.isfinite(least):
            best = int(np.argmax(cost < least + 1e-6))  # of equal ones the first, whatever the rounding
            found[number] = boxes[best], leaders[best], float(least)
    return found


def _total(chosen: dict[int, _Place]) -> tuple[int, float]:
    """The most labels first, then the least cost."""
    return -len(chosen), round(sum(cost for _, _, cost in chosen.values()), 6)


def _mistaken(
    boxes: Boxes, length: NDArray[np.float64], others: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """What it costs each label to stand as near to another's marker as its own, which is `length` away."""
    beside = _distance(boxes, others)
    unlike = _NEARER * (1.0 + (beside < 2 * reach)) + _UNSEEN * (length < 2 * reach)
    return np.asarray(unlike * (beside <= length))


def _misled(leaders: Leaders, others: NDArray[np.float64], edge: float) -> NDArray[np.float64]:
    """What it costs each leader to end at another's marker, or to pass over one."""
    # Where others lie over its own marker, the leader is to come from the side that is farthest from them.
    near = (1 - _distance(np.hstack([leaders[:, 0]] * 2), others) / (1.5 * edge)).clip(min=0)
    over = _lengths(leaders, np.hstack([others - edge, others + edge])).sum(axis=1)
    return np.asarray(_ASTRAY * near + _OVER * over)


def _candidates(anchor: tuple[float, float], width: float, height: float, frame: Box, reach: float) -> Boxes:
    """Boxes around an anchor, ring by ring, the nearest first."""
    farthest = max(frame.right - frame.left, frame.top - frame.bottom)
    angles = np.arange(_DIRECTIONS) * 2 * math.pi / _DIRECTIONS
    rings = reach + (farthest - reach) * (np.arange(_RINGS) / (_RINGS - 1)) ** 2
    across, up = np.cos(angles)[None, :], np.sin(angles)[None, :]
    x = anchor[0] + across * (rings[:, None] + width / 2)
    y = anchor[1] + up * (rings[:, None] + height / 2)
    x, y = x.ravel(), y.ravel()
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def _boxes(boxes: Sequence[Box]) -> Boxes:
    return np.array([[box.left, box.bottom, box.right, box.top] for box in boxes]).reshape(-1, 4)


def _around(spot: tuple[float, float], half: float) -> Box:
    x, y = spot
    return Box(x - half, y - half, x + half, y + half)


def _distance(boxes: Boxes, spots: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each box is from the nearest of some spots; infinite without any."""
    beside = np.maximum(boxes[:, None, :2] - spots, spots - boxes[:, None, 2:]).clip(min=0)
    return np.asarray(np.hypot(beside[..., 0], beside[..., 1]).min(axis=1, initial=np.inf))


def _leaders(anchor: tuple[float, float], boxes: Boxes, edge: float) -> Leaders:
    """The lines to the nearest point of each box, seen from that far of the anchor on."""
    start = np.array(anchor)
    end = np.clip(start, boxes[:, :2], boxes[:, 2:])
    way = end - start
    return np.stack([start + way * edge / np.hypot(*way.T)[:, None], end], axis=1)


def _lengths(leaders: Leaders, boxes: Boxes) -> NDArray[np.float64]:
    """How much of each leader each box holds, of shape (leaders, boxes); it is one part, or none."""
    way = leaders[:, 1] - leaders[:, 0]
    # What is parallel to a side is turned a little, so that nothing is divided by 0.
    share = np.where(np.abs(way) < 1e-9, 1e-9, way)
    enters, leaves = np.zeros((len(leaders), len(boxes))), np.ones((len(leaders), len(boxes)))
    for axis in (0, 1):  # each by itself: NumPy is slow along an axis of two
        start, along = leaders[:, 0, axis, None], share[:, axis, None]
        one, other = (boxes[:, axis] - start) / along, (boxes[:, axis + 2] - start) / along
        enters = np.maximum(enters, np.minimum(one, other))
        leaves = np.minimum(leaves, np.maximum(one, other))
    return np.asarray((leaves - enters).clip(min=0) * np.hypot(*way.T)[:, None])


def _cross(leaders: Leaders, drawn: Leaders) -> NDArray[np.bool_]:
    """Which leaders cross which others, of shape (leaders, others): the ends of each on both sides of it."""
    start, end = leaders[:, None, 0], leaders[:, None, 1]
    first, last = drawn[None, :, 0], drawn[None, :, 1]
    apart = _side(start, end, first) * _side(start, end, last) < 0
    return np.asarray(apart & (_side(first, last, start) * _side(first, last, end) < 0))


def _side(
    start: NDArray[np.float64], end: NDArray[np.float64], point: NDArray[np.float64]
) -> NDArray[np.float64]:
    """On which side of a line a point is: above 0 to the left."""
    way, beside = end - start, point - start
    return np.asarray(way[..., 0] * beside[..., 1] - way[..., 1] * beside[..., 0])


def _grown(boxes: Boxes, gap: float) -> Boxes:
    grown: Boxes = boxes + np.array([-gap, -gap, gap, gap])
    return grown


def _overlap(boxes: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Which boxes overlap which others, of shape (boxes, others)."""
    one, other = boxes[:, None, :], others[None, :, :]
    return np.asarray(
        (one[..., 0] < other[..., 2])
        & (other[..., 0] < one[..., 2])
        & (one[..., 1] < other[..., 3])
        & (other[..., 1] < one[..., 3])
    )


def _within(boxes: Boxes, frame: Box) -> NDArray[np.bool_]:
    low = (boxes[:, 0] >= frame.left) & (boxes[:, 1] >= frame.bottom)
    return np.asarray(low & (boxes[:, 2] <= frame.right) & (boxes[:, 3] <= frame.top))
