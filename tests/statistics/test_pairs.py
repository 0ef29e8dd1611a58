"""Published examples and properties of the comparison of two rows, and of Holm's correction."""

import math

import numpy as np
import pytest
from fakes_answers import pair
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics import compare, holm, mcnemar
from harness.statistics.intervals import sample
from harness.statistics.pairs import exact_p, p_values

p_lists = st.lists(st.floats(0, 1), max_size=12)


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
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # the worked one of most textbooks
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_on_worked_examples(raw: list[float], expected: list[float]):
    assert holm(raw) == pytest.approx(expected)


@given(p_lists)
def test_holm_only_raises_and_never_past_one(raw: list[float]):
    assert all(before <= after <= 1 for before, after in zip(raw, holm(raw), strict=True))


@given(p_lists)
def test_holm_keeps_the_order_of_the_p_values(raw: list[float]):
    after = [adjusted for _, adjusted in sorted(zip(raw, holm(raw), strict=True))]
    assert after == sorted(after)


@given(p_lists.flatmap(lambda raw: st.tuples(st.just(raw), st.permutations(range(len(raw))))))
def test_holm_does_not_depend_on_the_order_of_the_tests(case: tuple[list[float], list[int]]):
    raw, order = case
    turned = holm([raw[place] for place in order])
    assert turned == pytest.approx([holm(raw)[place] for place in order])


# Two rows


def test_the_paired_interval_of_a_published_example():
    """Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables (2017), chapter 8.

    Complete response before and after consolidation therapy (Cavo et al. 2012), 59, 6, 16, 80: Newcombe's
    interval is -0.1186 to -0.0046.
    """
    found = compare(*pair(59, 6, 16, 80))
    assert found.difference == pytest.approx(-0.0621, abs=5e-5)
    assert found.interval.low == pytest.approx(-0.1186, abs=5e-5)
    assert found.interval.high == pytest.approx(-0.0046, abs=5e-5)
    assert found.method == "exact McNemar"


def test_the_exact_test_of_a_published_example():
    """Fagerland, Lydersen and Laake (2013, BMC Med. Res. Methodol. 13:91): airway reactivity, P = 0.070."""
    assert compare(*pair(1, 1, 7, 12)).p_value == pytest.approx(0.0703, abs=5e-5)


@given(*[st.integers(0, 30)] * 4)
def test_comparing_the_other_way_round_turns_the_sign(both: int, first: int, second: int, none: int):
    rows = pair(both + 1, first, second, none)
    there, back = compare(*rows), compare(*reversed(rows))
    assert there.p_value == back.p_value
    assert (there.difference, there.interval.low, there.interval.high) == pytest.approx(
        (-back.difference, -back.interval.high, -back.interval.low)
    )
    assert -1 <= there.interval.low <= there.difference <= there.interval.high <= 1


@given(*[st.integers(0, 30)] * 4, st.integers(2, 4))
def test_seeds_that_never_differ_tell_no_more_than_one(
    both: int, first: int, second: int, none: int, seeds: int
):
    rows = pair(both + 1, first, second, none)
    one, many = compare(*rows), compare(*(np.tile(row, (seeds, 1)) for row in rows))
    assert (one.interval.low, one.interval.high) == pytest.approx((many.interval.low, many.interval.high))


@pytest.mark.parametrize("share", [1.0, 0.97, 0.0])
@pytest.mark.parametrize("seeds", [1, 3])
def test_rows_that_agree_on_every_image_do_not_differ_yet_are_not_proven_equal(share: float, seeds: int):
    """The rule of three: no difference among 1,000 images still allows about 3 in 1,000."""
    row = np.tile(np.arange(1_000) < 1_000 * share, (seeds, 1))
    found = compare(row, row)
    assert (found.difference, found.p_value) == (0, 1)
    assert found.interval.low < 0 < found.interval.high
    assert found.interval.high == pytest.approx(0.003, abs=0.002)


def test_the_method_says_whose_seeds_it_has():
    row = np.random.default_rng(0).random((3, 100)) < 0.9
    assert compare(row, row).method == "Student's t over images and seeds"
    assert compare(row[:1], row).method == "Student's t over images and one row's seeds"
    assert compare(row[0], row[:1]).method == "exact McNemar"


def test_seeds_that_differ_more_make_a_difference_less_certain():
    """The same mean for each image, once from like seeds and once from a good and two bad ones."""
    random = np.random.default_rng(0)
    like = random.random((3, 1_000)) < 0.9
    apart = np.sort(like, axis=0)
    worse = random.random((3, 1_000)) < 0.85
    assert compare(apart, worse).difference == pytest.approx(compare(like, worse).difference)
    assert compare(apart, worse).p_value > 10 * compare(like, worse).p_value


def test_p_values_far_below_any_number_of_draws_are_told():
    """Holm over 400 rows asks for 6e-7."""
    random = np.random.default_rng(0)
    assert compare(random.random((5, 2_000)) < 0.95, random.random((5, 2_000)) < 0.85).p_value < 1e-8


def test_other_images_are_refused():
    with pytest.raises(ValueError, match="expected the same images"):
        compare(np.ones((1, 3), bool), np.ones((1, 4), bool))


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2**32)), min_size=2, max_size=5))
def test_all_p_values_at_once_are_those_of_each_pair(shapes: list[tuple[int, int]]):
    rows = [np.random.default_rng(seed).random((seeds, 50)) < 0.8 for seeds, seed in shapes]
    found = p_values([sample(row) for row in rows])
    for first, one in enumerate(rows):
        for second, other in enumerate(rows):
            if first != second:
                assert found[first, second] == pytest.approx(compare(one, other).p_value)


@given(st.integers(0, 200), st.integers(0, 200))
def test_p_grows_with_the_images_that_only_one_got_right_at_a_given_difference(difference: int, smaller: int):
    """What pruning rests on: one more such image for each row never makes a difference surer."""
    counts = np.array([smaller, smaller + 1])
    before, after = exact_p(counts + difference, counts)
    assert before <= after * (1 + 1e-12)
