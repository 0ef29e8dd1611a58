"""How often a train step is traced: once a phase, unless something that should stand still changes.

TensorFlow runs the Python code of a step only to trace it into a graph.  A batch of another declared
shape, or a Python number in place of a tensor, makes it trace again, which costs as much as many steps
and is seen nowhere but in the time.

Left to itself `fit` traces twice (Keras 3.15.1 with TensorFlow 2.21): the first trace makes the variables of
optimizer and metrics, and TensorFlow then traces a step that makes none.  They are made before, therefore.
The last batch of an epoch, which may be smaller, needs no trace of its own, since the pipelines of
`harness.data.batches` declare the number of rows open; nor does the next epoch, whose pipeline declares the
same shapes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

__all__ = ["Traces", "make_variables", "traced"]


@dataclass
class Traces:
    """How often the step has been traced until now."""

    count: int = 0


@contextmanager
def traced(model: Any) -> Iterator[Traces]:
    """Count the traces of a compiled model's train step inside the block.

    The Python function of the step is what is counted, so it holds with XLA and without; a step that is
    not compiled into a graph at all counts every time it is taken.  The model must not have been fitted
    before, for its step would be traced already.
    """
    found, step = Traces(), model.train_step

    def counted(data: Any) -> Any:
        found.count += 1
        return step(data)

    model.train_step = counted
    try:
        yield found
    finally:
        del model.train_step


def make_variables(model: Any, labels: Any) -> None:
    """Make what the first step of a compiled model would make, so that it need not be traced for that.

    `labels` are those of a batch, of any size; what they do to the metrics is undone.
    """
    model.optimizer.build(model.trainable_variables)
    outputs = keras.ops.full((len(labels), *model.output.shape[1:]), 0.5, dtype=model.output.dtype)
    model.compute_loss(y=labels, y_pred=outputs)
    model.compute_metrics(x=None, y=labels, y_pred=outputs)
    model.reset_metrics()
