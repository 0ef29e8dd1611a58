"""Resizing inside the model against the decoded cache's: the same pixels; near relatives are not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fakes_training import KERAS_ARRAYS
from numpy.typing import NDArray

from harness.data.decode import decode, resize
from harness.export.resizing import resize_layers

pytestmark = KERAS_ARRAYS

SHAPES = [(1, 1), (7, 5), (31, 64), (32, 33), (96, 128), (97, 211), (333, 250), (480, 640)]
"""Up and down, odd and even, simple ratios and none; (height, width)."""
_ALLOWED = 1e-5
"""The share of values that may fall on the other side of a tie."""


def image(shape: tuple[int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(shape).integers(0, 256, (*shape, 3), dtype=np.uint8)


def model_of(resized: Callable[[Any], Any]) -> Any:
    images = keras.Input((None, None, 3), dtype="float32")
    model = keras.Model(images, resized(images))
    model.compile(optimizer="sgd", jit_compile=False)
    return model


def gap(model: Any, images: list[NDArray[np.uint8]], size: int, method: str) -> tuple[float, float]:
    """The largest difference to the decoded cache's pixels, and the share of values that differ."""
    apart = [
        np.abs(model.predict_on_batch(each[None])[0] - resize(each, size, method).astype(np.float32)).ravel()
        for each in images
    ]
    values = np.concatenate(apart)
    return float(values.max()), float((values > 0).mean())


@pytest.mark.parametrize("size", [32, 75])
def test_bilinear_makes_the_pixels_of_the_cache(size: int):
    model = model_of(lambda images: resize_layers(images, size, "bilinear"))
    largest, share = gap(model, [image(shape) for shape in SHAPES], size, "bilinear")
    assert largest <= 1
    assert share <= _ALLOWED


@pytest.mark.parametrize("size", [32, 75, 150])
def test_nearest_makes_the_very_pixels_of_the_cache(size: int):
    model = model_of(lambda images: resize_layers(images, size, "nearest"))
    assert gap(model, [image(shape) for shape in SHAPES], size, "nearest") == (0, 0)


def test_an_image_of_the_right_size_stays_as_it_is():
    model = model_of(lambda images: resize_layers(images, 32, "bilinear"))
    assert np.array_equal(model.predict_on_batch(image((32, 32))[None])[0], image((32, 32)))


def test_images_of_one_size_go_through_together():
    pixels = np.stack([image((40, 50)), image((50, 40)).transpose(1, 0, 2)])
    found = model_of(lambda images: resize_layers(images, 32, "bilinear")).predict_on_batch(pixels)
    assert all(
        np.array_equal(one, resize(each, 32, "bilinear")) for one, each in zip(found, pixels, strict=True)
    )


def built_in(**options: Any) -> Callable[[Any], Any]:
    return lambda images: keras.ops.round(keras.layers.Resizing(32, 32, **options)(images))


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(built_in(antialias=False), id="without antialias"),
        pytest.param(keras.layers.Resizing(32, 32, antialias=True), id="without rounding"),
        pytest.param(lambda images: resize_layers(images, 32, "nearest"), id="nearest"),
        pytest.param(
            lambda images: keras.ops.floor(keras.layers.Resizing(32, 32, antialias=True)(images)),
            id="cut off",
        ),
    ],
)
def test_the_comparison_rejects_other_ways_of_resizing(broken: Callable[[Any], Any]):
    _, share = gap(model_of(broken), [image(shape) for shape in SHAPES], 32, "bilinear")
    assert share > 10 * _ALLOWED


def test_the_built_in_nearest_takes_other_pixels():
    # Were it to agree, nothing of our own would be needed for it.
    model = model_of(keras.layers.Resizing(150, 150, interpolation="nearest"))
    assert gap(model, [image(shape) for shape in SHAPES], 150, "nearest")[0] > 0


@pytest.mark.real
@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_photographs_come_out_as_in_the_cache(real_data: Path, method: str):
    files = sorted(real_data.glob("test/*/*"))[::50]
    model = model_of(lambda images: resize_layers(images, 160, method))
    largest, share = gap(model, [decode(file.read_bytes()) for file in files], 160, method)
    assert largest <= 1
    assert share <= (_ALLOWED if method == "bilinear" else 0)
