"""One timing from a cell to raw numbers.  This runs in a process of its own.

The order is: build, the step on a resident batch, the ceiling, and then the input pipeline alone and
together with the step.  The step comes first so that the peak of memory is its own: neither TensorFlow
nor the system gives back at once what the ceiling's arrays took.
"""

from collections.abc import Callable

import keras

from harness.records import StepTimes
from harness.timing.ceiling import measure_ceiling
from harness.timing.cell import KERAS_TABLE, STEPS, TimingCell
from harness.timing.device import (
    gpu_peak_bytes,
    placed_on,
    reset_gpu_peak,
    thread_counts,
    visible_devices,
)
from harness.timing.records import Ceiling, Timed
from harness.timing.state import watch_device
from harness.timing.steps import BLOCKS, BRIEF, KERAS_TABLE_BLOCKS, measure
from harness.timing.subject import Subject, build_subject
from harness.timing.work import work_of

__all__ = ["time_cell"]

_CHECKED_STEPS = 2


def time_cell(cell: TimingCell, report: Callable[[str], None], *, step_alone: bool = False) -> Timed:
    """Time one cell; the device must be chosen before, and `report` is told of each stage.

    With `step_alone` neither the ceiling nor the input pipeline is measured.

    Raises `RuntimeError` where what ran was not what the cell says: a step that was traced again under
    way, was not compiled by XLA as asked, or did not run on the device.
    """
    report("building")
    subject = build_subject(cell)
    report(STEPS)
    effort = KERAS_TABLE_BLOCKS if cell.protocol == KERAS_TABLE else BLOCKS
    times = measure(
        subject.step, batch=cell.batch, effort=effort, watch=watch_device(cell.device, begin=reset_gpu_peak)
    )
    peak = gpu_peak_bytes()
    if subject.step.traces != 1:
        raise RuntimeError(f"the step was traced {subject.step.traces} times; its shapes are not static")
    _require_updates(subject)
    placed = placed_on(subject.step())
    if cell.device == "gpu" and placed != "gpu":
        raise RuntimeError(f"the step was to run on the GPU and its result lies on the {placed}")
    ceilings: tuple[Ceiling, ...] = ()
    alone, fed = None, None
    if not step_alone:
        report("ceiling")
        ceilings = (measure_ceiling(keras.config.dtype_policy().compute_dtype),)
        if cell.protocol != KERAS_TABLE:
            alone, fed = _pipeline(cell, subject, report)
    return Timed(
        build_seconds=subject.build_seconds,
        step=times,
        input=alone,
        end_to_end=fed,
        augmented_on="host" if subject.augmented else "",
        ceilings=ceilings,
        work=work_of(subject.step.graph),
        parameters=subject.parameters,
        parameters_trainable=subject.trainable,
        device_peak_bytes=peak,
        jit=_compiled(subject, asked=cell.jit),
        placed_on=placed,
        devices=visible_devices(),
        threads=thread_counts(),
    )


def _require_updates(subject: Subject) -> None:
    """Steps that skip the update (a loss that is no number, under a loss scale) take less time."""
    if subject.updates is None:
        return
    before = subject.updates()
    for _ in range(_CHECKED_STEPS):
        subject.step()
    done = subject.updates() - before
    if done != _CHECKED_STEPS:
        raise RuntimeError(f"{_CHECKED_STEPS} train steps changed the weights {done} times")


def _pipeline(
    cell: TimingCell, subject: Subject, report: Callable[[str], None]
) -> tuple[StepTimes, StepTimes]:
    """The input pipeline by itself, and the step fed by it."""
    report("input pipeline")
    feed = iter(subject.batches())
    alone = measure(lambda: next(feed), batch=cell.batch, effort=BRIEF)
    report("end to end")
    traces, feed = subject.step.traces, iter(subject.batches())
    function = subject.step.function
    fed = measure(lambda: function(next(feed)), batch=cell.batch, effort=BRIEF)
    if subject.step.traces != traces:
        raise RuntimeError("the step was traced again for a batch of the input pipeline")
    return alone, fed


def _compiled(subject: Subject, *, asked: bool) -> bool:
    """Whether XLA compiled the step, from the function as TensorFlow ran it."""
    done = bool(subject.step.graph.function_def.attr["_XlaMustCompile"].b)
    if done != asked:
        raise RuntimeError(f"jit was to be {'on' if asked else 'off'} and is {'on' if done else 'off'}")
    return done
