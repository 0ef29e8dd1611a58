"""The input pipeline by its parts: decode, resize, augment, and whole pipelines of batches.

Sizes and batches are those of the matrix's cells.  All of it runs on the processor, with as many threads as
`harness.data.batches` gives it; decoding and resizing are timed on one thread.
"""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from placement import on
from pytest_benchmark.fixture import BenchmarkFixture
from rounds import DEVICE_CLOCK, Least, run_rounds, tell

from harness.data.augmentation import draw_transforms
from harness.data.decode import decode, resize
from harness.data.synthetic import TARGET_CLASSES, draw
from harness.timing.cell import RECIPE

PHOTOGRAPH = (500, 375)
"""Width and height in pixels of a usual image of the cats and dogs."""

BATCHES = 8
"""How many different batches there are."""

STREAM = 1000
"""How many batches a pipeline has before it ends and begins again."""

FEATURES = 1024
"""Channels of the cached features: MobileNet's, at a stride of 32 pixels."""


@pytest.fixture(scope="module")
def photograph() -> bytes:
    """A JPEG file, drawn by code."""
    small = Image.fromarray(draw(TARGET_CLASSES, 0, 0, "train", 0))
    drawn = small.resize(PHOTOGRAPH, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    drawn.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def test_decode(benchmark: BenchmarkFixture, photograph: bytes) -> None:
    """One JPEG file's bytes to RGB pixels."""
    benchmark.group = "input: decode one image"
    pixels = benchmark(decode, photograph)
    assert pixels.shape == (*reversed(PHOTOGRAPH), 3)
    tell(benchmark, batch=1)


def test_resize(benchmark: BenchmarkFixture, photograph: bytes, size: int) -> None:
    """One image to the size of the cells."""
    benchmark.group = "input: resize one image"
    pixels = benchmark(resize, decode(photograph), size, RECIPE.resize)
    assert pixels.shape == (size, size, 3)
    tell(benchmark, batch=1)


@DEVICE_CLOCK
def test_augment(benchmark: BenchmarkFixture, size: int, batch: int, least: Least) -> None:
    """One affine resample of a resident batch, as a graph and by itself."""
    import keras
    import tensorflow as tf

    benchmark.group = "input: augment a batch"
    with on("cpu"):
        images = tf.constant(drawn_pixels(batch, size), tf.float32)
        transforms = tf.constant(drawn_transforms(batch, size))

        @tf.function
        def augment() -> Any:
            return keras.ops.image.affine_transform(
                images, transforms, interpolation="bilinear", fill_mode="nearest"
            )

        run_rounds(benchmark, augment, batch=batch, least=least)


@DEVICE_CLOCK
@pytest.mark.parametrize("kind", ["images", "augmented", "features"])
def test_batches(benchmark: BenchmarkFixture, kind: str, size: int, batch: int, least: Least) -> None:
    """The whole pipeline from decoded pixels, or cached features, to batches; nothing trains beside it."""
    from harness.data.batches import feature_batches, image_batches

    benchmark.group = f"input: batches of {kind}"
    images = BATCHES * batch
    # The same rows over and over: at its end a pipeline runs empty, and that would be timed.
    rows, labels = np.resize(np.arange(images), STREAM * batch), np.zeros(images, np.float32)
    with on("cpu"):
        if kind == "features":
            side = -(-size // 32)
            features = np.zeros((images, side, side, FEATURES), np.float32)
            batches = feature_batches([features], rows, batch, labels=labels)
        else:
            transforms = drawn_transforms(images, size) if kind == "augmented" else None
            pixels = drawn_pixels(images, size)
            batches = image_batches(pixels, rows, batch, labels=labels, transforms=transforms)
        endless = iter(batches.repeat())
        run_rounds(benchmark, lambda: next(endless), batch=batch, least=least)


def drawn_pixels(images: int, size: int) -> NDArray[np.uint8]:
    """Noise of shape (images, size, size, 3)."""
    return np.random.default_rng(0).integers(0, 256, (images, size, size, 3), dtype=np.uint8)


def drawn_transforms(images: int, size: int) -> NDArray[np.float32]:
    """One transform an image, of the default recipe's augmentation."""
    return draw_transforms(RECIPE.augmentation, images=images, size=size, seed=0, phase=0, epoch=0)
