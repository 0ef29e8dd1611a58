"""Images drawn by code, so that smoke runs need no download and are the same everywhere.

Each image shows one textured object on a cluttered, unevenly lit, noisy background.  A class is
a shape with a texture; place, size, angle, colours, light and clutter are drawn at random and
tell nothing of the class.  The target classes share no combination of shape and texture with the
source classes, yet every shape and texture of theirs occurs there: a base trained on the source
classes (`bench/train_smoke_base.py`) has something to transfer.

The pixels depend on the arguments alone, not on the machine or the version of a library: numbers
come from raw bits of PCG64, whose stream numpy guarantees, and the drawing is integer arithmetic
(Pillow's rasterizer may change; a comparison of integers does not).
"""

import hashlib
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["IMAGE_SIZE", "SOURCE_CLASSES", "TARGET_CLASSES", "draw"]

IMAGE_SIZE = 96

TARGET_CLASSES: tuple[str, ...] = ("dotted-cross", "checked-star")
SOURCE_CLASSES: tuple[str, ...] = (
    "dotted-triangle",
    "checked-triangle",
    "striped-cross",
    "checked-cross",
    "striped-disc",
    "dotted-star",
    "zigzag-disc",
    "zigzag-star",
)

_Plane = NDArray[np.int32]
_Mask = NDArray[np.bool_]

_UNIT = 256
"""An object's nominal radius in its own coordinates, in which shapes and textures are given."""

_REACH = 310
"""No shape reaches farther from its middle than this, in units."""

_TURN = 64
_COSINE = tuple(round(1024 * float(np.cos(2 * np.pi * step / _TURN))) for step in range(_TURN))

_TILT = 4
"""Objects tilt up to 4/64 of a turn (22 degrees) either way."""

_LATTICE = 5
_CLUTTER = 5
_OCCLUDERS = 2
_NOISE = (20, 80)

# All shapes cover about 125,000 square units, and all textures half of a shape: neither area nor
# brightness tells the classes.
_SHAPES: dict[str, Callable[[_Plane, _Plane], _Mask]] = {
    "triangle": lambda u, v: (v > -155) & (443 * np.abs(u) + 256 * v < 256 * 310),
    "cross": lambda u, v: (np.maximum(np.abs(u), np.abs(v)) < 230) & (np.minimum(np.abs(u), np.abs(v)) < 82),
    "disc": lambda u, v: u * u + v * v < 200 * 200,
    "star": lambda u, v: (
        105 * np.maximum(np.abs(u), np.abs(v)) + 195 * np.minimum(np.abs(u), np.abs(v)) < 300 * 105
    ),
}

