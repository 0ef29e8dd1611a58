"""Would more images help: accuracy as a function of the number of training images.

The error is taken to fall as error = a + b n^-c (Hestness et al. 2017; Viering and Loog 2022): a floor a
that no number of images removes, and a power law above it.  From few sizes the floor and the exponent can
hardly be told apart, so only predictions are given, each with an interval, and none far beyond the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.statistics.distributions import chi_squared_quantile
from harness.statistics.intervals import Interval

__all__ = ["FARTHEST", "CurvePoint", "LearningCurve", "Prediction", "fit_learning_curve"]

FARTHEST = 8
"""Extrapolation beyond so many times the largest size is refused: the law itself is not trusted further."""

EXPONENTS = np.geomspace(0.05, 2.0, 200)
"""The exponents tried, in steps of 2 %.  Published ones lie between 0.07 and 0.7."""

_FEWEST_SIZES, _LEAST_SPAN = 3, 4


@dataclass(frozen=True)
class CurvePoint:
    """An accuracy (0..1) reached from so many training images, and its standard error (0..1)."""

    images: int
    accuracy: float
    standard_error: float


@dataclass(frozen=True)
class Prediction:
    """The accuracy (0..1) expected of so many training images with its interval, or the reason for none.

    The interval is of the curve, so of the accuracy over many trainings and test images, not of one.
    """

    images: int
    accuracy: float | None = None
    interval: Interval | None = None
    reason: str = ""


@dataclass(frozen=True)
class LearningCurve:
    """A fitted curve: the points it rests on, and its parameters.

    `parameters` holds floor, scale (the error above the floor at the largest size) and exponent, None where
    there is no fit; `reason` then says why.
    """

    points: tuple[CurvePoint, ...]
    parameters: tuple[float, float, float] | None = None
    reason: str = ""

    def predict(self, images: int, confidence: float = 0.95) -> Prediction:
        """The accuracy to expect of so many training images, with its profile-likelihood interval.

        The interval holds what every curve predicts whose weighted sum of squares is within the chi-squared
        quantile of the best one's (Venzon and Moolgavkar 1988).  A bootstrap of the points was tried: near
        the bounds (no floor) its percentiles held the truth in 87 to 90 % of cases instead of 95.
        Between the smallest size and `FARTHEST` times the largest; outside there is a reason instead.
        """
        if self.parameters is None:
            return Prediction(images, reason=self.reason)
        sizes = [point.images for point in self.points]
        if not min(sizes) <= images <= FARTHEST * max(sizes):
            return Prediction(
                images,
                reason=f"{images:,} images are outside what is trusted, {min(sizes):,} (the smallest size "
                f"measured) to {FARTHEST * max(sizes):,} ({FARTHEST} times the largest)",
            )
        floor, scale, exponent = self.parameters
        value = float(floor + scale * (images / max(sizes)) ** -exponent)
        low, high = _profile(_Points.of(self.points), images / max(sizes), exponent, confidence)
        low, value, high = (min(1.0, max(0.0, 1 - error)) for error in (high, value, low))
        return Prediction(images, value, Interval(min(low, value), max(value, high), confidence))


def fit_learning_curve(points: Sequence[CurvePoint]) -> LearningCurve:
    """Fit error = a + b n^-c by weighted least squares with a, b >= 0 and c within `EXPONENTS`.

    For a given c the rest is linear, so all c are tried and no optimiser can stop early.
    There is no fit for fewer than three sizes, sizes that span less than a factor of 4, accuracies that do
    not rise by more than their errors, or points that no such curve explains.
    Raises `ValueError` for a size below 1, an accuracy outside 0..1 or a standard error that is not positive.
    """
    for point in points:
        if point.images < 1 or not 0 <= point.accuracy <= 1 or not 0 < point.standard_error < np.inf:
            raise ValueError(
                f"expected images, an accuracy in 0..1 and a positive standard error, got {point}"
            )
    given = tuple(points)
    sizes = sorted({point.images for point in given})
    if len(sizes) < _FEWEST_SIZES:
        reason = f"a curve needs {_FEWEST_SIZES} sizes of the training set, there are {len(sizes)}"
        return LearningCurve(given, reason=reason)
    if sizes[-1] < _LEAST_SPAN * sizes[0]:
        reason = f"the sizes span a factor of {sizes[-1] / sizes[0]:.1f}, a curve needs {_LEAST_SPAN}"
        return LearningCurve(given, reason=reason)
    measured = _Points.of(given)
    tried, misfit = _best_at(measured, EXPONENTS)
    near = tried[misfit.argmin(), 2]
    refined, finer = _best_at(measured, _around(near))
    flat = float(
        np.sum(
            (measured.errors - np.average(measured.errors, weights=measured.weights)) ** 2 * measured.weights
        )
    )
    if flat - finer.min() < chi_squared_quantile(0.95, 2):
        reason = "the accuracies do not rise by more than their standard errors, so no curve can be told"
        return LearningCurve(given, reason=reason)
    if finer.min() > chi_squared_quantile(0.999, max(1, len(given) - 3)):
        reason = "the points lie off any such curve by more than their standard errors"
        return LearningCurve(given, reason=reason)
    floor, scale, exponent = (float(value) for value in refined[finer.argmin()])
    return LearningCurve(given, (floor, scale, exponent))


@dataclass(frozen=True)
class _Points:
    """Sizes as shares of the largest, errors, and weights (one over the squared standard error)."""

    sizes: NDArray[np.float64]
    errors: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, points: Sequence[CurvePoint]) -> "_Points":
        sizes = np.array([point.images for point in points], dtype=float)
        errors = np.array([1 - point.accuracy for point in points])
        return cls(sizes / sizes.max(), errors, np.array([p.standard_error for p in points]) ** -2.0)


@dataclass(frozen=True)
class _Sums:
    """The sums that a weighted straight line of errors on n^-c is made of, for each exponent c."""

    total: float
    height: float
    square: float
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    along: NDArray[np.float64]

    @classmethod
    def of(cls, points: _Points, exponents: NDArray[np.float64]) -> "_Sums":
        shape = points.sizes ** -exponents[:, None]
        weighted = points.errors * points.weights
        return cls(
            total=float(points.weights.sum()),
            height=float(weighted.sum()),
            square=float(weighted @ points.errors),
            first=shape @ points.weights,
            second=shape**2 @ points.weights,
            along=shape @ weighted,
        )

    @property
    def spread(self) -> NDArray[np.float64]:
        return np.asarray(self.total * self.second - self.first**2)

    def line(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Floor and scale of the best line, whatever their signs."""
        scale = (self.total * self.along - self.first * self.height) / self.spread
        return (self.height - scale * self.first) / self.total, scale

    def misfit(self, floor: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
        """The weighted sum of squares about a line."""
        about = self.square - 2 * floor * self.height - 2 * scale * self.along
        about += floor**2 * self.total + 2 * floor * scale * self.first + scale**2 * self.second
        return np.asarray(np.maximum(about, 0.0))


def _around(exponent: float) -> NDArray[np.float64]:
    """Exponents closely about one, within the bounds."""
    low, high = EXPONENTS[[0, -1]]
    return np.asarray(np.clip(exponent * np.geomspace(1 / 1.03, 1.03, 401), low, high))


def _best_at(
    points: _Points, exponents: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The best floor, scale and exponent at each exponent (exponents, 3), and the sum of squares."""
    sums = _Sums.of(points, exponents)
    floor, scale = sums.line()
    # Beyond a bound the best lies on it.
    scale, floor = np.where(floor < 0, sums.along / sums.second, scale), np.maximum(floor, 0.0)
    floor, scale = np.where(scale < 0, sums.height / sums.total, floor), np.maximum(scale, 0.0)
    return np.column_stack([floor, scale, exponents]), sums.misfit(floor, scale)


def _profile(points: _Points, size: float, exponent: float, confidence: float) -> tuple[float, float]:
    """The least and the largest error at a size among all curves that fit nearly as well as the best.

    At one exponent these curves fill an ellipse of floors and scales, cut by their bounds; a prediction is
    linear in both, so its extremes are where the ellipse is touched, or where it meets a bound.
    """
    exponents = np.concatenate([EXPONENTS, _around(exponent)])
    sums = _Sums.of(points, exponents)
    allowed = float(_best_at(points, exponents)[1].min() + chi_squared_quantile(confidence, 1))
    reach = size**-exponents
    floor, scale = sums.line()
    slack = allowed - sums.misfit(floor, scale)
    towards = np.array([sums.second - sums.first * reach, sums.total * reach - sums.first]) / sums.spread
    variance = towards[0] + towards[1] * reach
    found = []
    with np.errstate(invalid="ignore"):
        for sign in (-1, 1):
            step = sign * np.sqrt(slack / variance)
            touched = floor + step * towards[0], scale + step * towards[1]
            inside = (slack >= 0) & (touched[0] >= 0) & (touched[1] >= 0)
            found.append((touched[0] + touched[1] * reach)[inside])
            # On a bound the other parameter alone is left, and may end at 0 itself.
            for middle, curvature, effect in (
                (sums.along, sums.second, reach),
                (np.full_like(reach, sums.height), np.full_like(reach, sums.total), np.ones_like(reach)),
            ):
                root = np.sqrt(middle**2 - curvature * (sums.square - allowed))
                end, top = (middle + sign * root) / curvature, (middle + root) / curvature
                met = np.isfinite(root) & (top >= 0)
                found.append((np.maximum(end, 0.0) * effect)[met])
    every = np.concatenate(found)
    return float(every.min()), float(every.max())
