"""Records as strict JSON, and the gap."""

import json
import math
from typing import Any

import pytest
from fakes import answers, epoch, failed_record, record
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.data.manifest import LeftOut
from harness.records import Measured, Record, Seconds, StepTimes, gap_opens_at

STATUSES = ["ok", "oom", "timeout", "diverged", "crashed", "skipped"]

numbers = st.floats() | st.none()
epochs = st.builds(
    epoch,
    st.integers(1, 100),
    st.sampled_from(["head", "fine-tuning"]),
    loss=numbers,
    accuracy=numbers,
    validation_loss=numbers,
    validation_accuracy=numbers,
)
measurements = st.builds(
    Measured,
    history=st.lists(epochs, max_size=4).map(tuple),
    best=st.none() | epochs,
    chosen=st.none() | epochs,
    test_accuracy=st.none() | st.floats(0, 1),
    test_loss=numbers,
)


def constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def check_strict(text: str) -> Any:
    """Parse JSON, refusing the NaN and Infinity that Python's parser lets through."""
    return json.loads(text, parse_constant=constant)


# Strict JSON


@given(measurements)
def test_a_record_is_strict_json_whatever_was_measured(result: Measured):
    check_strict(record(measured=result).model_dump_json())


def test_the_check_refuses_a_record_written_with_nan():
    broken = json.dumps({"loss": float("nan")})
    with pytest.raises(ValueError, match="NaN is not JSON"):
        check_strict(broken)


@given(measurements, st.sampled_from(STATUSES), st.text())
def test_a_record_is_read_as_it_was_written(result: Measured, status: str, reason: str):
    written = record(measured=result, status=status, reason=reason).model_dump_json()
    assert Record.model_validate_json(written).model_dump_json() == written


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_becomes_null(value: float):
    kept = epoch(loss=value)
    assert kept.loss is None
    assert json.loads(kept.model_dump_json())["loss"] is None


def test_a_missing_number_is_null_and_not_zero():
    document = check_strict(failed_record("crashed", "it broke").model_dump_json())
    assert document["measured"]["test_accuracy"] is None
    assert document["measured"]["parameters"] is None


# Schema


def test_an_unknown_status_is_refused():
    with pytest.raises(ValidationError, match="status"):
        record(status="fine")


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="extra"):
        Record.model_validate({**record().model_dump(), "speed": 3})


def test_a_record_from_before_there_were_parts_of_the_training_images_is_read():
    document = record().model_dump()
    del document["cell"]["train_images"]
    assert Record.model_validate(document) == record()


def test_a_record_from_before_traces_and_pixels_were_kept_is_read():
    document = record().model_dump()
    del document["measured"]["train_traces"], document["data"]["pixels_sha256"]
    for each in (*document["measured"]["history"], document["measured"]["best"]):
        del each["validation_images"], each["learning_rate"]
    found = Record.model_validate(document)
    assert (found.measured.train_traces, found.data.pixels_sha256) == ({}, "")
    assert {each.validation_images for each in found.measured.history} == {None}


def test_a_record_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        record().status = "crashed"


def test_a_file_name_is_safe_and_tells_cells_and_keys_apart():
    one, other = record(depth="from:a/b", strategy="fine-tuning"), record(key="1" * 64)
    assert one.file_stem.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert len({one.file_stem, other.file_stem, record().file_stem}) == 3


def test_a_step_is_the_median_of_its_blocks_in_milliseconds():
    steps = StepTimes(
        batch=32,
        first_seconds=9.0,
        warm_up_steps=1,
        stable=True,
        steps_per_block=5,
        block_seconds=(0.01, 0.5, 0.02),
    )
    assert steps.milliseconds == pytest.approx(20)


def test_to_result_is_all_work_but_testing_and_timing():
    seconds = Seconds(decode=1, extraction=2, training=4, validation=8, test=16, cell=64)
    assert seconds.to_result == 15


def test_the_files_that_were_dropped_stand_in_the_record_by_name_and_reason():
    dropped = (LeftOut("train/cats/1.jpg", "the file is empty"),)
    written = record(data=record().data.model_copy(update={"dropped": dropped}))
    document = check_strict(written.model_dump_json())
    assert document["data"]["dropped"] == [{"path": "train/cats/1.jpg", "reason": "the file is empty"}]
    assert Record.model_validate_json(written.model_dump_json()) == written


def test_a_record_from_before_dropped_files_had_names_is_read():
    document = json.loads(record().model_dump_json())
    del document["data"]["dropped"]
    assert Record.model_validate(document).data.dropped == ()


# The gap


def history(*points: tuple[float | None, float | None], phase: str = "head") -> tuple:
    return tuple(
        epoch(number, phase, accuracy=train, validation_accuracy=validation)
        for number, (train, validation) in enumerate(points, start=1)
    )


def test_the_gap_opens_at_the_first_epoch_from_which_it_stays():
    # At 1,000 images and 0.9 the half-width is 0.0186.
    points = history((0.95, 0.9), (0.9, 0.9), (0.93, 0.9), (0.99, 0.9))
    assert gap_opens_at(points, 1000) == 3


def test_a_gap_within_the_noise_of_the_validation_images_is_none():
    points = history((0.915, 0.9), (0.915, 0.9))
    assert gap_opens_at(points, 1000) is None
    assert gap_opens_at(points, 100_000) == 1


def test_a_gap_that_closes_again_is_none():
    assert gap_opens_at(history((0.99, 0.9), (0.9, 0.9)), 1000) is None


def test_only_the_last_phase_is_looked_at():
    points = history((0.99, 0.8)) + history((0.9, 0.9), (0.99, 0.9), phase="fine-tuning")
    assert gap_opens_at(points, 1000) == 2


def test_an_epoch_without_a_number_is_not_a_gap():
    assert gap_opens_at(history((None, 0.9)), 1000) is None


# Steps and answers


def test_a_record_holds_the_mean_time_of_a_step_beside_the_raw_blocks():
    times = StepTimes(
        batch=32,
        first_seconds=1.0,
        warm_up_steps=3,
        stable=True,
        steps_per_block=1,
        block_seconds=(0.01, 0.02, 0.06),
    )
    assert json.loads(times.model_dump_json())["mean_seconds"] == pytest.approx(0.03)
    assert StepTimes.model_validate_json(times.model_dump_json()) == times


def test_the_most_probable_class_is_the_answer():
    predictions = answers(1, 4)
    assert predictions.correct.tolist() == [True, False, False, False]
