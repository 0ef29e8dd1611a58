"""A timing run: every cell of a matrix timed in several passes, each in an order of its own.

A machine drifts: it warms up, and other work comes and goes.  So the cells of a pass are shuffled,
the passes are compared afterwards, and before the first one the machine is asked what it can resolve
at all: the A/A test times one cell as if it were two.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from harness.analysis.timing_doubts import disturbances
from harness.environment import code_sha256, commit, current_environment
from harness.errors import UserError
from harness.files import PARTIAL_SUFFIX
from harness.matrix import Matrix
from harness.records import Memory
from harness.running.folder import held
from harness.running.job import Progress, TimingJob, TimingOutcome
from harness.running.view import RunView
from harness.strategies import NO_DEPTH
from harness.timing.cell import INFERENCE, RECIPE, TimingCell
from harness.timing.records import SelfCheck, TimingFacts, TimingFolder, TimingRecord, stem

__all__ = ["ROUNDS", "Timer", "TimingRequest", "check_cell", "check_machine", "time_matrix", "timing_key"]

ROUNDS = 5
"""How often each of A and B is timed: ten measurements."""

_CHECKED = ("MobileNet", 160)


class Timer(Protocol):
    """What a timing run needs of an executor."""

    def time(
        self, job: TimingJob, limit_seconds: float, on_progress: Callable[[Progress], None]
    ) -> tuple[TimingOutcome, Memory | None]:
        """Time one cell, whatever end that takes."""
        ...


@dataclass(frozen=True)
class TimingRequest:
    """What the user asked for.

    `seed` draws the order of the cells in each pass; `rounds` are those of the A/A test.  With
    `keep_disturbed` a timing that other work disturbed stands, and is not made again.
    """

    matrix: Matrix
    out: Path
    command: str
    passes: int = 2
    seed: int = 0
    rounds: int = ROUNDS
    keep_disturbed: bool = False


def time_matrix(request: TimingRequest, timer: Timer, view: RunView) -> list[TimingRecord]:
    """Time what is not timed yet and return the records of all cells and passes, in the order of timing.

    Raises `UserError` before anything is timed if the folder cannot be used.
    """
    cells = request.matrix.timing_cells()
    if not cells:
        raise UserError(
            f"matrix {request.matrix.name!r} has no [[timing]] tables",
            hint="`transferbench run` runs its cells; `[[timing]]` tables say what is timed by itself.",
        )
    folder = TimingFolder(request.out)
    facts = TimingFacts(
        matrix=request.matrix.name,
        command=request.command,
        passes=request.passes,
        seed=request.seed,
        keys={cell.name: timing_key(cell) for cell in cells},
    )
    _require_ours(folder, facts)
    folder.path.mkdir(parents=True, exist_ok=True)
    with held(folder.path):
        for partial in folder.path.rglob(f"*{PARTIAL_SUFFIX}"):
            partial.unlink()
        folder.write_facts(facts)
        folder.records.mkdir(exist_ok=True)
        folder.logs.mkdir(exist_ok=True)
        finished, others = _finished(folder, facts, keep_disturbed=request.keep_disturbed)
        if len(finished) < len(cells) * request.passes:
            _check_devices(request, cells, folder, timer, view)
        view.plan(len(cells) * request.passes, len(finished), others)
        return list(_passes(request, cells, finished, folder, timer, view))


def timing_key(cell: TimingCell) -> str:
    """The hash of everything that the time of a cell depends on; resume trusts it."""
    facts = {
        "cell": cell.as_dict(),
        "recipe": RECIPE.model_dump(exclude={"name", "summary", "base"}),
        "code": code_sha256(),
        "environment": current_environment().fingerprint,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def check_cell(device: str, batch: int) -> TimingCell:
    """The cell of the A/A test."""
    backbone, size = _CHECKED
    return TimingCell(backbone, INFERENCE, NO_DEPTH, size, batch=batch, device=device)


def check_machine(
    cell: TimingCell, timer: Timer, logs: Path, view: RunView, *, rounds: int = ROUNDS
) -> SelfCheck:
    """Time one cell as A and B in turn, each time in a process of its own.

    The order within a round changes from one to the next (A B, B A, ...), so that drift falls on both
    alike.  Raises `UserError` with the reason if a timing fails.
    """
    started = _now()
    times: dict[str, list[float]] = {"A": [], "B": []}
    job = TimingJob(cell, logs / "selfcheck.log", step_alone=True)
    with view.step(f"A/A test on the {cell.device}") as progress:
        for number in range(rounds):
            for label in ("A", "B") if number % 2 == 0 else ("B", "A"):
                outcome, _ = timer.time(job, 3600, lambda _: None)
                if outcome.timed is None:
                    raise UserError(f"the A/A test has no result: {outcome.reason}")
                times[label].append(outcome.timed.step.milliseconds / 1000)
                progress(len(times["A"]) + len(times["B"]), 2 * rounds)
    return SelfCheck(
        cell=cell,
        key=timing_key(cell),
        environment=current_environment(),
        started=started,
        a=tuple(times["A"]),
        b=tuple(times["B"]),
    )


def _check_devices(
    request: TimingRequest, cells: Iterable[TimingCell], folder: TimingFolder, timer: Timer, view: RunView
) -> None:
    """Test each device of the matrix once, with the batch of its first cell there."""
    first = {cell.device: cell for cell in reversed(list(cells))}
    there = {check.key for check in folder.checks()}
    for device, cell in sorted(first.items()):
        checked = check_cell(device, cell.batch)
        if timing_key(checked) in there:
            continue
        try:
            folder.save_check(
                check_machine(checked, timer, folder.logs.resolve(), view, rounds=request.rounds)
            )
        except UserError as error:
            view.say(str(error))  # the cells on that device will end for the same reason, and tell it


def _passes(
    request: TimingRequest,
    cells: tuple[TimingCell, ...],
    finished: dict[tuple[str, int], TimingRecord],
    folder: TimingFolder,
    timer: Timer,
    view: RunView,
) -> Iterable[TimingRecord]:
    made = commit()
    for in_pass in range(1, request.passes + 1):
        order = np.random.default_rng([request.seed, in_pass]).permutation(len(cells))
        for place, index in enumerate(order):
            cell = cells[index]
            record = finished.get((cell.name, in_pass))
            if record is None:
                view.started(cell)
                key, started = timing_key(cell), _now()
                job = TimingJob(cell, (folder.logs / f"{stem(cell, in_pass, key)}.log").resolve())
                limit = 60 * request.matrix.minutes_per_cell
                outcome, memory = timer.time(job, limit, view.progress)
                record = TimingRecord(
                    status=outcome.status,
                    reason=outcome.reason,
                    name=cell.name,
                    key=key,
                    cell=cell,
                    in_pass=in_pass,
                    place=place,
                    environment=current_environment(),
                    commit=made,
                    started=started,
                    timed=outcome.timed,
                    memory=memory,
                )
                folder.save(record)
            view.timed(record)
            yield record


def _finished(
    folder: TimingFolder, facts: TimingFacts, *, keep_disturbed: bool
) -> tuple[dict[tuple[str, int], TimingRecord], int]:
    """The timings that need not be made again, by name and pass, and how many are of other settings.

    Failures are tried again, and so is what other work on the machine disturbed unless it is to be kept.
    """

    def sound(record: TimingRecord) -> bool:
        timed = record.timed
        return timed is not None and (keep_disturbed or not any(disturbances(timed.step.state)))

    records = list(folder.load())
    ours = [
        record
        for record in records
        if facts.keys.get(record.name) == record.key and record.in_pass <= facts.passes
    ]
    finished = {(record.name, record.in_pass): record for record in ours if sound(record)}
    return finished, len(records) - len(ours)


def _require_ours(folder: TimingFolder, facts: TimingFacts) -> None:
    if folder.path.exists() and not folder.path.is_dir():
        raise UserError("expected a folder, found a file", where=str(folder.path))
    if not folder.path.exists() or not any(folder.path.iterdir()):
        return
    if not folder.facts_file.exists():
        raise UserError(
            "the output folder holds other files and no timing run",
            where=str(folder.path),
            hint="Name a new or empty folder with --out.",
        )
    there = folder.facts().matrix
    if there != facts.matrix:
        raise UserError(
            f"the output folder holds a timing run of matrix {there!r}, not {facts.matrix!r}",
            where=str(folder.path),
            hint="Name another folder with --out.",
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
