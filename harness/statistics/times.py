"""How sure a time is: spreads of repeated measurements, ratios, and which times are tied."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from harness.statistics.distributions import student_quantile
from harness.statistics.intervals import Interval

__all__ = [
    "FEWEST_ROWS",
    "Spread",
    "ratio_interval",
    "spearman",
    "spread_of_passes",
    "spread_of_repeats",
    "spread_of_successive",
    "tie_ranks",
]

FEWEST_ROWS = 10
"""How many rows the disagreement of passes must come from: a median of fewer deviations tells little."""


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
        quantile = student_quantile(0.5 + confidence / 2, self.freedom)
        return math.expm1(quantile * self.deviation * math.sqrt(2 / measurements))


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


def spread_of_successive(values: Sequence[float]) -> Spread:
    """The spread of repeated measurements on a machine that drifts, two or more in their order.

    Half the mean square of what successive ones differ by, so that drift counts by what it is from one to the
    next, with 2 (n - 1)^2 / (3 n - 4) degrees of freedom, from its variance (von Neumann, Kent, Bellinson and
    Hart 1941).
    """
    count = len(values)
    if count < 2:
        raise ValueError(f"expected at least two measurements, got {count}")
    steps = np.diff(np.log(values))
    return Spread(math.sqrt(float(np.mean(steps**2)) / 2), 2 * (count - 1) ** 2 / (3 * count - 4))


def ratio_interval(first: Sequence[float], second: Sequence[float], confidence: float = 0.95) -> Interval:
    """The interval of the ratio of two geometric means: Student's t on logarithms, pooled variance.

    Both need two measurements or more.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"expected at least two measurements each, got {len(first)} and {len(second)}")
    logs = np.log(first), np.log(second)
    freedom = len(first) + len(second) - 2
    pooled = sum(float(np.sum((each - each.mean()) ** 2)) for each in logs) / freedom
    half = student_quantile(0.5 + confidence / 2, freedom)
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
    from scipy.stats import rankdata  # seldom needed, and slow to import

    places, others = rankdata(first), rankdata(second)
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
