"""The model of one cell: trunk, tail and head over shared layers.

Every model takes raw 0..255 pixels; preprocessing is its first layer, so nothing outside can
forget it or apply it twice.

- `trunk`: pixels -> the frontier, all tensors that cross the cut (several, inside a residual or
  multi-branch block)
- `classifier`: frontier -> class probabilities, through the tail and the head
- `full`: pixels -> class probabilities, through all three

The head ends in a sigmoid for two classes and in a softmax for more, always in float32.
"""

from dataclasses import dataclass
from typing import Any

import keras

from harness.backbones import Backbone
from harness.recipes import Recipe
from harness.training.base import preprocess
from harness.training.cut import Cut, frontier

__all__ = ["Classifier", "build_head", "loss_name", "split_at"]


@dataclass(frozen=True)
class Classifier:
    """The three models of one cut; without a trunk `classifier` is `full` and takes pixels."""

    cut: Cut
    trunk: Any | None
    classifier: Any
    full: Any


def loss_name(classes: int) -> str:
    """The loss that belongs to the head's activation."""
    return "binary_crossentropy" if classes == 2 else "sparse_categorical_crossentropy"


def build_head(recipe: Recipe, classes: int, features: Any) -> Any:
    """Build the recipe's head for features of one shape, as a model of its own."""
    inputs = keras.Input(features.shape[1:], dtype=features.dtype)
    pooled, *rest = recipe.head.split("-")
    pooling = keras.layers.GlobalAveragePooling2D if pooled == "gap" else keras.layers.Flatten
    x = pooling(name="pool")(inputs)
    if "dense256" in rest:
        x = keras.layers.Dense(256, activation="relu", name="dense")(x)
    if "dropout" in rest:
        x = keras.layers.Dropout(recipe.dropout, name="dropout")(x)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    outputs = keras.layers.Dense(units, activation=activation, dtype="float32", name="prediction")(x)
    return keras.Model(inputs, outputs, name="head")


def split_at(
    base: Any, head: Any, row: Backbone, recipe: Recipe, cut: Cut, *, scratch: bool = False
) -> Classifier:
    """Cut a base and join its parts with a head; all models share their layers.

    A pretrained base is called with `training=False`, but on Keras 3.15.1 the `training=True` of `fit`
    overrides it: what holds batch norm and dropout still is `compile_at_depth`.  From scratch the base
    is called as it stands, for batch norm to train.
    """
    images = keras.Input(base.input.shape[1:], dtype="float32", name="images")
    prepared = preprocess(row, recipe.preprocessing, images)
    if cut.everything:
        outputs = base(prepared) if scratch else base(prepared, training=False)
        full = keras.Model(images, head(outputs), name="full")
        return Classifier(cut, None, full, full)
    tensors = frontier(base, cut)
    crossing = tensors[0] if len(tensors) == 1 else tensors
    trunk = keras.Model(
        images,
        keras.Model(base.input, crossing, name="frozen")(prepared, training=False),
        name="trunk",
    )
    inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in tensors]
    received = inputs[0] if len(inputs) == 1 else inputs
    if cut.boundary:
        tail = keras.Model(crossing, base.output, name="tail")
        classifier = keras.Model(received, head(tail(received, training=False)), name="classifier")
        full = keras.Model(images, head(tail(trunk(images), training=False)), name="full")
    else:
        classifier = keras.Model(received, head(received), name="classifier")
        full = keras.Model(images, head(trunk(images)), name="full")
    return Classifier(cut, trunk, classifier, full)
