"""Labels in a picture, each with a leader to its point: where they stand, and how they are drawn.

Letters and leaders have a white outline rather than a box behind them, so that what is below is still seen.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from harness.reports.plots.labels import Box, place_labels

__all__ = ["Point", "annotate"]

Point = tuple[float, float]

_TEXT: dict[str, Any] = {"fontsize": 7, "ha": "center", "va": "center", "linespacing": 1.05}
_ROOM = 1  # points about a label
_REACH = 8  # points about its own marker that a label leaves free
_EDGE = 4  # points from a marker's centre where its leader ends
_ABOVE = 6  # everything else that is drawn


def annotate(
    axes: Any,
    texts: Sequence[str],
    points: Sequence[Point],
    *,
    markers: Sequence[Point],
    obstacles: Sequence[Box],
    lines: Sequence[Box],
) -> None:
    """Set a label for each of these points of the data, as many as find a place, where none covers another.

    `markers` are all points of the data that have one, `obstacles` what is better not covered and `lines`
    what would hide a leader, both in pixels.  The figure must have been laid out, and stay so.
    """
    figure = axes.figure
    renderer, point = figure.canvas.get_renderer(), figure.dpi / 72
    frame = axes.get_window_extent(renderer)
    spots = [_pixels(axes, each) for each in points]
    boxes = place_labels(
        spots,
        [_size(axes, text, renderer, _ROOM * point) for text in texts],
        Box(frame.x0, frame.y0, frame.x1, frame.y1),
        obstacles=obstacles,
        markers=[_pixels(axes, each) for each in markers],
        lines=lines,
        gap=3 * point,
        reach=_REACH * point,
        edge=_EDGE * point,
    )
    for text, place, spot, box in zip(texts, points, spots, boxes, strict=True):
        if box is not None:
            _draw(axes, text, place, spot, box, point)


def _pixels(axes: Any, point: Point) -> Point:
    x, y = axes.transData.transform(point)
    return float(x), float(y)


def _size(axes: Any, text: str, renderer: Any, room: float) -> tuple[float, float]:
    label = axes.text(0, 0, text, **_TEXT)
    extent = Text.get_window_extent(label, renderer)
    label.remove()
    return extent.width + 2 * room, extent.height + 2 * room


def _draw(axes: Any, text: str, place: Point, spot: Point, box: Box, point: float) -> None:
    x, y = spot
    nearest = (min(max(x, box.left), box.right), min(max(y, box.bottom), box.top))
    axes.annotate(
        text,
        place,
        (((box.left + box.right) / 2 - x) / point, ((box.bottom + box.top) / 2 - y) / point),
        textcoords="offset points",
        path_effects=[withStroke(linewidth=2, foreground="white")],
        arrowprops={
            "arrowstyle": "-",
            "color": "0.2",
            "linewidth": 0.7,
            "shrinkA": 0,
            "shrinkB": _EDGE,
            "relpos": (
                (nearest[0] - box.left) / (box.right - box.left),
                (nearest[1] - box.bottom) / (box.top - box.bottom),
            ),
            "path_effects": [withStroke(linewidth=1.5, foreground="white")],
        },
        zorder=_ABOVE,
        **_TEXT,
    )
