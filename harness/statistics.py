"""How sure a number is: intervals for one accuracy, paired tests between two, ranks of many."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["holm", "mcnemar", "ranks", "wilson"]


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
