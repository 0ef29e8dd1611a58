"""Grad-CAM: which places of the last features speak for a class.

The method is that of Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization" (ICCV 2017): the gradient of the class's score (before the softmax) with
respect to each channel, averaged over places, weighs that channel; the weighted sum is cut off at zero.  On
a linear head over global average pooling this is the class activation map of Zhou et al. (CVPR 2016),
divided by the number of places.

The gradient is taken by TensorFlow's tape, the one thing here that another Keras backend would do
differently.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.explain.parts import Parts

__all__ = ["Seen", "grad_cam", "see"]

_ROUNDING = 1e-6
"""What is smaller than this share of the products it is the sum of is rounding, not support."""


@dataclass(frozen=True)
class Seen:
    """What a model makes of images.

    `probabilities` has shape (images, classes).  `maps` has shape (images, classes asked for, rows,
    columns), in the units of the score's gradient and nowhere negative; all zero where nothing supports
    a class.
    """

    probabilities: NDArray[np.float32]
    maps: NDArray[np.float64]


def see(parts: Parts, pixels: NDArray[np.uint8], classes: NDArray[np.int64]) -> Seen:
    """Ask a model about raw pixels (images, size, size, 3) and class numbers (images, classes asked for).

    Raises `FloatingPointError` where features or gradients are not finite.
    """
    import keras
    import tensorflow as tf

    features = parts.features(pixels.astype(np.float32), training=False)
    maps = []
    for wanted in classes.T:
        with tf.GradientTape() as tape:
            tape.watch(features)
            scores = parts.score(features)
            # One image's score does not depend on another image, so the gradient of the sum is all gradients.
            total = tf.reduce_sum(tf.gather(scores, wanted, batch_dims=1))
        maps.append(grad_cam(_array(features), _array(tape.gradient(total, features))))
    return Seen(np.asarray(keras.ops.softmax(scores)), np.stack(maps, axis=1))


def grad_cam(features: NDArray[np.float64], gradients: NDArray[np.float64]) -> NDArray[np.float64]:
    """The maps (images, rows, columns) of features and gradients (images, rows, columns, channels).

    Raises `FloatingPointError` where these are not finite.
    """
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    support = (weights * features).sum(axis=3)
    scale = np.abs(weights * features).sum(axis=3).max(axis=(1, 2), keepdims=True)
    if not np.isfinite(scale).all():  # a comparison with it would be false, and the map empty
        raise FloatingPointError("features or gradients are not finite")
    # A sum that cancels to rounding errors would be scaled up to a picture of noise.
    return np.where(support > _ROUNDING * scale, support, 0.0)


def _array(tensor: Any) -> NDArray[np.float64]:
    import tensorflow as tf

    return np.asarray(tf.cast(tensor, tf.float64))
