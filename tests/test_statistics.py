"""Worked examples with known answers, SciPy as an oracle, and properties that must always hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from harness.statistics import holm, mcnemar, ranks, wilson

shares = st.integers(1, 5000).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images)))
p_values = st.lists(st.floats(0, 1), max_size=12)


def table(accuracies: list[float], images: int, seed: int) -> list[NDArray]:
    """Rows of right and wrong answers on the same images, some far better than others."""
    random = np.random.default_rng(seed)
    return [random.random(images) < accuracy for accuracy in accuracies]


tables = st.builds(
    table,
    st.lists(st.sampled_from([0.3, 0.6, 0.9, 1.0]), min_size=1, max_size=6),
    st.integers(1, 60),
    st.integers(0, 2**32),
)


def pair(both: int, only_first: int, only_second: int, none: int = 0) -> tuple[NDArray, NDArray]:
    """Two rows of right and wrong with that many images of each kind."""
    first = [True] * both + [True] * only_first + [False] * only_second + [False] * none
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * none
    return np.array(first), np.array(second)


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


# McNemar


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [(1, 9, 0.021484375), (0, 5, 0.0625), (0, 6, 0.03125), (5, 5, 1.0), (0, 0, 1.0)],
)
def test_mcnemar_on_worked_examples(only_first: int, only_second: int, expected: float):
    assert mcnemar(*pair(20, only_first, only_second, 3)) == pytest.approx(expected)


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_is_twice_the_smaller_tail(only_first: int, only_second: int):
    count, smaller = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(count, lower) for lower in range(smaller + 1)) / 2**count
    assert mcnemar(*pair(2, only_first, only_second)) == pytest.approx(min(1.0, 2 * tail))


@given(*[st.integers(0, 12)] * 4)
def test_mcnemar_does_not_depend_on_images_that_agree(first: int, second: int, both: int, none: int):
    rows = pair(both + 1, first, second, none)
    assert mcnemar(*rows) == mcnemar(*pair(1, first, second))
    assert mcnemar(*rows) == mcnemar(*reversed(rows))


def test_mcnemar_of_different_images_is_refused():
    with pytest.raises(ValueError, match="expected the same images"):
        mcnemar(np.array([True]), np.array([True, False]))


# Holm


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.01, 0.02, 0.03], [0.03, 0.04, 0.04]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_on_worked_examples(raw: list[float], expected: list[float]):
    assert holm(raw) == pytest.approx(expected)


@given(p_values)
def test_holm_only_raises_and_never_past_one(raw: list[float]):
    assert all(before <= after <= 1 for before, after in zip(raw, holm(raw), strict=True))


@given(p_values)
def test_holm_keeps_the_order_of_the_p_values(raw: list[float]):
    after = [adjusted for _, adjusted in sorted(zip(raw, holm(raw), strict=True))]
    assert after == sorted(after)


@given(p_values.flatmap(lambda raw: st.tuples(st.just(raw), st.permutations(range(len(raw))))))
def test_holm_does_not_depend_on_the_order_of_the_tests(case: tuple[list[float], list[int]]):
    raw, order = case
    turned = holm([raw[place] for place in order])
    assert turned == pytest.approx([holm(raw)[place] for place in order])


# Ranks


def test_rows_that_the_images_cannot_tell_apart_share_the_first_rank():
    assert ranks([*pair(90, 5, 3, 2)]) == [1, 1]


def test_a_row_that_is_significantly_worse_ranks_behind_all_that_are_better():
    best, same = pair(90, 5, 3, 2)
    assert ranks([np.zeros(100, bool), best, same]) == [3, 1, 1]


def test_the_family_of_all_pairs_is_corrected_for():
    # Alone p is 0.03125; in a table of three pairs Holm makes 0.09375 of it.
    first, second = pair(50, 6, 0)
    assert ranks([first, second]) == [1, 2]
    assert ranks([first, second, second]) == [1, 1, 1]


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_to_compare_ranks_first(rows: int):
    assert ranks([np.array([True, False])] * rows) == [1] * rows


@given(tables)
def test_the_most_accurate_row_always_ranks_first(rows: list[NDArray]):
    right = [int(row.sum()) for row in rows]
    assert ranks(rows)[right.index(max(right))] == 1


@given(tables)
def test_ranks_lie_between_one_and_the_number_of_rows(rows: list[NDArray]):
    assert all(1 <= rank <= len(rows) for rank in ranks(rows))


@given(tables.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(range(len(rows))))))
def test_ranks_do_not_depend_on_the_order_of_the_rows(case: tuple[list[NDArray], list[int]]):
    rows, order = case
    assert ranks([rows[place] for place in order]) == [ranks(rows)[place] for place in order]
