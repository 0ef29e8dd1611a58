"""Which test images are explained: a cell's mistakes, the most confident first, or others by name."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError, unknown
from harness.records import Predictions

__all__ = ["choose_images", "classes_of_interest", "least_sure"]


def choose_images(
    recorded: Predictions, *, most: int, correct: bool = False, ids: Sequence[str] = ()
) -> NDArray[np.int64]:
    """The rows of the wrong predictions (or of the right ones), by falling confidence, at most so many.

    With `ids` it is those images, in that order.  Equal confidence is ordered by id.  Raises `UserError`
    for an id that is not a test image's, and where there is nothing to choose.
    """
    if ids:
        rows = {name: row for row, name in enumerate(recorded.ids.tolist())}
        for each in ids:
            if each not in rows:
                raise unknown("test image", each, rows)
        return np.array([rows[each] for each in dict.fromkeys(ids)])
    wanted = np.flatnonzero(recorded.correct == correct)
    if not len(wanted):
        kind = "right" if correct else "wrong"
        raise UserError(
            f"none of {len(recorded.ids):,} test images was predicted {kind}",
            hint="Without --correct the wrong ones are shown."
            if correct
            else "--correct shows the right ones, --images ID any.",
        )
    confidence = recorded.probabilities.max(axis=1)[wanted]
    return wanted[np.lexsort((recorded.ids[wanted], -confidence))][:most]


def least_sure(recorded: Predictions, most: int) -> NDArray[np.int64]:
    """The rows whose most probable class is least probable, at most so many; equal ones by id."""
    return np.lexsort((recorded.ids, recorded.probabilities.max(axis=1)))[:most]


def classes_of_interest(recorded: Predictions, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the predicted class and the true one, (rows, 2); the next most probable if it is right."""
    falling = np.argsort(-recorded.probabilities[rows], axis=1, kind="stable")
    labels = recorded.labels[rows]
    return np.stack([falling[:, 0], np.where(falling[:, 0] == labels, falling[:, 1], labels)], axis=1)
