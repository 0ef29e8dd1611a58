"""Quantiles and tails of the usual distributions, from scipy.special.

scipy.stats has them too, with the same functions beneath; it takes most of a second to import, which every
command that reads a run would wait for.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["binomial_cdf", "chi_squared_quantile", "normal_quantile", "student_quantile", "student_tail"]


def normal_quantile(probability: float) -> float:
    """The value that a standard normal number stays below with that probability."""
    return float(special.ndtri(probability))


def student_quantile(probability: float, freedom: float) -> float:
    """The value that Student's t stays below with that probability; of infinite freedom the normal one."""
    if math.isinf(freedom):
        return normal_quantile(probability)
    return float(special.stdtrit(freedom, probability))


def student_tail(statistic: Any, freedom: Any) -> NDArray[np.float64]:
    """The probability that Student's t lies above a statistic, elementwise; freedom may be infinite."""
    known = np.isinf(freedom)
    # Any finite freedom stands in where it is infinite: those values are not taken.
    tail = special.stdtr(np.where(known, 1.0, freedom), -np.asarray(statistic))
    return np.asarray(np.where(known, special.ndtr(-np.asarray(statistic)), tail))


def chi_squared_quantile(probability: float, freedom: float) -> float:
    """The value that a chi-squared number stays below with that probability."""
    return float(2 * special.gammaincinv(freedom / 2, probability))


def binomial_cdf(successes: Any, trials: Any, share: float) -> NDArray[np.float64]:
    """The probability of at most so many successes in so many trials, elementwise."""
    return np.asarray(special.bdtr(successes, trials, share))
