"""Would more images help: accuracy as a function of the number of training images.

The error is taken to fall as error = a + b n^-c (Hestness et al. 2017; Viering and Loog 2022): a floor a
that no number of images removes, and a power law above it.  From few sizes the floor and the exponent can
hardly be told apart, so only predictions are given, each with an interval, and none far beyond the data.

All sizes are tested on the same images, so most of their errors is common: it moves the whole curve and
hardly its slope.  The fit is by generalised least squares (Aitken 1936), so a gain is known better than
an accuracy, as in any paired comparison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.statistics.distributions import chi_squared_quantile
from harness.statistics.intervals import Interval, sample

__all__ = ["FARTHEST", "CurvePoint", "LearningCurve", "Prediction", "fit_answers", "fit_learning_curve"]

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

    `gain` (-1..1) is what that adds to the curve at the largest size that was measured, with an interval of
    its own: errors that all sizes have in common are not in it.  The intervals are of the curve, so of the
    accuracy over many trainings and test images, not of one.
    """

    images: int
    accuracy: float | None = None
    interval: Interval | None = None
    gain: float | None = None
    gain_interval: Interval | None = None
    reason: str = ""


@dataclass(frozen=True)
class LearningCurve:
    """A fitted curve: the points it rests on, and its parameters.

    `parameters` holds floor, scale (the error above the floor at the largest size) and exponent, None where
    there is no fit; `reason` then says why.  `correlation` (points, points) is that of the points' errors,
    None where they have nothing in common.
    """

    points: tuple[CurvePoint, ...]
    parameters: tuple[float, float, float] | None = None
    reason: str = ""
    correlation: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)

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
        size = images / max(sizes)
        error, lost = floor + scale * size**-exponent, scale * (1 - size**-exponent)
        near = _Near.of(_Points.of(self.points, self.correlation), exponent, confidence)
        low, high = near.ends(1.0, size**-near.exponents)
        value, interval = _told(1 - error, 1 - high, 1 - low, confidence, least=0.0)
        gained = (0.0, 0.0) if size == 1 else near.ends(0.0, 1 - size**-near.exponents)
        return Prediction(images, value, interval, *_told(lost, *gained, confidence, least=-1.0))


def fit_answers(answers: Mapping[int, NDArray[np.bool_]]) -> LearningCurve:
    """Fit the curve of one strategy to its answers (seeds, images) by the number of training images.

    All sizes were asked the same test images in the same order.  The variance that seeds add is each size's
    own.  A few seeds tell it badly, so it is taken to be the same share of p (1 - p) at all sizes, the mean
    of those of several seeds.
    """
    sizes, rows = sorted(answers), [sample(answers[size]) for size in sorted(answers)]
    images = len(rows[0].means)
    alone = np.array([row.accuracy * (1 - row.accuracy) for row in rows])
    several = [row.from_seeds / p for row, p in zip(rows, alone, strict=True) if row.seeds > 1 and p > 0]
    covariance = np.atleast_2d(np.cov([row.means for row in rows], ddof=0)) / images
    # Half an image a size, so that sizes which agree on every image do not count as equal for certain: for
    # two of them that is the correction of Newcombe's method 10, which `harness.statistics.pairs` uses.
    own = alone * (np.mean(several) if several else 0.0) + 0.5 / images**2
    covariance[np.diag_indices(len(rows))] += own
    errors = np.sqrt(np.diagonal(covariance))
    points = [
        CurvePoint(size, row.accuracy, float(error))
        for size, row, error in zip(sizes, rows, errors, strict=True)
    ]
    return fit_learning_curve(points, correlation=covariance / np.outer(errors, errors))


