"""Depth curves: what training more of a base gains and costs, for each backbone."""

from dataclasses import dataclass

from harness.analysis.contests import Contest, Setup, contests
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.strategies import NO_DEPTH, Phase, strategy

__all__ = ["DepthCurve", "depth_curves", "trainable_share"]


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


def trainable_share(row: Row) -> float | None:
    """The share (0..1) of all parameters, head included, that the last phase trains; None if not known."""
    whole, part = row.first.measured.parameters, row.first.measured.parameters_trainable
    return part / whole if whole and part is not None else None


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
