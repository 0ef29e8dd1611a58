"""Timing records: what one timing of one cell found, raw, and the folder that keeps them.

One file a cell and pass.  Medians, intervals, rates and judgements are derived from them by the
report, so that a better statistic needs no new measurement.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.environment import Environment
from harness.errors import UserError, first_finding
from harness.files import write_whole
from harness.records import Memory, Status, StepTimes
from harness.timing.cell import TimingCell

__all__ = [
    "Ceiling",
    "SelfCheck",
    "Timed",
    "TimingFacts",
    "TimingFolder",
    "TimingRecord",
    "Work",
    "read_timing",
    "stem",
]


Document = TypeVar("Document", bound=BaseModel)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ceiling(_Frozen):
    """What the device can do at most: a large matrix product, and a large copy.

    `flops` are floating-point operations a second (two a multiply-add) in the cell's compute dtype,
    `bytes_per_second` counts what is read and what is written.
    """

    flops: float
    bytes_per_second: float
    matrix: int
    copied_bytes: int


class Work(_Frozen):
    """What one step has to do, counted in its graph.

    `multiply_adds` are those of convolutions and matrix products, forward and backward; `moved_bytes`
    are their inputs and outputs, each once: the least that has to pass through memory if everything
    else is fused into them.
    """

    multiply_adds: int
    moved_bytes: int


class Timed(_Frozen):
    """What the process of one timing found out.

    `step` holds the first step by itself and the raw blocks on a resident batch; `input` those of the
    input pipeline alone (seconds a batch; for a strategy that augments, with augmentation), `end_to_end`
    those of the step fed by that pipeline.  `build_seconds` is what building and calibrating the model
    took.  `ceilings` were measured in the same process, after the blocks.  `jit` is whether
    the step really was compiled by XLA, `placed_on` the device that its result lay on.
    """

    build_seconds: float
    step: StepTimes
    input: StepTimes | None = None
    end_to_end: StepTimes | None = None
    augmented_on: str = ""
    ceilings: tuple[Ceiling, ...] = ()
    work: Work | None = None
    parameters: int = 0
    parameters_trainable: int = 0
    device_peak_bytes: int | None = None
    jit: bool = False
    placed_on: str = ""
    devices: tuple[str, ...] = ()
    threads: dict[str, int] = {}


class TimingRecord(_Frozen):
    """Everything known of one timing: a cell in one pass over its matrix.

    `place` is its place in the shuffled order of its pass, from 0 on.  `memory` is that of the process
    while the step ran on a resident batch: the ceiling's arrays and the pipeline are not in it.
    """

    schema_version: Literal[1] = 1
    status: Status
    reason: str = ""
    name: str
    key: str
    cell: TimingCell
    in_pass: int
    place: int
    environment: Environment
    commit: str
    started: str
    timed: Timed | None = None
    memory: Memory | None = None


class SelfCheck(_Frozen):
    """An A/A test: one cell timed as two, A and B in turn, each time in a process of its own.

    `a` and `b` are the medians in seconds a step, in the order in which they were taken.
    """

    schema_version: Literal[1] = 1
    cell: TimingCell
    key: str
    environment: Environment
    started: str
    a: tuple[float, ...]
    b: tuple[float, ...]


class TimingFacts(_Frozen):
    """What a timing run was asked to do: matrix, command, passes, seed of the order, cells as planned.

    `keys` gives the input key of every cell, by the cell's name.
    """

    schema_version: Literal[1] = 1
    matrix: str
    command: str
    passes: int
    seed: int
    keys: dict[str, str]


@dataclass(frozen=True)
class TimingFolder:
    """Names and files of a timing run's folder."""

    path: Path

    @property
    def facts_file(self) -> Path:
        """What the run was asked to do."""
        return self.path / "timing.json"

    @property
    def records(self) -> Path:
        """The folder of the records."""
        return self.path / "timings"

    @property
    def logs(self) -> Path:
        """The folder of the workers' output."""
        return self.path / "logs"

    def facts(self) -> TimingFacts:
        """Read what was asked; raise `UserError` where there is no timing run."""
        if not self.facts_file.is_file():
            raise UserError(
                "no timing run is in this folder (it has no timing.json)",
                where=str(self.path),
                hint="`transferbench time MATRIX --out DIR` makes one.",
            )
        return _read(self.facts_file, TimingFacts)

    def write_facts(self, facts: TimingFacts) -> None:
        """Keep what was asked."""
        write_whole(self.facts_file, facts.model_dump_json(indent=1) + "\n")

    def save(self, record: TimingRecord) -> None:
        """Write a record whole."""
        write_whole(self.records / f"{stem(record.cell, record.in_pass, record.key)}.json", _json(record))

    def load(self) -> Iterator[TimingRecord]:
        """Every record, by file name; raises `UserError` for one that is damaged."""
        for path in sorted(self.records.glob("*.json")):
            yield read_timing(path)

    def save_check(self, check: SelfCheck) -> None:
        """Keep an A/A test; one a device."""
        write_whole(self.path / f"selfcheck-{check.cell.device}.json", _json(check))

    def checks(self) -> list[SelfCheck]:
        """The A/A tests of this run, by device."""
        return [_read(path, SelfCheck) for path in sorted(self.path.glob("selfcheck-*.json"))]


def read_timing(path: Path) -> TimingRecord:
    """Read one record; raises `UserError` if it is damaged."""
    return _read(path, TimingRecord)


def stem(cell: TimingCell, in_pass: int, key: str) -> str:
    """What the files of one timing are called."""
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', cell.name)}-pass{in_pass}-{key[:10]}"


def _json(document: BaseModel) -> str:
    return document.model_dump_json(indent=1) + "\n"


def _read(path: Path, kind: type[Document]) -> Document:
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(
            f"not a {kind.__name__} of this version: {first_finding(error)}",
            where=str(path),
            hint="Delete the file; the next run of its matrix makes it again.",
        ) from None
