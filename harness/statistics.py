"""How sure a number is: intervals, tests between two, ranks of many; for accuracies and for times."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, permutations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = [
    "FEWEST_ROWS",
    "Interval",
    "Spread",
    "holm",
    "mcnemar",
    "median_interval",
    "ranks",
    "ratio_interval",
    "spearman",
    "spread_of_passes",
    "spread_of_repeats",
    "tie_ranks",
    "wilson",
]

FEWEST_ROWS = 10
"""How many rows the disagreement of passes must come from: a median of fewer deviations tells little."""


@dataclass(frozen=True)
class Interval:
    """Two ends, and the probability (0..1) with which such an interval holds the truth."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Spread:
    """How much repeated measurements of one thing differ.

    `deviation` is the standard deviation of one measurement's natural logarithm, so a share for small
    ones; `freedom` the degrees of freedom that it is known with.
    """

    deviation: float
    freedom: float

    def width(self, measurements: int, confidence: float = 0.95) -> float:
        """The smallest difference between two means of so many measurements that is more than chance.

        It is a share.  Two of the same truth differ by more in one case out of twenty: Student's t for
        the difference of two means whose deviation was estimated elsewhere.
        """
        quantile = float(stats.t.ppf(0.5 + confidence / 2, self.freedom))
        return math.expm1(quantile * self.deviation * math.sqrt(2 / measurements))


