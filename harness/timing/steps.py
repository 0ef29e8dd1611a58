"""Milliseconds a step: first step by itself, warm-up until stable, then blocks of steps.

Devices may return from a step before it is done, so the clock is read only after
`synchronise`; nothing is timed in callbacks.  The batch is resident and its shape static.  The
raw block times are kept, statistics are derived later.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from harness.records import DeviceState, StepTimes

__all__ = [
    "BLOCKS",
    "BRIEF",
    "KERAS_TABLE_BLOCKS",
    "Effort",
    "Step",
    "inference_step",
    "measure",
    "synchronise",
    "training_step",
]


@dataclass(frozen=True)
class Effort:
    """How long to measure: at least so many blocks and seconds, after warm-up.

    A block is as many steps as fit `block_seconds`, or `steps_per_block` where that is given.  Warm-up
    ends when the medians of the last `settled` blocks and of as many before them differ by less than
    5 %, or when it has taken `warm_up_seconds` without that; slow steps have as many blocks again first.
    """

    blocks: int = 10
    seconds: float = 1.0
    block_seconds: float = 0.1
    steps_per_block: int | None = None
    settled: int = 3
    warm_up_seconds: float = 10.0


BLOCKS = Effort()
"""What times are published from."""

BRIEF = Effort(blocks=3, seconds=0.5, settled=1, warm_up_seconds=1.0)
"""Enough to see whether a pipeline keeps up with a step."""

KERAS_TABLE_BLOCKS = Effort(blocks=10, steps_per_block=30)
"""The published table's protocol: 10 repetitions of 30 batches."""

_STABLE_WITHIN = 0.05


class Watching(Protocol):
    """Sees what the machine does while something is timed: `harness.timing.state.Watch`."""

    def sample(self) -> None:
        """Look once."""
        ...

    def state(self) -> DeviceState:
        """What was seen."""
        ...


@dataclass(frozen=True)
class Step:
    """A compiled function and the resident tensors that it is called on, again and again."""

    function: Any
    arguments: tuple[Any, ...]

    def __call__(self) -> Any:
        """Take one step; it may return before the device is done."""
        return self.function(*self.arguments)

    @property
    def graph(self) -> Any:
        """The traced function as TensorFlow runs it (a `ConcreteFunction`)."""
        return self.function.get_concrete_function(*self.arguments)

    @property
    def traces(self) -> int:
        """How often it was traced: once a shape."""
        return int(self.function.experimental_get_tracing_count())


def synchronise() -> None:
    """Wait until every device has done all that was asked of it."""
    import tensorflow as tf

    tf.test.experimental.sync_devices()


def measure(
    step: Callable[[], Any],
    *,
    batch: int,
    effort: Effort = BLOCKS,
    sync: Callable[[], None] = synchronise,
    clock: Callable[[], float] = time.perf_counter,
    watch: Watching | None = None,
) -> StepTimes:
    """Time a step that may be asynchronous.

    The first step is told by itself; `stable` says whether warm-up ended because the times had settled.
    `watch` is asked before every measured block, outside the time that is measured.
    """

    def block(steps: int) -> float:
        sync()
        began = clock()
        for _ in range(steps):
            step()
        sync()
        return (clock() - began) / steps

    first = block(1)
    warm: list[float] = []
    began, stable, taken = clock(), False, 1
    enough = 2 * effort.settled
    # A step of seconds takes the whole warm-up time for its first comparison: it has several all the same.
    while not stable and (len(warm) < 2 * enough or clock() - began < effort.warm_up_seconds):
        # The first blocks are slow still, so the size of a block is found again and again.  One of the
        # published protocol is long: warming up by single steps settles sooner.
        steps = 1 if effort.steps_per_block or not warm else _fitting(effort, warm[-effort.settled :])
        warm.append(block(steps))
        taken += steps
        if len(warm) >= enough:
            before = statistics.median(warm[-enough : -effort.settled])
            now = statistics.median(warm[-effort.settled :])
            stable = abs(now / before - 1) < _STABLE_WITHIN
    steps = effort.steps_per_block or _fitting(effort, warm[-effort.settled :])
    blocks: list[float] = []
    began = clock()
    while len(blocks) < effort.blocks or clock() - began < effort.seconds:
        if watch:
            watch.sample()
        blocks.append(block(steps))
    return StepTimes(
        batch=batch,
        first_seconds=first,
        warm_up_steps=taken,
        stable=stable,
        steps_per_block=steps,
        block_seconds=tuple(blocks),
        state=watch.state() if watch else DeviceState(),
    )


def _fitting(effort: Effort, seconds: list[float]) -> int:
    """How many steps of these times fill a block."""
    return max(1, round(effort.block_seconds / max(statistics.median(seconds), 1e-6)))


def inference_step(model: Any, inputs: NDArray[Any], *, jit: bool = False) -> Step:
    """The step `model(inputs, training=False)` on a resident batch."""
    import tensorflow as tf

    function = tf.function(lambda images: model(images, training=False), jit_compile=jit)
    return Step(function, (tf.constant(inputs),))


def training_step(model: Any, inputs: list[NDArray[Any]], labels: NDArray[Any], *, jit: bool = False) -> Step:
    """The compiled model's own train step on a resident batch; its weights change."""
    import tensorflow as tf

    from harness.training.traces import make_variables

    tensors = tuple(tf.constant(array) for array in inputs)
    data = (tensors[0] if len(tensors) == 1 else tensors, tf.constant(labels))
    make_variables(model, data[1])
    return Step(tf.function(model.train_step, jit_compile=jit), (data,))
