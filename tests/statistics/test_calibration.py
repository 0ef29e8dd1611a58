"""Calibration: worked examples, and simulations of models whose calibration is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.statistics import (
    brier_score,
    calibration_error,
    expected_calibration_error,
    reliability,
    wilson,
)


def model(random: np.random.Generator, images: int, excess: float = 0.0) -> tuple[NDArray, NDArray]:
    """Confidences from 0.6 up, most near 1, and answers that are right less often by `excess`."""
    confidence = 0.6 + 0.4 * random.beta(4, 1, images)
    return confidence, random.random(images) < confidence - excess


def test_the_calibration_error_on_a_worked_example():
    """Two bins: 0.6 and 0.8 with one of two right (0.2 off), 0.9 twice with both right (0.1 off)."""
    confidence, correct = np.array([0.6, 0.8, 0.9, 0.9]), np.array([True, False, True, True])
    assert expected_calibration_error(confidence, correct, 5) == pytest.approx(
        (1 * 0.4 + 1 * 0.8 + 2 * 0.1) / 4
    )
    assert expected_calibration_error(confidence, correct, 1) == pytest.approx(abs(0.75 - 0.8))
    assert expected_calibration_error(confidence, correct, 2, equal_mass=True) == pytest.approx(
        (2 * 0.2 + 2 * 0.1) / 4
    )


def test_a_bin_holds_its_upper_end():
    """As published code has it: 0.2 of five bins is in the first, 0 too."""
    bins = reliability(np.array([0.0, 0.2, 0.21, 1.0]), np.ones(4, bool), 5)
    assert [each.images for each in bins] == [2, 1, 1]
    assert [each.high for each in bins] == pytest.approx([0.2, 0.4, 1.0])


@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(1, 20), st.booleans())
def test_the_bins_of_a_reliability_plot_add_up_to_the_error(
    seed: int, images: int, bins: int, equal_mass: bool
):
    confidence, correct = model(np.random.default_rng(seed), images)
    found = reliability(confidence, correct, bins, equal_mass=equal_mass)
    assert sum(each.images for each in found) == images
    assert sum(each.images * each.accuracy for each in found) == pytest.approx(correct.sum())
    assert all(each.low - 1e-9 <= each.confidence <= each.high + 1e-9 for each in found)
    assert sum(
        each.images * abs(each.accuracy - each.confidence) for each in found
    ) / images == pytest.approx(expected_calibration_error(confidence, correct, bins, equal_mass=equal_mass))


def test_the_bins_carry_wilsons_interval():
    (only,) = reliability(np.full(10, 0.9), np.arange(10) < 7)
    assert (only.interval.low, only.interval.high) == wilson(7, 10)


def test_bins_of_equal_mass_hold_equally_many_images():
    found = reliability(*model(np.random.default_rng(0), 1_500), 15, equal_mass=True)
    assert {each.images for each in found} <= {99, 100, 101}


def test_equal_confidences_are_never_parted():
    (only,) = reliability(np.full(10, 0.9), np.arange(10) < 7, 15, equal_mass=True)
    assert only.images == 10


@pytest.mark.parametrize("equal_mass", [False, True])
def test_a_calibrated_model_is_found_out_once_in_twenty(equal_mass: bool):
    """200 models, three binomial standard errors: at most 0.096.  The plain estimate is never near 0."""
    random = np.random.default_rng(3)
    found = [
        calibration_error(*model(random, 500), equal_mass=equal_mass, draws=200, seed=each)
        for each in range(200)
    ]
    assert np.mean([each.proven for each in found]) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    assert np.mean([each.value for each in found]) > 0.02
    assert np.mean([each.value - each.by_chance for each in found]) == pytest.approx(0, abs=0.003)


def held(excess: float, *, unbiased: bool = True, models: int = 200) -> float:
    """How often the interval holds the error of models that are so much too sure, on 1,000 images."""
    random = np.random.default_rng(5)
    count = 0
    for each in range(models):
        found = calibration_error(*model(random, 1_000, excess), draws=100, seed=each)
        low, high = found.interval.low, found.interval.high
        if not unbiased:
            low = 2 * found.value - high
        count += low <= excess <= high
    return count / models


HELD = 0.90
"""95 % less three binomial standard errors of 200 models (0.046), rounded."""


@pytest.mark.parametrize("excess", [0.0, 0.02, 0.08])
def test_the_interval_holds_a_known_error(excess: float):
    assert held(excess) >= HELD


def test_the_check_rejects_an_interval_that_forgets_what_chance_adds():
    assert held(0.0, unbiased=False) < HELD


def test_a_miscalibrated_model_is_found_out():
    assert calibration_error(*model(np.random.default_rng(0), 1_000, excess=0.08)).proven


def test_the_same_data_give_the_same_numbers():
    data = model(np.random.default_rng(0), 300)
    assert calibration_error(*data) == calibration_error(*data)


def test_the_brier_score_on_a_worked_example():
    """0.1 and 0.1 off, then 0.6 and 0.6 off: (0.02 + 0.72) / 2."""
    score = brier_score(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
    assert score == pytest.approx(0.37)


def test_the_brier_score_lies_between_perfect_and_surely_wrong():
    sure = np.eye(3)
    assert brier_score(sure, np.arange(3)) == 0
    assert brier_score(sure, np.array([1, 2, 0])) == 2


@pytest.mark.parametrize("confidence", [[0.5], [0.5, 1.2], [0.5, math.nan], []])
def test_confidences_that_are_none_are_refused(confidence: list[float]):
    with pytest.raises(ValueError, match="expected"):
        expected_calibration_error(np.array(confidence), np.ones(max(2, len(confidence)), bool))


def test_labels_that_are_no_class_are_refused():
    with pytest.raises(ValueError, match="expected a label"):
        brier_score(np.eye(2), np.array([0, 2]))
