"""Records: all that one cell produced, failures included, and the store that keeps them.

A record is one JSON file, written whole the moment its cell ends; the per-image test predictions
lie beside it in a NumPy archive (columns `ids`, `labels`, `probabilities`), so that reading many
records does not parse them.  JSON is strict: a number that is not finite is stored as null.
"""

import io
import math
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from harness.environment import Environment
from harness.errors import UserError
from harness.files import write_whole
from harness.matrix import Cell
from harness.recipes import Recipe
from harness.strategies import Phase

__all__ = [
    "SCHEMA_VERSION",
    "DataFacts",
    "Epoch",
    "Measured",
    "Memory",
    "Predictions",
    "Record",
    "RecordStore",
    "Seconds",
    "Status",
    "StepTimes",
    "WeightsFacts",
    "gap_opens_at",
]

SCHEMA_VERSION: Final = 1

Status = Literal["ok", "oom", "timeout", "diverged", "crashed", "skipped"]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


MaybeFinite = Annotated[float | None, BeforeValidator(_finite)]
"""A number that a diverged training may have left without a finite value (null in JSON)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Epoch(_Frozen):
    """One epoch: losses (nats), top-1 accuracies (0..1), images trained on, and seconds.

    Training figures are Keras' running means over the epoch, with dropout and augmentation on;
    validation figures are taken after the epoch, on images as they are.
    """

    phase: str
    epoch: int
    loss: MaybeFinite
    accuracy: MaybeFinite
    validation_loss: MaybeFinite
    validation_accuracy: MaybeFinite
    images: int
    seconds: float
    validation_seconds: float


class StepTimes(_Frozen):
    """The raw times of one kind of step; `block_seconds` are seconds a step, block by block."""

    batch: int
    first_seconds: float
    warm_up_steps: int
    stable: bool
    steps_per_block: int
    block_seconds: tuple[float, ...]

    @property
    def milliseconds(self) -> float:
        """The median over blocks, in milliseconds a step."""
        return 1000 * median(self.block_seconds)


class Seconds(_Frozen):
    """Where the time of a cell went.

    `decode` and `extraction` are what that work took when it was done, also where this cell
    found it done already (`extraction_reused` names those parts).
    """

    decode: float
    extraction: float = 0.0
    extraction_reused: tuple[str, ...] = ()
    training: float = 0.0
    validation: float = 0.0
    test: float = 0.0
    cell: float = 0.0

    @property
    def to_result(self) -> float:
        """Decoding, extraction, training and validation: the cost of this result from nothing."""
        return self.decode + self.extraction + self.training + self.validation


class Memory(_Frozen):
    """Host memory of the cell's process in bytes, sampled while it ran.

    `peak_bytes` is anonymous memory where the system tells it (`kind` "anonymous"; pages of
    memory-mapped caches do not count), else resident memory; `inherited_bytes` is what the
    process held before it did anything, which is Keras and TensorFlow themselves.
    """

    kind: Literal["anonymous", "resident"]
    peak_bytes: int
    inherited_bytes: int


class DataFacts(_Frozen):
    """Which images: the manifest's hash, classes, counts by split and class, and those left out."""

    source: str
    manifest_sha256: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    left_out: int


class WeightsFacts(_Frozen):
    """Which weights: kind, file name, SHA-256 of the file, and where it came from."""

    kind: str
    name: str
    sha256: str
    origin: str


class Measured(_Frozen):
    """What the cell's own process found out; a failed cell has what it reached."""

    history: tuple[Epoch, ...] = ()
    best: Epoch | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    test_images: int | None = None
    parameters: int | None = None
    parameters_trainable: int | None = None
    boundary: str | None = None
    frozen_sha256: str | None = None
    train_step: StepTimes | None = None
    inference_step: StepTimes | None = None
    seconds: Seconds | None = None
    devices: tuple[str, ...] = ()
    threads: dict[str, int] = {}


class Record(_Frozen):
    """Everything known of one cell of one run."""

    schema_version: Literal[1] = SCHEMA_VERSION
    status: Status
    reason: str = ""
    name: str
    key: str
    cell: Cell
    recipe: Recipe
    phases: tuple[Phase, ...]
    data: DataFacts
    weights: WeightsFacts
    environment: Environment
    commit: str
    started: str
    measured: Measured = Measured()
    memory: Memory | None = None
    gap: float | None = None
    gap_opens_at: int | None = None

    @property
    def file_stem(self) -> str:
        """The name of the record's files: the cell's name and the start of its input key."""
        return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', self.name)}-{self.key[:10]}"


def gap_opens_at(history: tuple[Epoch, ...], images: int) -> int | None:
    """The first epoch of the last phase from which training stays above validation, or None.

    Above means: by more than the half-width of the 95 % interval that `images` validation images
    allow (normal approximation), so that noise of the validation set is not called overfitting.
    """
    last = [epoch for epoch in history if epoch.phase == history[-1].phase]
    opened = None
    for epoch in reversed(last):
        if epoch.accuracy is None or epoch.validation_accuracy is None:
            break
        share = epoch.validation_accuracy
        if epoch.accuracy - share <= 1.96 * math.sqrt(share * (1 - share) / images):
            break
        opened = epoch.epoch
    return opened


@dataclass(frozen=True)
class Predictions:
    """Test predictions, a row an image: ids, true class numbers, probabilities (images, classes)."""

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the most probable class is the true one, image by image."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)


@dataclass(frozen=True)
class RecordStore:
    """The folder that a run's records are in."""

    folder: Path

    def save(self, record: Record, predictions: Predictions | None) -> Path:
        """Write a record whole, its predictions first: a record that is there is complete."""
        if predictions is not None:
            buffer = io.BytesIO()
            np.savez_compressed(
                buffer,
                ids=predictions.ids,
                labels=predictions.labels,
                probabilities=predictions.probabilities,
            )
            write_whole(self.folder / f"{record.file_stem}.npz", buffer.getvalue())
        path = self.folder / f"{record.file_stem}.json"
        write_whole(path, record.model_dump_json(indent=1) + "\n")
        return path

    def load(self) -> Iterator[Record]:
        """Every record, by file name; raise `UserError` for one that cannot be read."""
        for path in sorted(self.folder.glob("*.json")):
            yield read_record(path)

    def predictions(self, record: Record) -> Predictions:
        """The test predictions of a record that ended ok."""
        path = self.folder / f"{record.file_stem}.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as columns:
                return Predictions(columns["ids"], columns["labels"], columns["probabilities"])
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"the predictions of a record cannot be read: {error}",
                where=str(path),
                hint="Delete the record of that name; the next run makes both again.",
            ) from None


def read_record(path: Path) -> Record:
    """Read one record; raise `UserError` if it is damaged or of another schema version."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        raise UserError(
            f"not a record of schema version {SCHEMA_VERSION}: {place}: {first['msg']}",
            where=str(path),
            hint="Delete the file; the next run of its matrix makes that cell again.",
        ) from None
