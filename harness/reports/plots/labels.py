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
_CROSSED = 25.0
_NEARER = 60.0
_UNSEEN = 300.0
_ALONG = 200.0

Boxes = NDArray[np.float64]
"""Boxes of shape (count, 4): left, bottom, right, top."""


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
) -> list[Box | None]:
    """A box for each label near its anchor, in the frame, and apart from all other labels by `gap`.

    `sizes` are the labels' widths and heights; no label covers what is within `reach` of its own anchor.
    Obstacles, and the leaders from anchors to their labels, are kept free where that costs no long way.  So
    that nobody takes a label for that of another of the `markers`, its own is the nearest, or its leader is
    longer than twice the reach, and the other not within that; and no leader runs along one of the `lines`
    (thin boxes) or over a marker, where it would not be seen.  The first label chooses first.  None for a
    label that finds no free place.
    """
    soft = _boxes(obstacles)
    along = np.vstack([_grown(_boxes(lines), gap), _boxes([_around(marker, reach) for marker in markers])])
    spots = np.array(markers, dtype=float).reshape(-1, 2)
    taken = np.empty((0, 4))
    drawn: list[NDArray[np.float64]] = []
    found: list[Box | None] = []
    for anchor, (width, height) in zip(anchors, sizes, strict=True):
        boxes = _candidates(anchor, width, height, frame, reach)
        own = _boxes([_around(anchor, reach)])
        free = ~_overlap(boxes, np.vstack([_grown(taken, gap), own])).any(axis=1)
        boxes = boxes[free & _within(boxes, frame)]
        if not len(boxes):
            found.append(None)
            continue
        leaders = _leaders(anchor, boxes)
        length = np.hypot(*(leaders[:, -1] - leaders[:, 0]).T)
        others = _distance(boxes, spots[(spots != anchor).any(axis=1)])
        cost = length + _COVERED * _overlap(boxes, soft).sum(axis=1)
        unlike = _NEARER * (1.0 + (others < 2 * reach)) + _UNSEEN * (length < 2 * reach)
        cost = cost + unlike * (others <= length)
        cost = cost + _ALONG * _hidden(leaders, along, own)
        for line in drawn:
            cost = cost + _CROSSED * _holds(boxes, line).any(axis=1)
        for box in taken:
            cost = cost + _COVERED * _holds(box[None], leaders.reshape(-1, 2)).reshape(len(boxes), -1).any(
                axis=1
            )
        best = int(np.argmin(np.round(cost, 6)))
        taken = np.vstack([taken, boxes[best]])
        drawn.append(leaders[best])
        found.append(Box(*map(float, boxes[best])))
    return found


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


def _hidden(leaders: NDArray[np.float64], along: Boxes, own: Boxes) -> NDArray[np.float64]:
    """The share (0..1) of each leader that some boxes hold, without what is in the one about its anchor."""
    points = leaders.reshape(-1, 2)
    held = _holds(along, points).any(axis=0) & ~_holds(own, points)[0]
    return np.asarray(held.reshape(leaders.shape[:2]).mean(axis=1))


def _leaders(anchor: tuple[float, float], boxes: Boxes) -> NDArray[np.float64]:
    """Points on the line from the anchor to the nearest point of each box, of shape (boxes, points, 2)."""
    start = np.array(anchor)
    end = np.clip(start, boxes[:, :2], boxes[:, 2:])
    share = np.linspace(0, 1, 16)[None, :, None]
    points: NDArray[np.float64] = start + share * (end - start)[:, None, :]
    return points


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


def _holds(boxes: Boxes, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which boxes hold which points, of shape (boxes, points)."""
    one, point = boxes[:, None, :], points[None, :, :]
    return np.asarray(((point > one[..., :2]) & (point < one[..., 2:])).all(axis=-1))
