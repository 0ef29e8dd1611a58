"""How far the rows' confidence can be believed: their calibration on the test images.

Confidence is the probability of the class that was chosen, whether or not it is the true one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.analysis.answers import Answers
from harness.analysis.front import front
from harness.analysis.rows import Row
from harness.analysis.step_times import time_doubt
from harness.metrics import metric
from harness.records import Predictions
from harness.statistics import (
    Interval,
    accuracy_interval,
    brier_score,
    calibration_error,
    expected_calibration_error,
    spread_over_seeds,
)

__all__ = [
    "MOST_PANELS",
    "MOST_SEEDS",
    "Calibration",
    "calibrations",
    "confidence",
    "plain_errors",
    "telling_rows",
]

MOST_PANELS = 12
"""Of how many rows `telling_rows` makes a choice at most."""

MOST_SEEDS = 5
"""Of how many of a row's seeds: each takes a bootstrap of its own."""

_DRAWS = 500
_SLICE = 2_000_000


@dataclass(frozen=True)
class Calibration:
    """How well a row knows when it is right; of several seeds the means.

    `row` has those seeds that took part, the first `MOST_SEEDS`.
    `error` is the expected calibration error (0..1) with `interval`, from images drawn anew, and `spread`
    its standard deviation over seeds; `by_chance` is what a perfectly calibrated row with these confidences
    would show on average, and `proven` says whether it is more than that can be.  `brier` is the Brier score
    over all classes (0 to 2) with its interval, `confidence` the mean confidence (0..1).
    """

    row: Row
    error: float
    interval: Interval
    spread: float | None
    by_chance: float
    proven: bool
    brier: float
    brier_interval: Interval
    confidence: float

    @property
    def excess(self) -> float:
        """Mean confidence minus accuracy, -1..1."""
        return self.confidence - self.row.accuracy

    @property
    def verdict(self) -> Literal["overconfident", "underconfident", ""]:
        """Which of both the row is; "" where the accuracy's interval holds the mean confidence.

        That interval knows of the errors which so few images did not show; a bootstrap of a row without
        errors does not.
        """
        if self.confidence > self.row.interval.high:
            return "overconfident"
        return "underconfident" if self.confidence < self.row.interval.low else ""


def confidence(predictions: Predictions) -> NDArray[np.float64]:
    """The probability of the chosen class, of shape (images,)."""
    # Rounding of float32 may leave a softmax a little above 1.
    return np.asarray(np.minimum(predictions.probabilities.max(axis=1).astype(float), 1.0))


def calibrations(rows: Sequence[Row], answers: Answers) -> tuple[Calibration, ...]:
    """The calibration of rows that were asked the same images, in their order.

    The ends of a row's interval are means of its seeds' (which draw the same images); it says nothing of
    other seeds, the spread does.
    """
    rows = [_first_seeds(row, answers) for row in rows]
    distances = [np.mean([_distances(each) for each in _predictions(row, answers)], axis=0) for row in rows]
    found = []
    for row, interval in zip(rows, _mean_intervals(np.array(distances)), strict=True):
        asked = _predictions(row, answers)
        errors = [calibration_error(confidence(each), each.correct, draws=_DRAWS) for each in asked]
        value = fmean(error.value for error in errors)
        found.append(
            Calibration(
                row=row,
                error=value,
                interval=Interval(
                    fmean(error.interval.low for error in errors),
                    fmean(error.interval.high for error in errors),
                    0.95,
                ),
                spread=spread_over_seeds([error.value for error in errors]),
                by_chance=fmean(error.by_chance for error in errors),
                proven=value > fmean(error.limit for error in errors),
                brier=fmean(brier_score(each.probabilities, each.labels) for each in asked),
                brier_interval=interval,
                confidence=fmean(float(confidence(each).mean()) for each in asked),
            )
        )
    return tuple(found)


def telling_rows(rows: Sequence[Row], answers: Answers) -> list[tuple[Row, str]]:
    """The rows to look at, in their order, each with why it is one ("" of the rest).

    The most accurate, the fastest of the Pareto front by inference time, the worst calibrated, and of the
    others the most accurate, up to `MOST_PANELS`.
    """
    if len(rows) < 2:
        return [(row, "") for row in rows]
    costs = [
        None if time_doubt(row.records, "inference_ms") else row.value(metric("inference_ms")) for row in rows
    ]
    errors = [fmean(plain_errors(row, answers)) for row in rows]
    why: dict[int, list[str]] = {0: ["most accurate"]}
    for place in front([row.accuracy for row in rows], costs)[:1]:
        why.setdefault(place, []).append("fastest on the front")
    why.setdefault(errors.index(max(errors)), []).append("worst calibrated")
    others = [place for place in range(len(rows)) if place not in why]
    chosen = sorted([*why, *others[: MOST_PANELS - len(why)]])
    return [(rows[place], ", ".join(why.get(place, []))) for place in chosen]


def plain_errors(row: Row, answers: Answers) -> tuple[float, ...]:
    """The expected calibration errors (0..1) of a row's seeds, the first `MOST_SEEDS`: without intervals."""
    return tuple(
        expected_calibration_error(confidence(each), each.correct)
        for each in map(answers.of, row.records[:MOST_SEEDS])
    )


def _first_seeds(row: Row, answers: Answers) -> Row:
    """The row with its first seeds alone, and their interval."""
    if len(row.records) <= MOST_SEEDS:
        return row
    first = row.records[:MOST_SEEDS]
    return replace(row, records=first, interval=accuracy_interval(answers.correct(first)))


def _predictions(row: Row, answers: Answers) -> list[Predictions]:
    return [answers.of(record) for record in row.records]


def _distances(predictions: Predictions) -> NDArray[np.float64]:
    """Each image's part of the Brier score."""
    truth = np.eye(predictions.probabilities.shape[1])[predictions.labels]
    return np.asarray(np.square(predictions.probabilities - truth).sum(axis=1))


def _mean_intervals(values: NDArray[np.float64]) -> list[Interval]:
    """The percentile bootstrap of each row's mean (rows, images); the same images drawn for all rows."""
    if not len(values):
        return []
    images = values.shape[1]
    random = np.random.default_rng(0)
    step = max(1, _SLICE // images)
    # In slices, so that a large test set does not fill the memory.
    means = [
        random.multinomial(images, np.full(images, 1 / images), size=min(step, _DRAWS - start)) @ values.T
        for start in range(0, _DRAWS, step)
    ]
    low, high = np.quantile(np.concatenate(means) / images, [0.025, 0.975], axis=0)
    return [Interval(float(one), float(other), 0.95) for one, other in zip(low, high, strict=True)]
