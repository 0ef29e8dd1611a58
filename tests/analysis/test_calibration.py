"""A row's calibration is of the class it chose, its own images, and all of its seeds."""

from pathlib import Path

import numpy as np
import pytest
from fakes import row
from fakes_said import cell, said, standings

from harness.analysis.calibration import (
    MOST_PANELS,
    MOST_SEEDS,
    Calibration,
    calibrations,
    confidence,
    telling_rows,
)
from harness.records import DeviceState, Predictions, StepTimes

BACKBONES = ("MobileNet", "VGG16", "Xception")


def right(count: int, images: int = 10, sure: float = 0.9) -> Predictions:
    """Predictions of one confidence of which so many are right."""
    says = [int(number >= count) for number in range(images)]
    ids = [f"id{number}" for number in range(images)]
    return said(says, [0] * images, sure=sure, ids=ids)


def calibrated(tmp_path: Path, *seeds: Predictions) -> Calibration:
    """The calibration of one row with these seeds."""
    found = standings(tmp_path, *(cell(each, seed=seed) for seed, each in enumerate(seeds)))
    (one,) = calibrations(found.tables[0].rows, found.answers)
    return one


def test_confidence_is_that_of_the_chosen_class_and_not_of_the_true_one():
    assert confidence(right(0)) == pytest.approx(np.full(10, 0.9))


def test_confidence_that_rounding_left_above_one_is_one():
    above = Predictions(np.array(["a"]), np.array([0]), np.array([[1.0000002, 0]], dtype=np.float32))
    assert confidence(above) == [1.0]


def test_a_worked_example(tmp_path: Path):
    one = calibrated(tmp_path, right(7))
    assert one.confidence == pytest.approx(0.9)
    assert one.excess == pytest.approx(0.2)
    assert one.error == pytest.approx(0.2)
    # Right answers are 0.1^2 + 0.1^2 from the truth, wrong ones 0.9^2 + 0.9^2.
    assert one.brier == pytest.approx(0.7 * 0.02 + 0.3 * 1.62)
    assert one.brier_interval.low < one.brier < one.brier_interval.high


def test_of_several_seeds_it_is_the_mean_with_their_spread(tmp_path: Path):
    one = calibrated(tmp_path, right(7), right(9))
    assert one.error == pytest.approx((0.2 + 0.0) / 2, abs=1e-6)
    assert one.spread == pytest.approx(0.2 / np.sqrt(2), rel=1e-5)
    assert one.brier == pytest.approx((0.5 + 0.18) / 2)


def test_one_seed_has_no_spread(tmp_path: Path):
    assert calibrated(tmp_path, right(7)).spread is None


def test_confidence_above_the_interval_of_the_accuracy_is_overconfidence(tmp_path: Path):
    one = calibrated(tmp_path, right(700, 1000))
    assert one.verdict == "overconfident"
    assert one.proven


def test_confidence_below_the_interval_of_the_accuracy_is_underconfidence(tmp_path: Path):
    assert calibrated(tmp_path, right(200, 200)).verdict == "underconfident"


def test_a_few_images_without_an_error_prove_no_underconfidence(tmp_path: Path):
    """A bootstrap of 20 right answers knows of no error at all."""
    assert calibrated(tmp_path, right(20, 20)).verdict == ""


def test_the_rows_come_in_their_order(tmp_path: Path):
    found = standings(
        tmp_path, *(cell(right(count), name) for count, name in zip((6, 9, 7), BACKBONES, strict=True))
    )
    rows = found.tables[0].rows
    worked_out = calibrations(rows, found.answers)
    assert [each.row for each in worked_out] == list(rows)
    assert [each.error for each in worked_out] == pytest.approx([0.0, 0.2, 0.3], abs=1e-6)
    assert [each.brier for each in worked_out] == pytest.approx([0.18, 0.5, 0.66])
    middles = [(each.brier_interval.low + each.brier_interval.high) / 2 for each in worked_out]
    assert middles == sorted(middles)


def test_the_same_records_give_the_same_numbers(tmp_path: Path):
    assert calibrated(tmp_path / "one", right(7)) == calibrated(tmp_path / "other", right(7))


def test_the_telling_rows_are_the_best_the_fastest_the_worst_calibrated_and_then_the_most_accurate(
    tmp_path: Path,
):
    rows = []
    for number in range(MOST_PANELS + 4):
        record, predictions = cell(right(95 - number, 100), recipe="default", size=100 + number)
        seconds = 0.001 if number == MOST_PANELS + 1 else 0.020
        steps = StepTimes(
            batch=32,
            first_seconds=2.0,
            warm_up_steps=2,
            stable=True,
            steps_per_block=5,
            block_seconds=(seconds,) * 3,
        )
        measured = record.measured.model_copy(update={"inference_step": steps})
        rows.append((record.model_copy(update={"measured": measured}), predictions))
    found = standings(tmp_path, *rows)
    chosen = telling_rows(found.tables[0].rows, found.answers)
    assert len(chosen) == MOST_PANELS
    assert {row.cell.size - 100: why for row, why in chosen if why} == {
        0: "most accurate",
        MOST_PANELS + 1: "fastest on the front",
        MOST_PANELS + 3: "worst calibrated",
    }
    assert [row.cell.size for row, _ in chosen] == sorted(row.cell.size for row, _ in chosen)


def test_a_disturbed_time_makes_no_row_the_fastest(tmp_path: Path):
    rows = [row(right(95, 100), backbone="VGG16"), row(right(80, 100), backbone="Xception")]
    record, predictions = rows[1]
    step = record.measured.inference_step
    assert step is not None
    quick = {"block_seconds": (0.001,) * 3, "state": DeviceState(others_share=0.5)}
    measured = record.measured.model_copy(update={"inference_step": step.model_copy(update=quick)})
    rows[1] = (record.model_copy(update={"measured": measured}), predictions)
    found = standings(tmp_path, *rows)
    chosen = telling_rows(found.tables[0].rows, found.answers)
    assert {row.cell.backbone: "fastest" in why for row, why in chosen} == {"VGG16": True, "Xception": False}


def test_a_single_row_needs_no_reason(tmp_path: Path):
    found = standings(tmp_path, cell(right(7)))
    assert telling_rows(found.tables[0].rows, found.answers) == [(found.tables[0].rows[0], "")]


def test_of_many_seeds_the_first_ones_take_part_in_every_number(tmp_path: Path):
    one = calibrated(tmp_path, *[right(9)] * MOST_SEEDS, right(1))
    assert one.row.accuracy == pytest.approx(0.9)
    assert one.excess == pytest.approx(0, abs=1e-6)
    assert one.row.interval.low < 0.9 < one.row.interval.high
    assert one.spread == pytest.approx(0, abs=1e-9)
