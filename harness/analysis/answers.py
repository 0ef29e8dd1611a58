"""Which test images each record got right: read when a test needs it, once, and checked."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.record_store import RecordStore
from harness.records import Predictions, Record

__all__ = ["Answers"]


@dataclass
class Answers:
    """The predictions of a run's records, kept once read.

    Every record of one manifest was asked the same images in the same order; a file that says otherwise, or
    whose predictions do not give the recorded accuracy, was changed by hand.
    """

    store: RecordStore
    _read: dict[str, Predictions] = field(default_factory=dict)
    _images: dict[str, tuple[NDArray[np.str_], NDArray[np.int64]]] = field(default_factory=dict)

    def of(self, record: Record) -> Predictions:
        """The predictions of a record that ended ok; raises `UserError` where they do not fit it."""
        if record.file_stem not in self._read:
            found = self.store.predictions(record)
            self._require_fitting(record, found)
            # Ids and labels are the same for all: kept once, 10,000 records take 80 MB and not 800.
            ids, labels = self._images[record.data.manifest_sha256]
            self._read[record.file_stem] = Predictions(ids, labels, found.probabilities)
        return self._read[record.file_stem]

    def correct(self, records: tuple[Record, ...]) -> NDArray[np.bool_]:
        """Whether each image was classified right, of shape (seeds, images)."""
        return np.stack([self.of(record).correct for record in records])

    def _require_fitting(self, record: Record, found: Predictions) -> None:
        asked, labels = self._images.setdefault(record.data.manifest_sha256, (found.ids, found.labels))
        accuracy = record.measured.test_accuracy or 0.0
        if not np.array_equal(asked, found.ids):
            problem = "are of other images than those of the other records, or in another order"
        elif len(found.ids) != record.measured.test_images:
            problem = f"are {len(found.ids):,}, the record says {record.measured.test_images}"
        elif not np.array_equal(labels, found.labels):
            problem = "have other true classes than those of the other records"
        elif found.probabilities.shape[1] < int(found.labels.max()) + 1:
            problem = f"have {found.probabilities.shape[1]} classes, and images of more"
        elif abs(float(found.correct.mean()) - accuracy) * len(found.ids) > 0.5:
            problem = f"give an accuracy of {found.correct.mean():.4f}, the record says {accuracy:.4f}"
        else:
            return
        raise UserError(
            f"the predictions of {record.name} {problem}",
            where=str(self.store.folder / f"{record.file_stem}.npz"),
            hint="One of the two files was changed. Delete the record; the next run makes both again.",
        )
