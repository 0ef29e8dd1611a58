"""Learning curves: known laws are found again, and what cannot be known is refused in words."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics import CurvePoint, fit_learning_curve


def law(images: float, floor: float = 0.02, scale: float = 2.0, exponent: float = 0.5) -> float:
    """The accuracy of a known curve."""
    return 1 - floor - scale * images**-exponent


def points(*sizes: int, error: float = 0.001, noise: np.random.Generator | None = None) -> list[CurvePoint]:
    return [CurvePoint(size, law(size) + (noise.normal(0, error) if noise else 0.0), error) for size in sizes]


@pytest.mark.parametrize("images", [500, 4_000, 32_000])
def test_a_known_law_is_found_again(images: int):
    found = fit_learning_curve(points(250, 500, 1_000, 2_000, 4_000, error=1e-5)).predict(images)
    assert found.accuracy == pytest.approx(law(images), abs=1e-4)
    assert found.interval is not None
    assert found.interval.low <= found.accuracy <= found.interval.high


def test_the_interval_widens_with_the_distance_and_with_the_errors():
    def width(error: float, images: int) -> float:
        interval = fit_learning_curve(points(250, 1_000, 4_000, error=error)).predict(images).interval
        assert interval is not None
        return interval.high - interval.low

    assert width(0.002, 32_000) > width(0.002, 8_000) > width(0.002, 4_000)
    assert width(0.004, 8_000) > width(0.001, 8_000)


def covered(
    images: int, *, floor: float, scale: float, exponent: float, by_line: bool = False, trials: int = 300
) -> float:
    """How often the interval holds a known law, over noisy points at four sizes up to 2,000."""
    random, count, fitted = np.random.default_rng(1), 0, 0
    for _ in range(trials):
        given_points = [
            CurvePoint(size, law(size, floor, scale, exponent) + random.normal(0, 0.004), 0.004)
            for size in (250, 500, 1_000, 2_000)
        ]
        curve = fit_learning_curve(given_points)
        if curve.parameters is None:
            continue
        found = curve.predict(images)
        assert found.interval is not None
        assert found.accuracy is not None
        low, high = found.interval.low, found.interval.high
        if by_line:
            # Wrong: the distance to the largest size is forgotten.
            low, high = found.accuracy - 1.96 * 0.004, found.accuracy + 1.96 * 0.004
        fitted += 1
        count += low <= law(images, floor, scale, exponent) <= high
    assert fitted > 0.9 * trials
    return count / fitted


LAWS = [(0.02, 2.0, 0.5), (0.0, 0.5, 0.2), (0.03, 0.6, 0.3), (0.01, 20.0, 1.0)]

LEAST = 0.95 - 3 * math.sqrt(0.05 * 0.95 / 300)
"""Three binomial standard errors of 300 trials below 95 %: 0.912.  Near the bounds more is held."""


@pytest.mark.parametrize("images", [2_000, 4_000, 16_000])
@pytest.mark.parametrize(("floor", "scale", "exponent"), LAWS)
def test_the_interval_holds_a_known_law(images: int, floor: float, scale: float, exponent: float):
    assert covered(images, floor=floor, scale=scale, exponent=exponent) >= LEAST


def test_the_check_rejects_an_interval_that_does_not_grow_with_the_distance():
    assert covered(16_000, floor=0.02, scale=2.0, exponent=0.5, by_line=True) < LEAST


@given(st.integers(0, 2**32), st.integers(250, 16_000))
def test_the_ends_of_the_interval_are_those_of_a_search_over_all_curves(seed: int, images: int):
    """No curve of a coarse grid that fits well enough predicts anything outside the interval."""
    given_points = points(250, 500, 2_000, error=0.01, noise=np.random.default_rng(seed))
    curve = fit_learning_curve(given_points)
    if curve.parameters is None:
        return
    found = curve.predict(images).interval
    assert found is not None
    sizes = np.array([point.images for point in given_points]) / 2_000
    errors = np.array([1 - point.accuracy for point in given_points])

    def misfit(floor: np.ndarray, scale: np.ndarray, exponent: np.ndarray) -> np.ndarray:
        curve = floor[..., None] + scale[..., None] * sizes ** -exponent[..., None]
        return np.square((errors - curve) / 0.01).sum(axis=-1)

    best = misfit(*(np.array(each) for each in curve.parameters))
    floor, scale, exponent = np.meshgrid(
        np.linspace(0, 0.2, 21), np.linspace(0, 0.3, 31), np.geomspace(0.05, 2, 15), indexing="ij"
    )
    near = misfit(floor, scale, exponent) <= best + 3.84
    predicted = 1 - np.clip(floor + scale * (images / 2_000) ** -exponent, 0, 1)[near]
    assert np.all(predicted >= found.low - 1e-6)
    assert np.all(predicted <= found.high + 1e-6)


@pytest.mark.parametrize(
    ("given_points", "reason"),
    [
        ([], "3 sizes"),
        (points(100, 1_000), "3 sizes"),
        (points(100, 100, 100), "3 sizes"),
        (points(1_000, 2_000, 3_000), "factor of 3.0"),
        ([CurvePoint(size, 0.9, 0.01) for size in (100, 1_000, 10_000)], "do not rise"),
        ([CurvePoint(size, 1 - size / 20_000, 0.001) for size in (100, 1_000, 10_000)], "do not rise"),
        (
            [
                CurvePoint(size, share, 0.001)
                for size, share in ((100, 0.5), (1_000, 0.9), (2_000, 0.7), (9_000, 0.95))
            ],
            "lie off",
        ),
    ],
)
def test_points_that_tell_no_curve_get_a_reason_and_no_number(given_points: list[CurvePoint], reason: str):
    found = fit_learning_curve(given_points).predict(1_000)
    assert reason in found.reason
    assert (found.accuracy, found.interval) == (None, None)


@pytest.mark.parametrize("images", [249, 32_001])
def test_what_lies_too_far_is_refused(images: int):
    found = fit_learning_curve(points(250, 1_000, 4_000)).predict(images)
    assert found.accuracy is None
    assert "outside what is trusted" in found.reason
    assert "32,000" in found.reason


@given(st.integers(0, 2**32), st.integers(250, 16_000))
def test_predictions_stay_within_0_and_1_and_never_fall(seed: int, images: int):
    curve = fit_learning_curve(points(250, 500, 2_000, error=0.01, noise=np.random.default_rng(seed)))
    found, later = curve.predict(images), curve.predict(min(16_000, images + 100))
    if found.accuracy is not None and found.interval is not None and later.accuracy is not None:
        assert 0 <= found.interval.low <= found.accuracy <= found.interval.high <= 1
        assert later.accuracy >= found.accuracy


@pytest.mark.parametrize(
    "point", [CurvePoint(0, 0.9, 0.01), CurvePoint(10, 1.1, 0.01), CurvePoint(10, 0.9, 0.0)]
)
def test_impossible_points_are_refused(point: CurvePoint):
    with pytest.raises(ValueError, match="expected images"):
        fit_learning_curve([point])
