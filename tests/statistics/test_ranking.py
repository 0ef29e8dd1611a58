"""Ranks of many rows: against a plain reckoning pair by pair, and pruned against not pruned."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from fakes_answers import answers, pair
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.statistics import Ranking, compare, holm, rank_rows, ranks


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


# Tables of several seeds, and pruning


@st.composite
def mixed_tables(draw: st.DrawFn) -> list[NDArray]:
    """Rows of one to three seeds, some clearly apart, some close, on the same 20 to 400 images."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    difficulty = random.standard_normal(draw(st.integers(20, 400)))
    shape = st.tuples(st.sampled_from([1, 1, 2, 3]), st.sampled_from([0.4, 0.8, 0.85, 0.97]))
    rows = draw(st.lists(shape, min_size=2, max_size=7))
    agreement = draw(st.sampled_from([0.5, 0.95]))
    return [answers(random, seeds, difficulty, share, agreement=agreement) for seeds, share in rows]


def shares_of(rows: Sequence[NDArray]) -> list[list[float]]:
    return [[float(share) for share in row.mean(axis=1)] for row in rows]


def ranked(rows: Sequence[NDArray], **options: float) -> Ranking:
    return rank_rows(shares_of(rows), rows[0].shape[1], rows.__getitem__, **options)


def never(row: int) -> NDArray:
    raise AssertionError(f"row {row} was read")


def plain(rows: Sequence[NDArray], level: float) -> tuple[list[int], list[tuple[int, int]], list[bool]]:
    """Ranks, rank intervals and ties with the best, reckoned pair by pair."""
    pairs = [(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows))]
    adjusted = holm([compare(rows[a], rows[b]).p_value for a, b in pairs])
    beats = {
        (a, b) if rows[a].mean() > rows[b].mean() else (b, a)
        for (a, b), p_value in zip(pairs, adjusted, strict=True)
        if p_value < level
    }
    better = [sum(loser == row for _, loser in beats) for row in range(len(rows))]
    worse = [sum(winner == row for winner, _ in beats) for row in range(len(rows))]
    best = max(range(len(rows)), key=lambda row: (round(rows[row].mean(), 12), -row))
    return (
        [1 + count for count in better],
        [(1 + up, len(rows) - down) for up, down in zip(better, worse, strict=True)],
        [(best, row) not in beats for row in range(len(rows))],
    )


@given(mixed_tables(), st.sampled_from([0.05, 0.5]))
def test_all_pairs_at_once_say_what_they_say_one_by_one(rows: list[NDArray], level: float):
    found = ranked(rows, level=level)
    assert (list(found.ranks), list(found.intervals), list(found.tied_with_best)) == plain(rows, level)
    assert found.tested == len(rows)


@given(mixed_tables(), st.sampled_from([0.05, 0.9]))
def test_pruning_never_changes_who_is_tied_with_the_best(rows: list[NDArray], level: float):
    found = ranked(rows, level=level, most_pairs=0)
    threshold = level / math.comb(len(rows), 2)
    assert found.best is not None
    assert list(found.tied_with_best) == [
        row == found.best or compare(rows[found.best], rows[row]).p_value >= threshold
        for row in range(len(rows))
    ]


def decided_rightly(rows: Sequence[NDArray]) -> bool:
    """Whether pruning gives the p-value's own answer at levels just below and just above it."""
    p_value = compare(rows[0], rows[1]).p_value
    levels = [p_value * (1 - 1e-6), p_value * (1 + 1e-6)]
    return all(
        all(ranked(rows, level=level, most_pairs=0).tied_with_best) == (p_value >= level) for level in levels
    )


def test_counts_alone_never_decide_a_pair_of_single_seeds_wrongly():
    """Every table of twelve images, at the levels where a bound that is off by one image shows."""
    for both in range(13):
        for first in range(13 - both):
            for second in range(13 - both - first):
                rows = pair(both, first, second, 12 - both - first - second)
                if rows[0].sum() != rows[1].sum():
                    assert decided_rightly([row[None, :] for row in rows])


@pytest.mark.parametrize("seeds", [(1, 2), (2, 2), (3, 2), (5, 1)])
def test_counts_alone_never_decide_a_pair_of_several_seeds_wrongly(seeds: tuple[int, int]):
    """Seeds up to 30 points apart, whose variance is all but the whole of it."""
    random = np.random.default_rng(4)
    for _ in range(100):
        difficulty = random.standard_normal(40)
        agreement = random.choice([0.2, 0.999])
        first, second = (
            answers(
                random, many, sign * difficulty, random.choice([0.3, 0.6]), spread=0.3, agreement=agreement
            )
            for many, sign in zip(seeds, (1, random.choice([-1, 1])), strict=True)
        )
        assert decided_rightly([first, second])


