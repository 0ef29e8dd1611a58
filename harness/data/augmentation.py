"""Augmentation as one affine resample an image.

Rotation, shift, shear, zoom and flip are composed into one matrix, and the image is sampled
once: one interpolation instead of five, and several times faster than the five Keras layers.
The matrices are drawn by NumPy from (seed, phase, epoch) for every image by its row, so they
depend neither on the order of images nor on threads, and no random operation runs inside a
parallel pipeline.  Augmentation comes before preprocessing, on raw 0..255 pixels.
"""

import numpy as np
from numpy.typing import NDArray

from harness.recipes import Augmentation

__all__ = ["draw_transforms"]


def draw_transforms(
    augmentation: Augmentation, *, images: int, size: int, seed: int, phase: int, epoch: int
) -> NDArray[np.float32]:
    """Draw one transform an image; shape (images, 8), float32.

    A row holds a0 a1 a2 b0 b1 b2 c0 c1 as `keras.ops.image.affine_transform` takes them: the
    output pixel (x, y) is sampled at (a0 x + a1 y + a2, b0 x + b1 y + b2) of the input.
    """
    random = np.random.default_rng([seed, phase, epoch, 0xA46])
    angle = np.deg2rad(random.uniform(-1, 1, images) * augmentation.rotation)
    shift = random.uniform(-1, 1, (images, 2)) * augmentation.shift * size
    shear = np.deg2rad(random.uniform(-1, 1, images) * augmentation.shear)
    zoom = 1 + random.uniform(-1, 1, (images, 2)) * augmentation.zoom
    mirror = np.where(random.random(images) < 0.5, -1.0, 1.0) if augmentation.flip else np.ones(images)

    zero = np.zeros(images)
    rotation = _stack(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))
    shearing = _stack(zero + 1, -np.sin(shear), zero, np.cos(shear))
    scaling = _stack(zoom[:, 0] * mirror, zero, zero, zoom[:, 1])
    linear = rotation @ shearing @ scaling
    # About the centre of the image, not its corner.
    centre = np.full((images, 2, 1), (size - 1) / 2)
    offset = centre - linear @ centre + shift[:, :, None]
    rows = np.concatenate([linear, offset], axis=2).reshape(images, 6)
    return np.concatenate([rows, np.zeros((images, 2))], axis=1).astype(np.float32)


def _stack(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Matrices [[a, b], [c, d]] of shape (images, 2, 2)."""
    return np.stack([np.stack([a, b], axis=-1), np.stack([c, d], axis=-1)], axis=1)
