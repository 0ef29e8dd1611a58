"""Where a base is cut: the first operation that trains at a depth, and what crosses there.

Everything from the cut on is the tail, everything before it the trunk.  Blocks are those of the
backbone's row.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import keras

from harness.backbones import Backbone
from harness.depth import Depth
from harness.errors import UserError, unknown

__all__ = ["Cut", "find_cut", "frontier", "without_last_blocks"]


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

    Raises `UserError` for a layer or a number of layers that the base does not have, and for a depth at
    which nothing would train.
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
    elif depth.kind == "fraction":
        index = _holding(operations, depth.share)
    elif depth.kind == "layers":
        if depth.count >= len(base.layers):
            raise UserError(
                f"{str(depth)!r} is deeper than {row.name}, which has {len(base.layers) - 1} layers",
                hint="Use 'all' to train the whole base.",
            )
        index = names.index(base.layers[-depth.count].name)
    else:
        index = _block_start(names, row, len(row.blocks) - depth.count)
    if not any(_trains(operation) for operation in operations[index:]):
        raise UserError(
            f"{str(depth)!r} trains nothing of {row.name}: from {names[index]} on there are no weights",
            hint="Batch norm of a pretrained base stays frozen. Name more layers, or blocks:1.",
        )
    return Cut(index, names[index])


def _trains(operation: Any) -> bool:
    """Whether a layer has weights of its own that training may move."""
    if not isinstance(operation, keras.layers.Layer):
        return False
    frozen = (keras.layers.BatchNormalization, keras.layers.Normalization)
    return bool(operation.weights) and not isinstance(operation, frozen)


def frontier(base: Any, cut: Cut) -> list[Any]:
    """The tensors that the trunk makes and the tail (or the head) takes, each once."""
    if not cut.boundary:
        return [base.output]
    operations = list(base.operations)
    made = {
        id(tensor) for operation in operations[: cut.index] for tensor in keras.tree.flatten(operation.output)
    }
    crossing = {
        id(tensor): tensor
        for operation in operations[cut.index :]
        for tensor in keras.tree.flatten(operation.input)
        if id(tensor) in made
    }
    return list(crossing.values())


def without_last_blocks(base: Any, row: Backbone, count: int) -> tuple[Any, Backbone]:
    """The base that ends before its last `count` blocks, and the row that describes it.

    Lower blocks suit images far from ImageNet.  Where the first block that is left out takes several
    tensors (NASNet), the one that was made last is the output.
    """
    if not count:
        return base, row
    operations = list(base.operations)
    start = _block_start([operation.name for operation in operations], row, len(row.blocks) - count)
    taken = {id(tensor) for tensor in frontier(base, Cut(start, operations[start].name))}
    made = [
        tensor
        for operation in operations[:start]
        for tensor in keras.tree.flatten(operation.output)
        if id(tensor) in taken
    ]
    lower = keras.Model(base.input, made[-1], name=base.name)
    return lower, replace(row, blocks=row.blocks[:-count], parameters=lower.count_params())


def _block_start(names: list[str], row: Backbone, block: int) -> int:
    """Where a block begins: at its first layer, or behind the last layer of the block before."""
    if row.ends and block == 0:
        return 1
    pattern = re.compile(row.blocks[block - 1] if row.ends else row.blocks[block])
    index = min(number for number, name in enumerate(names) if pattern.match(name))
    return index + 1 if row.ends else index


def _holding(operations: list[Any], share: float) -> int:
    """Where the shortest tail begins that trains, and holds at least that share of the parameters."""
    counts = [
        operation.count_params() if isinstance(operation, keras.layers.Layer) else 0
        for operation in operations
    ]
    held, trains = 0, False
    for index in range(len(counts) - 1, 0, -1):
        held += counts[index]
        trains = trains or _trains(operations[index])
        if trains and held >= share * sum(counts):
            return index
    return 1
