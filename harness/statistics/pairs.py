"""Whether two rows differ, tested on the same images; and the correction for many such tests.

Two rows of one seed each: the exact McNemar test, which speaks of these two trainings.  Where a row has
several seeds the question is about what it gives on average: the images are in common, so their part comes
from the differences image by image; the seeds are each row's own.  The p-value is Student's t's with
Satterthwaite's degrees of freedom, not a share of bootstrap draws: Holm's correction over a table needs
p-values far below what some thousand draws can show.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.statistics.distributions import binomial_cdf, student_quantile, student_tail
from harness.statistics.intervals import Interval, Sample, effective_images, freedom, sample, score_interval

__all__ = [
    "MCNEMAR",
    "STUDENT",
    "STUDENT_ONE",
    "Comparison",
    "compare",
    "exact_p",
    "holm",
    "mcnemar",
    "p_values",
    "t_p",
]


MCNEMAR: Final = "exact McNemar"
STUDENT: Final = "Student's t over images and seeds"
STUDENT_ONE: Final = "Student's t over images and one row's seeds"


@dataclass(frozen=True)
class Comparison:
    """The first row against the second: difference of accuracies (-1..1), its interval, two-sided p-value.

    `method` names the test: `MCNEMAR` for two rows of one seed, `STUDENT` for two of several,
    else `STUDENT_ONE`.  The interval is not the inverse of the test, so at the border the one may
    hold 0 where the other is just significant.
    """

    difference: float
    interval: Interval
    p_value: float
    method: str


def compare(first: NDArray[np.bool_], second: NDArray[np.bool_], *, confidence: float = 0.95) -> Comparison:
    """Compare two rows by their answers (seeds, images) to the same images in the same order.

    The interval joins the rows' own by their correlation: method 10 of Newcombe (1998, Stat. Med. 17:2635),
    which is exactly that for one seed each, and the same with both rows' seed variance for several (Zou and
    Donner 2008).  It stays within -1..1 and does not collapse where rows agree.  A row of one seed says
    nothing of its seeds: beside a row of several it is taken as that one training.
    """
    one, other = sample(first), sample(second)
    _same_images(one, other)
    images = len(one.means)
    difference = one.accuracy - other.accuracy
    squares = float(np.square(one.means - other.means).sum())
    spread = max(0.0, squares / images - difference**2) / images + one.from_seeds + other.from_seeds
    quantile = student_quantile(0.5 + confidence / 2, freedom(spread, one, other))
    low_one, high_one = score_interval(one.accuracy, effective_images(one), quantile)
    low_other, high_other = score_interval(other.accuracy, effective_images(other), quantile)
    shared = _correlation(one, other)
    low = _square_and_add(one.accuracy - low_one, high_other - other.accuracy, shared)
    high = _square_and_add(high_one - one.accuracy, other.accuracy - low_other, shared)
    single = [row.seeds == 1 for row in (one, other)]
    return Comparison(
        difference,
        Interval(max(-1.0, difference - low), min(1.0, difference + high), confidence),
        float(p_values([one, other])[0, 1]),
        MCNEMAR if all(single) else STUDENT_ONE if any(single) else STUDENT,
    )


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Two-sided p-value of the exact McNemar test on the same images (McNemar 1947).

    Only images that one got right and the other wrong count; without any, p is 1.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected the same images, got {len(first)} and {len(second)}")
    only = np.array([[np.sum(first & ~second)], [np.sum(second & ~first)]])
    return float(exact_p(only[0], only[1])[0])


def exact_p(only_first: NDArray[np.int64], only_second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Exact McNemar p-values from how many images only the one or only the other got right, elementwise."""
    smaller = np.minimum(only_first, only_second)
    tail = binomial_cdf(smaller, only_first + only_second, 0.5)
    return np.asarray(np.minimum(1.0, 2 * tail))


def t_p(
    difference: NDArray[np.float64],
    variance: NDArray[np.float64],
    known: NDArray[np.float64],
    doubt: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Two-sided p-values of Student's t, with known^2 / doubt degrees of freedom, elementwise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = np.where(doubt > 0, known * known / doubt, np.inf)
        statistic = np.where(difference == 0, 0.0, np.abs(difference) / np.sqrt(variance))
    return 2 * student_tail(statistic, degrees)


def p_values(rows: Sequence[Sample]) -> NDArray[np.float64]:
    """The two-sided p-value of each row against each, shape (rows, rows), 1 on the diagonal."""
    means = np.array([row.means for row in rows])
    images = means.shape[1]
    single = np.array([row.seeds == 1 for row in rows])
    exact = np.outer(single, single)
    found = np.ones((len(rows), len(rows)))
    # Every pair's images at once: what both got right is a product of the matrix with itself.
    both = means @ means.T
    if exact.any():
        right = np.rint(means.sum(axis=1))
        ahead = np.rint(right[:, None] - both)[exact].astype(int)
        behind = np.rint(right[None, :] - both)[exact].astype(int)
        # Many pairs have the same two counts, and the tail is the slow part.
        kinds, place = np.unique(np.sort([ahead, behind], axis=0), axis=1, return_inverse=True)
        found[exact] = exact_p(kinds[0], kinds[1])[place.ravel()]
    if not exact.all():
        squares = np.diagonal(both)
        # About a difference of 0, as the hypothesis has it and as McNemar's statistic counts.
        apart = np.maximum(0.0, squares[:, None] + squares[None, :] - 2 * both) / images**2
        share, seeds, raw, doubt = np.array([[r.accuracy, r.from_seeds, r.raw, r.doubt] for r in rows]).T
        variance = apart + seeds[:, None] + seeds[None, :]
        found_t = t_p(
            share[:, None] - share[None, :],
            variance,
            np.maximum(variance, raw[:, None] + raw[None, :]),
            doubt[:, None] + doubt[None, :],
        )
        found[~exact] = found_t[~exact]
    np.fill_diagonal(found, 1.0)
    return found


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    """Holm's adjusted p-values for one family of tests (Holm 1979), in the given order."""
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    raised = np.minimum(1.0, (len(values) - np.arange(len(values))) * values[order])
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(raised) if len(values) else raised
    return [float(value) for value in adjusted]


def _same_images(one: Sample, other: Sample) -> None:
    if len(one.means) != len(other.means):
        raise ValueError(f"expected the same images, got {len(one.means)} and {len(other.means)}")


def _correlation(one: Sample, other: Sample) -> float:
    """The correlation of two rows' accuracies through the images, with Newcombe's correction."""
    images = len(one.means)
    shared = float((one.means * other.means).mean()) - one.accuracy * other.accuracy
    if shared > 0:
        shared = max(0.0, shared - 1 / (2 * images))
    spread = (one.from_images + one.from_seeds) * (other.from_images + other.from_seeds)
    return max(-1.0, min(1.0, shared / images / math.sqrt(spread))) if spread > 0 else 0.0


def _square_and_add(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one * one + other * other - 2 * correlation * one * other))
