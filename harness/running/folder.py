"""The folder of a run: what was asked, records, models, logs; one run at a time writes to it."""

import fcntl
import fnmatch
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UserError, first_finding, unknown
from harness.files import PARTIAL_SUFFIX, write_whole
from harness.record_store import RecordStore
from harness.records import SCHEMA_VERSION, Record
from harness.strategies import NO_DEPTH

__all__ = ["PlannedCell", "RunFacts", "RunFolder", "held", "named_cells"]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder for one writer; raises `UserError` if another one has it."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                "another run is writing to this folder",
                where=str(folder),
                hint="Wait for it to end, or name another folder with --out.",
            ) from None
        yield


def named_cells(wanted: str, names: Sequence[str], *, where: str = "", also: Sequence[str] = ()) -> list[str]:
    """Return the cells that a name, a part of one or a pattern (VGG16/*) means, whatever its case.

    Raises `UserError` if it means none, with `also` these words to choose from, the parts of names that tell
    cells apart, the names, and last the parts that all names have.
    """
    for pattern in (wanted, f"*{wanted}*"):
        found = [name for name in names if fnmatch.fnmatchcase(name.casefold(), pattern.casefold())]
        if found:
            return found
    # A depth of "none" is in many names and says nothing that a user could have meant by another word.
    parts = Counter(part for name in names for part in set(name.split("/")) - {NO_DEPTH})
    written = dict.fromkeys(part for name in names for part in name.split("/") if part in parts)
    telling = [part for part in written if parts[part] < len(names)]
    shared = [part for part in written if parts[part] == len(names)]
    raise unknown("cell", wanted, [*also, *telling, *names, *shared], where=where)


class PlannedCell(BaseModel):
    """One cell as it was planned: its name and the input key that its record must have.

    `margins` says by metric how much worse than this run another one may be (`harness.metrics.Margin`); in
    runs from before there were margins it is empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    key: str
    margins: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}


class RunFacts(BaseModel):
    """What a run was asked to do: matrix, command, and the cells of the last plan in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = SCHEMA_VERSION
    matrix: str
    command: str
    data: str
    manifest_sha256: str
    cells: tuple[PlannedCell, ...]


@dataclass(frozen=True)
class RunFolder:
    """Names and files of one run's folder."""

    path: Path

    @property
    def records(self) -> RecordStore:
        """The store of the cells' records."""
        return RecordStore(self.path / "records")

    @property
    def manifest(self) -> Path:
        """The manifest's file."""
        return self.path / "manifest.json"

    @property
    def logs(self) -> Path:
        """The folder of the workers' output."""
        return self.path / "logs"

    @property
    def models(self) -> Path:
        """The folder of the models that were kept, named as their records are."""
        return self.path / "models"

    def model(self, stem: str) -> Path:
        """The model of a record with that `file_stem`; it is there if it was kept."""
        return self.models / f"{stem}.keras"

    def unfinished_model(self, stem: str) -> Path:
        """Where a worker writes it, until its record is stored; Keras insists on how the name ends."""
        return self.models / f"{stem}{PARTIAL_SUFFIX}.keras"

    def explained(self, stem: str) -> Path:
        """The folder of the heat maps of the cell whose record has that `file_stem`."""
        return self.path / "explain" / stem

    @property
    def leaderboard(self) -> Path:
        """The markdown leaderboard."""
        return self.path / "leaderboard.md"

    @property
    def _facts(self) -> Path:
        return self.path / "run.json"

    def facts(self) -> RunFacts:
        """Read what the run was asked to do; raise `UserError` where there is no run."""
        try:
            return RunFacts.model_validate_json(self._facts.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            if (self.path / "timing.json").is_file():
                raise UserError(
                    "expected a run of trainings, and this is a timing run",
                    where=str(self.path),
                    hint="Its figures are in timings.csv; `report` and `plots` take it too.",
                ) from None
            raise UserError(
                "no run is in this folder (it has no run.json)",
                where=str(self.path),
                hint="`transferbench run MATRIX --out DIR` makes one.",
            ) from None
        except ValidationError as error:
            raise UserError(
                f"run.json cannot be read: {first_finding(error)}",
                where=str(self.path),
                hint="Delete run.json and run the matrix again; finished cells are kept.",
            ) from None

    def planned_records(self, facts: RunFacts) -> tuple[list[Record], list[str]]:
        """The records of a plan in its order, and its cells that only another schema version's are of."""
        found = {(record.name, record.key): record for record in self.records.load()}
        there = [cell for cell in facts.cells if (cell.name, cell.key) in found]
        other = [
            cell.name
            for cell in facts.cells
            if (cell.name, cell.key) not in found and self.records.holds(cell.name, cell.key)
        ]
        return [found[cell.name, cell.key] for cell in there], other

    @contextmanager
    def claim(self, facts: RunFacts) -> Iterator[None]:
        """Hold the folder for one run of one matrix; half-written files of a dead run go.

        Raises `UserError` if it holds another matrix, is no run's folder, or is in use.
        """
        self._require_ours(facts)
        self.path.mkdir(parents=True, exist_ok=True)
        with held(self.path):
            unfinished = self.models.glob(f"*{PARTIAL_SUFFIX}.keras")
            for partial in [*self.path.rglob(f"*{PARTIAL_SUFFIX}"), *unfinished]:
                if partial.is_file():  # a cache inside this folder looks after its own
                    partial.unlink()
            # First, so that whatever interrupts this, the folder is known as this run's.
            self.write_facts(facts)
            self.logs.mkdir(exist_ok=True)
            self.records.folder.mkdir(exist_ok=True)
            yield

    def write_facts(self, facts: RunFacts) -> None:
        """Keep what the run was asked to do."""
        write_whole(self._facts, facts.model_dump_json(indent=1) + "\n")

    def _require_ours(self, facts: RunFacts) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UserError("expected a folder, found a file", where=str(self.path))
        if not self.path.exists() or not any(self.path.iterdir()):
            return
        if not self._facts.exists():
            rest = [path for path in self.path.iterdir() if path.suffix != PARTIAL_SUFFIX]
            if [path.name for path in rest] in ([], ["lock"]):
                return
            raise UserError(
                "the output folder holds other files and no run",
                where=str(self.path),
                hint="Name a new or empty folder with --out.",
            )
        there = self.facts()
        if there.matrix == facts.matrix and there.data != facts.data:
            raise UserError(
                f"the output folder holds a run of another matrix of the name {facts.matrix!r}",
                where=str(self.path),
                hint="Name another folder with --out, or rename the matrix.",
            )
        if there.matrix != facts.matrix:
            raise UserError(
                f"the output folder holds a run of matrix {there.matrix!r}, not {facts.matrix!r}",
                where=str(self.path),
                hint="Name another folder with --out.",
            )
