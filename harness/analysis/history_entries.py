"""The cells of many runs as a history needs them: one cell in one run, where, when and from which commit.

What could have moved a value stands beside it as facts by name: versions, settings, recipe, weights.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any, TypeVar

from harness.analysis.step_times import step_time, time_doubt
from harness.analysis.timing_rows import TimingRow, read_timings
from harness.environment import Environment, Machine
from harness.errors import UserError
from harness.files import PARTIAL_SUFFIX
from harness.metrics import METRICS
from harness.record_store import no_collection, read_record, schema_version
from harness.records import SCHEMA_VERSION, Record, file_stem
from harness.running.folder import RunFolder
from harness.statistics import Interval, wilson
from harness.text import counted
from harness.timing.cell import INFERENCE
from harness.timing.records import TimingFolder, TimingRecord, read_timing

__all__ = ["Entry", "Reading", "Unread", "find_runs", "read_entries"]

_OF_NORMAL = NormalDist().inv_cdf(0.975)

_NAME_RUNS = "Name the folders of runs, or a folder that holds some."
_AGAIN = "Delete the file; the next run of its matrix makes it again."

AnyRecord = TypeVar("AnyRecord", Record, TimingRecord)


@dataclass(frozen=True)
class Reading:
    """A metric's value in one run, in the unit of the exports.

    `interval` is that of the value by itself: of an accuracy for other images (Wilson's), of a time that of
    its median over blocks; None where nothing is known.  `doubt` says why the value is not to be compared, ""
    where it may.  `resolved` is the standard deviation of the value's logarithm that measuring alone brings.
    """

    value: float
    interval: Interval | None = None
    doubt: str = ""
    resolved: float = 0.0


@dataclass(frozen=True)
class Entry:
    """One cell in one run (its folder), with its readings by metric.

    `facts` is what may differ between two runs of one machine, by name.  `results` are the figures that two
    runs agree on bit for bit only where nothing random is left.  `failure` says how a cell ended that has no
    result, "" where it has one.
    """

    run: str
    cell: str
    device: str
    manifest: str
    machine: Machine
    started: datetime
    commit: str
    key: str
    facts: Mapping[str, str]
    readings: Mapping[str, Reading] = field(default_factory=dict)
    results: tuple[float | None, ...] = ()
    failure: str = ""

    @property
    def of_timing(self) -> bool:
        """Whether it comes from a timing run."""
        return not self.manifest


@dataclass(frozen=True)
class Unread:
    """A run, or a part of one, that takes no part, and why.

    `file` is the part's name in the run's folder, "" where it is the whole run or a number of records.
    `where` is the path of what cannot be read, and `hint` what to do about it: both for an error, since the
    folders above a run are private.
    """

    run: str
    reason: str
    file: str = ""
    where: str = ""
    hint: str = ""

    @property
    def name(self) -> str:
        """The run, or the file in it."""
        return f"{self.run}/{self.file}" if self.file else self.run


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """The folders of runs that these name: themselves, or the runs in them; each once.

    What is no run and holds none stands for itself: a pattern such as runs/* means files and folders of other
    things too, and `read_entries` says what they are.  Raises `UserError` for a path that does not exist.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise UserError("no such folder", where=str(path), hint=_NAME_RUNS)
        inside = sorted(path.iterdir()) if path.is_dir() and not _is_run(path) else []
        for run in [each for each in inside if each.is_dir() and _is_run(each)] or [path]:
            found.setdefault(run.resolve(), run)
    return list(found.values())


def read_entries(run: Path) -> tuple[list[Entry], list[Unread]]:
    """The cells of a run or timing run, those of its last plan, and what of it is left out.

    What is damaged is left out, and what another schema version wrote: a file of one night ends no history.
    """
    try:
        if not run.is_dir():
            return [], [_unread(run, "expected a folder, found a file", hint=_NAME_RUNS)]
        if not _is_run(run):
            told = "no run is in this folder, nor in a folder in it (run.json or timing.json)"
            made = "`transferbench run MATRIX --out DIR` makes one, and so does `transferbench time`."
            return [], [_unread(run, told, hint=made)]
        trained = (run / "run.json").is_file()
        facts = run / "run.json" if trained else TimingFolder(run).facts_file
        if (other := schema_version(facts.read_bytes())) not in (None, SCHEMA_VERSION):
            return [], [_unread(run, f"{facts.name} cannot be read: it has schema version {other}")]
        return _of_trainings(run) if trained else _of_timings(run)
    except UserError as error:
        return [], [_unread(run, error.problem, Path(error.where or run), hint=error.hint)]
    except OSError as error:
        return [], [_unread(run, f"it cannot be read: {error.strerror}", Path(error.filename or run))]


def _unread(run: Path, reason: str, path: Path | None = None, *, hint: str = "") -> Unread:
    """What cannot be read at that path, which is the run's own unless another one is given."""
    inside = path is not None and path != run and path.is_relative_to(run)
    file = path.relative_to(run).as_posix() if path is not None and inside else ""
    return Unread(_called(run), reason, file, str(path or run), hint)


def _called(run: Path) -> str:
    """A run's folder as it is told; of an absolute path the end, since the rest is private."""
    return "/".join(run.parts[-2:]) if run.is_absolute() else str(run)


def _is_run(path: Path) -> bool:
    ours = (path / "run.json").is_file() or (path / "timing.json").is_file()
    return ours and path.suffix != PARTIAL_SUFFIX


def _of_trainings(run: Path) -> tuple[list[Entry], list[Unread]]:
    folder = RunFolder(run)
    planned = [(cell.name, cell.key) for cell in folder.facts().cells]
    records, old, left = _readable(run, folder.records.folder, read_record)
    found = {(record.name, record.key): record for record in records}
    if other := sum(file_stem(*each) in old for each in planned if each not in found):
        left.append(_unread(run, f"{counted(other, 'record')} of another schema version"))
    entries = [_entry(run, found[each]) for each in planned if each in found]
    return entries, left if entries or left else [_unread(run, "it has no records yet")]


def _readable(
    run: Path, folder: Path, read: Callable[[Path], AnyRecord | None]
) -> tuple[list[AnyRecord], list[str], list[Unread]]:
    """The records of a folder by file name, the stems of those of another schema version, what is damaged."""
    found: list[AnyRecord] = []
    old: list[str] = []
    left: list[Unread] = []
    with no_collection():
        for path in sorted(folder.glob("*.json"), key=lambda each: each.name):
            try:
                record = read(path)
                if record is None:
                    old.append(path.stem)
                else:
                    _moment(record.started)
                    found.append(record)
            except UserError as error:
                left.append(_unread(run, error.problem, path, hint=error.hint))
            except OSError as error:
                left.append(_unread(run, f"it cannot be read: {error.strerror}", path))
    return found, old, left


def _entry(run: Path, record: Record) -> Entry:
    done = record.status == "ok"
    return Entry(
        run=_called(run),
        cell=record.name,
        device=record.cell.device,
        manifest=record.data.manifest_sha256,
        machine=record.environment.machine,
        started=_moment(record.started),
        commit=record.commit,
        key=record.key,
        facts=_facts_of_record(record),
        readings=dict(_readings(record)) if done else {},
        results=(record.measured.test_accuracy, record.measured.test_loss),
        failure="" if done else record.status,
    )


def _readings(record: Record) -> Iterator[tuple[str, Reading]]:
    for metric in METRICS:
        value = metric.value(record)
        if value is None or not math.isfinite(value):
            continue
        interval, resolved = None, 0.0
        if step := step_time([record], metric.name):
            interval = step.interval
            resolved = _deviation(interval)
        if metric.name == "test_accuracy":
            images = record.measured.test_images or 0
            interval = Interval(*wilson(round(value * images), images), 0.95)
        doubt = time_doubt([record], metric.name) if metric.export_unit in ("s", "ms/step") else ""
        yield metric.name, Reading(float(value), interval, doubt, resolved)


def _facts_of_record(record: Record) -> dict[str, str]:
    recipe = record.recipe.model_dump(mode="json", exclude={"name", "summary", "base"})
    found = record.measured
    told = {} if found.jit is None else {"XLA": "on" if found.jit else "off"}
    told |= {f"{name} threads": str(count) for name, count in found.threads.items()}
    told |= {f"recipe {name}": value for name, value in _flat(recipe)}
    told["weights"] = " ".join(filter(None, (record.weights.name, record.weights.sha256[:12]))) or "random"
    told["files left out"] = str(record.data.left_out)
    return _facts(record.environment) | told


def _of_timings(run: Path) -> tuple[list[Entry], list[Unread]]:
    folder = TimingFolder(run)
    planned = folder.facts().keys
    records, old, left = _readable(run, folder.records, _read_timing)
    if old:
        left.append(_unread(run, f"{counted(len(old), 'record')} of another schema version"))
    if not any(planned.get(record.name) == record.key for record in records):
        return [], left or [_unread(run, "it has no records yet")]
    found = read_timings(folder, records)
    entries = [_timed(run, row) for row in found.rows]
    timed = {entry.cell for entry in entries}
    failed = {record.name: record for record in reversed(found.failed) if record.name not in timed}
    return entries + [_timing_entry(run, [record]) for record in failed.values()], left


def _read_timing(path: Path) -> TimingRecord | None:
    """One timing; None of another schema version.  Times of 0 are damage, as they have no logarithm."""
    if schema_version(path.read_bytes()) not in (None, SCHEMA_VERSION):
        return None
    record = read_timing(path)
    seconds = record.timed.step.block_seconds if record.timed else None
    if seconds is not None and not (seconds and all(0 < each < math.inf for each in seconds)):
        raise UserError(f"timed.step.block_seconds: expected times above 0, got {seconds}", hint=_AGAIN)
    return record


def _timed(run: Path, row: TimingRow) -> Entry:
    doubt = "; ".join(row.doubts)
    name = "inference_ms" if row.cell.step == INFERENCE else "train_ms"
    resolved = _deviation(row.interval)
    if row.tie_width is not None:
        # The width is that of a difference of two such means, at 95 %.
        resolved = math.log1p(row.tie_width) / (_OF_NORMAL * math.sqrt(2))
    readings = {name: Reading(row.milliseconds, row.interval, doubt, resolved)}
    if row.host_peak_bytes is not None:
        readings["peak_memory_bytes"] = Reading(float(row.host_peak_bytes))
    return _timing_entry(run, row.records, readings, passes=len(row.records))


def _timing_entry(
    run: Path,
    records: Sequence[TimingRecord],
    readings: Mapping[str, Reading] | None = None,
    *,
    passes: int = 0,
) -> Entry:
    first = records[0]
    threads = first.timed.threads if first.timed else {}
    told = {f"{name} threads": str(count) for name, count in threads.items()}
    return Entry(
        run=_called(run),
        cell=first.name,
        device=first.cell.device,
        manifest="",
        machine=first.environment.machine,
        started=min(_moment(record.started) for record in records),
        commit=" and ".join(dict.fromkeys(record.commit for record in records)),
        key=first.key,
        facts=_facts(first.environment) | told | ({"passes": str(passes)} if passes else {}),
        readings=readings or {},
        failure="" if readings else first.status,
    )


def _facts(environment: Environment) -> dict[str, str]:
    told = {"Python": environment.python, **environment.libraries, **environment.settings}
    return told | ({"GPU driver": environment.gpu_drivers} if environment.gpus else {})


def _flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", str(value)


def _deviation(interval: Interval) -> float:
    """About the standard deviation of a time's logarithm, from its 95 % interval."""
    return math.log(interval.high / interval.low) / (2 * _OF_NORMAL)


def _moment(started: str) -> datetime:
    try:
        found = datetime.fromisoformat(started)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        message = f"started: expected a time such as 2025-01-02T03:04:05+00:00, got {started!r}"
        raise UserError(message, hint=_AGAIN) from None
