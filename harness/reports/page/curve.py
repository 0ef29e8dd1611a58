"""The learning curves of a row, as the page's script draws them."""

from typing import Any

from harness.analysis.rows import Row
from harness.records import Epoch, Record
from harness.reports.curves import panel

__all__ = ["curves_of"]

_DIGITS = 5  # finer than a picture shows


def curves_of(row: Row) -> list[dict[str, Any]]:
    """One curve a seed, in the order of the seeds; a seed without epochs has none.

    Accuracies are shares (0..1), losses nats, None where they are not finite.  `strengths` are those that a
    linear probe tried, None where there are epochs; `phases` are a name, a first and a last place (from 1
    on); `chosen` is the place (from 0 on) of the epoch whose weights count.
    """
    return [_curve(record) for record in row.records if record.measured.history]


def _curve(record: Record) -> dict[str, Any]:
    laid = panel(record)
    return {
        "seed": record.cell.seed,
        "strengths": laid.places if laid.by_strength else None,
        "phases": [(each.phase, each.first, each.last) for each in laid.stretches],
        "chosen": laid.chosen,
        "accuracy": _values(laid.epochs, "accuracy"),
        "validation_accuracy": _values(laid.epochs, "validation_accuracy"),
        "loss": _values(laid.epochs, "loss"),
        "validation_loss": _values(laid.epochs, "validation_loss"),
    }


def _values(epochs: tuple[Epoch, ...], name: str) -> list[float | None]:
    found: list[float | None] = [getattr(epoch, name) for epoch in epochs]
    return [None if value is None else round(value, _DIGITS) for value in found]
