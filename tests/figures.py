"""What stands in a figure as it is drawn: its texts and where they are."""

from itertools import combinations
from typing import Any

from matplotlib.text import Text

from harness.reports.plots.labels import Box


def texts(figure: Any) -> dict[str, list[Box]]:
    """Every text that is shown, with the boxes in pixels that it fills."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    found: dict[str, list[Box]] = {}
    beyond = _beyond(figure)
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in beyond:
            extent = Text.get_window_extent(text, renderer)
            box = Box(extent.x0, extent.y0, extent.x1, extent.y1)
            found.setdefault(text.get_text(), []).append(box)
    return found


def check_legible(figure: Any) -> None:
    """Fail where two texts overlap, one leaves the picture, or one is smaller than 7 points."""
    found = [(name, box) for name, boxes in texts(figure).items() for box in boxes]
    picture = Box(-0.5, -0.5, figure.bbox.width + 0.5, figure.bbox.height + 0.5)
    outside = [(name, box) for name, box in found if not box.within(picture)]
    overlapping = [(one, other) for (one, a), (other, b) in combinations(found, 2) if a.overlaps(b)]
    small = [text.get_text() for text in figure.findobj(Text) if text.get_fontsize() < 7]
    assert found, "nothing is written in the picture"
    assert not outside, f"these leave the picture {picture}: {outside}"
    assert not overlapping, f"these overlap: {overlapping}"
    assert not small, f"these are smaller than 7 points: {small}"


def _beyond(figure: Any) -> set[Any]:
    """The labels of ticks that lie beyond the ends of their axes, which are not drawn."""
    found = set()
    for axes in figure.axes:
        for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            low, high = sorted(ends)
            room = 1e-6 * (high - low)
            for tick in axis.get_major_ticks():
                if not low - room <= tick.get_loc() <= high + room:
                    found |= {tick.label1, tick.label2}
    return found
