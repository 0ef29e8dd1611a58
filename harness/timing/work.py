"""What a step has to do: multiply-adds and bytes, counted in the graph that is timed.

Counted are convolutions and matrix products, forward and backward, as they stand in the traced
function; additions, activations, pooling and normalisation are left out, as in the papers whose
figures this is checked against (ResNet50, VGG16, MobileNet).  Operations that nothing depends on are
left out too: TensorFlow prunes them before it runs the graph.
"""

import math
from collections.abc import Iterator
from typing import Any

from harness.timing.records import Work

__all__ = ["UnknownShapeError", "work_of"]

_FORWARD = ("Conv2D", "DepthwiseConv2dNative")
_INPUT_GRADIENTS = ("Conv2DBackpropInput", "DepthwiseConv2dNativeBackpropInput")
_FILTER_GRADIENTS = ("Conv2DBackpropFilter", "DepthwiseConv2dNativeBackpropFilter")
_PRODUCTS = ("MatMul", "BatchMatMulV2", "BatchMatMulV3")
_COUNTED = (*_FORWARD, *_INPUT_GRADIENTS, *_FILTER_GRADIENTS, *_PRODUCTS)
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_CONDITIONAL = {"If": ("then_branch", "else_branch"), "While": ("cond", "body")}
# These would be missed silently: Keras' backbones have none of them, and a count without them is wrong.
_NOT_COUNTED = (
    "Conv3D",
    "Einsum",
    "XlaDot",
    "XlaDotV2",
    "XlaConv",
    "XlaConvV2",
    "_FusedConv2D",
    "_FusedMatMul",
)


class UnknownShapeError(Exception):
    """An operation of the graph has a shape that is not known before it runs."""


def work_of(graph: Any) -> Work:
    """Count the work of a traced function (a `ConcreteFunction` with static shapes).

    Raises `UnknownShapeError` where a shape is not static, and `NotImplementedError` for an operation
    that multiplies and is not known here: a count that leaves something out would look right.
    """
    multiply_adds = moved = 0
    for operation in _operations(graph.graph):
        if operation.type in _NOT_COUNTED:
            raise NotImplementedError(f"{operation.type} is not counted yet")
        if operation.type in _COUNTED:
            multiply_adds += _multiply_adds(operation)
            moved += sum(_bytes(tensor) for tensor in [*_data(operation), *operation.outputs])
    return Work(multiply_adds=multiply_adds, moved_bytes=moved)


def _operations(graph: Any) -> Iterator[Any]:
    """The operations that the graph's results or effects depend on, those of called functions too."""
    waiting = [tensor.op for tensor in graph.outputs]
    waiting += list(graph.control_outputs)
    seen: set[str] = set()
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        yield operation
        for function in _called(operation, graph):
            yield from _operations(function)
        waiting += [tensor.op for tensor in operation.inputs]
        waiting += list(operation.control_inputs)


def _called(operation: Any, graph: Any) -> list[Any]:
    """The graphs of the functions that an operation calls once.

    Raises `NotImplementedError` if something to count stands in a branch or a loop: how often that
    runs is not in the graph.
    """
    if operation.type in _CALLS:
        return [_function(graph, operation.get_attr("f"))]
    attributes = _CONDITIONAL.get(operation.type.removeprefix("Stateless"), ())
    for inner in (_function(graph, operation.get_attr(name)) for name in attributes):
        if any(each.type in (*_COUNTED, *_NOT_COUNTED) for each in _operations(inner)):
            raise NotImplementedError(f"multiplications inside a {operation.type} are not counted yet")
    return []


def _function(graph: Any, reference: Any) -> Any:
    return graph._get_function(reference.name).graph


def _multiply_adds(operation: Any) -> int:
    """Multiply-adds of one operation.

    A convolution's: outputs times the filter's size, without the filter's output channels, and both of
    its gradients take as many as it takes itself.
    """
    if operation.type in _PRODUCTS:
        left, out = _shape(operation.inputs[0]), _shape(operation.outputs[0])
        transposed = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
        return math.prod(out) * left[-2 if transposed else -1]
    if operation.type in _FORWARD:
        image, kernel = _shape(operation.outputs[0]), _shape(operation.inputs[1])
    elif operation.type in _INPUT_GRADIENTS:
        image, kernel = _shape(operation.inputs[2]), _shape(operation.inputs[1])
    else:
        image, kernel = _shape(operation.inputs[2]), _shape(operation.outputs[0])
    height, width, channels, _ = kernel
    # An output of a depthwise convolution sees one channel.
    return math.prod(image) * height * width * (1 if operation.type.startswith("Depthwise") else channels)


def _data(operation: Any) -> list[Any]:
    """The inputs that are data, without those that only tell a shape."""
    if operation.type in _INPUT_GRADIENTS:
        return [operation.inputs[1], operation.inputs[2]]
    if operation.type in _FILTER_GRADIENTS:
        return [operation.inputs[0], operation.inputs[2]]
    return list(operation.inputs)


def _shape(tensor: Any) -> list[int]:
    shape = tensor.shape
    if not shape.is_fully_defined():
        raise UnknownShapeError(f"{tensor.name} has the shape {shape}")
    return [int(size) for size in shape]


def _bytes(tensor: Any) -> int:
    return math.prod(_shape(tensor)) * int(tensor.dtype.size)
