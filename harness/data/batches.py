"""Batches as `tf.data` pipelines: the one place where images or features are fed to Keras.

An order is an array of row numbers.  Pixels, labels and transforms are all looked up by row
inside one step, so they cannot come apart however the order is shuffled.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.pixels import Pixels
from harness.environment import usable_cores

__all__ = ["feature_batches", "image_batches", "shuffled"]


def shuffled(rows: NDArray[np.int64], *, seed: int, phase: int, epoch: int) -> NDArray[np.int64]:
    """The rows in the order of one epoch, drawn from (seed, phase, epoch)."""
    return np.random.default_rng([seed, phase, epoch, 0x0DE]).permutation(rows)


def image_batches(
    pixels: Pixels,
    order: NDArray[np.int64],
    batch: int,
    *,
    labels: NDArray[Any] | None = None,
    transforms: NDArray[np.float32] | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> Any:
    """Batches of raw 0..255 images (float32, shape (batch, size, size, 3)), in that order.

    With `labels` a batch is (images, labels), both looked up by row; without, images alone.
    With `transforms` (one row an image of `pixels`) each image is augmented.  The last batch
    may be smaller: every image is counted.  `on_rows` is called with the number of images of
    each batch as it is read, a little before it is trained on.
    """
    import keras
    import tensorflow as tf

    size = pixels.shape[1]
    wanted: list[NDArray[Any]] = [array for array in (labels, transforms) if array is not None]

    def gather(rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        if on_rows is not None:
            on_rows(len(rows))
        return [pixels[rows], *(array[rows] for array in wanted)]

    def load(rows: Any) -> Any:
        types = [tf.uint8, *(tf.as_dtype(array.dtype) for array in wanted)]
        images, *others = tf.numpy_function(gather, [rows], types)
        images.set_shape((None, size, size, 3))
        for tensor, array in zip(others, wanted, strict=True):
            tensor.set_shape((None, *array.shape[1:]))
        return (images, *others)

    def prepare(images: Any, *others: Any) -> Any:
        images = tf.cast(images, tf.float32)
        if transforms is not None:
            images = keras.ops.image.affine_transform(
                images, others[-1], interpolation="bilinear", fill_mode="nearest"
            )
        return images if labels is None else (images, others[0])

    # Rows are gathered one batch after another, so that `on_rows` is never called by two threads;
    # only the augmentation runs in parallel.
    gathered = _dataset(order, batch).map(load)
    return gathered.map(prepare, num_parallel_calls=usable_cores(), deterministic=True).prefetch(2)


def feature_batches(
    features: Sequence[NDArray[Any]],
    order: NDArray[np.int64],
    batch: int,
    *,
    labels: NDArray[Any] | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> Any:
    """Batches of cached features, in that order; each batch is a tuple of the frontier's tensors."""
    import tensorflow as tf

    arrays = [*features] if labels is None else [*features, labels]

    def gather(rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        if on_rows is not None:
            on_rows(len(rows))
        return [np.asarray(array[rows]) for array in arrays]

    def load(rows: Any) -> Any:
        tensors = tf.numpy_function(gather, [rows], [tf.as_dtype(array.dtype) for array in arrays])
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor.set_shape((None, *array.shape[1:]))
        inputs = tuple(tensors[: len(features)])
        first = inputs[0] if len(inputs) == 1 else inputs
        return first if labels is None else (first, tensors[-1])

    return _dataset(order, batch).map(load).prefetch(2)


def _dataset(order: NDArray[np.int64], batch: int) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(order).batch(batch)
