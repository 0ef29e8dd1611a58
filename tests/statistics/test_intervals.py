"""Worked examples, SciPy as an oracle and properties, of the intervals of shares, accuracies and medians."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics import (
    Interval,
    accuracy_interval,
    mean_interval,
    median_interval,
    spread_over_seeds,
    wilson,
)
from harness.statistics.intervals import sample

shares = st.integers(1, 5000).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images)))


# Wilson


def test_wilson_of_970_in_1000():
    low, high = wilson(970, 1000)
    assert (round(low, 4), round(high, 4)) == (0.9575, 0.9789)


@given(shares, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(share: tuple[int, int], confidence: float):
    expected = stats.binomtest(*share).proportion_ci(confidence_level=confidence, method="wilson")
    assert wilson(*share, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(shares)
def test_wilson_contains_the_share_and_stays_within_0_and_1(share: tuple[int, int]):
    low, high = wilson(*share)
    assert 0 <= low <= share[0] / share[1] <= high <= 1


@given(shares)
def test_wilson_of_right_and_of_wrong_mirror_each_other(share: tuple[int, int]):
    correct, images = share
    low, high = wilson(correct, images)
    assert wilson(images - correct, images) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(st.integers(1, 1000))
def test_wilson_is_exactly_0_and_1_at_the_ends(images: int):
    assert wilson(0, images)[0] == 0
    assert wilson(images, images)[1] == 1


@pytest.mark.parametrize(("correct", "images"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_of_an_impossible_share_is_refused(correct: int, images: int):
    with pytest.raises(ValueError, match="expected 0 <= correct <= images"):
        wilson(correct, images)


# The interval of a median


@pytest.mark.parametrize(
    ("count", "low", "high", "confidence"),
    [(6, 1, 6, 0.9688), (8, 1, 8, 0.9922), (10, 2, 9, 0.9785), (20, 6, 15, 0.9586), (25, 8, 18, 0.9567)],
)
def test_the_interval_of_a_median_is_that_of_the_known_table(
    count: int, low: int, high: int, confidence: float
):
    """The places and confidences that are printed in tables of order-statistic intervals."""
    found = median_interval([float(place) for place in range(count, 0, -1)])
    assert (found.low, found.high, round(found.confidence, 4)) == (low, high, confidence)


@pytest.mark.parametrize(("count", "confidence"), [(1, 0.0), (2, 0.5), (3, 0.75), (5, 0.9375)])
def test_few_values_give_the_widest_interval_and_what_it_is_worth(count: int, confidence: float):
    assert median_interval([float(place) for place in range(count)]) == Interval(0, count - 1, confidence)


def test_the_interval_of_a_median_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        median_interval([])


@pytest.mark.parametrize("count", [5, 10, 17])
def test_the_interval_of_a_median_covers_it_as_often_as_it_says(count: int):
    """On skewed values, since the method asks for no distribution; 4,000 draws, four standard errors."""
    random, draws = np.random.default_rng(count), 4_000
    found = [median_interval(list(values)) for values in random.exponential(size=(draws, count))]
    held = np.mean([each.low <= math.log(2) <= each.high for each in found])
    confidence = found[0].confidence
    assert held == pytest.approx(confidence, abs=4 * math.sqrt(confidence * (1 - confidence) / draws))


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_on_published_examples(correct: int, images: int, low: float, high: float):
    """Newcombe (1998, Stat. Med. 17:857), table I, method 3."""
    assert wilson(correct, images) == pytest.approx((low, high), abs=5e-5)


# A mean


def test_the_interval_of_students_own_example():
    """Student (1908, Biometrika 6:1), table of hours of sleep gained by ten patients; ends as R's t.test."""
    found = mean_interval([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert (found.low, found.high) == pytest.approx((0.7001142, 2.4598858), abs=5e-8)


def test_equal_values_have_an_interval_without_width_and_a_single_one_has_none():
    assert mean_interval([2.0, 2.0, 2.0]) == Interval(2.0, 2.0, 0.95)
    with pytest.raises(ValueError, match="at least two values"):
        mean_interval([2.0])


# An accuracy over seeds

answer_tables = st.builds(
    lambda seed, seeds, images, share: np.random.default_rng(seed).random((seeds, images)) < share,
    st.integers(0, 2**32),
    st.integers(1, 6),
    st.integers(2, 60),
    st.sampled_from([0.1, 0.6, 0.95, 1.0]),
)


@given(shares)
def test_the_accuracy_of_one_seed_has_wilsons_interval(share: tuple[int, int]):
    correct, images = share
    found = accuracy_interval(np.arange(images) < correct)
    assert (found.low, found.high) == pytest.approx(wilson(correct, images))


@given(answer_tables)
def test_what_seeds_add_is_that_of_the_two_way_analysis_of_variance(table: np.ndarray):
    """Reckoned from the mean squares as textbooks have them (Searle, Casella, McCulloch 1992, chapter 4)."""
    seeds, images = table.shape
    if seeds == 1:
        assert sample(table).from_seeds == 0
        return
    rows, columns, all_of_it = table.mean(axis=1), table.mean(axis=0), table.mean()
    between = images * float(np.square(rows - all_of_it).sum()) / (seeds - 1)
    left = np.square(table - rows[:, None] - columns[None, :] + all_of_it).sum() / (
        (seeds - 1) * (images - 1)
    )
    assert sample(table).from_seeds == pytest.approx(max(0.0, between - left) / (seeds * images), abs=1e-12)


@given(answer_tables)
def test_an_accuracy_interval_holds_its_accuracy_and_stays_within_0_and_1(table: np.ndarray):
    found = accuracy_interval(table)
    assert 0 <= found.low <= table.mean() <= found.high <= 1
    assert found.high - found.low > 0


@given(answer_tables, st.integers(2, 5))
def test_seeds_that_never_differ_add_no_certainty(table: np.ndarray, seeds: int):
    one, many = accuracy_interval(table[0]), accuracy_interval(np.tile(table[0], (seeds, 1)))
    assert (one.low, one.high) == pytest.approx((many.low, many.high))


def test_seeds_that_differ_widen_the_interval_of_the_same_mean():
    like = np.random.default_rng(0).random((3, 1_000)) < 0.9
    near, far = accuracy_interval(like), accuracy_interval(np.sort(like, axis=0))
    assert far.high - far.low > 3 * (near.high - near.low)


def test_where_seeds_are_all_of_it_the_interval_is_students_over_them():
    """Accuracies 0.50, 0.52 and 0.54 on a million images: t(2) = 4.3027, so 0.52 +- 4.3027 * 0.02 / sqrt(3).

    A score interval is a little narrower, by the square root of 1 + (half / 0.5)^2.
    """
    places = np.arange(1_000_000)
    found = accuracy_interval(np.array([places < share * 1_000_000 for share in (0.50, 0.52, 0.54)]))
    half = 4.3027 * 0.02 / math.sqrt(3)
    assert (found.high - found.low) / 2 == pytest.approx(half / math.sqrt(1 + (half / 0.5) ** 2), rel=0.01)


def test_the_spread_over_seeds_on_a_worked_example():
    assert spread_over_seeds([0.90, 0.92, 0.94]) == pytest.approx(0.02)
    assert spread_over_seeds([0.9]) is None


def test_answers_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(seeds, images\)"):
        accuracy_interval(np.ones((2, 0), bool))
