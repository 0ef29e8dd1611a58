"""Contests: rows that differ in strategy or depth alone, each pair tested on the same images.

All contests of a run are one family: a pair has one adjusted p-value, whichever section tells it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from harness.analysis.rows import Row
from harness.analysis.standings import Standings, kept
from harness.analysis.timing_doubts import disturbed
from harness.metrics import metric
from harness.records import Record
from harness.statistics import Comparison, compare, holm
from harness.strategies import Phase, strategy

__all__ = [
    "LEVEL",
    "MOST_TESTS",
    "Contest",
    "Contests",
    "Setup",
    "augments",
    "contests",
    "setups",
    "time_ratio",
    "training_images",
]

LEVEL = 0.05
"""The level of significance, after adjustment."""

MOST_TESTS = 500
"""How many pairs of one run are tested; where there are more, the most accurate backbones' are."""


@dataclass(frozen=True)
class Setup:
    """Rows of one backbone, size, recipe and number of training images that are compared with each other.

    They come from one table, so from one environment, device, precision and manifest.  In order of what
    trains: the fewest trained parameters first, and of the same without augmentation first.
    """

    rows: tuple[Row, ...]

    @property
    def first(self) -> Row:
        """The row that trains least; for what all have in common, too."""
        return self.rows[0]

    @property
    def images(self) -> int:
        """How many images its rows were trained on."""
        return training_images(self.first.first)

    @property
    def series(self) -> tuple[object, ...]:
        """What setups that differ in the number of training images alone have in common."""
        record, cell = self.first.first, self.first.cell
        return (
            *(record.environment.fingerprint, cell.device, cell.precision, record.data.manifest_sha256),
            *(cell.backbone, cell.recipe, cell.size),
        )

    def pairs(self) -> Iterator[tuple[Row, Row]]:
        """The pairs in which strategy or depth is the only difference, what trains less first."""
        return ((one, other) for one, other in combinations(self.rows, 2) if _differ_in_strategy(one, other))


@dataclass(frozen=True)
class Contest:
    """`other` against `base`, which trains less, or on fewer images.

    `found` is of `other` minus `base`; `p_value` is adjusted for the family.
    """

    base: Row
    other: Row
    found: Comparison
    p_value: float

    @property
    def told_apart(self) -> bool:
        """Whether the test can tell the two apart."""
        return self.p_value < LEVEL

    @property
    def better(self) -> Row | None:
        """The row that is significantly better; None where they cannot be told apart."""
        if not self.told_apart:
            return None
        return self.other if self.found.difference > 0 else self.base

    @property
    def time_ratio(self) -> float | None:
        """How many times the seconds to a result of `base` the other takes; None where that is not known."""
        return time_ratio(self.base, self.other)


@dataclass(frozen=True)
class Contests:
    """The contests of a run by setup, in the order of the setups' best rows; and the setups left out."""

    by_setup: tuple[tuple[Setup, tuple[Contest, ...]], ...]
    left_out: tuple[Setup, ...] = ()

    @property
    def tests(self) -> int:
        """The size of the family."""
        return sum(len(found) for _, found in self.by_setup)


def training_images(record: Record) -> int:
    """How many images a cell was given to train on."""
    return record.cell.train_images or sum(record.data.counts.get("train", {}).values())


def augments(record: Record) -> bool:
    """Whether the last phase trains on augmented images."""
    last = record.phases[-1] if record.phases else None
    return isinstance(last, Phase) and last.augmented


def time_ratio(base: Row, other: Row) -> float | None:
    """Seconds to a result of `other` over those of `base`.

    None where one has none, and where the step times of one were disturbed: what slowed those down may have
    slowed its training too.
    """
    seconds = metric("to_result_s")
    first, second = base.value(seconds), other.value(seconds)
    if not first or second is None or any(map(disturbed, (*base.records, *other.records))):
        return None
    return second / first


@kept
def setups(found: Standings) -> tuple[Setup, ...]:
    """The setups of a run's ranked rows, by their most accurate row; also those of a single row."""
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for number, table in enumerate(found.tables):
        for row in table.rows:
            cell = row.cell
            images = training_images(row.first)
            groups[number, cell.backbone, cell.recipe, cell.size, images].append(row)
    return tuple(Setup(tuple(sorted(rows, key=_what_trains))) for rows in groups.values())


@kept
def contests(found: Standings) -> Contests:
    """Test every pair of every setup, Holm's correction over all of them.

    Of a run with more than `MOST_TESTS` pairs, whole setups are left out, from the least accurate on.
    """
    kept: list[tuple[Setup, list[tuple[Row, Row]]]] = []
    left_out: list[Setup] = []
    count = 0
    for setup in setups(found):
        pairs = list(setup.pairs())
        count += len(pairs)
        if pairs and (count <= MOST_TESTS or not kept):
            kept.append((setup, pairs))
        elif pairs:
            left_out.append(setup)
    results = [(base, other, _compare(found, base, other)) for _, pairs in kept for base, other in pairs]
    adjusted = holm([result.p_value for _, _, result in results])
    told = iter([Contest(*each, p_value) for each, p_value in zip(results, adjusted, strict=True)])
    by_setup = tuple((setup, tuple(next(told) for _ in pairs)) for setup, pairs in kept)
    return Contests(by_setup, tuple(left_out))


def _compare(found: Standings, base: Row, other: Row) -> Comparison:
    return compare(found.answers.correct(other.records), found.answers.correct(base.records))


def _what_trains(row: Row) -> tuple[int, bool, str]:
    return row.first.measured.parameters_trainable or 0, augments(row.first), row.name


def _differ_in_strategy(one: Row, other: Row) -> bool:
    """Whether two rows of a setup differ in strategy or depth, and in neither weights nor learning rate.

    A strategy that brings its own weights, or has no learning rate, cannot have the other's.
    """
    first, second = one.cell, other.cell
    if (first.strategy, first.depth) == (second.strategy, second.depth):
        return False
    ways = strategy(first.strategy), strategy(second.strategy)
    same_rate = first.learning_rate == second.learning_rate or not all(way.schedule for way in ways)
    weights = one.first.weights, other.first.weights
    same_weights = any(way.weights for way in ways) or (
        (weights[0].kind, weights[0].sha256) == (weights[1].kind, weights[1].sha256)
    )
    return same_rate and same_weights
