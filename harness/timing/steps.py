"""Milliseconds a step: first step by itself, warm-up until stable, then blocks of steps.

Devices may return from a step before it is done, so the clock is read only after
`synchronise`; nothing is timed in callbacks.  The batch is resident and its shape static.  The
raw block times are kept, statistics are derived later.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from harness.records import StepTimes

__all__ = ["measure", "synchronise", "time_inference", "time_training"]

_MIN_BLOCKS = 10
_MIN_SECONDS = 1.0
_MAX_SECONDS = 30.0
_BLOCK_SECONDS = 0.1
_STABLE_WITHIN = 0.05
_STABLE_BLOCKS = 3


def synchronise() -> None:
    """Wait until every device has done all that was asked of it."""
    import tensorflow as tf

    tf.test.experimental.sync_devices()


def measure(
    step: Callable[[], Any],
    *,
    batch: int,
    sync: Callable[[], None] = synchronise,
    clock: Callable[[], float] = time.perf_counter,
) -> StepTimes:
    """Time a step that may be asynchronous.

    Warm-up ends when the medians of the last three blocks and of the three before them differ
    by less than 5 %, or after ten seconds and six blocks; `stable` says which.  Then at least ten
    blocks and one second are measured, thirty seconds at the most.
    """

    def block(steps: int) -> float:
        sync()
        began = clock()
        for _ in range(steps):
            step()
        sync()
        return (clock() - began) / steps

    first = block(1)
    steps = max(1, round(_BLOCK_SECONDS / max(block(1), 1e-6)))
    warm: list[float] = []
    began, stable = clock(), False
    enough = 2 * _STABLE_BLOCKS
    while not stable and (len(warm) < enough or clock() - began < _MAX_SECONDS / 3):
        warm.append(block(steps))
        if len(warm) >= enough:
            before = statistics.median(warm[-enough:-_STABLE_BLOCKS])
            now = statistics.median(warm[-_STABLE_BLOCKS:])
            stable = abs(now / before - 1) < _STABLE_WITHIN
    blocks: list[float] = []
    began = clock()
    while len(blocks) < _MIN_BLOCKS or clock() - began < _MIN_SECONDS:
        blocks.append(block(steps))
        if clock() - began > _MAX_SECONDS:
            break
    return StepTimes(
        batch=batch,
        first_seconds=first,
        warm_up_steps=2 + steps * len(warm),
        stable=stable,
        steps_per_block=steps,
        block_seconds=tuple(blocks),
    )


def time_inference(model: Any, inputs: NDArray[Any]) -> StepTimes:
    """Time `model(inputs, training=False)` on a resident batch."""
    import tensorflow as tf

    resident = tf.constant(inputs)
    infer = tf.function(lambda images: model(images, training=False), jit_compile=False)
    return measure(lambda: infer(resident), batch=len(inputs))


def time_training(model: Any, inputs: list[NDArray[Any]], labels: NDArray[Any]) -> StepTimes:
    """Time the compiled model's own train step on a resident batch; its weights change."""
    import tensorflow as tf

    tensors = tuple(tf.constant(array) for array in inputs)
    data = (tensors[0] if len(tensors) == 1 else tensors, tf.constant(labels))
    model.optimizer.build(model.trainable_variables)
    train = tf.function(model.train_step, jit_compile=False)
    return measure(lambda: train(data), batch=len(labels))