def test_a_large_table_is_read_only_where_the_accuracies_leave_it_open():
    """Of 10,000 rows on 1,000 images: 970 right are best, 965 can only be tied, 600 can only be worse."""
    rows = 10_000
    shares = [[0.97], [0.93]] + [[0.965]] * 4_999 + [[0.6]] * 4_999
    first, second = pair(930, 40, 0, 30)
    read = []

    def correct(row: int) -> NDArray:
        read.append(row)
        return (first, second)[row]

    found = rank_rows(shares, 1_000, correct)
    assert read == [0, 1]
    assert found.tested == 2
    assert sum(found.tied_with_best) == 5_000
    assert found.tied_with_best[:3] == (True, False, True)
    assert found.ranks[:2] == (1, None)
    assert found.intervals[:2] == ((1, rows - 5_000), None)


def test_nothing_is_read_where_the_accuracies_decide_all():
    found = rank_rows([[0.97], [0.6], [0.968]], 1_000, never, most_pairs=0)
    assert found.tied_with_best == (True, False, True)
    assert found.tested == 0


def test_the_family_is_named_with_its_tests():
    rows = [answers(np.random.default_rng(0), 1, np.zeros(50), 0.9) for _ in range(4)]
    assert "all 6 pairs of 4 rows" in ranked(rows).family
    assert "3 tests" in ranked(rows, most_pairs=5).family
    assert "as for all 6 pairs" in ranked(rows, most_pairs=5).family


def test_of_equal_rows_the_first_is_the_best():
    rows = [row[None, :] for row in pair(90, 4, 4)]
    assert ranked(rows).best == ranked(rows[::-1]).best == 0


@pytest.mark.parametrize("rows", [0, 1])
def test_fewer_than_two_rows_are_ranked_without_reading(rows: int):
    found = rank_rows([[0.9]] * rows, 10, never)
    assert (found.ranks, found.intervals, found.tied_with_best) == (
        (1,) * rows,
        ((1, 1),) * rows,
        (True,) * rows,
    )


@pytest.mark.parametrize(
    ("share", "data", "message"),
    [
        (0.955, [True] * 10, "no whole number"),
        (1.2, [True] * 10, "in 0..1"),
        (0.9, [True] * 10, "right answers a seed"),
        (1.0, [True] * 9, "shape"),
    ],
)
def test_data_that_contradict_the_accuracies_are_refused(share: float, data: list[bool], message: str):
    with pytest.raises(ValueError, match=message):
        rank_rows([[share], [0.5]], 10, lambda row: np.array(data))


def test_accuracies_kept_in_single_precision_are_whole_numbers_of_images():
    row = np.arange(25_000) < 24_123
    assert rank_rows([[float(np.float32(row.mean()))]] * 2, 25_000, lambda _: row).ranks == (1, 1)


# False alarms: how often rows of one truth are said to differ


def family_wise(
    alarm: Callable[[list[NDArray]], bool], *, seeds: int, spread: float, tables: int = 300
) -> float:
    """How often a table of eight rows of the same truth (0.9 on 300 images) raises a false alarm."""
    random = np.random.default_rng(11)
    return float(
        np.mean(
            [
                alarm([answers(random, seeds, difficulty, 0.9, spread=spread) for _ in range(8)])
                for difficulty in random.standard_normal((tables, 300))
            ]
        )
    )


LIMIT = 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)
"""5 % and three binomial standard errors of 300 tables: 0.088."""


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (3, 0.01)])
@pytest.mark.parametrize("most_pairs", [0, 1_000])
def test_rows_of_one_truth_are_all_tied_with_the_best(seeds: int, spread: float, most_pairs: int):
    def alarm(rows: list[NDArray]) -> bool:
        return not all(ranked(rows, most_pairs=most_pairs).tied_with_best)

    assert family_wise(alarm, seeds=seeds, spread=spread) <= LIMIT


def test_the_check_rejects_tests_that_are_not_corrected_for_their_number():
    def alarm(rows: list[NDArray]) -> bool:
        best = max(rows, key=np.mean)
        return any(compare(best, row).p_value < 0.05 for row in rows)

    assert family_wise(alarm, seeds=1, spread=0.0) > LIMIT


def test_the_check_rejects_seeds_taken_for_more_images():
    """All seeds' answers in one row of McNemar's test, corrected by Holm: the seeds' own spread is lost."""

    def alarm(rows: list[NDArray]) -> bool:
        return max(ranks([row.ravel() for row in rows])) > 1

    assert family_wise(alarm, seeds=3, spread=0.01) > LIMIT
