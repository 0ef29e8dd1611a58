"""Rounds of steps for pytest-benchmark, with warm-up before them and a clock that waits for the device.

pytest-benchmark reads a clock, calls the target N times, reads the clock again, and divides by N.  A step
may return before the device is done, so the clock that it is given here, `device_clock`, waits for every
device before it tells the time: a round is sync, clock, N steps, sync, clock.  Waiting after every step
would be right for a round of one step only; with short steps the wait itself would be measured, N times.

Its own calibration is not used: that takes the first call, in which the step is traced and compiled, for a
call like any other, and fits the number of rounds to it.  Warm-up is the timing pass' own
(`harness.timing.steps.measure`): it ends when the times have settled, and tells how many steps fill a round.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from time import perf_counter
from typing import Any

import pytest
from placement import place_of
from pytest_benchmark.fixture import BenchmarkFixture

from harness.records import StepTimes
from harness.timing.cell import TimingCell
from harness.timing.steps import Effort, Step, measure, synchronise

__all__ = ["DEVICE_CLOCK", "Least", "device_clock", "run_rounds", "tell", "time_cell"]

_WARM_UP = Effort(blocks=1, seconds=0.0, warm_up_seconds=5.0)


def device_clock() -> float:
    """The time in seconds when all devices are done with all that was asked of them."""
    synchronise()
    return perf_counter()


DEVICE_CLOCK = pytest.mark.benchmark(timer=device_clock)
"""Marks what may run on a device; `--benchmark-timer` does not change its clock."""


@dataclass(frozen=True)
class Least:
    """How long to measure: at least so many rounds, and so many seconds."""

    rounds: int
    seconds: float


def time_cell(benchmark: BenchmarkFixture, cell: TimingCell, step: Step, *, least: Least) -> None:
    """Time the step of a cell; its group are the cells that differ from it in the backbone alone.

    Fails, and leaves no time behind, where the result lies on another device than the cell names, or where
    the step was traced again during the rounds: they would have measured the tracing.
    """
    benchmark.group = cell.name.partition("/")[2]
    benchmark.extra_info |= {"name": cell.name, "cell": cell.as_dict()}
    warm = _warm_up(step, cell.batch) if benchmark.enabled else None
    benchmark.extra_info["device"] = place_of(step(), cell.device)
    traces = step.traces
    _rounds(benchmark, step, warm, least)
    if step.traces != traces:
        benchmark.has_error = True
        if benchmark.stats is not None:
            benchmark.stats.stats.data.clear()
        pytest.fail(f"the step was traced again while it was timed ({traces} traces, then {step.traces})")


def run_rounds(benchmark: BenchmarkFixture, step: Callable[[], Any], *, batch: int, least: Least) -> None:
    """Time rounds of anything that makes or takes a batch of images, after its warm-up."""
    _rounds(benchmark, step, _warm_up(step, batch) if benchmark.enabled else None, least)


def tell(benchmark: BenchmarkFixture, *, batch: int) -> None:
    """Add how many images a call and a round had, and images a second by the median round."""
    if benchmark.stats is None:  # --benchmark-disable
        return
    benchmark.extra_info |= {
        "batch": batch,
        "images_per_round": batch * benchmark.stats.iterations,
        "images_per_second": batch / benchmark.stats["median"],
    }


def _warm_up(step: Callable[[], Any], batch: int) -> StepTimes:
    return measure(step, batch=batch, effort=_WARM_UP, sync=synchronise, clock=perf_counter)


def _rounds(
    benchmark: BenchmarkFixture, step: Callable[[], Any], warm: StepTimes | None, least: Least
) -> None:
    """Time rounds of as many steps as the warm-up found; without one (--benchmark-disable) take one step."""
    if warm is None:
        benchmark.pedantic(step)
        return
    seconds = warm.steps_per_block * warm.block_seconds[-1]
    benchmark.pedantic(
        step, rounds=max(least.rounds, ceil(least.seconds / seconds)), iterations=warm.steps_per_block
    )
    benchmark.extra_info |= {
        "first_seconds": warm.first_seconds,
        "warm_up_steps": warm.warm_up_steps,
        "settled": warm.stable,
    }
    tell(benchmark, batch=warm.batch)
