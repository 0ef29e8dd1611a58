"""What trains and what is frozen: the cut through a base, and the batch-norm policy.

A depth names the first operation that trains; everything from there on is the tail, everything
before it the trunk.  Batch normalisation of a pretrained base is frozen everywhere, in the tail
too, by `trainable=False` on each layer: on Keras 3.15.1 calling the base with `training=False`
does not protect the moving statistics while the layers are trainable (keras#20285).
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from harness.backbones import Backbone
from harness.depth import Depth
from harness.errors import UserError, unknown
from harness.training.base import batch_norms

__all__ = ["Cut", "compile_at_depth", "find_cut", "frozen_hash"]


@dataclass(frozen=True)
class Cut:
    """Where a base is cut: `index` into `base.operations`, and the first trained one's name.

    `boundary` is "" if the whole base is frozen.
    """

    index: int
    boundary: str

    @property
    def everything(self) -> bool:
        """Whether the whole base trains, so that there is no trunk."""
        return self.index <= 1


def find_cut(base: Any, row: Backbone, depth: Depth) -> Cut:
    """Find the first operation that trains at a depth.

    Raises `UserError` for a layer or a number of layers that the base does not have.
    """
    operations = list(base.operations)
    names = [operation.name for operation in operations]
    if depth.kind == "none":
        return Cut(len(operations), "")
    if depth.kind == "all":
        return Cut(1, names[1])
    if depth.kind == "from":
        if depth.layer not in names:
            raise unknown(f"layer of {row.name}:", depth.layer, names[1:])
        index = names.index(depth.layer)
    elif depth.kind == "layers":
        if depth.count >= len(base.layers):
            raise UserError(
                f"{str(depth)!r} is deeper than {row.name}, which has {len(base.layers) - 1} layers",
                hint="Use 'all' to train the whole base.",
            )
        index = names.index(base.layers[-depth.count].name)
    else:
        pattern = re.compile(row.blocks[-depth.count])
        index = min(number for number, name in enumerate(names) if pattern.match(name))
    return Cut(index, names[index])


def compile_at_depth(
    model: Any, base: Any, cut: Cut, optimizer: Any, loss: str, *, jit: bool = False
) -> None:
    """Freeze a base up to the cut and compile the model that holds it.

    Setting `trainable` after compiling changes nothing and warns of nothing (keras#6405), so the
    two are one step here, always with a fresh optimizer.  Jit is set explicitly: "auto" turns
    itself on and off with the device and the layers.
    """
    norms = {id(layer) for layer in batch_norms(base)}
    # The base itself must train for its layers to; each layer is then set by its place.
    base.trainable = True
    for index, operation in enumerate(base.operations):
        if isinstance(operation, keras.layers.Layer):
            operation.trainable = index >= cut.index and id(operation) not in norms
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], jit_compile=jit)


def frozen_hash(base: Any) -> str:
    """The SHA-256 of every variable of the base that must not move, moving statistics included."""
    digest = hashlib.sha256()
    for variable in base.non_trainable_variables:
        digest.update(variable.path.encode())
        digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).tobytes())
    return digest.hexdigest()