def wilson(correct: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927), from the test set's size alone.

    It says nothing of seeds.  Its coverage drops to about 0.91 very near 1.0 or at 50 images.
    """
    if not 0 <= correct <= images or images < 1:
        raise ValueError(f"expected 0 <= correct <= images, got {correct} of {images}")
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    share = correct / images
    centre = (share + z * z / (2 * images)) / (1 + z * z / images)
    half = z / (1 + z * z / images) * math.sqrt(share * (1 - share) / images + z * z / (4 * images**2))
    # At the ends the bound is exactly 0 or 1; rounding must not push it past.
    low = 0.0 if correct == 0 else max(0.0, centre - half)
    high = 1.0 if correct == images else min(1.0, centre + half)
    return low, high


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Two-sided p-value of the exact McNemar test on the same images (McNemar 1947).

    Only images that one got right and the other wrong count; without any, p is 1.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected the same images, got {len(first)} and {len(second)}")
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values for one family of tests (Holm 1979), in the given order."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def ranks(correct: Sequence[NDArray[np.bool_]], level: float = 0.05) -> list[int]:
    """The rank of each row: one plus the number of rows that are significantly better.

    `correct` holds, for each row, whether each of the same test images was classified right.
    Rows are compared by exact McNemar tests, with Holm's correction over all pairs; rows that
    cannot be told apart from the best share rank 1.
    """
    pairs = [(a, b) for a in range(len(correct)) for b in range(a + 1, len(correct))]
    adjusted = holm([mcnemar(correct[a], correct[b]) for a, b in pairs])
    better = [0] * len(correct)
    for (a, b), p_value in zip(pairs, adjusted, strict=True):
        if p_value < level:
            worse = a if correct[a].sum() < correct[b].sum() else b
            better[worse] += 1
    return [1 + count for count in better]


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The distribution-free interval of a median, from order statistics (Conover 1999, section 3.2).

    The k-th smallest and the k-th largest of n independent values hold the median with probability
    1 - 2 P(Binomial(n, 1/2) < k); k is the largest for which that is at least `confidence`.  Below six
    values there is none at 95 %: then the interval is from the smallest to the largest, and its
    `confidence` says what that is worth.
    """
    if not values:
        raise ValueError("expected at least one value")
    count = len(values)
    tails = accumulate(math.comb(count, below) for below in range((count + 1) // 2))
    coverage = [1 - 2 * tail / 2**count for tail in tails]
    enough = [k for k, share in enumerate(coverage, 1) if share >= confidence]
    k = max(enough, default=1)
    ordered = sorted(values)
    return Interval(ordered[k - 1], ordered[-k], max(0.0, coverage[k - 1]))


def spread_of_repeats(values: Sequence[float]) -> Spread:
    """The spread of repeated measurements of one thing, about their common mean; at least two."""
    if len(values) < 2:
        raise ValueError(f"expected at least two measurements, got {len(values)}")
    return Spread(float(np.std(np.log(values), ddof=1)), len(values) - 1)


def spread_of_passes(rows: Sequence[Sequence[float]]) -> Spread | None:
    """The spread of one measurement, from rows that were each measured in the same passes.

    Successive passes of a row differ by the square root of two times it.  What all rows of a pass have
    in common is no matter, since rows are compared within the same passes.  The deviation is 1.4826
    times the median absolute one, corrected for few rows, so that a few disturbed rows do not widen it
    (Croux and Rousseeuw 1992); for that it is known as well as from 37 % as many rows.
    Returns None for fewer than `FEWEST_ROWS` rows, or a single pass.
    """
    count = len(rows)
    if count < FEWEST_ROWS or len(rows[0]) < 2:
        return None
    differences = np.diff(np.log(np.asarray(rows, dtype=float)), axis=1)
    deviations = np.abs(differences - np.median(differences, axis=0))
    few = count / (count - 0.8)
    return Spread(1.4826 * few * float(np.median(deviations)) / math.sqrt(2), 0.37 * (count - 1))


def ratio_interval(first: Sequence[float], second: Sequence[float], confidence: float = 0.95) -> Interval:
    """The interval of the ratio of two geometric means: Student's t on logarithms, pooled variance.

    Both need two measurements or more.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"expected at least two measurements each, got {len(first)} and {len(second)}")
    logs = np.log(first), np.log(second)
    freedom = len(first) + len(second) - 2
    pooled = sum(float(np.sum((each - each.mean()) ** 2)) for each in logs) / freedom
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom))
    half *= math.sqrt(pooled * (1 / len(first) + 1 / len(second)))
    difference = float(logs[0].mean() - logs[1].mean())
    return Interval(math.exp(difference - half), math.exp(difference + half), confidence)


def tie_ranks(times: Sequence[float], width: float, intervals: Sequence[Interval]) -> list[int]:
    """The rank of each time: one plus the number of those that are faster beyond doubt.

    That is: by more than `width`, a share of the faster one, and with intervals that do not overlap;
    the width is what a machine resolves as a rule, the interval what these rows themselves disagree on.
    Being tied is not transitive: of three rows in a line the outer two may differ where neither differs
    from the middle one.
    """
    rows = list(zip(times, intervals, strict=True))
    return [
        1 + sum(other * (1 + width) < time and upper.high < own.low for other, upper in rows)
        for time, own in rows
    ]


def spearman(first: Sequence[float], second: Sequence[float]) -> tuple[float, float] | None:
    """Spearman's rank correlation of pairs, and the two-sided p-value of a permutation test.

    Exact up to 8 pairs, else from 9,999 seeded permutations.  None for fewer than three pairs, or
    where one side is the same everywhere.
    """
    if len(first) != len(second):
        raise ValueError(f"expected pairs, got {len(first)} and {len(second)}")
    if len(first) < 3 or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    places, others = stats.rankdata(first), stats.rankdata(second)
    others = (others - others.mean()) / np.linalg.norm(others - others.mean())
    places = (places - places.mean()) / np.linalg.norm(places - places.mean())
    count = len(places)
    if exact := count <= 8:
        orders = np.array(list(permutations(range(count))))
    else:
        random = np.random.default_rng(0)
        orders = random.permuted(np.tile(np.arange(count), (9_999, 1)), axis=1)
    found = float(places @ others)
    extreme = int(np.sum(np.abs(places[orders] @ others) >= abs(found) - 1e-12))
    p_value = extreme / len(orders) if exact else (extreme + 1) / (len(orders) + 1)
    return found, p_value


# Stand-ins until the statistics of several seeds are merged.


@dataclass(frozen=True)
class Ranking:
    """The ranks of rows, their rank intervals, which tie with the best, and the family of tests."""

    ranks: tuple[int | None, ...]
    intervals: tuple[tuple[int, int] | None, ...]
    tied_with_best: tuple[bool, ...]
    family: str
    tested: int


def accuracy_interval(correct: NDArray[np.bool_]) -> Interval:
    """The interval of the mean over seeds."""
    return Interval(*wilson(round(correct.mean() * correct.shape[1]), correct.shape[1]), 0.95)


def spread_over_seeds(accuracies: Sequence[float]) -> float | None:
    """The standard deviation over seeds, None for one."""
    return float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None


def rank_rows(
    accuracies: Sequence[Sequence[float]], images: int, correct: Callable[[int], NDArray[np.bool_]]
) -> Ranking:
    """Rank rows."""
    found = ranks([correct(number)[0] for number in range(len(accuracies))])
    return Ranking(
        tuple(found),
        tuple((rank, len(found)) for rank in found),
        tuple(rank == 1 for rank in found),
        f"Exact McNemar tests, Holm over all pairs of the table ({images} images).",
        len(found),
    )
