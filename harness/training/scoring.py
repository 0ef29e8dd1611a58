"""Probabilities, accuracy and loss of a set of images, every image counted once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Score", "cross_entropies", "predict", "score"]

_SMALLEST = 1e-7  # Keras clips probabilities here too, so that losses are comparable.


@dataclass(frozen=True)
class Score:
    """Top-1 accuracy (0..1) and mean cross-entropy (nats) over all images of a split."""

    accuracy: float
    loss: float


def predict(classifier: Any, features: Sequence[NDArray[Any]], batch: int) -> NDArray[np.float32]:
    """The class probabilities of every row, in order; shape (images, classes).

    A sigmoid's single output p becomes the two columns 1 - p and p.
    """
    images = len(features[0])
    found = []
    for start in range(0, images, batch):
        rows = [np.asarray(array[start : start + batch]) for array in features]
        found.append(classifier.predict_on_batch(rows[0] if len(rows) == 1 else rows))
    probabilities: NDArray[np.float32] = np.concatenate(found)
    if probabilities.shape[1] == 1:
        probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
    return probabilities


def score(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Score:
    """Compare probabilities of shape (images, classes) with the true classes of the same rows."""
    return Score(
        accuracy=float(np.mean(probabilities.argmax(axis=1) == labels)),
        loss=float(np.mean(cross_entropies(probabilities, labels))),
    )


def cross_entropies(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cross-entropy of each row in nats, at most 16.1: a probability below 1e-7 counts as that."""
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(-np.log(np.clip(own, _SMALLEST, 1.0)))
