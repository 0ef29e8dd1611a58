"""Heat maps as pictures: one an example, and a contact sheet of all; and what they show, as text.

A map reads without colour and in grey: places that count are bright, places that do not are dark, and the
contours at a quarter, a half and three quarters of the map's maximum grow thicker and lighter (cividis, made
for colour-blind readers).
"""

import io
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from harness.explain.explain import ClassMap, Example, Explained
from harness.files import write_whole
from harness.reports.text import counted, text_table

__all__ = ["draw_example", "draw_sheet", "explained_facts", "render_explained", "stretched"]

_LEVELS = (0.25, 0.5, 0.75)
_WIDTHS = (0.9, 1.5, 2.4)
_SHADES = (0.5, 0.75, 1.0)
"""Where on the colour map the contours are."""
_DARKEST = 0.3
"""What is left of the brightness of a place that does not count."""
_FAINT = 0.01
"""A map whose peak is less than this share of the other's is told and not drawn: it would look the same."""
_DPI = 100
_EXAMPLE_SIDE = 448
_SHEET_SIDE = 192
_GAP = 8
_KEY = (
    "Of each image: itself, what speaks for the predicted class, and what speaks for the true class (where "
    "the prediction is right: for the next most probable one). Bright places count; contours at 25, 50 and "
    "75 % of the map's own maximum. peak: that maximum as a share of the higher one of the image's two maps."
)


def stretched(heat: NDArray[np.float64], height: int, width: int) -> NDArray[np.float32]:
    """A map (rows, columns) at the size of its image, between its places by straight lines."""
    plane = Image.fromarray(heat.astype(np.float32))
    return np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))


def draw_example(example: Example, path: Path) -> None:
    """Write one example as a PNG: the image and its two maps, side by side."""
    _draw([example], path, title="", side=_EXAMPLE_SIDE, across=1, key="")


def draw_sheet(explained: Explained, path: Path) -> None:
    """Write all examples as one PNG, two in a row, under the cell's name."""
    rows, columns = explained.grid
    method = f"Grad-CAM of {explained.layer}, {rows} x {columns} places"
    title = f"{explained.facts.cell}\n{_what(explained)}; {method}"
    across = min(2, len(explained.examples))
    _draw(list(explained.examples), path, title=title, side=_SHEET_SIDE, across=across, key=_KEY)


def render_explained(explained: Explained, out: Path) -> str:
    """Where the pictures are, of what they were made, and a line an image."""
    rows, columns = explained.grid
    table: dict[str, list[str]] = {
        "image": [each.id for each in explained.examples],
        "true": [each.truth for each in explained.examples],
        "predicted": [each.predicted for each in explained.examples],
        "probability (%)": [f"{100 * each.maps[0].probability:.1f}" for each in explained.examples],
        "nothing speaks for": [
            ", ".join(one.label for one in each.maps if not one.peak) or "-" for each in explained.examples
        ],
    }
    found = explained.verification
    return "\n".join(
        [
            f"{out}: {_what(explained)} of {explained.facts.cell}",
            f"Grad-CAM of {explained.layer}, {rows} x {columns} places",
            f"predicted again from {found.source}: probabilities within {found.largest:.2g} of the recorded "
            "ones",
            "",
            text_table(table, right=["probability (%)"]),
        ]
    )


def explained_facts(explained: Explained) -> dict[str, Any]:
    """What the pictures show, as plain data: names and numbers, no pixels."""
    return {
        "cell": explained.facts.cell,
        "key": explained.facts.key,
        "layer": explained.layer,
        "grid": list(explained.grid),
        "tested": explained.tested,
        "mistakes": explained.mistakes,
        "largest_difference": explained.verification.largest,
        "images": [
            {
                "id": each.id,
                "true": each.truth,
                "predicted": each.predicted,
                "maps": [
                    {"class": one.label, "probability": one.probability, "peak": one.peak}
                    for one in each.maps
                ],
            }
            for each in explained.examples
        ],
    }


def _what(explained: Explained) -> str:
    shown = len(explained.examples)
    if not any(each.correct for each in explained.examples):
        return f"{shown:,} of {counted(explained.mistakes, 'mistake')} in {explained.tested:,} test images"
    return f"{shown:,} of {explained.tested:,} test images"


