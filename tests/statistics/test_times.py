"""Worked examples, SciPy as an oracle and properties, of the times' statistics."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics import (
    FEWEST_ROWS,
    Interval,
    Spread,
    ratio_interval,
    spearman,
    spread_of_passes,
    spread_of_repeats,
    spread_of_successive,
    tie_ranks,
)

# What a machine can tell apart


def test_the_spread_of_repeats_on_a_worked_example():
    """Logarithms 0.1, 0.2, 0.3, 0.4: variance 0.05 / 3 about their mean of 0.25."""
    spread = spread_of_repeats([math.exp(each) for each in (0.1, 0.2, 0.3, 0.4)])
    assert (spread.deviation, spread.freedom) == (pytest.approx(math.sqrt(0.05 / 3)), 3)


def test_the_width_of_a_tie_on_a_worked_example():
    """Student's t is 2.262 for 9 degrees of freedom; two passes of 1 % each differ by 1 %."""
    width = Spread(0.01, 9).width(2)
    assert width == pytest.approx(math.expm1(2.2622 * 0.01), rel=1e-4)
    assert Spread(0.01, 9).width(1) == pytest.approx(math.expm1(2.2622 * 0.01 * math.sqrt(2)), rel=1e-4)


def test_the_spread_of_passes_on_a_worked_example():
    """Eleven pairs that differ by -5 to 5 % (logarithms): the median of absolute deviations is 3 %."""
    rows = [(1.0, math.exp(0.01 * step)) for step in range(-5, 6)]
    spread = spread_of_passes(rows)
    assert spread is not None
    assert spread.deviation == pytest.approx(1.4826 * 0.03 / math.sqrt(2) * 11 / 10.2)
    assert spread.freedom == pytest.approx(3.7)


def test_what_all_rows_of_a_pass_have_in_common_does_not_widen_a_tie():
    rows = np.exp(np.random.default_rng(0).normal(0, 0.01, (20, 2)))
    shifted, plain = spread_of_passes(rows * [1.0, 1.3]), spread_of_passes(rows)
    assert shifted is not None
    assert plain is not None
    assert shifted.deviation == pytest.approx(plain.deviation)


def test_a_few_disturbed_rows_do_not_widen_a_tie_much():
    """A plain standard deviation would be more than twenty times as large."""
    rows = np.exp(np.random.default_rng(0).normal(0, 0.01, (40, 2)))
    disturbed = rows.copy()
    disturbed[:4, 1] *= 3
    before, after = spread_of_passes(rows), spread_of_passes(disturbed)
    assert before is not None
    assert after is not None
    assert after.deviation < 2 * before.deviation


@pytest.mark.parametrize("rows", [[], [(1.0, 1.1)] * (FEWEST_ROWS - 1), [(1.0,)] * FEWEST_ROWS])
def test_few_rows_or_one_pass_tell_nothing_of_a_tie(rows: list[tuple[float, ...]]):
    assert spread_of_passes(rows) is None


def test_the_spread_of_successive_measurements_on_a_worked_example():
    """Logarithms 0.1, 0.4, 0.2: steps of 0.3 and -0.2; of two measurements it is that of a plain variance."""
    spread = spread_of_successive([math.exp(each) for each in (0.1, 0.4, 0.2)])
    assert spread.deviation == pytest.approx(math.sqrt((0.09 + 0.04) / 4))
    assert spread.freedom == pytest.approx(8 / 5)
    two = math.exp(0.1), math.exp(0.3)
    assert spread_of_successive(two).deviation == pytest.approx(spread_of_repeats(two).deviation)
    assert spread_of_successive(two).freedom == spread_of_repeats(two).freedom


def test_the_spread_of_successive_measurements_is_as_well_known_as_its_freedom_says():
    random = np.random.default_rng(0)
    found = [spread_of_successive(each) for each in np.exp(random.normal(0, 0.02, (4_000, 6)))]
    variances = np.array([each.deviation**2 for each in found])
    assert variances.mean() == pytest.approx(0.02**2, rel=0.05)
    # A chi-squared number over its degrees of freedom has a variance of two over these.
    assert variances.var() / variances.mean() ** 2 == pytest.approx(2 / found[0].freedom, rel=0.1)


def test_drift_widens_what_is_about_a_mean_and_not_what_is_successive():
    drifting = np.exp(np.linspace(0, 0.3, 30) + np.random.default_rng(0).normal(0, 0.01, 30))
    assert spread_of_successive(drifting).deviation < 0.02 < spread_of_repeats(drifting).deviation / 4


@pytest.mark.parametrize(
    "measure",
    [spread_of_repeats, spread_of_successive, lambda values: ratio_interval(values, [1.0, 2.0])],
)
def test_one_measurement_has_no_spread(measure: Callable[[list[float]], object]):
    with pytest.raises(ValueError, match="expected at least two"):
        measure([1.0])


def told_apart(width: Callable[[np.random.Generator], float], passes: int, draws: int = 3_000) -> float:
    """How often two rows of the same truth, each the mean of so many passes, differ by more than a tie."""
    random = np.random.default_rng(7)
    found = 0
    for _ in range(draws):
        # Another machine each time: what it resolves is estimated, not known.
        one, other = np.exp(random.normal(0, SPREAD, (2, passes))).mean(axis=1)
        found += ties([one, other], width(random)) != [1, 1]
    return found / draws


SPREAD = 0.02


