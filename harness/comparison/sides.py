"""The two runs that are compared, read and checked: what cannot be compared is said here, with the reason."""

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from harness.comparison.finding import Told
from harness.comparison.own_scores import own_scores
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
    "require_common_cells",
    "require_version",
    "require_whole",
    "required_of_baseline",
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
    is_baseline: bool

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
        """The test predictions of a record that ended ok.

        Raises `UserError` where they cannot be read, and for a baseline whose record contradicts them: of the
        current run that is a finding.
        """
        if self.is_baseline:
            with required_of_baseline(self.store.folder.parent):
                return self._predictions(record)
        return self._predictions(record)

    def _predictions(self, record: Record) -> Predictions:
        found = self.store.predictions(record)
        classes, problem = found.probabilities.shape[1], ""
        if not all(0 <= label < classes for label in np.unique(found.labels)):
            problem = f"the predictions of {record.name} are of fewer classes than their labels"
        elif self.is_baseline:
            wrong = [each for each in own_scores(record, found) if not each.agrees]
            problem = next((f"{record.name}: {each.told}" for each in wrong if each.recorded is not None), "")
        if problem:
            raise UserError(
                problem,
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

    A baseline must be whole: a cell whose record is lost from it would never be judged again.
    """
    if is_baseline:
        with required_of_baseline(path):
            return _read_side(path, is_baseline=True)
    return _read_side(path, is_baseline=False)


def _read_side(path: Path, *, is_baseline: bool) -> Side:
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
    there = {record.name: record for record in records}
    if is_baseline:
        require_whole(path, [cell.name for cell in facts.cells], there)
    return Side(facts, there, folder.records, is_baseline)


@contextmanager
def required_of_baseline(path: Path) -> Iterator[None]:
    """Say of what cannot be read how a baseline is mended: by no means by deleting a part of it."""
    try:
        yield
    except (NoBaselineError, NotComparableError):
        raise
    except UserError as error:
        raise UserError(error.problem, where=error.where, hint=_restore(path)) from None


def require_whole(path: Path, planned: Sequence[str], there: Container[str]) -> None:
    """Raise `NoBaselineError` for a baseline that lacks the record of a cell that it planned."""
    lost = [name for name in planned if name not in there]
    if lost:
        raise NoBaselineError(
            f"no baseline for {len(lost):,} of {counted(len(planned), 'cell')}, which have no record: "
            f"{few(lost, shown=2)}",
            where=str(path),
            hint=f"{_restore(path)} A run that was interrupted is finished by running its matrix again.",
        )


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


def require_common_cells(
    baseline: str, current: str, before: Iterable[str], after: Iterable[str], *, where: Path
) -> None:
    """Raise `NotComparableError` for runs of matrices (by their names) without a cell in common."""
    ours, theirs = list(before), list(after)
    if not set(ours).isdisjoint(theirs):
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
        hint="A baseline is the folder of a finished run that is known to be good: name one. The project's "
        "own is made by `nox -s update-baseline`, and committed.",
    )


def _restore(path: Path) -> str:
    return (
        f"Restore the baseline as it was kept (with git: `git checkout -- {path}`), or name the folder of "
        "another run that is known to be good; `nox -s update-baseline` makes the project's own anew."
    )
