"""Accuracy and loss: whether the current run is no worse than the baseline by more than a margin.

Both runs were asked the same test images, so they are compared in pairs, image by image.  The difference
itself decides what fails: one that is worse than the margin.  Its 95 % interval says of the rest whether the
images show that it is within the margin, or leave that undecided, which fails nothing.  (A trial of
non-inferiority is stricter: it fails whatever is not shown.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding, Severity, untold
from harness.comparison.own_scores import own_scores
from harness.metrics import Metric, metric
from harness.records import Predictions
from harness.statistics import Interval, compare, mean_interval
from harness.text import counted
from harness.training.scoring import cross_entropies

__all__ = ["non_inferiority", "scores"]

_ROUNDING = 1e-9
"""What floating point adds to a difference of shares: 0.93 - 0.91 is more than 0.02."""


@dataclass(frozen=True)
class _Asked:
    """The predictions of both runs for the images that they have in common, row by row the same image."""

    before: Predictions
    after: Predictions


def scores(pair: Pair, before: Predictions, after: Predictions) -> Iterator[Finding]:
    """What is to be said of the answers of one cell in two runs; nothing where they are the same."""
    yield from _own_scores(pair, before, after)
    common, places, others = np.intersect1d(before.ids, after.ids, return_indices=True)
    lost, added = len(before.ids) - len(common), len(after.ids) - len(common)
    if lost or added:
        yield Finding(
            kind="record",
            severity="regression",
            message=f"of the baseline's {counted(len(before.ids), 'test image')} {lost:,} are without a "
            f"prediction, and {added:,} others have one",
            cells=(pair.name,),
            field="predictions",
            before=len(before.ids),
            after=len(after.ids),
        )
    if not len(common):
        return
    asked = _Asked(_rows(before, places), _rows(after, others))
    other_labels = int(np.sum(asked.before.labels != asked.after.labels))
    if other_labels:
        yield Finding(
            kind="record",
            severity="regression",
            message=f"{counted(other_labels, 'test image')} of {len(common):,} with another true class",
            cells=(pair.name,),
            field="labels",
            before=0,
            after=other_labels,
        )
    yield from _accuracy(pair, asked)
    yield from _loss(pair, asked)


def non_inferiority(gain: float, low: float, margin: float) -> Severity:
    """What a difference amounts to whose gain is so much and not below `low`, with 95 % confidence.

    A gain is better where it is higher, in the unit of the margin.
    """
    beyond = margin + _ROUNDING
    if gain < -beyond:
        return "regression"
    if low < -beyond:
        return "undecided"
    return "improved" if gain > beyond and low > 0 else "within"


def _accuracy(pair: Pair, asked: _Asked) -> Iterator[Finding]:
    before, after = asked.before, asked.after
    if np.array_equal(
        before.probabilities.argmax(axis=1), after.probabilities.argmax(axis=1)
    ) and np.array_equal(before.labels, after.labels):
        return
    found = compare(after.correct, before.correct)
    values = float(before.correct.mean()), float(after.correct.mean())
    yield _judged(pair, metric("test_accuracy"), values, found.difference, found.interval)


def _loss(pair: Pair, asked: _Asked) -> Iterator[Finding]:
    before, after = _losses(asked.before), _losses(asked.after)
    differences = after - before
    if not differences.any():
        return
    mean = float(differences.mean())
    # One image has no spread: nothing is known of others.
    interval = mean_interval(differences) if len(differences) > 1 else Interval(-np.inf, np.inf, 0.95)
    values = float(before.mean()), float(after.mean())
    yield _judged(pair, metric("test_loss"), values, mean, interval)


def _judged(
    pair: Pair, of: Metric, values: tuple[float, float], difference: float, interval: Interval
) -> Finding:
    margin = pair.margins[of.name]
    lower = of.better == "lower"
    gain, low = (-difference, -interval.high) if lower else (difference, interval.low)
    known = bool(np.isfinite([interval.low, interval.high]).all())
    unit = "points" if of.export_unit == "0..1" else of.export_unit
    ends = f"{_signed(of, interval.low)} to {_signed(of, interval.high)}" if known else "unknown"
    shown = of.unit and f" {of.unit}"
    return Finding(
        kind="loss" if lower else "accuracy",
        severity=non_inferiority(gain, low, margin),
        message=f"{of.label} {of.text(values[0])} to {of.text(values[1])}{shown}: {_signed(of, difference)} "
        f"{unit}, 95 % interval {ends}, margin {of.margin_text(margin)}",
        cells=(pair.name,),
        field=of.name,
        unit=of.export_unit,
        before=values[0],
        after=values[1],
        difference=difference,
        interval=interval if known else None,
        margin=margin,
    )


def _signed(of: Metric, difference: float) -> str:
    """A difference with one digit more than its metric is shown with."""
    return f"{round(of.scale * difference, of.digits + 1) + 0.0:+.{of.digits + 1}f}"


def _own_scores(pair: Pair, before: Predictions, after: Predictions) -> Iterator[Finding]:
    """A recorded accuracy or loss that is not that of the predictions beside it, or is told by one run alone.

    A baseline that contradicts its predictions is refused where it is read.
    """
    for was, now in zip(own_scores(pair.before, before), own_scores(pair.after, after), strict=True):
        of = now.metric
        if not now.agrees and (was.recorded, now.recorded) != (None, None):
            yield Finding(
                kind="record",
                severity="regression",
                message=now.told,
                cells=(pair.name,),
                field=of.name,
                unit=of.export_unit,
                before=now.given,
                after=now.recorded,
            )
        elif was.recorded is None and now.recorded is not None:
            yield untold(pair.name, "record", of.name, of.label)


def _losses(found: Predictions) -> NDArray[np.float64]:
    return cross_entropies(found.probabilities, found.labels)


def _rows(found: Predictions, places: NDArray[np.intp]) -> Predictions:
    return Predictions(found.ids[places], found.labels[places], found.probabilities[places])