def from_repeats(passes: int) -> Callable[[np.random.Generator], float]:
    return lambda random: spread_of_repeats(np.exp(random.normal(0, SPREAD, 10))).width(passes)


def from_passes(rows: int) -> Callable[[np.random.Generator], float]:
    def width(random: np.random.Generator) -> float:
        spread = spread_of_passes(np.exp(random.normal(0, SPREAD, (rows, 2))))
        assert spread is not None
        return spread.width(2)

    return width


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_rows_of_one_truth_are_told_apart_once_in_twenty_by_repeats(passes: int):
    """Three standard errors of 3,000 draws are 0.012."""
    assert told_apart(from_repeats(passes), passes) == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize("rows", [20, 100])
def test_rows_of_one_truth_are_told_apart_once_in_twenty_by_passes(rows: int):
    """The degrees of freedom of a median deviation are approximate, so the tolerance is wider."""
    assert told_apart(from_passes(rows), 2) == pytest.approx(0.05, abs=0.02)


def test_the_check_rejects_a_width_that_forgets_that_both_rows_vary():
    with pytest.raises(AssertionError):
        assert told_apart(lambda random: from_repeats(2)(random) / math.sqrt(2), 2) == pytest.approx(
            0.05, abs=0.02
        )


def test_the_check_rejects_a_width_of_the_normal_distribution_for_few_repeats():
    def narrow(random: np.random.Generator) -> float:
        return 1.96 * spread_of_repeats(np.exp(random.normal(0, SPREAD, 4))).deviation

    with pytest.raises(AssertionError):
        assert told_apart(narrow, 2) == pytest.approx(0.05, abs=0.02)


def test_the_ratio_of_two_means_on_a_worked_example():
    """Logarithms 0 and 0.2 against 0.1 and 0.3: difference -0.1, pooled variance 0.02, t(2) = 4.3027."""
    found = ratio_interval([1.0, math.exp(0.2)], [math.exp(0.1), math.exp(0.3)])
    half = 4.30265 * math.sqrt(0.02)
    assert math.log(found.low) == pytest.approx(-0.1 - half, rel=1e-5)
    assert math.log(found.high) == pytest.approx(-0.1 + half, rel=1e-5)


def test_the_ratio_of_two_means_agrees_with_scipy():
    random = np.random.default_rng(3)
    first, second = np.exp(random.normal(0, 0.1, 7)), np.exp(random.normal(0.2, 0.1, 5))
    expected = stats.ttest_ind(np.log(first), np.log(second)).confidence_interval()
    found = ratio_interval(first, second)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((expected.low, expected.high))


# Ranks of times


def ties(times: Sequence[float], width: float) -> list[int]:
    """Ranks by the width alone: intervals of no length."""
    return tie_ranks(times, width, [Interval(each, each, 0.95) for each in times])


def test_rows_whose_intervals_overlap_are_tied_however_far_apart_they_are():
    """The rows themselves disagree on more than the machine does as a rule."""
    times = [48.4, 50.2, 51.0, 70.0]
    intervals = [Interval(low, high, 0.95) for low, high in ((44, 53), (48, 53), (50.9, 51.1), (69, 71))]

    assert tie_ranks(times, 0.005, intervals) == [1, 1, 1, 4]


def test_times_within_a_tie_share_a_rank_and_slower_ones_count_all_that_beat_them():
    assert ties([10.0, 10.1, 12.0, 11.9], 0.02) == [1, 1, 3, 3]


def test_being_tied_is_not_transitive():
    assert ties([100.0, 102.0, 104.0], 0.03) == [1, 1, 2]


def test_a_difference_of_just_the_width_is_a_tie():
    assert ties([1.0, 1.25], 0.25) == [1, 1]


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=10), st.floats(0, 0.5))
def test_the_fastest_ranks_first_and_a_wider_tie_never_worsens_a_rank(times: list[float], width: float):
    placed = ties(times, width)
    assert placed[times.index(min(times))] == 1
    assert all(wide <= narrow for wide, narrow in zip(ties(times, 2 * width), placed, strict=True))


# Rank correlation


def test_the_rank_correlation_of_a_worked_example_is_exact():
    """Five pairs with two neighbours exchanged: 1 - 6 * 2 / 120; of 120 orders, 10 are as far from 0."""
    found = spearman([1, 2, 3, 4, 5], [10, 20, 30, 50, 40])
    assert found == pytest.approx((0.9, 10 / 120))


@pytest.mark.parametrize("count", [6, 30])
def test_the_rank_correlation_agrees_with_scipy(count: int):
    first, second = np.random.default_rng(count).integers(0, 9, (2, count))
    found = spearman(list(first), list(second))
    assert found is not None
    assert found[0] == pytest.approx(stats.spearmanr(first, second).statistic)


def test_many_pairs_in_order_could_hardly_be_chance():
    found = spearman(range(30), [value**2 for value in range(30)])
    assert found == pytest.approx((1.0, 1e-4))


@pytest.mark.parametrize(("first", "second"), [([1, 2], [1, 2]), ([1, 2, 3], [4, 4, 4]), ([], [])])
def test_too_few_or_equal_pairs_have_no_rank_correlation(first: list[float], second: list[float]):
    assert spearman(first, second) is None


def test_values_that_are_no_pairs_have_no_rank_correlation():
    with pytest.raises(ValueError, match="expected pairs"):
        spearman([1, 2, 3], [1, 2])
