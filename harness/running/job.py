"""What the parent tells a worker, and what the worker tells back; no Keras import."""

from dataclasses import dataclass
from pathlib import Path

from harness.export.model_file import Keep
from harness.records import Measured, Predictions, Status
from harness.running.planner import Planned
from harness.timing.cell import TimingCell
from harness.timing.records import Timed

__all__ = ["End", "Job", "Outcome", "Progress", "TimingJob", "TimingOutcome"]


@dataclass(frozen=True)
class Job:
    """One cell to run: its plan, the images (manifest and decoded pixels), caches and a log.

    `environment` is the fingerprint of machine and versions, `code` the hash of this package's own
    modules when the run began: the worker was forked from what was imported then, whatever the files
    hold by now.  With `keep` the trained model is written too.
    """

    planned: Planned
    manifest: Path
    pixels: Path
    decode_seconds: float
    cache: Path
    log: Path
    environment: str
    code: str
    keep: Keep | None = None


@dataclass(frozen=True)
class Progress:
    """How far a cell is: images done of one epoch of one phase."""

    phase: str
    epoch: int
    epochs: int
    images: int
    all_images: int


@dataclass(frozen=True)
class Outcome:
    """How a cell ended, with what was measured until then."""

    status: Status
    reason: str
    measured: Measured
    predictions: Predictions | None = None


@dataclass(frozen=True)
class TimingJob:
    """One cell to time, and the log of the process that does it; with `step_alone` its step and no more."""

    cell: TimingCell
    log: Path
    step_alone: bool = False


@dataclass(frozen=True)
class TimingOutcome:
    """How a timing ended, with what was found if it ended well."""

    status: Status
    reason: str
    timed: Timed | None = None


@dataclass(frozen=True)
class End:
    """How a process ended that sent no outcome."""

    status: Status
    reason: str
