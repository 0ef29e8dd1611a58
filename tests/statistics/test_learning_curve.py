"""Learning curves: known laws are found again, and what cannot be known is refused in words."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from fakes_answers import answers
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics import CurvePoint, LearningCurve, fit_answers, fit_learning_curve

Drawn = Callable[[np.random.Generator, tuple[float, float, float]], LearningCurve]


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


SIZES = (50, 100, 200, 500, 1_000, 2_000)
GAINS = {"1 point": (0.04, 0.5, 0.4), "2 points": (0.02, 1.8, 0.5), "none": (0.075, 18.0, 1.5)}
"""Laws by what four times 2,000 images add: 1.02, 2.01 and 0.02 points."""


def gained(law_of: tuple[float, float, float]) -> float:
    """What a law's accuracy adds from 2,000 to 8,000 images."""
    return law(8_000, *law_of) - law(2_000, *law_of)


def in_common(random: np.random.Generator, law_of: tuple[float, float, float]) -> LearningCurve:
    """A fit to six sizes whose errors have 0.66 points in common and 0.3 of their own."""
    together, own = 0.0066, 0.003
    error = math.hypot(together, own)
    correlation = np.full((len(SIZES), len(SIZES)), (together / error) ** 2)
    np.fill_diagonal(correlation, 1.0)
    shift = random.normal(0, together)
    told = [CurvePoint(n, law(n, *law_of) + shift + random.normal(0, own), error) for n in SIZES]
    return fit_learning_curve(told, correlation=correlation)


def by_answers(random: np.random.Generator, law_of: tuple[float, float, float]) -> LearningCurve:
    """A fit to the answers of three seeds a size to the same 1,000 images; few images spread seeds more."""
    difficulty = random.standard_normal(1_000)
    return fit_answers(
        {
            n: answers(
                random, 3, difficulty, law(n, *law_of), spread=0.005 * (2_000 / n) ** 0.3, agreement=0.85
            )
            for n in SIZES
        }
    )


@pytest.mark.parametrize("draw", [in_common, by_answers])
@pytest.mark.parametrize("kind", GAINS)
def test_the_interval_of_a_gain_holds_it_where_errors_are_common(draw: Drawn, kind: str):
    """Of 200 trials, three binomial standard errors below 95 %; of answers the variances are estimates."""
    random, found = np.random.default_rng(3), []
    for _ in range(200):
        ends = draw(random, GAINS[kind]).predict(8_000).gain_interval
        found.append(ends is None or ends.low <= gained(GAINS[kind]) <= ends.high)
    assert np.mean(found) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("1 point", 0.7, 1), ("2 points", 0.95, 1), ("none", 0, 0.05)]
)
@pytest.mark.parametrize("draw", [in_common, by_answers])
def test_a_gain_is_found_where_there_is_one_and_only_there(draw: Drawn, kind: str, least: float, most: float):
    """The share of 100 trials in which all of the interval is 0.1 points or more."""
    random = np.random.default_rng(4)
    ends = [draw(random, GAINS[kind]).predict(8_000).gain_interval for _ in range(100)]
    assert least <= np.mean([each is not None and each.low >= 0.001 for each in ends]) <= most


def test_the_check_rejects_an_interval_that_takes_nearly_all_of_the_errors_for_common():
    random, law_of = np.random.default_rng(5), GAINS["1 point"]
    found = []
    for _ in range(200):
        given_points = in_common(random, law_of).points
        correlation = np.full((len(SIZES), len(SIZES)), 0.95)
        np.fill_diagonal(correlation, 1.0)
        ends = fit_learning_curve(given_points, correlation=correlation).predict(8_000).gain_interval
        if ends is not None:
            found.append(ends.low <= gained(law_of) <= ends.high)
    assert np.mean(found) < 0.95 - 3 * math.sqrt(0.05 * 0.95 / 200)


def test_errors_in_common_make_a_gain_surer_and_an_accuracy_not():
    given_points, correlation = points(250, 1_000, 4_000, error=0.005), np.full((3, 3), 0.9)
    np.fill_diagonal(correlation, 1.0)
    apart = fit_learning_curve(given_points).predict(16_000)
    together = fit_learning_curve(given_points, correlation=correlation).predict(16_000)
    widths = [
        each.high - each.low
        for each in (apart.gain_interval, together.gain_interval, apart.interval, together.interval)
        if each is not None
    ]
    assert widths[1] < 0.6 * widths[0]
    assert widths[3] > 0.9 * 2 * 1.96 * 0.005 * math.sqrt(0.9)


def test_the_gain_is_over_the_curve_at_the_largest_size():
    curve = fit_learning_curve(points(250, 1_000, 4_000, error=1e-5))
    here, farther, smaller = (curve.predict(images) for images in (4_000, 16_000, 1_000))
    assert (here.gain, here.gain_interval and here.gain_interval.high) == (0.0, 0.0)
    assert farther.gain == pytest.approx(law(16_000) - law(4_000), abs=1e-4)
    assert smaller.gain == pytest.approx(law(1_000) - law(4_000), abs=1e-4)


def test_sizes_that_agree_on_every_image_are_not_known_to_be_equal():
    answered = np.arange(1_000) < 900
    curve = fit_answers({100: answered, 500: answered, 2_000: answered})
    assert "do not rise" in curve.reason
    assert [point.standard_error for point in curve.points] == pytest.approx([0.0095] * 3, abs=2e-4)


def test_answers_to_the_same_images_make_a_gain_surer_than_the_same_accuracies_on_others():
    random, answered = np.random.default_rng(6), np.arange(1_000)
    rights = {100: 800, 500: 870, 2_000: 900}
    same = fit_answers({size: answered < right for size, right in rights.items()})
    other = fit_answers({size: random.permutation(1_000) < right for size, right in rights.items()})
    ends = [curve.predict(8_000).gain_interval for curve in (same, other)]
    widths = [each.high - each.low for each in ends if each is not None]
    assert widths[0] < 0.8 * widths[1]


def test_answers_give_the_points_and_seeds_widen_them():
    alike = np.arange(1_000) < 900
    apart = np.stack([np.arange(1_000) < right for right in (860, 900, 940)])
    one, several = (
        fit_answers({100: each, 500: each, 2_000: each}).points for each in (np.stack([alike] * 3), apart)
    )
    assert [(point.images, point.accuracy) for point in one] == [(100, 0.9), (500, 0.9), (2_000, 0.9)]
    assert several[0].standard_error > 1.5 * one[0].standard_error


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
    gain = curve.predict(images).gain_interval
    assert gain is not None
    gained = (scale * (1 - (images / 2_000) ** -exponent))[near]
    assert np.all(gained >= gain.low - 1e-6)
    assert np.all(gained <= gain.high + 1e-6)


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
