"""Depth curves: what training more of a base gains and costs, for each backbone."""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Final

from harness.analysis.contests import Contest, Setup, contests
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.backbones import BACKBONES
from harness.matrix import Cell
from harness.strategies import NO_DEPTH, Phase, strategy

__all__ = ["SHARE", "DepthCurve", "DepthLine", "depth_curves", "depth_lines", "unfrozen_share"]

SHARE: Final = (
    "Share: parameters of the base that train, of all that it has; the head is counted in neither. Batch "
    "norm is always frozen, so all of the base is a little less than 100 %."
)
"""What `unfrozen_share` is, for readers of a report."""


@dataclass(frozen=True)
class DepthCurve:
    """The rows of one setup by the share that trains: those with a frozen base, then each depth.

    `contests` are those between the depths, `from_frozen` those of a depth against a frozen base.
    """

    setup: Setup
    frozen: tuple[Row, ...]
    depths: tuple[Row, ...]
    contests: tuple[Contest, ...]
    from_frozen: tuple[Contest, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All of them, what trains least first."""
        return self.frozen + self.depths

    @property
    def enough(self) -> Row:
        """The shallowest depth than which no deeper one is significantly better."""
        beaten = {id(each.base) for each in self.contests if each.better is each.other}
        return next(row for row in self.depths if id(row) not in beaten)


@dataclass(frozen=True)
class DepthLine:
    """One backbone under one recipe, by depth: the rows, and the share (0..1) of the base that each trains.

    The first is extraction, at 0, where the run has it.
    """

    cell: Cell
    shares: tuple[float, ...]
    rows: tuple[Row, ...]

    @property
    def best(self) -> float:
        """The accuracy of the most accurate row."""
        return max(row.accuracy for row in self.rows)


def unfrozen_share(row: Row) -> float | None:
    """The share (0..1) of the base's parameters that the row trains, the head counted in neither.

    The head is what the whole model has beyond the table's count of the base.  Batch norm stays frozen, so
    `all` is a little below 1.  None where the base is not the table's: unknown, or cut by the recipe.
    """
    known, measured = BACKBONES.get(row.cell.backbone), row.first.measured
    if (
        known is None
        or row.first.recipe.drop_blocks
        or None in (measured.parameters, measured.parameters_trainable)
    ):
        return None
    head = (measured.parameters or 0) - known.parameters
    share = ((measured.parameters_trainable or 0) - head) / known.parameters
    return share if 0 <= share <= 1 else None


def depth_curves(found: Standings) -> list[DepthCurve]:
    """A curve for each setup, weights and learning rate with two depths or more."""
    curves = []
    for setup, own in contests(found).by_setup:
        groups: dict[tuple[object, ...], list[Row]] = {}
        for row in setup.rows:
            if row.cell.depth != NO_DEPTH:
                kind = row.cell.strategy, row.first.weights.sha256, row.cell.learning_rate
                groups.setdefault(kind, []).append(row)
        curves += [_curve(setup, rows, own) for rows in groups.values() if len(rows) > 1]
    return curves


def _curve(setup: Setup, depths: list[Row], own: tuple[Contest, ...]) -> DepthCurve:
    deep = {id(row) for row in depths}
    from_frozen = [each for each in own if id(each.other) in deep and _is_frozen(each.base)]
    bases = {id(each.base) for each in from_frozen}
    return DepthCurve(
        setup=setup,
        frozen=tuple(row for row in setup.rows if id(row) in bases),
        depths=tuple(depths),
        contests=tuple(each for each in own if id(each.base) in deep and id(each.other) in deep),
        from_frozen=tuple(from_frozen),
    )


def _is_frozen(row: Row) -> bool:
    """Whether a head was trained by steps on a frozen base, which is what depth goes on from."""
    phases = row.first.phases
    trained = bool(phases) and isinstance(phases[-1], Phase)
    return trained and row.cell.depth == NO_DEPTH and not strategy(row.cell.strategy).weights


def depth_lines(table: Table) -> list[DepthLine]:
    """The backbones of a table that were fine-tuned, most accurate first; a line has two depths at least.

    Depth 0 is the extraction that fine-tuning starts from; for fine-tuning from a random head, which is one
    phase on augmented images, augmented extraction.
    """
    tuned: dict[Cell, list[Row]] = defaultdict(list)
    frozen: dict[Cell, Row] = {}
    for row in table.rows:
        if row.cell.strategy == "fine-tuning":
            tuned[_line(row.cell)].append(row)
        elif row.cell.strategy == _start(row):
            frozen.setdefault(replace(_line(row.cell), learning_rate=None), row)
    found = []
    for cell, rows in tuned.items():
        start = frozen.get(replace(cell, learning_rate=None))
        shared = [(unfrozen_share(row), row) for row in [*([start] if start else []), *rows]]
        points = sorted(
            ((share, row) for share, row in shared if share is not None),
            key=lambda each: (each[0], each[1].name),
        )
        if len(points) > 1:
            shares, ordered = zip(*points, strict=True)
            found.append(DepthLine(cell, shares, ordered))
    return sorted(found, key=lambda line: (-line.best, line.cell.name))


def _start(row: Row) -> str:
    start = row.first.recipe.fine_tuning_start
    return "augmented-extraction" if start == "random-head" else start


def _line(cell: Cell) -> Cell:
    """What all depths of a line have in common, on whatever device and in whatever precision."""
    return replace(cell, seed=0, device="", precision="", strategy="fine-tuning", depth=NO_DEPTH)
