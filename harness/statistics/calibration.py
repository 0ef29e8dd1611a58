"""How far a model's confidence can be believed.

Confidence is the probability of the class that was chosen.  All of it is top-label calibration: arrays of
shape (images,), confidences in 0..1 and whether the choice was right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.statistics.intervals import Interval, wilson

__all__ = [
    "CalibrationError",
    "ReliabilityBin",
    "brier_score",
    "calibration_error",
    "expected_calibration_error",
    "reliability",
]


@dataclass(frozen=True)
class ReliabilityBin:
    """Images of like confidence: between which ends, their mean confidence, how many of them were right.

    `interval` is Wilson's 95 % interval of the accuracy.
    """

    low: float
    high: float
    confidence: float
    accuracy: float
    interval: Interval
    images: int


@dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error (0..1), and what it is worth on so many images.

    `by_chance` is what a perfectly calibrated model with the same confidences would show on average, and
    `limit` what it would exceed in one test set of twenty: the plain estimate is biased upwards, since
    chance can only add to it.  `interval` is of the error itself, with that bias taken off.
    """

    value: float
    by_chance: float
    limit: float
    interval: Interval

    @property
    def proven(self) -> bool:
        """Whether the error is more than a calibrated model would show by chance (5 % level)."""
        return self.value > self.limit


def expected_calibration_error(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15, *, equal_mass: bool = False
) -> float:
    """The mean distance of accuracy from confidence over bins, weighted by images (Guo et al. 2017).

    Bins are of equal width over 0..1, as published figures have them, or with `equal_mass` of equally many
    images (Nixon et al. 2019), which resolve better where nearly all confidences are near 1.
    """
    place, _ = _places(confidence, correct, bins, equal_mass)
    return float(_errors(place, _excess(confidence, correct)[None, :])[0])


def calibration_error(
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
    bins: int = 15,
    *,
    equal_mass: bool = False,
    draws: int = 1_000,
    seed: int = 0,
) -> CalibrationError:
    """The expected calibration error with what chance makes of it; seeded, so the same for the same data.

    `by_chance` and `limit` draw right and wrong anew by the confidences (Broecker and Smith 2007).  The
    interval is 1.96 standard deviations (images drawn anew) about the value, its lower end lower by the
    whole of `by_chance`: chance adds most to an error of 0, so the interval is wide rather than too short.
    """
    place, _ = _places(confidence, correct, bins, equal_mass)
    random = np.random.default_rng(seed)
    images = len(place)
    excess = _excess(confidence, correct)
    value = float(_errors(place, excess[None, :])[0])
    chance, again = np.empty(draws), np.empty(draws)
    # In slices, so that a large test set does not fill the memory.
    step = max(1, 2_000_000 // images)
    for start in range(0, draws, step):
        many = min(step, draws - start)
        drawn = random.random((many, images)) < confidence
        chance[start : start + many] = _errors(place, drawn - np.asarray(confidence, dtype=float))
        again_images = random.integers(images, size=(many, images)) + images * np.arange(many)[:, None]
        weights = np.bincount(again_images.ravel(), minlength=many * images).reshape(many, images)
        again[start : start + many] = _errors(place, weights * excess)
    half = 1.96 * float(again.std(ddof=1))
    by_chance = float(chance.mean())
    return CalibrationError(
        value,
        by_chance,
        float(np.quantile(chance, 0.95)),
        Interval(max(0.0, value - by_chance - half), min(1.0, value + half), 0.95),
    )


def brier_score(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The Brier score over all classes, 0 (perfect) to 2 (Brier 1950).

    It is the squared distance of the probabilities (images, classes) from the truth, summed over classes
    and averaged over images; for two classes twice the score that counts one class.
    """
    images, classes = probabilities.shape
    if images < 1 or len(labels) != images or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"expected a label in 0..{classes - 1} for each of {images} images")
    truth = np.eye(classes)[labels]
    return float(np.square(np.asarray(probabilities, dtype=float) - truth).sum(axis=1).mean())


def reliability(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15, *, equal_mass: bool = False
) -> tuple[ReliabilityBin, ...]:
    """The bins of a reliability plot, from the least confident; bins without images are left out."""
    place, edges = _places(confidence, correct, bins, equal_mass)
    found = []
    for each in np.unique(place):
        here = place == each
        right, images = int(np.sum(correct[here])), int(here.sum())
        found.append(
            ReliabilityBin(
                float(edges[each]),
                float(edges[each + 1]),
                float(np.mean(confidence[here], dtype=float)),
                right / images,
                Interval(*wilson(right, images), 0.95),
                images,
            )
        )
    return tuple(found)


def _excess(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
    excess: NDArray[np.float64] = np.subtract(correct, confidence, dtype=float)
    return excess


def _places(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int, equal_mass: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Each image's bin, and the edges; equal confidences are always in one bin."""
    shares = np.asarray(confidence, dtype=float)
    if shares.shape != np.shape(correct) or shares.ndim != 1 or not len(shares):
        raise ValueError(f"expected one confidence an image, got {shares.shape} and {np.shape(correct)}")
    if bins < 1 or not np.all((shares >= 0) & (shares <= 1 + 1e-6)):
        raise ValueError(f"expected confidences in 0..1 and at least one bin, got {bins} bins")
    edges = np.linspace(0, 1, bins + 1)
    if equal_mass:
        edges = np.unique(np.quantile(shares, edges))
        if len(edges) == 1:
            edges = np.repeat(edges, 2)
    # A bin holds its upper end, and the first its lower end too.
    inner = np.searchsorted(edges, shares, side="left") - 1
    places: NDArray[np.int64] = np.clip(inner, 0, len(edges) - 2)
    return places, edges


def _errors(place: NDArray[np.int64], excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """The error of each draw (draws, images), from how much right answers exceed confidence."""
    bins = np.eye(place.max() + 1)[place]
    return np.asarray(np.abs(excess @ bins).sum(axis=1) / len(place))
