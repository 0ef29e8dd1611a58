"""Rows: what a leaderboard ranks.  A row is one configuration, with as many seeds as it was run with."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from harness.matrix import Cell
from harness.metrics import Metric
from harness.records import Record
from harness.statistics import Interval

__all__ = ["Row", "Table", "accuracies", "comparable", "conditions", "rows_of"]


@dataclass(frozen=True)
class Row:
    """One configuration (a cell without its seed) in one environment on one set of images.

    `records` holds its results, one a seed, in the order of the seeds; `interval` is that of the accuracy
    (0..1), and `spread` the standard deviation over seeds, None for one.  `rank` is one plus the number of
    rows that are significantly better, and `rank_interval` from there to the last place that it can have;
    both None where rows are not ranked.  `tied` says that no row is significantly better (rank 1): it cannot
    be told from the best.
    """

    records: tuple[Record, ...]
    interval: Interval
    spread: float | None = None
    rank: int | None = None
    rank_interval: tuple[int, int] | None = None
    tied: bool = False

    # Reports of thousands of rows ask again and again for what is kept here.
    @cached_property
    def first(self) -> Record:
        """The record of the first seed: for what all seeds have in common."""
        return self.records[0]

    @cached_property
    def cell(self) -> Cell:
        """The cell of the first seed."""
        return self.first.cell

    @property
    def name(self) -> str:
        """The name of the configuration: that of its cells without their seed."""
        return self.cell.configuration

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that have a result."""
        return tuple(record.cell.seed for record in self.records)

    @cached_property
    def accuracy(self) -> float:
        """Test accuracy (0..1), the mean over seeds."""
        return fmean(accuracies(self.records))

    @property
    def images(self) -> int:
        """How many test images it was tested on."""
        return self.first.measured.test_images or 0

    def value(self, metric: Metric) -> float | None:
        """A metric of the row, in the unit of the exports; None where no seed has it."""
        return metric.of(self.records)


@dataclass(frozen=True)
class Table:
    """Rows that are compared with each other, most accurate first.

    `family` is a sentence on the tests that the ranks come from.
    """

    rows: tuple[Row, ...]
    family: str = ""

    @property
    def first(self) -> Record:
        """A record of the table: for what all rows have in common."""
        return self.rows[0].first

    @property
    def tied(self) -> tuple[Row, ...]:
        """The rows than which none is significantly better, the most accurate among them."""
        return tuple(row for row in self.rows if row.tied)


def accuracies(records: Iterable[Record]) -> list[float]:
    """The test accuracies (0..1) of finished records."""
    return [record.measured.test_accuracy or 0.0 for record in records]


def rows_of(records: Iterable[Record]) -> list[tuple[Record, ...]]:
    """Records by row, in the order of their first; the seeds of each in order."""
    found: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in records:
        found[record.cell.configuration, *conditions(record)].append(record)
    return [tuple(sorted(each, key=lambda record: record.cell.seed)) for each in found.values()]


def comparable(rows: Sequence[tuple[Record, ...]]) -> list[list[tuple[Record, ...]]]:
    """Rows by what must be equal for a comparison to mean anything."""
    groups: dict[tuple[str, ...], list[tuple[Record, ...]]] = defaultdict(list)
    for records in rows:
        groups[conditions(records[0])].append(records)
    return list(groups.values())


def conditions(record: Record) -> tuple[str, ...]:
    """What must be equal for a comparison: machine and versions, device, precision, and images."""
    return (
        record.environment.fingerprint,
        record.cell.device,
        record.cell.precision,
        record.data.manifest_sha256,
    )
