"""Overfitting: how far training runs ahead of validation, from which epoch, and what that costs."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from harness.analysis.contests import Setup, augments, setups
from harness.analysis.rows import Row, conditions
from harness.analysis.standings import Standings
from harness.metrics import metric
from harness.records import Epoch, Record
from harness.statistics import spread_over_seeds
from harness.strategies import NO_DEPTH, strategy

__all__ = ["Fit", "augmented", "deepened", "fits", "pools", "without_epochs"]


@dataclass(frozen=True)
class Fit:
    """How the last phase of a row's seeds fitted; means over seeds, medians of epochs.

    `gap` and `last_gap` are training minus validation accuracy (-1..1) at the chosen and at the last epoch,
    `spreads` their standard deviations over seeds, None for one.  `opened` is how many seeds' gaps opened,
    `opens_at` the median epoch, as in the leaderboard: a gap that never opens counts as opening last, so it
    is None where half of them or more never do.  `best` and `last` are epochs, `best_loss` and `last_loss`
    the validation losses (nats) there.
    """

    row: Row
    gap: float | None
    last_gap: float | None
    spreads: tuple[float | None, float | None]
    opened: int
    opens_at: float | None
    best: float
    last: float
    best_loss: float | None
    last_loss: float | None

    @property
    def after_best(self) -> float:
        """Epochs that were trained after the one of the lowest validation loss."""
        return self.last - self.best

    @property
    def loss_rise(self) -> float | None:
        """How much higher the validation loss was at the last epoch than at the best, as a share."""
        if not self.best_loss or self.last_loss is None:
            return None
        return self.last_loss / self.best_loss - 1


def fits(found: Standings) -> list[tuple[Setup, list[Fit]]]:
    """The fits of a run's ranked rows that have epochs, by setup, what trains least first."""
    every = [(setup, [_fit(row) for row in setup.rows if _has_epochs(row)]) for setup in setups(found)]
    return [(setup, own) for setup, own in every if own]


def pools(groups: Sequence[tuple[Setup, list[Fit]]]) -> list[list[tuple[Setup, list[Fit]]]]:
    """The groups whose fits may be put together, so that each configuration counts once.

    They are of one table, so of one device, precision and environment, and of equally many training images.
    """
    found: dict[tuple[object, ...], list[tuple[Setup, list[Fit]]]] = defaultdict(list)
    for setup, own in groups:
        found[*conditions(setup.first.first), setup.images].append((setup, own))
    return list(found.values())


def without_epochs(found: Standings) -> list[Row]:
    """The ranked rows that trained by no epochs: linear probes and zero-shot."""
    return [row for table in found.tables for row in table.rows if not _has_epochs(row)]


def augmented(own: Sequence[Fit]) -> list[tuple[Fit, Fit]]:
    """Pairs of a setup's fits on a frozen base: without augmentation, and with."""
    frozen = [fit for fit in own if fit.row.cell.depth == NO_DEPTH and not _own_weights(fit.row)]
    plain = [fit for fit in frozen if not augments(fit.row.first)]
    return [
        (one, other) for one in plain for other in frozen if augments(other.row.first) and _like(one, other)
    ]


def deepened(own: Sequence[Fit]) -> list[tuple[Fit, Fit]]:
    """The shallowest and the deepest fit of each strategy of a setup that was trained to several depths."""
    deep = [fit for fit in own if fit.row.cell.depth != NO_DEPTH]
    pairs = {}
    for fit in deep:
        first = next(each for each in deep if _like(each, fit) and _same_strategy(each, fit))
        if first is not fit:
            pairs[id(first)] = (first, fit)
    return list(pairs.values())


def _fit(row: Row) -> Fit:
    lasts = [record.measured.history[-1] for record in row.records]
    bests = [record.measured.best or last for record, last in zip(row.records, lasts, strict=True)]
    gaps = [record.gap for record in row.records]
    last_gaps = [_gap(epoch) for epoch in lasts]
    return Fit(
        row=row,
        gap=_over(fmean, gaps),
        last_gap=_over(fmean, last_gaps),
        spreads=(_over(spread_over_seeds, gaps), _over(spread_over_seeds, last_gaps)),
        opened=sum(record.gap_opens_at is not None for record in row.records),
        opens_at=metric("gap_opens_at").of(row.records),
        best=median(epoch.epoch for epoch in bests),
        last=median(epoch.epoch for epoch in lasts),
        best_loss=_over(fmean, [epoch.validation_loss for epoch in bests]),
        last_loss=_over(fmean, [epoch.validation_loss for epoch in lasts]),
    )


def _over(reduce: Callable[[Sequence[float]], float | None], values: Sequence[float | None]) -> float | None:
    """What a function makes of the values of all seeds; None where a seed has none."""
    known = [value for value in values if value is not None]
    return reduce(known) if len(known) == len(values) else None


def _gap(epoch: Epoch) -> float | None:
    if epoch.accuracy is None or epoch.validation_accuracy is None:
        return None
    return epoch.accuracy - epoch.validation_accuracy


def _has_epochs(row: Row) -> bool:
    return all(map(_trained_by_epochs, row.records))


def _trained_by_epochs(record: Record) -> bool:
    history = record.measured.history
    return bool(history) and history[-1].strength is None


def _own_weights(row: Row) -> bool:
    return bool(strategy(row.cell.strategy).weights)


def _same_strategy(one: Fit, other: Fit) -> bool:
    return one.row.cell.strategy == other.row.cell.strategy


def _like(one: Fit, other: Fit) -> bool:
    """Whether two fits of a setup have weights, learning rate and seeds in common."""
    first, second = one.row, other.row
    return (first.first.weights.sha256, first.cell.learning_rate, first.seeds) == (
        second.first.weights.sha256,
        second.cell.learning_rate,
        second.seeds,
    )
