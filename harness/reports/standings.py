"""How the rows of a run stand to each other: ranked beside their like, as controls, or without a result.

Rows are ranked only beside rows of the same machine and versions, device, precision and images.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import UserError
from harness.records import Predictions, Record
from harness.running.folder import RunFacts, RunFolder
from harness.statistics import ranks

__all__ = ["Ranked", "Row", "Standings", "leaders", "rank", "read_run", "read_standings"]

Row = tuple[Record, Predictions]


@dataclass(frozen=True)
class Ranked:
    """Records that are compared, most accurate first, each with its rank."""

    records: tuple[Record, ...]
    ranks: tuple[int, ...]

    @property
    def verdict(self) -> str:
        """Whether the test images can tell the first row from the others, as a sentence; "" of one row."""
        ties = sum(rank == 1 for rank in self.ranks)
        if ties > 1:
            return (
                f"{ties} of {len(self.ranks)} rows share the first rank: the test images cannot tell them "
                "apart at the 5 % level."
            )
        others = {1: "", 2: "the other"}.get(len(self.ranks), "every other")
        return f"The first row is significantly better than {others}." if others else ""


@dataclass(frozen=True)
class Standings:
    """A run's records by what can be said of them.

    `ranked` holds one table for each group that is compared, `random` the controls on random weights, which
    have no rank, most accurate first; `missing` names the planned cells that have no record.
    """

    facts: RunFacts
    records: tuple[Record, ...]
    ranked: tuple[Ranked, ...]
    random: tuple[Record, ...]
    failed: tuple[Record, ...]
    missing: tuple[str, ...]


def read_run(folder: RunFolder) -> tuple[RunFacts, list[Record]]:
    """The facts of a run and the records of its last plan, in the plan's order.

    Raises `UserError` if there is no run, or no record in it.
    """
    facts = folder.facts()
    found = {(record.name, record.key): record for record in folder.records.load()}
    records = [found[cell.name, cell.key] for cell in facts.cells if (cell.name, cell.key) in found]
    if not records:
        raise UserError(
            "this run has no records yet",
            where=str(folder.path),
            hint="Run its matrix again; finished cells are kept.",
        )
    return facts, records


def read_standings(folder: RunFolder) -> Standings:
    """Read a run and rank its records; raises `UserError` as `read_run` does, and without predictions."""
    facts, records = read_run(folder)
    done = [(record, folder.records.predictions(record)) for record in records if record.status == "ok"]
    random = [row for row in done if row[0].weights.kind == "random"]
    names = {record.name for record in records}
    return Standings(
        facts=facts,
        records=tuple(records),
        ranked=tuple(map(rank, _comparable([row for row in done if row[0].weights.kind != "random"]))),
        random=tuple(record for record, _ in _by_accuracy(random)),
        failed=tuple(record for record in records if record.status != "ok"),
        missing=tuple(cell.name for cell in facts.cells if cell.name not in names),
    )


def rank(rows: Sequence[Row]) -> Ranked:
    """Order and rank rows that are compared."""
    ordered = _by_accuracy(rows)
    placed = ranks([predictions.correct for _, predictions in ordered])
    return Ranked(tuple(record for record, _ in ordered), tuple(placed))


def leaders(folder: RunFolder) -> list[Record]:
    """The first row of every ranked table: one record for each group that is compared, best or tied."""
    return [group.records[0] for group in read_standings(folder).ranked]


def _comparable(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows grouped by what must be equal for a comparison to mean anything."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        record = row[0]
        groups[
            record.environment.fingerprint,
            record.cell.device,
            record.cell.precision,
            record.data.manifest_sha256,
        ].append(row)
    return list(groups.values())


def _by_accuracy(rows: Sequence[Row]) -> list[Row]:
    """Most accurate first; ties by loss, then by name, so that the order never changes."""

    def order(row: Row) -> tuple[float, float, str]:
        measured = row[0].measured
        return (-(measured.test_accuracy or 0.0), measured.test_loss or 0.0, row[0].name)

    return sorted(rows, key=order)
