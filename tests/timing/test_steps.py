"""Step times, on a clock and a device that are scripted: nothing here depends on the machine."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from fakes_training import KERAS_ARRAYS, copies, moved
from numpy.typing import NDArray

from harness.records import DeviceState, StepTimes
from harness.timing.steps import (
    BLOCKS,
    KERAS_TABLE_BLOCKS,
    Effort,
    inference_step,
    measure,
    training_step,
)

pytestmark = KERAS_ARRAYS

LAUNCH = 1e-4
ROOT = Path(__file__).parent.parent.parent


class Device:
    """A device that returns from a step at once and is done when the step's cost has passed."""

    def __init__(self, costs: Iterator[float]) -> None:
        self.costs = costs
        self.now = 0.0
        self.done_at = 0.0
        self.launched = 0

    def step(self) -> None:
        self.launched += 1
        self.now += LAUNCH
        self.done_at = max(self.done_at, self.now) + next(self.costs)

    def sync(self) -> None:
        self.now = max(self.now, self.done_at)

    def clock(self) -> float:
        return self.now


Measure = Callable[[Device], StepTimes]


def ours(device: Device) -> StepTimes:
    return measure(device.step, batch=8, sync=device.sync, clock=device.clock)


def without_sync(device: Device) -> StepTimes:
    return measure(device.step, batch=8, sync=lambda: None, clock=device.clock)


def one_step_of_warm_up(device: Device) -> StepTimes:
    """What is usual: the first step is left out, and the next ones count."""

    def block() -> float:
        began = device.now
        device.step()
        device.sync()
        return device.now - began

    first = block()
    blocks = tuple(block() for _ in range(10))
    return StepTimes(
        batch=8, first_seconds=first, warm_up_steps=1, stable=True, steps_per_block=1, block_seconds=blocks
    )


# Asynchronous devices (trap 4) --------------------------------------------------------------


def require_true_time(run: Measure, cost: float) -> None:
    """The time told is the device's, not that of launching the work."""
    told = run(Device(repeat(cost)))

    assert told.milliseconds == pytest.approx(1000 * cost, rel=0.02)
    assert told.first_seconds == pytest.approx(cost, rel=0.05)


@pytest.mark.parametrize("cost", [0.01, 0.05, 1.5])
def test_the_time_of_an_asynchronous_step_is_that_of_its_work(cost: float) -> None:
    require_true_time(ours, cost)


def test_the_check_rejects_a_measure_that_does_not_wait_for_the_device() -> None:
    with pytest.raises(AssertionError):
        require_true_time(without_sync, 0.01)


def test_work_that_was_launched_before_is_not_counted() -> None:
    device = Device(repeat(0.01))
    device.done_at = 100.0

    assert ours(device).first_seconds == pytest.approx(0.01, rel=0.05)


# Warm-up (trap 5) ---------------------------------------------------------------------------


def warming_up() -> Iterator[float]:
    """One slow first step, then twelve that get faster, then a steady 100 ms."""
    return chain([3.0], (0.1 + 0.5 * 0.8**number for number in range(12)), repeat(0.1))


def require_warm_up_left_out(run: Measure) -> None:
    told = run(Device(warming_up()))

    assert told.first_seconds == pytest.approx(3.0, rel=0.01)
    assert told.stable
    assert max(told.block_seconds) < 0.1 * 1.1


def test_the_first_step_is_told_by_itself_and_warm_up_is_left_out() -> None:
    require_warm_up_left_out(ours)


def test_the_check_rejects_a_warm_up_of_one_step() -> None:
    with pytest.raises(AssertionError):
        require_warm_up_left_out(one_step_of_warm_up)


def test_every_step_is_either_warm_up_or_in_a_block() -> None:
    device = Device(warming_up())

    told = ours(device)

    assert told.warm_up_steps + told.steps_per_block * len(told.block_seconds) == device.launched


@pytest.mark.parametrize("factor", [1.05, 1.3])
def test_times_that_never_settle_are_flagged_unstable(factor: float) -> None:
    told = ours(Device(0.2 * factor**number for number in range(100_000)))

    assert not told.stable


def test_warm_up_ends_after_ten_seconds_when_times_do_not_settle() -> None:
    device = Device(0.2 * 1.05**number for number in range(100_000))

    told = ours(device)

    assert sum(0.2 * 1.05**number for number in range(2, told.warm_up_steps - 1)) < 10


def test_slow_steps_have_time_to_settle_too() -> None:
    """Broken variant: ten seconds alone, in which steps of four are compared once."""
    told = ours(Device(chain([9.0, 7.0, 6.0, 5.2], repeat(4.0))))

    assert told.stable
    assert told.warm_up_steps > 2 * BLOCKS.settled + 1


