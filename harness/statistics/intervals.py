"""How sure one number is: a share, an accuracy over seeds, a median.

An accuracy varies for two reasons: other test images, and other seeds.  With y the answer (0 or 1) to an
image by a seed, the model is y = truth + image + seed + rest, images and seeds both drawn at random.  The
variance of the mean over S seeds and n images is then A/n + B/S + R/(nS).  The variance of the image means,
over n, estimates A/n + R/(nS); that of the seeds' accuracies, over S, estimates B/S + R/(nS).  Their sum
counts the rest twice (Owen 2007), so it is taken off once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.statistics.distributions import binomial_cdf, normal_quantile, student_quantile

__all__ = [
    "Interval",
    "Sample",
    "accuracy_interval",
    "effective_images",
    "freedom",
    "mean_interval",
    "median_interval",
    "sample",
    "score_interval",
    "spread_over_seeds",
    "wilson",
]

_AGREEING = 4
"""Images added to those that tell how far seeds agree; found by simulation, see `effective_images`."""


@dataclass(frozen=True)
class Interval:
    """Two ends, and the probability (0..1) with which such an interval holds the truth."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Sample:
    """One row's answers as its statistics need them.

    `means` (images,) is the share of seeds that got each image right.  `from_seeds` is the variance of the
    mean that seeds add to that of images, never below 0; `raw` the same before the rest is taken off.
    """

    means: NDArray[np.float64]
    seeds: int
    from_seeds: float
    raw: float

    @property
    def accuracy(self) -> float:
        """The mean over seeds and images, 0..1."""
        return float(self.means.mean())

    @property
    def from_images(self) -> float:
        """The variance of the mean that images bring: for one seed p (1 - p) / n."""
        return float(self.means.var()) / len(self.means)

    @property
    def doubt(self) -> float:
        """What the seeds add to the denominator of Satterthwaite's formula."""
        return self.raw * self.raw / (self.seeds - 1) if self.seeds > 1 else 0.0


def sample(correct: NDArray[np.bool_]) -> Sample:
    """Split what a row's answers (seeds, images) vary by; one seed may come as (images,)."""
    answers = np.atleast_2d(correct)
    if answers.ndim != 2 or not answers.size:
        raise ValueError(f"expected answers of shape (seeds, images), got {np.shape(correct)}")
    seeds, images = answers.shape
    means = answers.mean(axis=0)
    if seeds == 1:
        return Sample(means, 1, 0.0, 0.0)
    # Of whole counts, so that seeds which agree vary by exactly nothing.
    between = float(answers.sum(axis=1).var()) / images**2
    raw = between / (seeds - 1)
    # The sum of squares that rows and columns leave; a 0 or 1 is its own square.
    left = float(means.mean()) - float(np.square(means).mean()) - between
    rest = max(0.0, left) / (max(images - 1, 1) * (seeds - 1))
    return Sample(means, seeds, max(0.0, raw - rest), raw)


def score_interval(share: float, weight: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval of a share that is known as well as from `weight` independent images.

    For a whole number of images and the normal quantile it is that of Wilson (1927); a design's own
    variance enters as an effective number of images (Korn and Graubard 1998).
    """
    square = quantile * quantile / weight
    centre = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    # At the ends the bound is exactly 0 or 1; rounding must not push it past.
    low = 0.0 if share <= 0 else max(0.0, centre - half)
    high = 1.0 if share >= 1 else min(1.0, centre + half)
    return low, high


@lru_cache(maxsize=2**16)  # thousands of rows of as many images have the same few counts
def wilson(correct: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927), from the test set's size alone.

    It says nothing of seeds.  Its coverage drops to about 0.91 very near 1.0 or at 50 images.
    """
    if not 0 <= correct <= images or images < 1:
        raise ValueError(f"expected 0 <= correct <= images, got {correct} of {images}")
    return score_interval(correct / images, images, normal_quantile(0.5 + confidence / 2))


def freedom(variance: float, *rows: Sample) -> float:
    """Satterthwaite's degrees of freedom (1946) of a variance; what images bring to it counts as known."""
    doubt = sum(row.doubt for row in rows)
    # With the rest taken off a variance may be below its raw parts, which are what the formula is for.
    known = max(variance, sum(row.raw for row in rows))
    return known * known / doubt if doubt > 0 else math.inf


def effective_images(row: Sample) -> float:
    """How many independent images with one answer each would give the mean its variance.

    Where hardly any image is wrong, or right, how far seeds agree on images is known from a handful of
    them; so four more are added on which they agree fully.
    """
    share, images = row.accuracy, len(row.means)
    alone = share * (1 - share)
    if alone <= 0:
        return float(images)
    few = min(share, 1 - share) * images
    from_images = (few * row.from_images + _AGREEING * alone / images) / (few + _AGREEING)
    return alone / (from_images + row.from_seeds)


def accuracy_interval(correct: NDArray[np.bool_], confidence: float = 0.95) -> Interval:
    """The interval of a row's accuracy, from its answers (seeds, images); one seed may be (images,).

    One seed: Wilson's, so it speaks of this training and other images.  Several: of the mean over both
    seeds and images, Wilson's form with the effective number of images and with Student's t where seeds
    matter, so it stays within 0..1.  tests/statistics/test_coverage.py holds what it covers.
    """
    row = sample(correct)
    quantile = student_quantile(0.5 + confidence / 2, freedom(row.from_images + row.from_seeds, row))
    return Interval(*score_interval(row.accuracy, effective_images(row), quantile), confidence)


def spread_over_seeds(accuracies: Sequence[float]) -> float | None:
    """The standard deviation of one row's accuracies over its seeds (n - 1); None for one seed.

    It contains what the finite test set adds, and of three seeds it is known within a factor of about 2.
    """
    return float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None


def mean_interval(values: Sequence[float] | NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """The interval of a mean by Student's t (1908), from two independent values on."""
    known = np.asarray(values, dtype=float)
    if len(known) < 2:
        raise ValueError(f"expected at least two values, got {len(known)}")
    mean, error = float(known.mean()), float(known.std(ddof=1)) / math.sqrt(len(known))
    half = student_quantile(0.5 + confidence / 2, len(known) - 1) * error
    return Interval(mean - half, mean + half, confidence)


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The distribution-free interval of a median, from order statistics (Conover 1999, section 3.2).

    The k-th smallest and the k-th largest of n independent values hold the median with probability
    1 - 2 P(Binomial(n, 1/2) < k); k is the largest for which that is at least `confidence`.  Below six
    values there is none at 95 %: then the interval is from the smallest to the largest, and its
    `confidence` says what that is worth.
    """
    if not values:
        raise ValueError("expected at least one value")
    k, coverage = _median_ranks(len(values), confidence)
    ordered = sorted(values)
    return Interval(ordered[k - 1], ordered[-k], coverage)


@cache  # thousands of cells have as many blocks each
def _median_ranks(count: int, confidence: float) -> tuple[int, float]:
    """Which smallest and largest of so many values hold the median, and with what probability."""
    # By scipy: of thousands of values, binomial coefficients are numbers of thousands of digits.
    tails = binomial_cdf(np.arange((count + 1) // 2), count, 0.5)
    coverage = [1 - 2 * float(tail) for tail in tails]
    k = max((k for k, share in enumerate(coverage, 1) if share >= confidence), default=1)
    return k, max(0.0, coverage[k - 1])