_TEXTURES: dict[str, Callable[[_Plane, _Plane, int], _Mask]] = {
    "striped": lambda u, _, half: (u // half) % 2 == 0,
    "checked": lambda u, v, half: (u // half + v // half) % 2 == 0,
    "dotted": lambda u, v, half: (
        25 * ((u % (2 * half) - half) ** 2 + (v % (2 * half) - half) ** 2) < 16 * half * half
    ),
    "zigzag": lambda u, v, half: ((u + np.abs(v % (2 * half) - half)) // half) % 2 == 0,
}


def draw(classes: tuple[str, ...], label: int, seed: int, stream: str, index: int) -> NDArray[np.uint8]:
    """Draw image `index` of a stream ("train", "test" ...) showing `classes[label]`.

    Returns RGB of shape (96, 96, 3), the same for the same arguments on every machine.
    """
    name = classes[label]
    texture, shape = name.split("-")
    bits = _Bits(f"{name}/{seed}/{stream}/{index}")
    image = _background(bits)
    for _ in range(_CLUTTER):
        _paint_clutter(image, bits)
    middle = bits.between(30, IMAGE_SIZE - 30), bits.between(30, IMAGE_SIZE - 30)
    _paint(image, bits, shape, texture, middle, bits.between(24, 36))
    for _ in range(_OCCLUDERS):
        _paint_clutter(image, bits)
    return _photograph(image, bits)


class _Bits:
    """Random integers from the raw stream of a generator seeded with a text.

    The remainder's bias is below 2**-50 at the ranges used here.
    """

    def __init__(self, key: str) -> None:
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
        self._generator = np.random.PCG64(seed)
        self._numbers = iter(self._generator.random_raw(512).tolist())

    def between(self, low: int, high: int) -> int:
        """Return an integer of low..high, both included."""
        return low + int(next(self._numbers)) % (high - low + 1)

    def colour(self, darkest: int) -> tuple[int, int, int]:
        """Return a colour whose channels lie at most 125 above the darkest value."""
        low, high = darkest, darkest + 125
        return self.between(low, high), self.between(low, high), self.between(low, high)

    def octets(self, count: int) -> NDArray[np.uint8]:
        """Return that many integers of 0..255."""
        raw = self._generator.random_raw(-(-count // 8))
        return raw.astype("<u8", copy=False).view(np.uint8)[:count]


def _background(bits: _Bits) -> _Plane:
    """Soft random patches: a lattice of random colours, interpolated, of half the contrast."""
    octets = bits.octets(_LATTICE * _LATTICE * 3)
    lattice = octets.reshape(_LATTICE, _LATTICE * 3).astype(np.int32)
    weights = _weights()
    rows = (weights @ lattice).reshape(IMAGE_SIZE, _LATTICE, 3)
    interpolated: _Plane = 64 + (weights @ rows) // (2 * _step() * _step())
    return interpolated


def _step() -> int:
    return IMAGE_SIZE // (_LATTICE - 1)


@cache
def _weights() -> _Plane:
    """Linear interpolation from the lattice to the pixels, times `_step()`; (96, 5)."""
    distance = np.abs(np.arange(IMAGE_SIZE)[:, None] - _step() * np.arange(_LATTICE)[None, :])
    weights: _Plane = np.maximum(_step() - distance, 0).astype(np.int32)
    return weights


def _paint_clutter(image: _Plane, bits: _Bits) -> None:
    shapes, textures = tuple(_SHAPES), tuple(_TEXTURES)
    shape = shapes[bits.between(0, len(shapes) - 1)]
    texture = textures[bits.between(0, len(textures) - 1)]
    middle = bits.between(0, IMAGE_SIZE - 1), bits.between(0, IMAGE_SIZE - 1)
    _paint(image, bits, shape, texture, middle, bits.between(4, 10))


def _paint(
    image: _Plane, bits: _Bits, shape: str, texture: str, middle: tuple[int, int], radius: int
) -> None:
    """Paint one object in two random colours, tilted at random, onto the image."""
    x, y = middle
    reach = radius * _REACH // _UNIT + 1
    top, bottom = max(y - reach, 0), min(y + reach + 1, IMAGE_SIZE)
    left, right = max(x - reach, 0), min(x + reach + 1, IMAGE_SIZE)
    across = np.arange(left - x, right - x, dtype=np.int32)[None, :]
    down = np.arange(top - y, bottom - y, dtype=np.int32)[:, None]
    angle = bits.between(-_TILT, _TILT)
    cosine = _COSINE[angle] * _UNIT // radius
    sine = _COSINE[angle - _TURN // 4] * _UNIT // radius
    u = (across * cosine + down * sine) // 1024
    v = (down * cosine - across * sine) // 1024
    half = bits.between(76, 100)
    light = _TEXTURES[texture](u + bits.between(0, 255), v + bits.between(0, 255), half)
    # One colour dark and one light, so that the texture is always to be seen; which is chance.
    lift = bits.between(0, 1) * 130
    colour, other = bits.colour(lift), bits.colour(130 - lift)
    inside = _SHAPES[shape](u, v)
    window = image[top:bottom, left:right]
    window[inside & light] = colour
    window[inside & ~light] = other


def _photograph(image: _Plane, bits: _Bits) -> NDArray[np.uint8]:
    """Light the scene unevenly and add a sensor's noise."""
    place = np.arange(IMAGE_SIZE, dtype=np.int32) - IMAGE_SIZE // 2
    slant = place[:, None] * bits.between(-2, 2) + place[None, :] * bits.between(-2, 2)
    light = bits.between(150, 280) + slant
    # The sum of two octets, less its mean: -255..255, and times the strength within 16 bits.
    first, second = bits.octets(2 * image.size).reshape(2, *image.shape)
    noise = first.astype(np.int16) + second - np.int16(255)
    noise *= np.int16(bits.between(*_NOISE))
    noise >>= 8
    shown = image * light[..., None]
    shown >>= 8
    shown += noise
    return shown.clip(0, 255).astype(np.uint8)
