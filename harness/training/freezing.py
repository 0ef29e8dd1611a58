"""What trains and what is frozen: the depth, and the policy for batch norm and dropout.

Batch normalisation of a pretrained base is frozen everywhere, in the tail
too, by `trainable=False` on each layer: on Keras 3.15.1 calling the base with `training=False`
does not protect the moving statistics while the layers are trainable (keras#20285).  For the same
reason dropout and stochastic depth inside a pretrained base (EfficientNet) are switched off by their
rate: under `fit` they would drop, and the cached features would be others than the live ones.

A base that starts from scratch has neither policy: all of it trains as its authors built it.
"""

import hashlib
from typing import Any

import keras
import numpy as np

from harness.training.base import batch_norms
from harness.training.cut import Cut

__all__ = ["compile_at_depth", "frozen_hash"]


def compile_at_depth(
    model: Any,
    base: Any,
    cut: Cut,
    optimizer: Any,
    loss: str,
    *,
    scratch: bool = False,
    jit: bool = False,
) -> None:
    """Freeze a base up to the cut and compile the model that holds it.

    Setting `trainable` after compiling changes nothing and warns of nothing (keras#6405), so the
    two are one step here, always with a fresh optimizer.  Jit is set explicitly: "auto" turns
    itself on and off with the device and the layers.  From scratch, batch norm trains and dropout
    drops; in a pretrained base neither does.
    """
    norms = set() if scratch else {id(layer) for layer in batch_norms(base)}
    # The base itself must train for its layers to; each layer is then set by its place.
    base.trainable = True
    for index, operation in enumerate(base.operations):
        if isinstance(operation, keras.layers.Layer):
            operation.trainable = index >= cut.index and id(operation) not in norms
        if isinstance(operation, keras.layers.Dropout) and not scratch:
            operation.rate = 0.0
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], jit_compile=jit)


def frozen_hash(base: Any) -> str:
    """The SHA-256 of every variable of the base that must not move, moving statistics included."""
    digest = hashlib.sha256()
    for variable in base.non_trainable_variables:
        digest.update(variable.path.encode())
        digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).tobytes())
    return digest.hexdigest()
