"""Builders of timing records and folders: no TensorFlow, no clock."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes import ENVIRONMENT

from harness.records import DeviceState, Memory, StepTimes
from harness.running.job import Progress, TimingJob, TimingOutcome
from harness.timing.cell import INFERENCE, TimingCell
from harness.timing.records import (
    Ceiling,
    SelfCheck,
    Timed,
    TimingFacts,
    TimingFolder,
    TimingRecord,
    Work,
)

CEILING = Ceiling(flops=100e9, bytes_per_second=10e9, matrix=2048, copied_bytes=1 << 28)
STARTED = "2025-01-02T03:04:05+00:00"


def cell(backbone: str = "MobileNet", step: str = INFERENCE, **changed: Any) -> TimingCell:
    """A timing cell; 160 px, batch 8, inference on the CPU unless said otherwise."""
    usual: dict[str, Any] = {"depth": "none", "size": 160, "batch": 8}
    return TimingCell(backbone=backbone, step=step, **(usual | changed))


def blocks(*milliseconds: float, **changed: Any) -> StepTimes:
    """Step times from block times in milliseconds a step; a single one stands for ten equal blocks."""
    several = milliseconds if len(milliseconds) > 1 else milliseconds * 10
    usual: dict[str, Any] = {
        "batch": 8,
        "first_seconds": 2.0,
        "warm_up_steps": 8,
        "stable": True,
        "steps_per_block": 4,
        "block_seconds": tuple(each / 1000 for each in several),
        "state": DeviceState(others_share=0.01),
    }
    return StepTimes(**(usual | changed))


def timed(*milliseconds: float, **changed: Any) -> Timed:
    """What one pass found, from its block times; `state` is that of its step."""
    own = {"state": changed.pop("state")} if "state" in changed else {}
    usual: dict[str, Any] = {
        "build_seconds": 1.5,
        "step": blocks(*(milliseconds or (50.0,)), **own),
        "input": blocks(5.0),
        "end_to_end": blocks(*(milliseconds or (50.0,))),
        "ceilings": (CEILING, CEILING),
        "work": Work(multiply_adds=1_000_000_000, moved_bytes=100_000_000),
        "parameters": 4_000_000,
        "placed_on": "/job:localhost/replica:0/task:0/device:CPU:0",
        "devices": ("/physical_device:CPU:0",),
        "threads": {"inter_op": 0, "intra_op": 0},
    }
    return Timed(**(usual | changed))


def timing_record(*milliseconds: float, **changed: Any) -> TimingRecord:
    """The record of one pass; `backbone`, `step`, `size` ... name its cell, other names change the record.

    `times` are those of its step.
    """
    named = {
        key: changed.pop(key)
        for key in ("backbone", "step", "depth", "size", "batch", "device", "precision", "jit", "protocol")
        if key in changed
    }
    found = {key: changed.pop(key) for key in list(changed) if key in {*Timed.model_fields, "state"}}
    found |= {"step": changed.pop("times")} if "times" in changed else {}
    usual_cell = cell(**named)
    placed = f"/job:localhost/replica:0/task:0/device:{usual_cell.device.upper()}:0"
    usual: dict[str, Any] = {
        "status": "ok",
        "name": usual_cell.name,
        "key": key_of(usual_cell.name),
        "cell": usual_cell,
        "in_pass": 1,
        "place": 0,
        "environment": ENVIRONMENT,
        "commit": "0123456789ab",
        "started": STARTED,
        "timed": timed(*milliseconds, **({"jit": usual_cell.jit, "placed_on": placed} | found)),
        "memory": Memory(kind="anonymous", peak_bytes=1_200_000_000, inherited_bytes=300_000_000),
    }
    return TimingRecord(**(usual | changed))


def failed_timing(status: str = "oom", reason: str = "no memory", **changed: Any) -> TimingRecord:
    """The record of a pass without a result."""
    return timing_record(**(changed | {"status": status, "reason": reason})).model_copy(
        update={"timed": None}
    )


def both_passes(first: float = 50.0, second: float | None = None, **changed: Any) -> list[TimingRecord]:
    """Two passes over one cell, each with ten equal blocks."""
    times = first, first if second is None else second
    return [timing_record(each, in_pass=number, **changed) for number, each in enumerate(times, 1)]


def selfcheck(
    a: Sequence[float] = (50.0, 50.5, 49.5), b: Sequence[float] = (50.2, 49.8, 50.1), **changed: Any
) -> SelfCheck:
    """An A/A test, from medians in milliseconds a step."""
    usual: dict[str, Any] = {
        "key": "d" * 64,
        "cell": cell(**{key: changed.pop(key) for key in ("device",) if key in changed}),
        "environment": ENVIRONMENT,
        "started": STARTED,
        "a": tuple(each / 1000 for each in a),
        "b": tuple(each / 1000 for each in b),
    }
    return SelfCheck(**(usual | changed))


def key_of(name: str) -> str:
    """An input key for a cell's name."""
    return (name.encode().hex() + "0" * 64)[-64:]


def timing_run(
    path: Path,
    records: Iterable[TimingRecord],
    *,
    checks: Iterable[SelfCheck] = (selfcheck(),),
    missing: Sequence[str] = (),
    **changed: Any,
) -> TimingFolder:
    """A timing run's folder with these records, and cells that were planned and not timed."""
    folder, kept = TimingFolder(path), list(records)
    usual: dict[str, Any] = {
        "matrix": "tiny",
        "command": "transferbench time tiny.toml",
        "passes": 2,
        "seed": 0,
        "keys": {record.name: record.key for record in kept} | dict.fromkeys(missing, "0" * 64),
    }
    folder.write_facts(TimingFacts(**(usual | changed)))
    for record in kept:
        folder.save(record)
    for check in checks:
        folder.save_check(check)
    return folder


@dataclass
class FakeTimer:
    """An executor that ends every timing as it was told to; `asked` are the cells that came, in order."""

    outcome: Callable[[TimingCell], TimingOutcome] = lambda _: TimingOutcome("ok", "", timed(20.0))
    asked: list[TimingCell] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)

    def time(
        self, job: TimingJob, limit_seconds: float, on_progress: Callable[[Progress], None]
    ) -> tuple[TimingOutcome, Memory | None]:
        """End a timing as scripted."""
        self.asked.append(job.cell)
        self.limits.append(limit_seconds)
        on_progress(Progress("steps", 1, 1, 0, 1))
        return self.outcome(job.cell), Memory(kind="anonymous", peak_bytes=2, inherited_bytes=1)

    @property
    def of_matrix(self) -> list[str]:
        """The names of the cells that came, without those of the A/A test (160 px)."""
        return [cell.name for cell in self.asked if cell.size != 160]