def _draw(examples: list[Example], path: Path, *, title: str, side: int, across: int, key: str) -> None:
    """Draw examples, `across` in a row, each as three panels of up to `side` pixels a side.

    Places are counted in pixels from the top, so that no picture is resampled.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    size = 7 if key else 9
    line = round(1.75 * size)
    block = 3 * (side + _GAP)
    width = across * block + (across - 1) * 2 * _GAP + _GAP
    letters = round(width / (0.82 * size))
    above = _broken(title, letters)
    below = _broken(key, letters)
    rows = [
        [_prepared(each, side) for each in examples[start : start + across]]
        for start in range(0, len(examples), across)
    ]
    tops, height = [], _GAP + line * len(above) + (_GAP if above else 0)
    for row in rows:
        tops.append(height + 2 * line + _GAP)
        height = tops[-1] + max(each.height for each in row) + _GAP
    height += line * len(below) + (_GAP if below else 0)

    # Class names are no formulas; letters that the font lacks are drawn as boxes, without a word.
    with mpl.rc_context({"font.size": size, "text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        figure = plt.figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        page = _Page(figure, width, height)
        page.write("\n".join(above), _GAP, _GAP)
        page.write("\n".join(below), _GAP, height - line * len(below) - _GAP)
        remaining = iter(examples)
        for row, top in zip(rows, tops, strict=True):
            for column, image in enumerate(row):
                left = _GAP + column * (block + 2 * _GAP)
                _draw_block(page, next(remaining), image, left, top, side + _GAP, 2 * line)
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=_DPI, format="png")
        plt.close(figure)
    write_whole(path, drawn.getvalue())


@dataclass(frozen=True)
class _Page:
    """A figure whose places are pixels from its upper left corner."""

    figure: Any
    width: int
    height: int

    def write(self, text: str, left: int, top: int, **style: Any) -> None:
        self.figure.text(left / self.width, 1 - top / self.height, text, ha="left", va="top", **style)

    def panel(self, left: int, top: int, width: int, height: int) -> Any:
        bottom = self.height - top - height
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        panel = self.figure.add_axes(box)
        panel.set(xticks=[], yticks=[])
        return panel


def _prepared(example: Example, side: int) -> Image.Image:
    """The image in its own proportions, its longer side `side` pixels: small ones are enlarged."""
    image = Image.fromarray(example.image)
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _draw_block(
    page: _Page, example: Example, image: Image.Image, left: int, top: int, step: int, words: int
) -> None:
    second = "next" if example.correct else "true"
    first, other = example.maps
    captions = [
        f"{example.id}\ntrue: {_short(example.truth)}",
        f"predicted: {_short(first.label)}\n{_figures(first)}",
        f"{second}: {_short(other.label)}\n{_figures(other)}",
    ]
    pixels = np.asarray(image)
    for number, caption in enumerate(captions):
        page.write(caption, left + number * step, top - words - _GAP // 2)
        panel = page.panel(left + number * step, top, image.width, image.height)
        if number == 0:
            panel.imshow(pixels, aspect="auto")
        else:
            _draw_map(panel, pixels, example.maps[number - 1])


def _figures(one: ClassMap) -> str:
    peak = "0" if not one.peak else f"{100 * one.peak:.0f}" if one.peak >= _FAINT else "below 1"
    return f"{100 * one.probability:.1f} %, peak {peak} %"


def _draw_map(panel: Any, pixels: NDArray[np.uint8], one: ClassMap) -> None:
    import matplotlib as mpl
    from matplotlib.patheffects import withStroke

    grey = _legible(pixels)
    if one.peak < _FAINT:
        panel.imshow(_DARKEST * grey, cmap="gray", vmin=0, vmax=1, aspect="auto")
        style = {"color": "white", "ha": "center", "va": "center", "transform": panel.transAxes}
        text = "hardly anything\nspeaks for it" if one.peak else "nothing here\nspeaks for it"
        panel.text(0.5, 0.5, text, **style)
        return
    heat = stretched(one.heat, *grey.shape)
    panel.imshow((_DARKEST + (1 - _DARKEST) * heat) * grey, cmap="gray", vmin=0, vmax=1, aspect="auto")
    for level, shade, width in zip(_LEVELS, _SHADES, _WIDTHS, strict=True):
        if heat.min() < level < heat.max():  # else matplotlib warns that there is no such contour
            found = panel.contour(heat, levels=[level], colors=[mpl.colormaps["cividis"](shade)])
            outline = withStroke(linewidth=width + 1.2, foreground="black")
            found.set(linewidth=width, path_effects=[outline])


def _legible(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The image in grey, its contrast stretched and its shadows lifted, or a black cat would stay unseen."""
    grey = np.asarray(ImageOps.autocontrast(Image.fromarray(pixels).convert("L"), cutoff=1), np.float32)
    return np.asarray(0.25 + 0.75 * grey / 255, np.float32)


def _short(label: str) -> str:
    return label if len(label) <= 20 else f"{label[:17]}..."


def _broken(text: str, width: int) -> list[str]:
    return [part for line in text.split("\n") for part in textwrap.wrap(line, width, break_on_hyphens=False)]
