"""Records: all that one cell produced, failures included.

A record is one JSON file, written whole the moment its cell ends; the per-image test predictions
lie beside it in a NumPy archive (columns `ids`, `labels`, `probabilities`), so that reading many
records does not parse them.  JSON is strict: a number that is not finite is stored as null.
`harness.record_store` reads and writes them.
"""

import math
import re
from dataclasses import dataclass
from statistics import fmean, median
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    computed_field,
    model_validator,
)

from harness.data.manifest import LeftOut
from harness.environment import Environment
from harness.matrix import Cell
from harness.recipes import Recipe
from harness.strategies import AnyPhase

__all__ = [
    "SCHEMA_VERSION",
    "DataFacts",
    "DeviceState",
    "Epoch",
    "Measured",
    "Memory",
    "Predictions",
    "Record",
    "Seconds",
    "Status",
    "StepTimes",
    "WeightsFacts",
    "file_stem",
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
    validation figures are taken after the epoch, on `validation_images` images as they are.
    `learning_rate` is the optimizer's when the epoch ends.  (Both are None in records from before they were
    kept.)  Of a linear probe each
    strength of the penalty that was tried is one: `strength` is scikit-learn's C, and the training
    figures are those of the finished fit.
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
    strength: float | None = None
    validation_images: int | None = None
    learning_rate: float | None = None


class DeviceState(_Frozen):
    """What the machine was doing while the blocks ran; None where the device does not tell.

    `others_share` is what other processes and the hypervisor took, as a share (0..1) of the cores that this
    process may use.
    `clocks_mhz` and `temperatures_c` are sampled between blocks; `throttled` names the reasons that
    the device gave for slowing itself down; `joules` is the energy of all blocks together.
    """

    others_share: float | None = None
    clocks_mhz: tuple[float, ...] = ()
    temperatures_c: tuple[float, ...] = ()
    throttled: tuple[str, ...] = ()
    joules: float | None = None


class StepTimes(_Frozen):
    """The raw times of one kind of step; `block_seconds` are seconds a step, block by block.

    `mean_seconds` is their mean, kept for readers of the file; it is derived, and so not read back.
    """

    batch: int
    first_seconds: float
    warm_up_steps: int
    stable: bool
    steps_per_block: int
    block_seconds: tuple[float, ...]
    state: DeviceState = DeviceState()

    @model_validator(mode="before")
    @classmethod
    def _without_derived(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if name != "mean_seconds"}
        return values

    @computed_field
    def mean_seconds(self) -> float:
        """The mean over blocks, in seconds a step."""
        return fmean(self.block_seconds)

    @property
    def milliseconds(self) -> float:
        """The median over blocks, in milliseconds a step."""
        return 1000 * median(self.block_seconds)


class Seconds(_Frozen):
    """Where the time of a cell went.

    `decode` and `extraction` are what that work took when it was done, also where this cell
    found it done already (`extraction_reused` names those parts); so is `training` where a phase was
    taken over from an earlier cell that had trained exactly it (`training_reused`).  All images are decoded
    at once: of a cell on a part of the training images, `decode` is the share of the images that it reads.
    """

    decode: float
    extraction: float = 0.0
    extraction_reused: tuple[str, ...] = ()
    training: float = 0.0
    training_reused: tuple[str, ...] = ()
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
    """Which images: the manifest's hash, classes, counts by split and class, and those left out.

    `left_out` counts the files that take no part; `dropped` names each, by its path inside the data,
    with the reason.  Published records of private folders keep the count alone.  `pixels_sha256` is the
    hash of all images as they were decoded and resized for the cell, in the manifest's order: the manifest
    says what the files hold, this what became of them ("" where nothing was decoded, and in records from
    before it was kept).
    """

    source: str
    manifest_sha256: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    left_out: int
    dropped: tuple[LeftOut, ...] = ()
    pixels_sha256: str = ""


class WeightsFacts(_Frozen):
    """Which weights: kind, file name, SHA-256 of the file, and where it came from.

    `published` says whether it is the file that Keras publishes; None where that cannot be told.
    """

    kind: str
    name: str
    sha256: str
    origin: str
    published: bool | None = None


class Measured(_Frozen):
    """What the cell's own process found out.

    A cell that failed by itself has what it reached; one that was ended from outside (timeout,
    killed) has nothing.  `best` is the epoch of the last phase with the lowest validation loss,
    `chosen` the one whose weights count: the same, unless the recipe selects the last.
    `variables_moved` counts those of the trained variables (head and tail) that changed.
    `train_traces` tells by phase how often TensorFlow traced its train step (`harness.training.traces`); a
    phase that was taken over has the traces of the training that it was taken from, and a linear probe takes
    no steps.
    """

    history: tuple[Epoch, ...] = ()
    best: Epoch | None = None
    chosen: Epoch | None = None
    variables_trained: int | None = None
    variables_moved: int | None = None
    train_traces: dict[str, int] = {}
    jit: bool | None = None
    extraction_peak_bytes: int = 0
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
    phases: tuple[AnyPhase, ...]
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
        """The name of the record's files."""
        return file_stem(self.name, self.key)


def file_stem(name: str, key: str) -> str:
    """What the files of a cell are called: its name, and the start of its input key."""
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', name)}-{key[:10]}"


def gap_opens_at(history: tuple[Epoch, ...], images: int) -> int | None:
    """The first epoch of the last phase from which training stays above validation, or None.

    Above means: by more than the half-width of the 95 % interval that `images` validation images
    allow (normal approximation), so that noise of the validation set is not called overfitting.  A
    linear probe has no epochs, and so none.
    """
    if history[-1].strength is not None:
        return None
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

    def require_whole(self) -> None:
        """Raise `ValueError` unless every image has an id, a class number and finite probabilities."""
        images, shape = len(self.ids), self.probabilities.shape
        if self.ids.ndim != 1 or self.labels.shape != (images,) or len(shape) != 2 or shape[0] != images:
            raise ValueError(
                f"expected a row an image, got shapes {self.ids.shape}, {self.labels.shape} and {shape}"
            )
        if not np.isfinite(self.probabilities).all():
            raise ValueError("expected probabilities, found some that are no number")

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the most probable class is the true one, image by image."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)
