"""Predictions that say what a test wants, image by image, and standings of rows that hold them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fakes import Row, finished_run, record, row

from harness.analysis.standings import Standings, read_standings
from harness.records import DataFacts, Predictions


def said(
    says: Sequence[int],
    labels: Sequence[int],
    *,
    sure: float | Sequence[float] = 0.9,
    classes: int = 2,
    ids: Sequence[str] | None = None,
) -> Predictions:
    """Predictions that choose these classes with this confidence; ids are a, b, c ... unless named."""
    confidences = np.broadcast_to(np.asarray(sure, dtype=float), (len(says),))
    probabilities = np.repeat(((1 - confidences) / (classes - 1))[:, None], classes, axis=1)
    probabilities[np.arange(len(says)), says] = confidences
    names = ids if ids is not None else [chr(ord("a") + number) for number in range(len(says))]
    return Predictions(np.array(names), np.array(labels, dtype=np.int64), probabilities.astype(np.float32))


def wrong_on(wrong: str, images: str = "abcd", **options: Any) -> Predictions:
    """Predictions for images of class 0 that are named by letters, wrong on these."""
    return said([int(each in wrong) for each in images], [0] * len(images), ids=list(images), **options)


def cell(predictions: Predictions, backbone: str = "MobileNet", **changed: Any) -> Row:
    """A finished cell of that backbone; of three classes if the predictions are."""
    if predictions.probabilities.shape[1] == 3:
        names = ("ants", "bees", "wasps")
        counts = {split: dict.fromkeys(names, 50) for split in ("train", "validation", "test")}
        data = record().data.model_dump() | {"classes": names, "counts": counts}
        changed["data"] = DataFacts(**data)
    return row(predictions, backbone=backbone, **changed)


def standings(folder: Path, *rows: Row) -> Standings:
    """The standings of a run that holds these cells."""
    return read_standings(finished_run(folder / "run", rows))