# Blocks -------------------------------------------------------------------------------------


def test_short_steps_are_timed_in_blocks_of_a_tenth_of_a_second() -> None:
    told = ours(Device(repeat(0.002)))

    assert told.steps_per_block * 0.002 == pytest.approx(0.1, rel=0.1)


def test_a_slow_second_step_does_not_make_blocks_short() -> None:
    """The first steps after tracing are slow still; on them the size of a block must not rest."""
    told = ours(Device(chain([1.0, 0.05, 0.02], repeat(0.001))))

    assert told.steps_per_block == pytest.approx(100, rel=0.15)


def test_long_steps_are_timed_one_by_one() -> None:
    assert ours(Device(repeat(0.8))).steps_per_block == 1


def test_at_least_ten_blocks_and_the_least_time_are_measured() -> None:
    short, long = ours(Device(repeat(0.002))), ours(Device(repeat(0.5)))

    assert sum(short.block_seconds) * short.steps_per_block >= BLOCKS.seconds
    assert len(short.block_seconds) >= 10
    assert len(long.block_seconds) == 10


def test_steady_steps_are_stable_however_long_they_take() -> None:
    assert ours(Device(repeat(4.0))).stable


def test_very_long_steps_have_ten_blocks_too() -> None:
    assert len(ours(Device(repeat(20.0))).block_seconds) == 10


def test_the_published_protocol_is_ten_repetitions_of_thirty_batches() -> None:
    device = Device(repeat(0.01))

    told = measure(device.step, batch=8, effort=KERAS_TABLE_BLOCKS, sync=device.sync, clock=device.clock)

    assert (len(told.block_seconds), told.steps_per_block) == (10, 30)
    assert told.warm_up_steps + 300 == device.launched
    assert told.milliseconds == pytest.approx(10, rel=0.02)


def test_what_happens_between_blocks_is_not_in_their_time() -> None:
    device = Device(repeat(0.05))

    class Slow:
        def sample(self) -> None:
            device.now += 7.0

        def state(self) -> DeviceState:
            return DeviceState(others_share=0.5)

    told = measure(device.step, batch=8, sync=device.sync, clock=device.clock, watch=Slow())

    assert max(told.block_seconds) < 0.06
    assert told.state.others_share == 0.5


def test_the_raw_times_of_all_blocks_are_kept() -> None:
    """One disturbed step is in the record, and the median does not follow it."""
    costs = [0.1] * 200
    costs[12] = 5.0

    told = ours(Device(chain(costs, repeat(0.1))))

    assert max(told.block_seconds) > 4
    assert told.milliseconds == pytest.approx(100, rel=0.01)


# Real models --------------------------------------------------------------------------------


QUICK = Effort(blocks=3, seconds=0.0, block_seconds=1e-4, warm_up_seconds=0.0)
"""A few milliseconds of measuring, on the real clock."""


def two_inputs() -> Any:
    keras.utils.set_random_seed(0)
    inputs = [keras.Input((4,)), keras.Input((4,))]
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Add()(inputs)))
    model.compile(optimizer=keras.optimizers.Adam(), loss="binary_crossentropy", jit_compile=False)
    return model


def test_the_training_step_is_the_models_own() -> None:
    model = two_inputs()
    before = copies(model.weights)
    inputs = np.random.default_rng(0).normal(size=(2, 8, 4)).astype(np.float32)

    told = measure(training_step(model, list(inputs), np.ones(8, np.float32)), batch=8, effort=QUICK)

    taken = told.warm_up_steps + told.steps_per_block * len(told.block_seconds)
    assert int(model.optimizer.iterations) == taken
    assert len(moved(model.weights, before)) == 2
    assert told.batch == 8


def test_the_first_step_is_traced_once_as_in_fit() -> None:
    step = training_step(two_inputs(), [np.ones((8, 4), np.float32)] * 2, np.ones(8, np.float32))

    step()

    assert step.traces == 1


def test_the_inference_step_changes_no_weight() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(2)])
    before = copies(model.weights)

    told = measure(inference_step(model, np.full((8, 4), 5, np.float32)), batch=8, effort=QUICK)

    assert moved(model.weights, before) == set()
    assert (told.batch, len(told.block_seconds) >= 3) == (8, True)


def test_the_first_step_holds_the_tracing() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])

    told = measure(inference_step(model, np.ones((8, 4), np.float32)), batch=8, effort=QUICK)

    assert told.first_seconds > 2 * told.milliseconds / 1000


