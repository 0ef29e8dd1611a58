"""The ImageNet classifier as it is, read as a classifier of a few groups of its classes."""

from pathlib import Path

import keras

from harness.backbones import Backbone
from harness.training.base import build_top, preprocess
from harness.training.classifier import Classifier
from harness.training.cut import Cut

__all__ = ["build_zero_shot"]


def build_zero_shot(
    row: Backbone, size: int, weights: Path | None, groups: tuple[tuple[int, ...], ...]
) -> Classifier:
    """Build a model from raw pixels to one probability a group, which sum to one.

    A group's probability is the sum over its ImageNet classes, among those of all groups; it is
    taken from the logits, since far from both groups every probability is zero in float32.
    """
    top = build_top(row, size, weights)
    top.trainable = False
    images = keras.Input((size, size, 3), dtype="float32", name="images")
    logits = keras.ops.cast(top(preprocess(row, "native", images), training=False), "float32")
    scores = [
        keras.ops.logsumexp(keras.ops.take(logits, group, axis=1), axis=1, keepdims=True) for group in groups
    ]
    full = keras.Model(images, keras.ops.softmax(keras.ops.concatenate(scores, axis=1)), name="full")
    full.compile(jit_compile=False)
    return Classifier(Cut(len(top.operations), ""), None, full, full)