def fit_learning_curve(
    points: Sequence[CurvePoint], *, correlation: NDArray[np.float64] | None = None
) -> LearningCurve:
    """Fit error = a + b n^-c by generalised least squares with a, b >= 0 and c within `EXPONENTS`.

    `correlation` (points, points) is that of the points' errors; without it they have nothing in common.
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
    measured = _Points.of(given, correlation)
    tried, misfit = _best_at(measured, EXPONENTS)
    near = tried[misfit.argmin(), 2]
    refined, finer = _best_at(measured, _around(near))
    if _Sums.of(measured, EXPONENTS).flat - finer.min() < chi_squared_quantile(0.95, 2):
        reason = "the accuracies do not rise by more than their standard errors, so no curve can be told"
        return LearningCurve(given, reason=reason)
    if finer.min() > chi_squared_quantile(0.999, max(1, len(given) - 3)):
        reason = "the points lie off any such curve by more than their standard errors"
        return LearningCurve(given, reason=reason)
    floor, scale, exponent = (float(value) for value in refined[finer.argmin()])
    return LearningCurve(given, (floor, scale, exponent), correlation=correlation)


def _told(
    value: float, low: float, high: float, confidence: float, *, least: float
) -> tuple[float, Interval]:
    """A value and its interval between `least` and 1; rounding must not put the one outside the other."""
    value, low, high = (min(1.0, max(least, each)) for each in (value, low, high))
    return value, Interval(min(low, value), max(value, high), confidence)


@dataclass(frozen=True)
class _Points:
    """Sizes as shares of the largest, errors, and what makes errors independent with a variance of 1.

    `whiten` (points, points) is the inverse of the Cholesky factor of their covariance.
    """

    sizes: NDArray[np.float64]
    errors: NDArray[np.float64]
    whiten: NDArray[np.float64]

    @classmethod
    def of(cls, points: Sequence[CurvePoint], correlation: NDArray[np.float64] | None) -> "_Points":
        sizes = np.array([point.images for point in points], dtype=float)
        errors = np.array([1 - point.accuracy for point in points])
        own = np.array([point.standard_error for point in points])
        joint = np.linalg.cholesky(np.eye(len(own)) if correlation is None else correlation)
        return cls(sizes / sizes.max(), errors, np.linalg.inv(joint) / own)


@dataclass(frozen=True)
class _Sums:
    """The sums that a straight line of errors on n^-c is made of, for each exponent c."""

    total: float
    height: float
    square: float
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    along: NDArray[np.float64]

    @classmethod
    def of(cls, points: _Points, exponents: NDArray[np.float64]) -> "_Sums":
        shape = points.sizes ** -exponents[:, None] @ points.whiten.T
        level, errors = points.whiten.sum(axis=1), points.whiten @ points.errors
        return cls(
            total=float(level @ level),
            height=float(level @ errors),
            square=float(errors @ errors),
            first=shape @ level,
            second=np.square(shape).sum(axis=1),
            along=shape @ errors,
        )

    @property
    def spread(self) -> NDArray[np.float64]:
        return np.asarray(self.total * self.second - self.first**2)

    @property
    def flat(self) -> float:
        """The sum of squares about the best accuracy that no number of images changes."""
        return self.square - self.height**2 / self.total

    def line(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Floor and scale of the best line, whatever their signs."""
        scale = (self.total * self.along - self.first * self.height) / self.spread
        return (self.height - scale * self.first) / self.total, scale

    def misfit(self, floor: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of squares about a line."""
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
    # Beyond a bound the better of the two bounds has the best; with errors in common that may be either.
    bounds = [
        (np.zeros_like(scale), np.maximum(sums.along / sums.second, 0.0)),
        (np.full_like(scale, max(sums.height / sums.total, 0.0)), np.zeros_like(scale)),
    ]
    first, second = (sums.misfit(*bound) for bound in bounds)
    bound = [np.where(first <= second, one, other) for one, other in zip(*bounds, strict=True)]
    inside = (floor >= 0) & (scale >= 0)
    floor, scale = np.where(inside, floor, bound[0]), np.where(inside, scale, bound[1])
    return np.column_stack([floor, scale, exponents]), sums.misfit(floor, scale)


@dataclass(frozen=True)
class _Near:
    """All curves that fit nearly as well as the best: at each exponent those whose misfit is `allowed`."""

    exponents: NDArray[np.float64]
    sums: _Sums
    allowed: float

    @classmethod
    def of(cls, points: _Points, exponent: float, confidence: float) -> "_Near":
        exponents = np.concatenate([EXPONENTS, _around(exponent)])
        best = float(_best_at(points, exponents)[1].min())
        return cls(exponents, _Sums.of(points, exponents), best + chi_squared_quantile(confidence, 1))

    def ends(self, level: float, reach: NDArray[np.float64]) -> tuple[float, float]:
        """The least and the largest value of `level` floors and `reach` (exponents,) scales among them.

        At one exponent these curves fill an ellipse of floors and scales, cut by their bounds; the value is
        linear in both, so its extremes are where the ellipse is touched, or where it meets a bound.
        """
        sums = self.sums
        floor, scale = sums.line()
        slack = self.allowed - sums.misfit(floor, scale)
        towards = np.array(
            [sums.second * level - sums.first * reach, sums.total * reach - sums.first * level]
        )
        towards /= sums.spread
        variance = towards[0] * level + towards[1] * reach
        found = []
        with np.errstate(invalid="ignore", divide="ignore"):
            for sign in (-1, 1):
                step = sign * np.sqrt(slack / variance)
                touched = floor + step * towards[0], scale + step * towards[1]
                inside = (slack >= 0) & (touched[0] >= 0) & (touched[1] >= 0)
                found.append((touched[0] * level + touched[1] * reach)[inside])
                # On a bound the other parameter alone is left, and may end at 0 itself.
                for middle, curvature, effect in (
                    (sums.along, sums.second, reach),
                    (
                        np.full_like(reach, sums.height),
                        np.full_like(reach, sums.total),
                        np.full_like(reach, level),
                    ),
                ):
                    root = np.sqrt(middle**2 - curvature * (sums.square - self.allowed))
                    end, top = (middle + sign * root) / curvature, (middle + root) / curvature
                    met = np.isfinite(root) & (top >= 0)
                    found.append((np.maximum(end, 0.0) * effect)[met])
        every = np.concatenate(found)
        return float(every.min()), float(every.max())
