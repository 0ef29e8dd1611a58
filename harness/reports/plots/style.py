"""What all pictures have in common: settings, colours and markers, names that can be drawn, and the bytes.

Figures are made without pyplot, so that drawing changes nothing of a notebook that calls it.  Colours run
from dark to light, markers differ: both are told apart by colour-blind readers and in grey.
"""

import io
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import cycle
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from harness.strategies import STRATEGIES

__all__ = [
    "COLOURS",
    "FORMATS",
    "colours",
    "headline",
    "inline_svg",
    "lay_out",
    "log_axis",
    "marker_of",
    "new_figure",
    "note",
    "percent_axis",
    "readable",
    "rendered",
    "styled",
]

FORMATS = ("png", "svg")
COLOURS = 7
"""How many colours are told apart in grey as well; what comes after them is drawn white."""

_DPI = 120
_SUBS = (
    (1.0,),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0),
)
_FEWEST_TICKS = 4
_KEY = 2.2  # inches that the key beside a picture takes at most
_SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that pictures are the same everywhere
    "font.size": 8,
    "axes.titlesize": 8.5,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "text.parse_math": False,  # names are no formulas
    "axes.unicode_minus": False,
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "transferbench",  # the same records give the same bytes
}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "<", ">")


@contextmanager
def styled() -> Iterator[None]:
    """The settings of every picture, while it is made and while it is written."""
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's own settings would change what was looked at
        mpl.rcParams.update(_SETTINGS)
        yield


def new_figure(width: float, height: float) -> Any:
    """An empty figure of that size in inches, which lays itself out."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def lay_out(figure: Any) -> None:
    """Lay a figure out, and keep it so: matplotlib draws a whole figure once more to lay it out itself.

    It is laid out once for all formats, so that PNG and SVG show the same.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def rendered(figure: Any, kind: str, *, title: str = "") -> bytes:
    """The bytes of a figure as PNG or SVG: the same for the same records; an SVG carries the title."""
    drawn = io.BytesIO()
    facts: dict[str, str | None] = {"Date": None, "Creator": None, "Format": None, "Type": None}
    facts |= {"Title": title} if title else {}
    with styled():
        lay_out(figure)
        figure.savefig(drawn, dpi=_DPI, format=kind, metadata=facts if kind == "svg" else None)
    return drawn.getvalue()


def inline_svg(content: bytes, name: str) -> str:
    """An SVG file as an element of a page: no declarations, and ids that no other picture has."""
    text = content.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)


def colours(count: int, *, lightest: float = 0.98) -> list[Any]:
    """So many colours, at most `COLOURS`, from dark to light (0..1): told apart in grey too."""
    palette, steps = mpl.colormaps["viridis"], min(count, COLOURS)
    return [palette(0.02 + (lightest - 0.02) * place / max(1, steps - 1)) for place in range(steps)]


def log_axis(axes: Any, values: Sequence[float], *, vertical: bool = False) -> None:
    """Make an axis logarithmic over these values, with plain numbers: powers would be set as formulas."""
    low, high = min(values), max(values)
    # Beyond the outermost values a tenth of their distance, and never less than a factor of 1.5.
    room = max(1.5, (high / low) ** 0.1) if high / low > 1.5 else 3.0
    axis = axes.yaxis if vertical else axes.xaxis
    if vertical:
        axes.set_yscale("log")
        axes.set_ylim(low / room, high * room)
    else:
        axes.set_xscale("log")
        axes.set_xlim(low / room, high * room)
    axis.set_major_locator(LogLocator(subs=_subs(low / room, high * room), numticks=30))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_locator(NullLocator())


def _subs(low: float, high: float) -> tuple[float, ...]:
    """Which multiples of powers of ten are named between these ends: the fewest that give enough ticks."""
    powers = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for subs in _SUBS[:-1]:
        if sum(low <= each * power <= high for power in powers for each in subs) >= _FEWEST_TICKS:
            return subs
    return _SUBS[-1]


def percent_axis(axes: Any) -> None:
    """Name no tick of a y axis in per cent that is beyond 0 to 100: there is only room for marks."""
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.6g}" if -1e-6 <= value <= 100 + 1e-6 else "")
    )


def marker_of(strategy: str) -> str:
    """The marker of a strategy: the same in every picture."""
    return dict(zip(STRATEGIES, cycle(_MARKERS), strict=False)).get(strategy, _MARKERS[0])


@lru_cache(maxsize=2**16)
def readable(text: str) -> str:
    """A text with each character that the font has no shape for replaced by its number, as <U+732B>."""
    known = _shapes()
    return "".join(
        letter if letter == "\n" or ord(letter) in known else f"<U+{ord(letter):04X}>" for letter in text
    )


@cache
def _shapes() -> frozenset[int]:
    path = font_manager.findfont(font_manager.FontProperties(family=_SETTINGS["font.family"]))
    return frozenset(font_manager.get_font(path).get_charmap())


def headline(figure: Any, text: str) -> None:
    """Set the picture's title above it, flush left, broken where it would reach the key."""
    width = max(24, round((figure.get_figwidth() - _KEY) * 11.5))
    figure.suptitle("\n".join(textwrap.wrap(readable(text), width)), x=0.01, ha="left", fontsize=11)


def note(figure: Any, sentences: Sequence[str]) -> None:
    """Set what a picture's reader must know below it, one sentence behind the other."""
    if sentences:
        width = round(figure.get_figwidth() * 19)
        text = "\n".join(textwrap.wrap(readable(" ".join(sentences)), width))
        figure.supxlabel(text, x=0.01, ha="left", fontsize=7)
