"""The two runs that are compared, read and checked: what cannot be compared is said here, with the reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from harness.comparison.finding import Told
from harness.errors import EXIT_NO_BASELINE, EXIT_NOT_COMPARABLE, UserError, few
from harness.metrics import MARGINS
from harness.record_store import RecordStore, schema_version
from harness.records import SCHEMA_VERSION, Predictions, Record
from harness.running.folder import RunFacts, RunFolder
from harness.text import counted
from harness.timing.records import TimingFolder

__all__ = [
    "NoBaselineError",
    "NotComparableError",
    "Side",
    "kind_of_runs",
    "read_side",
    "require_one_matrix",
    "require_version",
]

Runs = Literal["trainings", "timings"]


class NotComparableError(UserError):
    """Two runs that say nothing of each other."""

    exit_code = EXIT_NOT_COMPARABLE


class NoBaselineError(UserError):
    """There is no run to compare with."""

    exit_code = EXIT_NO_BASELINE


@dataclass(frozen=True)
class Side:
    """One run of trainings: what it planned, and the records of that plan by the cells' names."""

    facts: RunFacts
    records: dict[str, Record]
    store: RecordStore

    @property
    def planned(self) -> tuple[str, ...]:
        """The names of the cells that were planned, in their order."""
        return tuple(cell.name for cell in self.facts.cells)

    @property
    def told(self) -> Told:
        """What the run says of itself."""
        records = self.records.values()
        commits = dict.fromkeys(record.commit for record in records if record.commit)
        return Told(self.facts.matrix, tuple(commits), min(record.started for record in records))

    def margins(self, name: str) -> dict[str, float]:
        """The margins of a cell by metric; of a run from before there were any, those that are usual now."""
        usual = {metric: margin.value for metric, margin in MARGINS.items()}
        return usual | {metric: value for metric, value in self._own[name].items() if metric in usual}

    @cached_property
    def _own(self) -> dict[str, dict[str, float]]:
        return {cell.name: cell.margins for cell in self.facts.cells}

    def predictions(self, record: Record) -> Predictions:
        """The test predictions of a record that ended ok; raises `UserError` where they cannot be read."""
        found = self.store.predictions(record)
        classes = found.probabilities.shape[1]
        if not all(0 <= label < classes for label in np.unique(found.labels)):
            raise UserError(
                f"the predictions of {record.name} are of fewer classes than their labels",
                where=str(self.store.folder / f"{record.file_stem}.npz"),
                hint=f"Delete {record.file_stem}.json beside it; the next run makes both again.",
            )
        return found


def kind_of_runs(baseline: Path, current: Path, *, dedicated: bool) -> Runs:
    """Whether two folders hold trainings or timings; of two that hold both, timings where `dedicated`.

    Raises `NoBaselineError`, `NotComparableError` where each holds another kind, and `UserError` where the
    current run is not there or both are the same folder.
    """
    before, after = _kinds(baseline), _kinds(current)
    if not before:
        raise _no_baseline(baseline, "is no run" if baseline.exists() else "does not exist")
    if not after:
        raise UserError(
            "no run to compare is in this folder" if current.is_dir() else "no such folder",
            where=str(current),
            hint="CURRENT is the folder of a run; `transferbench run MATRIX --out DIR` makes one.",
        )
    if baseline.resolve() == current.resolve():
        raise UserError(
            "expected two runs, got the same folder twice: it never differs from itself",
            where=str(current),
            hint="Name the baseline first, then the run that is to be no worse.",
        )
    both = [kind for kind in before if kind in after]
    if not both:
        raise NotComparableError(
            f"the baseline is a run of {before[0]}, and this one of {after[0]}",
            where=str(current),
            hint="Compare runs of one kind: `run` makes trainings, `time` makes timings.",
        )
    wanted: Runs = "timings" if dedicated else "trainings"
    return wanted if wanted in both else both[0]


def read_side(path: Path, *, is_baseline: bool) -> Side:
    """Read a run of trainings.

    Raises `NotComparableError` for records of another schema version, which must not read as cells that are
    missing; without any record `NoBaselineError`, or `UserError` for the current run; and `UserError` for
    what is damaged.
    """
    folder = RunFolder(path)
    require_version([path / "run.json"], SCHEMA_VERSION)
    facts = folder.facts()
    records, other = folder.planned_records(facts)
    if other:
        raise NotComparableError(
            f"{counted(len(other), 'record')} of another schema version than {SCHEMA_VERSION}: "
            f"{few(other, shown=2)}",
            where=str(path),
            hint=_HOW_AGAIN,
        )
    if not records:
        if is_baseline:
            raise _no_baseline(path, "has no records")
        raise UserError(
            "this run has no records",
            where=str(path),
            hint="Run its matrix again; finished cells are kept.",
        )
    return Side(facts, {record.name: record for record in records}, folder.records)


def require_version(files: Iterable[Path], expected: int) -> None:
    """Raise `NotComparableError` for a file whose schema version is not that one; damaged files pass."""
    for path in files:
        try:
            version = schema_version(path.read_bytes())
        except OSError:
            continue
        if version not in (None, expected):
            raise NotComparableError(
                f"schema version {version}, and this version of transferbench reads {expected}",
                where=str(path),
                hint=_HOW_AGAIN,
            )


def require_one_matrix(
    baseline: str, current: str, before: Iterable[str], after: Iterable[str], *, where: Path
) -> None:
    """Raise `NotComparableError` for runs of matrices of different names without a cell in common."""
    ours, theirs = list(before), list(after)
    if baseline == current or not set(ours).isdisjoint(theirs):
        return
    raise NotComparableError(
        f"matrix {current!r} has no cell in common with the baseline's, {baseline!r}",
        where=str(where),
        hint=f"It has {few(theirs, shown=2)}; the baseline has {few(ours, shown=2)}.",
    )


_HOW_AGAIN = "Make that run again with this version, or compare with the version that wrote it."


def _kinds(folder: Path) -> list[Runs]:
    files: tuple[tuple[Runs, Path], ...] = (
        ("trainings", folder / "run.json"),
        ("timings", TimingFolder(folder).facts_file),
    )
    return [kind for kind, file in files if file.is_file()]


def _no_baseline(path: Path, problem: str) -> NoBaselineError:
    return NoBaselineError(
        f"no baseline: this folder {problem}",
        where=str(path),
        hint="A baseline is the folder of a run that somebody chose, kept as `transferbench publish RUN "
        "--results DIR` writes it to DIR/records. Make one of a run that is known to be good, and commit it.",
    )
