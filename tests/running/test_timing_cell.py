"""One timing for real, in small; and what ran must be what the cell says."""

from dataclasses import replace
from typing import Any

import pytest
from fakes_training import KERAS_ARRAYS

from harness.running import timing_cell
from harness.running.timing_cell import time_cell
from harness.timing import ceiling
from harness.timing.cell import TimingCell
from harness.timing.steps import Effort

pytestmark = KERAS_ARRAYS

CELL = TimingCell("MobileNet-0.25", "fine-tuning", "blocks:1", 32, batch=4)
QUICK = Effort(blocks=2, seconds=0.0, block_seconds=1e-3, settled=1, warm_up_seconds=0.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing_cell, "BLOCKS", QUICK)
    monkeypatch.setattr(timing_cell, "BRIEF", QUICK)
    monkeypatch.setattr(ceiling, "_SMALLEST", 256)
    monkeypatch.setattr(ceiling, "_LARGEST", 256)
    monkeypatch.setattr(ceiling, "_COPIED_BYTES", 1 << 20)


def test_a_timing_holds_the_step_the_ceiling_the_pipeline_and_both() -> None:
    stages: list[str] = []

    timed = time_cell(CELL, stages.append)

    assert stages == ["building", "steps", "ceiling", "input pipeline", "end to end"]
    assert timed.step.batch == CELL.batch
    assert timed.input is not None
    assert timed.end_to_end is not None
    assert len(timed.ceilings) == 1
    assert timed.work is not None
    assert timed.work.multiply_adds > 0
    assert 0 < timed.parameters_trainable < timed.parameters
    assert (timed.placed_on, timed.jit, timed.augmented_on) == ("cpu", False, "host")
    assert timed.device_peak_bytes is None


def test_a_step_that_xla_compiled_says_so() -> None:
    assert time_cell(replace(CELL, step="inference", depth="none", jit=True), lambda _: None).jit


def test_a_step_that_was_to_be_compiled_and_is_not_has_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras switches XLA off for a whole model whose layers do not support it (trap 3)."""
    build = timing_cell.build_subject
    monkeypatch.setattr(timing_cell, "build_subject", lambda cell: build(replace(cell, jit=False)))

    with pytest.raises(RuntimeError, match="jit was to be on and is off"):
        time_cell(replace(CELL, jit=True), lambda _: None)


def test_a_step_on_another_device_has_no_result() -> None:
    with pytest.raises(RuntimeError, match="to run on the GPU and its result lies on the cpu"):
        time_cell(replace(CELL, device="gpu"), lambda _: None)


def test_a_step_that_is_traced_again_has_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last, smaller batch compiles again, and its time would be among the others (trap 6)."""
    build = timing_cell.build_subject

    def ragged(cell: TimingCell) -> Any:
        subject = build(cell)

        def batches() -> Any:
            return subject.batches().unbatch().batch(3)

        return replace(subject, batches=batches)

    monkeypatch.setattr(timing_cell, "build_subject", ragged)

    with pytest.raises(RuntimeError, match="traced again"):
        time_cell(CELL, lambda _: None)


def test_the_published_protocol_has_no_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing_cell, "KERAS_TABLE_BLOCKS", replace(QUICK, steps_per_block=2))
    cell = TimingCell("MobileNet-0.25", "inference", "none", 224, batch=1, protocol="keras-table")

    timed = time_cell(cell, lambda _: None)

    assert timed.step.steps_per_block == 2
    assert (timed.input, timed.end_to_end) == (None, None)


def test_a_train_step_that_changes_no_weight_has_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a loss scale, steps whose gradients are no numbers are skipped, and take less time (trap 7)."""
    build = timing_cell.build_subject
    monkeypatch.setattr(timing_cell, "build_subject", lambda cell: replace(build(cell), updates=lambda: 7))

    with pytest.raises(RuntimeError, match="2 train steps changed the weights 0 times"):
        time_cell(CELL, lambda _: None)


def test_a_step_that_was_traced_twice_has_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    build = timing_cell.build_subject

    def changing(cell: TimingCell) -> Any:
        subject = build(cell)
        images = subject.step.arguments[0]
        subject.step.function(images[:2])
        return subject

    monkeypatch.setattr(timing_cell, "build_subject", changing)

    with pytest.raises(RuntimeError, match="traced 2 times"):
        time_cell(replace(CELL, step="inference", depth="none"), lambda _: None)


def test_the_pipeline_alone_and_the_fed_step_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline's time is that of its batches, the fed step's holds the step as well."""
    passed: list[str] = []
    build = timing_cell.build_subject

    def watched(cell: TimingCell) -> Any:
        subject = build(cell)

        def batches() -> Any:
            for batch in subject.batches():
                passed.append("batch")
                yield batch

        class Function:
            def __call__(self, *arguments: Any) -> Any:
                passed.append("step")
                return subject.step.function(*arguments)

            def __getattr__(self, name: str) -> Any:
                return getattr(subject.step.function, name)

        return replace(subject, batches=batches, step=replace(subject.step, function=Function()))

    monkeypatch.setattr(timing_cell, "build_subject", watched)

    timed = time_cell(CELL, lambda _: None)

    assert timed.input is not None
    first = passed.index("batch")
    alone = timed.input.warm_up_steps + timed.input.steps_per_block * len(timed.input.block_seconds)
    assert set(passed[:first]) == {"step"}
    assert passed[first : first + alone] == ["batch"] * alone
    assert passed[first + alone :] == ["batch", "step"] * (len(passed[first + alone :]) // 2)


def test_the_step_alone_measures_no_more_than_that() -> None:
    stages: list[str] = []

    timed = time_cell(CELL, stages.append, step_alone=True)

    assert stages == ["building", "steps"]
    assert timed.step.block_seconds
    assert (timed.ceilings, timed.input, timed.end_to_end) == ((), None, None)
