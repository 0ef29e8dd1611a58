"""What a level costs, where a value far off it counts no more than a bound.

A module of its own, since it needs the ruptures library, which is an extra.
"""

import numpy as np
from numpy.typing import NDArray
from ruptures.base import BaseCost

__all__ = ["BoundedCost"]


class BoundedCost(BaseCost):  # type: ignore[misc]  # ruptures ships no types
    """The sum of absolute deviations from a level, each `bound` at most.

    Without a bound a value far off counts for much, and a step is moved to its side when that brings it
    nearer to a level; with one it counts the same on both sides.  Losses with a bound are those of Fearnhead
    and Rigaill 2019, "Changepoint detection in the presence of outliers".
    """

    model = "bounded l1"
    min_size = 1

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def fit(self, signal: NDArray[np.float64]) -> "BoundedCost":
        """Take the values, of shape (n,)."""
        self.signal = signal
        deviations = np.minimum(np.abs(signal[:, None] - signal), self.bound)
        self._sums = np.vstack([np.zeros(len(signal)), np.cumsum(deviations, axis=0)])
        return self

    def error(self, start: int, end: int) -> float:
        """The cost of the values from `start` to before `end`.

        Between two values the sum is linear or bends down, so one of the values is the best level.
        """
        return float((self._sums[end, start:end] - self._sums[start, start:end]).min())
