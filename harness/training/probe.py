"""Logistic regression on pooled features, by scikit-learn; its result is a linear Keras head.

Features are standardised with the training images' mean and deviation, so that one strength means
the same for every backbone; the standardisation is then folded into the head's weights, so that the
probe is a model like any other.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from harness.training.scoring import Score, score

__all__ = ["Tried", "pooled", "try_strengths"]

_ITERATIONS = 2000
_ROWS = 256


@dataclass(frozen=True)
class Tried:
    """One strength (scikit-learn's C) with its scores and the head's kernel and bias."""

    strength: float
    train: Score
    validation: Score
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    seconds: float


def pooled(features: NDArray[Any]) -> NDArray[np.float64]:
    """The mean over height and width of features of shape (images, height, width, channels)."""
    starts = range(0, len(features), _ROWS)
    return np.concatenate([features[row : row + _ROWS].mean(axis=(1, 2), dtype=np.float64) for row in starts])


def try_strengths(
    train: tuple[NDArray[np.float64], NDArray[np.int64]],
    validation: tuple[NDArray[np.float64], NDArray[np.int64]],
    strengths: tuple[float, ...],
    on_tried: Callable[[int], None],
) -> Iterator[Tried]:
    """Fit one strength after another, the strongest penalty (smallest C) first.

    Both sets are (features of shape (images, channels), class numbers).  It ends at the first weak
    penalty at which the solver finds no end: an unfinished fit is not a figure.  Raises `RuntimeError`
    if that is the first one.
    """
    features, labels = train
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    standardised = (features - mean) / scale
    model = LogisticRegression(max_iter=_ITERATIONS, warm_start=True)
    for number, strength in enumerate(strengths, start=1):
        began = time.perf_counter()
        model.set_params(C=strength)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ConvergenceWarning)
                model.fit(standardised, labels)
        except ConvergenceWarning as warning:
            if number == 1:
                raise RuntimeError(f"no logistic regression even at C = {strength:g}: {warning}") from None
            return
        kernel = model.coef_ / scale
        bias = model.intercept_ - kernel @ mean
        yield Tried(
            strength=strength,
            train=_score(kernel, bias, features, labels),
            validation=_score(kernel, bias, *validation),
            kernel=kernel.T.astype(np.float32),
            bias=bias.astype(np.float32),
            seconds=time.perf_counter() - began,
        )
        on_tried(number)


def _score(
    kernel: NDArray[np.float64],
    bias: NDArray[np.float64],
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
) -> Score:
    logits = features @ kernel.T + bias
    if logits.shape[1] == 1:  # two classes: one logit, that of the second against the first
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return score((powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), labels)
