"""A cell's model cut at its last spatial features, the place that a heat map is made of.

Below the cut is all that turns pixels into what goes into global pooling or flattening, so that the place
is told by the graph and not by a list of layer names: it is the same for a base that is nested, that was
cut in two for training, or that lost its last blocks.  Above the cut is all that turns those features into
scores, without the softmax or sigmoid: a saturated one has no gradient left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

__all__ = ["Parts", "find_parts"]


@dataclass(frozen=True)
class Parts:
    """The two halves of a cell's model; they share its weights.

    `features` is a Keras model from raw 0..255 pixels, (images, size, size, 3), to features of shape
    (images, rows, columns, channels).  `score` turns those into float32 logits, (images, classes), whose
    softmax are the model's probabilities; a sigmoid's logit z stands as -z/2 and z/2.  `layer` names
    the layer that made the features.
    """

    features: Any
    score: Callable[[Any], Any]
    layer: str


def find_parts(cell: Any) -> Parts:
    """Cut the model of a cell (of any strategy, as `Classifier.full` or loaded from its file).

    Raises `ValueError` for a model whose last features are not spatial.
    """
    last = cell.operations[-1]
    parts = _under_head(cell, last) if isinstance(last, keras.Model) else _inside_top(cell, last)
    if len(parts.features.output.shape) != 4:
        raise ValueError(f"expected features (images, rows, columns, channels) from {parts.layer}")
    return parts


def _under_head(cell: Any, head: Any) -> Parts:
    """Cut before the head that was trained; its last layer's kernel and bias give the exact logits."""
    call = _call(cell, head)
    features = keras.Model(cell.inputs[0], call.input_tensors[0], name="features")
    prediction = head.layers[-1]
    hidden = keras.Model(head.inputs[0], prediction.input, name="hidden")

    def score(tensor: Any) -> Any:
        inner = keras.ops.cast(hidden(tensor, training=False), "float32")
        logits = keras.ops.matmul(inner, prediction.kernel) + prediction.bias
        return keras.ops.concatenate([-logits / 2, logits / 2], axis=1) if prediction.units == 1 else logits

    return Parts(features, score, _last_layer(call.parent_nodes[0].operation))


def _inside_top(cell: Any, softmax: Any) -> Parts:
    """Cut inside the ImageNet classifier that zero-shot reads; what the softmax takes are the logits."""
    top = next(each for each in cell.operations if isinstance(each, keras.Model))
    call = _call(cell, top)
    pool = _pooling(top)
    below = keras.Model(top.inputs[0], pool.input, name="below")
    above = keras.Model(pool.input, top.output, name="above")
    groups = keras.Model(call.output_tensors[0], _call(cell, softmax).input_tensors[0], name="groups")
    images = keras.Input(cell.inputs[0].shape[1:], dtype=cell.inputs[0].dtype)
    if call.input_tensors[0] is cell.inputs[0]:  # preprocessing is built into the model
        prepared = images
    else:
        prepared = keras.Model(cell.inputs[0], call.input_tensors[0], name="prepare")(images)
    features = keras.Model(images, below(prepared, training=False), name="features")

    def score(tensor: Any) -> Any:
        return groups(above(tensor, training=False))

    return Parts(features, score, _last_layer(_call(top, pool).parent_nodes[0].operation))


def _pooling(top: Any) -> Any:
    """The last global pooling of a classifier, or its flattening (VGG).

    The last, because squeeze-and-excitation pools globally inside its blocks; pooling before flattening,
    because MobileNetV3 flattens what it has pooled long before.
    """
    for kind in (keras.layers.GlobalAveragePooling2D, keras.layers.Flatten):
        found = [each for each in top.operations if isinstance(each, kind)]
        if found:
            return found[-1]
    raise ValueError(f"{top.name} has neither global pooling nor flattening")


def _last_layer(operation: Any) -> str:
    """The name of the layer, inside nested models, that makes an operation's output."""
    while isinstance(operation, keras.Model) and not isinstance(operation, keras.Sequential):
        operation = operation.operations[-1]
    return str(operation.name)


def _call(model: Any, operation: Any) -> Any:
    """The call of an operation in a model's graph, with the tensors that it takes and makes there.

    `operation.input` is no substitute: of a nested model it is the inside, and of a layer that is
    called in several models the first call, not this one.  Keras has no public name for it.
    """
    calls = (call for depth in model._nodes_by_depth.values() for call in depth)
    return next(call for call in calls if call.operation is operation)
