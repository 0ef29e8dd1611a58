"""Would more images help: accuracy as a function of the number of training images.

The error is taken to fall as error = a + b n^-c (Hestness et al. 2017; Viering and Loog 2022): a floor a
that no number of images removes, and a power law above it.  From few sizes the floor and the exponent can
hardly be told apart, so only predictions are given, each with an interval, and none far beyond the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.statistics.intervals import Interval

__all__ = ["FARTHEST", "CurvePoint", "LearningCurve", "Prediction", "fit_learning_curve"]

FARTHEST = 8
"""Extrapolation beyond so many times the largest size is refused: the law itself is not trusted further."""

EXPONENTS = np.geomspace(0.05, 2.0, 60)
"""The exponents tried before the best is refined.  Published ones lie between 0.07 and 0.7."""

_HALVINGS = 8
"""Of the step between exponents, in refining: to a fortieth of a percent."""

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
    """A fitted curve: its parameters, those of the draws around it, and the sizes it rests on.

    `parameters` holds floor, scale (the error above the floor at the largest size) and exponent, None where
    there is no fit; `reason` then says why.  `draws` (draws, 3) are fits of drawn points.
    """

    smallest: int
    largest: int
    parameters: tuple[float, float, float] | None = None
    draws: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)), repr=False)
    reason: str = ""

    def predict(self, images: int, confidence: float = 0.95) -> Prediction:
        """The accuracy to expect of so many training images, with the percentiles of the draws.

        Between the smallest size and `FARTHEST` times the largest; outside there is a reason instead.
        """
        if self.parameters is None:
            return Prediction(images, reason=self.reason)
        if not self.smallest <= images <= FARTHEST * self.largest:
            return Prediction(
                images,
                reason=f"{images:,} images are outside what is trusted, {self.smallest:,} (the smallest size "
                f"measured) to {FARTHEST * self.largest:,} ({FARTHEST} times the largest)",
            )
        found = 1 - _errors(np.array([self.parameters]), images / self.largest)
        drawn = 1 - _errors(self.draws, images / self.largest)
        low, high = np.quantile(drawn, [0.5 - confidence / 2, 0.5 + confidence / 2])
        value = float(found[0])
        # Where a bound holds the fit, the draws may all lie on one side of it.
        return Prediction(
            images, value, Interval(min(value, float(low)), max(value, float(high)), confidence)
        )


def fit_learning_curve(points: Sequence[CurvePoint], *, draws: int = 1_000, seed: int = 0) -> LearningCurve:
    """Fit error = a + b n^-c by weighted least squares with a, b >= 0 and c within `EXPONENTS`.

    For a given c the rest is linear, so all c are tried in small steps and no optimiser can stop early.  The draws are a
    parametric bootstrap: points of the fitted curve plus normal errors of the points' own size, fitted anew.
    There is no fit for fewer than three sizes, sizes that span less than a factor of 4, accuracies that do
    not rise by more than their errors, or points that no such curve explains.
    Raises `ValueError` for a size below 1, an accuracy outside 0..1 or a standard error that is not positive.
    """
    for point in points:
        if point.images < 1 or not 0 <= point.accuracy <= 1 or not 0 < point.standard_error < np.inf:
            raise ValueError(
                f"expected images, an accuracy in 0..1 and a positive standard error, got {point}"
            )
    sizes = sorted({point.images for point in points})
    smallest, largest = (sizes[0], sizes[-1]) if sizes else (0, 0)
    if len(sizes) < _FEWEST_SIZES:
        reason = f"a curve needs {_FEWEST_SIZES} sizes of the training set, there are {len(sizes)}"
        return LearningCurve(smallest, largest, reason=reason)
    if largest < _LEAST_SPAN * smallest:
        reason = f"the sizes span a factor of {largest / smallest:.1f}, a curve needs {_LEAST_SPAN}"
        return LearningCurve(smallest, largest, reason=reason)
    scaled = np.array([point.images for point in points]) / largest
    errors = np.array([1 - point.accuracy for point in points])
    noise = np.array([point.standard_error for point in points])
    fitted, misfit = _fit(scaled, errors[None, :], noise)
    flat = float(np.square((errors - np.average(errors, weights=noise**-2)) / noise).sum())
    if flat - misfit[0] < stats.chi2.ppf(0.95, 2):
        reason = "the accuracies do not rise by more than their standard errors, so no curve can be told"
        return LearningCurve(smallest, largest, reason=reason)
    if misfit[0] > stats.chi2.ppf(0.999, max(1, len(points) - 3)):
        reason = "the points lie off any such curve by more than their standard errors"
        return LearningCurve(smallest, largest, reason=reason)
    random = np.random.default_rng(seed)
    drawn = np.stack(
        [
            _errors(fitted, size)[0] + random.normal(0, sd, draws)
            for size, sd in zip(scaled, noise, strict=True)
        ],
        axis=1,
    )
    parameters = (float(fitted[0, 0]), float(fitted[0, 1]), float(fitted[0, 2]))
    return LearningCurve(smallest, largest, parameters, _fit(scaled, drawn, noise)[0])


def _errors(parameters: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """The error at a size, as a share of the largest, for each row of floor, scale and exponent."""
    floor, scale, exponent = parameters.T
    return np.asarray(np.clip(floor + scale * size**-exponent, 0.0, 1.0))


def _fit(
    sizes: NDArray[np.float64], errors: NDArray[np.float64], noise: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The best floor, scale and exponent of each draw (draws, points), and its sum of squares."""
    best = np.full(len(errors), np.inf)
    found = np.zeros((len(errors), 3))

    def attempt(exponents: NDArray[np.float64]) -> None:
        tried, misfit = _at(np.clip(exponents, *EXPONENTS[[0, -1]]), sizes, errors, noise)
        better = misfit < best
        best[better], found[better] = misfit[better], tried[better]

    for exponent in EXPONENTS:
        attempt(np.full(len(errors), exponent))
    step = float(EXPONENTS[1] / EXPONENTS[0])
    for _ in range(_HALVINGS):
        step = step**0.5
        attempt(found[:, 2] * step)
        attempt(found[:, 2] / step)
    return found, best


def _at(
    exponents: NDArray[np.float64],
    sizes: NDArray[np.float64],
    errors: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The best floor and scale of each draw at its exponent: inside the bounds, or on one of them."""
    weights = noise**-2
    shape = sizes ** -exponents[:, None]
    total, height = weights.sum(), errors @ weights
    first, second, along = shape @ weights, shape**2 @ weights, (errors * shape) @ weights
    scale = (total * along - first * height) / (total * second - first**2)
    floor = (height - scale * first) / total
    scale, floor = np.where(floor < 0, along / second, scale), np.maximum(floor, 0)
    floor, scale = np.where(scale < 0, height / total, floor), np.maximum(scale, 0)
    gaps = errors - floor[:, None] - scale[:, None] * shape
    return np.column_stack([floor, scale, exponents]), np.square(gaps / noise).sum(axis=1)
