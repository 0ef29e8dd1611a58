"""How the rows of a run stand to each other: ranked beside their like, as controls, or without a result.

Rows are ranked only beside rows of the same machine and versions, device, precision and images.  A row of
which a seed is lacking is shown and not ranked: what fails is seldom the average seed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, TypeVar

from harness.analysis.answers import Answers
from harness.analysis.rows import Row, Table, accuracies, comparable, rows_of
from harness.errors import UserError
from harness.matrix import without_seed
from harness.record_store import no_collection
from harness.records import Record
from harness.running.folder import RunFacts, RunFolder
from harness.statistics import Interval, accuracy_interval, rank_rows, spread_over_seeds, wilson
from harness.text import counted

__all__ = ["Standings", "kept", "leaders", "rank", "read_run", "read_standings"]

T = TypeVar("T")


@dataclass(frozen=True)
class Standings:
    """A run's records by what can be said of them.

    `tables` holds one for each group that is compared, `controls` the rows on random weights, which have no
    rank, most accurate first; `partial` the rows that lack a seed.  `failed` are the records without a
    result, `missing` the planned cells that have no record, each with the reason.  `made` holds what
    `kept` functions made of all that.
    """

    facts: RunFacts
    records: tuple[Record, ...]
    tables: tuple[Table, ...]
    controls: tuple[Row, ...]
    partial: tuple[Row, ...]
    failed: tuple[Record, ...]
    missing: tuple[tuple[str, str], ...]
    answers: Answers
    made: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)


def kept(make: Callable[[Standings], T]) -> Callable[[Standings], T]:
    """Keep what a function makes of standings in `made`: the sections of a report ask for the same again.

    There it goes when they go; a cache of the function's own would hold thousands of records to the end.
    """

    @wraps(make)
    def found_or_made(found: Standings) -> T:
        if make not in found.made:
            found.made[make] = make(found)
        made: T = found.made[make]
        return made

    return found_or_made


def read_run(folder: RunFolder) -> tuple[RunFacts, list[Record]]:
    """The facts of a run and the records of its last plan, in the plan's order.

    Raises `UserError` if there is no run, or no record in it.
    """
    facts = folder.facts()
    records, other = folder.planned_records(facts)
    if not records:
        known = f"; {counted(len(other), 'record')} of another schema version" if other else ""
        raise UserError(
            f"this run has no records yet{known}",
            where=str(folder.path),
            hint="Run its matrix again; finished cells are kept.",
        )
    return facts, records


def read_standings(folder: RunFolder) -> Standings:
    """Read a run and rank its rows; raises `UserError` as `read_run` does, and without predictions."""
    with no_collection():
        return _standings(folder)


def _standings(folder: RunFolder) -> Standings:
    facts, records = read_run(folder)
    answers = Answers(folder.records)
    done = [record for record in records if record.status == "ok"]
    names = {record.name for record in records}
    missing = [cell for cell in facts.cells if cell.name not in names]
    lacking = {record.cell.configuration for record in records if record.status != "ok"}
    lacking |= {without_seed(cell.name) for cell in missing}
    rows = rows_of(done)
    whole = [each for each in rows if each[0].cell.configuration not in lacking]
    random = [each for each in whole if each[0].weights.kind == "random"]
    trained = [each for each in whole if each[0].weights.kind != "random"]
    partial = [each for each in rows if each[0].cell.configuration in lacking]
    return Standings(
        facts=facts,
        records=tuple(records),
        tables=tuple(rank(group, answers) for group in comparable(trained)),
        controls=tuple(_row(each, answers) for each in _by_accuracy(random)),
        partial=tuple(_row(each, answers) for each in _by_accuracy(partial)),
        failed=tuple(record for record in records if record.status != "ok"),
        missing=tuple((cell.name, _why_missing(folder, cell.name, cell.key)) for cell in missing),
        answers=answers,
    )


def rank(rows: Sequence[tuple[Record, ...]], answers: Answers) -> Table:
    """Order and rank rows that are compared."""
    ordered = _by_accuracy(rows)
    images = _images(ordered, answers)
    found = rank_rows(
        [accuracies(each) for each in ordered], images, lambda number: answers.correct(ordered[number])
    )
    ranked = [
        replace(
            _row(records, answers),
            rank=found.ranks[number],
            rank_interval=found.intervals[number],
            # Not `tied_with_best`: a row tied with the best alone may be significantly worse than another.
            tied=found.ranks[number] == 1,
        )
        for number, records in enumerate(ordered)
    ]
    return Table(tuple(ranked), found.family)


def _images(rows: Sequence[tuple[Record, ...]], answers: Answers) -> int:
    """How many test images these rows share; raises `UserError` for a record that was tested on others."""
    images = rows[0][0].measured.test_images or 0
    for records in rows:
        for record in records:
            if record.measured.test_images != images:
                raise UserError(
                    f"{record.name} was tested on {record.measured.test_images} images, others of its "
                    f"manifest on {images}",
                    where=str(answers.store.folder / f"{record.file_stem}.json"),
                    hint="One of them was changed. Delete the record; the next run makes it again.",
                )
    return images


def leaders(folder: RunFolder) -> list[Record]:
    """The first row of every ranked table, its first seed: one record for each group that is compared."""
    return [table.first for table in read_standings(folder).tables]


def _row(records: tuple[Record, ...], answers: Answers) -> Row:
    """A row without a rank; of one seed, the accuracy alone gives the interval."""
    found = accuracies(records)
    if len(records) == 1:
        images = records[0].measured.test_images or 0
        return Row(records, Interval(*wilson(round(found[0] * images), images), 0.95))
    return Row(records, accuracy_interval(answers.correct(records)), spread_over_seeds(found))


def _by_accuracy(rows: Sequence[tuple[Record, ...]]) -> list[tuple[Record, ...]]:
    """Most accurate first; ties by loss, then by name, so that the order never changes."""

    def order(records: tuple[Record, ...]) -> tuple[float, float, str]:
        losses = [math.inf if (loss := record.measured.test_loss) is None else loss for record in records]
        return (-sum(accuracies(records)) / len(records), sum(losses) / len(losses), records[0].name)

    return sorted(rows, key=order)


def _why_missing(folder: RunFolder, name: str, key: str) -> str:
    if folder.records.holds(name, key):
        return "its record has another schema version; run the matrix again"
    return "the run was interrupted before this cell"