class Sleep:
    """A sleep that keeps how long each one took, in seconds: a sleep overshoots."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.took: list[float] = []

    def wait(self, array: Any) -> Any:
        began = time.perf_counter()
        time.sleep(self.seconds)
        self.took.append(time.perf_counter() - began)
        return array


class Sleeping(keras.layers.Layer):
    """Takes the time of a sleep, as work on a device does: the step cannot end before it."""

    def __init__(self, sleep: Sleep) -> None:
        super().__init__()
        self.sleep = sleep

    def call(self, inputs: Any) -> Any:
        outputs = tf.numpy_function(self.sleep.wait, [inputs], inputs.dtype)
        outputs.set_shape(inputs.shape)
        return outputs


SHORT, LONG = 0.1, 0.2
"""Seconds.  What else such a step does takes 1 to 2 ms on a slow machine; 3 % of the short sleep are 3 ms."""


def timed_sleep(
    seconds: float, *, effort: Effort = BLOCKS, besides: Callable[[], None] = lambda: None
) -> tuple[StepTimes, NDArray[np.float64]]:
    """What is told of a model with a sleep inside, and what it slept in each block, in milliseconds a step.

    `besides` is done with every step.
    """
    sleep = Sleep(seconds)
    model = keras.Sequential([keras.Input((4,)), Sleeping(sleep), keras.layers.Dense(2)])
    step = inference_step(model, np.ones((8, 4), np.float32))

    def whole() -> None:
        step()
        besides()

    told = measure(whole, batch=8, effort=effort)
    blocks = np.reshape(sleep.took[told.warm_up_steps :], (len(told.block_seconds), told.steps_per_block))
    return told, 1000 * blocks.mean(axis=1)


def require_known_time(milliseconds: float, slept: float) -> None:
    assert milliseconds == pytest.approx(slept, rel=0.03)


def least_delayed(told: StepTimes, slept: NDArray[np.float64]) -> tuple[float, float]:
    """What is told of that block, and what it slept: other work delays some, a fixed overhead is in each."""
    blocks = 1000 * np.array(told.block_seconds)
    least = int(np.argmin(blocks - slept))
    return float(blocks[least]), float(slept[least])


def test_a_model_with_a_known_sleep_inside_is_timed_to_within_three_per_cent() -> None:
    """A long sleep, a short one, and what the one takes longer than the other."""
    told, slept = timed_sleep(LONG)
    long, long_slept = least_delayed(told, slept)
    short, short_slept = least_delayed(*timed_sleep(SHORT))

    require_known_time(told.milliseconds, float(np.median(slept)))
    require_known_time(short, short_slept)
    require_known_time(long - short, long_slept - short_slept)


def test_the_check_rejects_a_timer_that_counts_the_first_step() -> None:
    told, slept = timed_sleep(SHORT, effort=QUICK)

    with pytest.raises(AssertionError):
        require_known_time(1000 * told.first_seconds, slept[0])


def test_the_check_rejects_three_milliseconds_that_every_step_has_besides() -> None:
    """3 % of the long sleep are twice as much: alone it would let them pass."""

    def busy() -> None:
        until = time.perf_counter() + 0.003
        while time.perf_counter() < until:
            pass

    told, slept = timed_sleep(SHORT, effort=QUICK, besides=busy)

    with pytest.raises(AssertionError):
        require_known_time(*least_delayed(told, slept))


# TensorFlow's own asynchronous execution -----------------------------------------------------

ASYNCHRONOUS = """
import time
import tensorflow as tf
from harness.timing.ceiling import _seconds
from harness.timing.steps import BRIEF, measure, synchronise

tf.config.experimental.set_synchronous_execution(False)
left = tf.random.uniform((1536, 1536))
product = lambda: tf.linalg.matmul(left, left)
product().numpy()

def done():
    began = time.perf_counter()
    product().numpy()
    return time.perf_counter() - began

def launched():
    began = time.perf_counter()
    product()
    taken = time.perf_counter() - began
    synchronise()
    return taken

work, launch = min(done() for _ in range(5)), min(launched() for _ in range(5))
step = min(measure(product, batch=1, effort=BRIEF).block_seconds)
print(launch / work, step / work, _seconds(product, 3) / work)
"""


def test_tensorflows_own_asynchronous_work_is_waited_for() -> None:
    """A processor can be made to return from an operation at once, as a GPU does."""
    done = subprocess.run(
        [sys.executable, "-c", ASYNCHRONOUS], capture_output=True, text=True, check=True, cwd=ROOT
    )
    launch, step, ceiling = map(float, done.stdout.split())

    # Launching takes a hundredth of the work, so a third is far from both, on a busy machine too.
    assert launch < 0.1  # else nothing here is asynchronous, and the test shows nothing
    assert step > 0.33
    assert ceiling > 0.33
