"""The exported form of a classifier: images of any size in, one probability a class out."""

import os
from typing import Any

import keras

from harness.export.model_file import Keep, add_facts
from harness.export.resizing import resize_layers

__all__ = ["build_exported", "keep_model"]


def build_exported(full: Any, size: int, resize: str) -> Any:
    """Put resizing before a cell's whole model, and both classes behind a single sigmoid.

    It takes raw 0..255 images, float or whole, of shape (images, height, width, 3), and puts out
    float32 probabilities of shape (images, classes).  The layers are those of `full`, not copies.
    """
    images = keras.Input((None, None, 3), dtype="float32", name="images")
    # A model of its own over the same layers: without the optimizer of the training and its state.
    cell = keras.Model(full.inputs, full.outputs, name="cell")
    probabilities = cell(resize_layers(images, size, resize))
    probabilities = probabilities[0] if isinstance(probabilities, list) else probabilities
    if probabilities.shape[-1] == 1:
        probabilities = keras.ops.concatenate([1 - probabilities, probabilities], axis=1)
    exported = keras.Model(images, probabilities, name="exported")
    # Said in the file: with a GPU Keras would compile anew for every size of image.  SGD has no state, unless
    # float16 wraps it to scale a loss that is never computed.
    exported.compile(optimizer="sgd", jit_compile=False, auto_scale_loss=False)
    return exported


def keep_model(full: Any, keep: Keep) -> None:
    """Write the exported form of a cell's model with its facts, flushed to the disk."""
    keep.path.parent.mkdir(parents=True, exist_ok=True)
    exported = build_exported(full, keep.facts.size, keep.facts.resize)
    exported.save(keep.path)
    add_facts(keep.path, keep.facts)
    with keep.path.open("rb") as file:
        os.fsync(file.fileno())
