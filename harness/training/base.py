"""A backbone with its weights, ready to be adapted.

Random weights are calibrated: a random base with batch norm frozen at its initial statistics
puts out features of standard deviation 1e-21 (MobileNet), so that anything tested on it passes
on zeros.  One pass over training images in training mode with momentum 0 sets every moving
statistic to that batch's own, layer by layer, since in this mode each layer already sees its
predecessors normalised.

Training from scratch starts from the same calibration.  With Keras' momentum of 0.99 statistics that
start at 0 and 1 take some 900 steps to reach the small variances of a random network, and their
errors multiply over the layers: measured on MobileNet with 2,000 images, validation stayed at 50 %
for nine epochs while training accuracy rose to 69 %.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from harness.backbones import Backbone, WeightsFile
from harness.errors import UserError

__all__ = ["batch_norms", "build_base", "build_top", "calibrate", "preprocess", "preprocessed"]


def build_base(row: Backbone, size: int, weights: Path | None) -> Any:
    """Build a backbone without top for square images, and load its weights file if one is given.

    Raises `UserError` if the file does not fit the architecture.
    """
    return _build(row, size, weights, row.weights, include_top=False)


def build_top(row: Backbone, size: int, weights: Path | None) -> Any:
    """Build a backbone with its ImageNet head, which puts out logits of 1,000 classes.

    Raises `UserError` if the file does not fit the architecture.
    """
    return _build(row, size, weights, row.top_weights, include_top=True, classifier_activation=None)


def _build(row: Backbone, size: int, weights: Path | None, published: WeightsFile, **arguments: Any) -> Any:
    constructor = getattr(keras.applications, row.constructor)
    model = constructor(weights=None, input_shape=(size, size, 3), **row.arguments, **arguments)
    if weights is not None:
        try:
            model.load_weights(weights)
        except (ValueError, OSError, KeyError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(
                f"the weights file {weights.name} does not fit {row.name}: {first}",
                hint=f"Expected the file that Keras publishes as {published.name}.",
            ) from None
        _scale_variance(model, row)
    return model


def _scale_variance(base: Any, row: Backbone) -> None:
    """Divide once more by the square root of ImageNet's deviation, where Keras does for these weights.

    `EfficientNetB0(weights="imagenet")` puts a Rescaling layer behind the normalisation that
    `weights=None` followed by `load_weights` leaves out: every feature would be another, and nothing
    would say so.  Scaling the variance that the layer divides by is the same function.
    """
    if row.variance_scale is None:
        return
    layer = next(layer for layer in base.layers if isinstance(layer, keras.layers.Normalization))
    scale = keras.ops.convert_to_tensor(row.variance_scale)
    layer.adapt_variance.assign(layer.adapt_variance * scale)
    layer.finalize_state()


def preprocess(row: Backbone, mode: str, images: Any) -> Any:
    """Turn raw 0..255 images (a Keras tensor) into what the base was trained on.

    `mode` is the recipe's: "native" calls the backbone's own `preprocess_input`, "rescale"
    divides by 255.  It works on symbolic tensors only: on float32 arrays Keras would change the
    caller's array in place, and the next backbone would get spoiled input.
    """
    if mode == "rescale":
        return keras.layers.Rescaling(1 / 255, name="rescale")(images)
    return getattr(keras.applications, row.module).preprocess_input(images)


def preprocessed(row: Backbone, mode: str, pixels: NDArray[Any]) -> NDArray[np.float32]:
    """A batch of raw images, (images, size, size, 3), as the base takes it; the input stays as it is."""
    images = keras.Input(pixels.shape[1:])
    model = keras.Model(images, preprocess(row, mode, images))
    return np.asarray(model.predict_on_batch(pixels))


def batch_norms(base: Any) -> list[Any]:
    """The batch-normalisation layers of a base."""
    return [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]


def calibrate(base: Any, preprocessed: NDArray[np.float32]) -> None:
    """Set the moving statistics of a random base to those of one batch of preprocessed images."""
    norms = batch_norms(base)
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    base(preprocessed, training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
