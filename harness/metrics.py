"""What is measured of a cell, declared once: a metric's name, unit, direction and value.

A declaration drives the leaderboard's column, the frame's and the exports' column, the sorting of the page,
the limits of a recommendation and the margin of `compare`.  To add a metric, add one to `METRICS`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final, Literal

from harness.errors import unknown
from harness.records import Record, StepTimes

__all__ = ["MARGINS", "METRICS", "TIMES_WITHIN", "Margin", "Metric", "metric"]

Value = float | None


@dataclass(frozen=True)
class Margin:
    """How much worse a metric may become before `compare` calls it a regression.

    Where no direction is better it is how far it may go either way.

    `value` is in the metric's `export_unit`, or where it is `relative` a share (0.5 for half as much again)
    of what the baseline has.  A matrix may say another value, for all of its cells or for a grid's.
    """

    value: float
    relative: bool = False


@dataclass(frozen=True)
class Metric:
    """One number of a record.

    `value` gives it in the unit of the exports (`export_unit`); what is shown is `scale` times that, in
    `unit`, with so many `digits`.  `better` is the direction that is better, "" where neither is.  A row of
    several seeds shows what `over_seeds` makes of their values; a seed without one counts as `lacking` where
    that is a number, else such a row has none.  `column` says whether the leaderboard has
    it.  `margin` is how much worse than a baseline it may be; a metric without one is not compared.  `within`
    is how far apart single measurements may lie and count as equal, as a share of the lower one.
    """

    name: str
    label: str
    unit: str
    meaning: str
    value: Callable[[Record], Value]
    export_unit: str = ""
    better: Literal["higher", "lower", ""] = ""
    scale: float = 1.0
    digits: int = 1
    over_seeds: Callable[[Sequence[float]], float] = fmean
    lacking: float | None = None
    column: bool = True
    margin: Margin | None = None
    within: float = 0.0

    @property
    def heading(self) -> str:
        """The label with its unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def of(self, records: Sequence[Record]) -> Value:
        """The value of a row: what its seeds make together; None where a seed has none that counts."""
        known = [value for record in records if (value := self.value(record)) is not None]
        if (without := len(records) - len(known)) > 0:
            if self.lacking is None or not known:
                return None
            known += [self.lacking] * without
        made = self.over_seeds(known)
        return made if math.isfinite(made) else None

    def text(self, value: Value) -> str:
        """The value as it is shown, without its unit; "-" where there is none."""
        if value is None or not math.isfinite(value):
            return "-"
        return f"{round(self.scale * value, self.digits) + 0.0:,.{self.digits}f}"

    def margin_text(self, value: float) -> str:
        """A margin with its unit: a share in per cent, points of what is itself shown in per cent."""
        if self.margin is not None and self.margin.relative:
            return f"{100 * value:g} %"
        unit = "points" if self.unit == "%" else self.unit or self.export_unit
        return f"{self.scale * value:g} {unit}"

    def best(self, values: Sequence[Value], *, within: float | None = None) -> frozenset[int]:
        """The places of the best of these: the best one, and what is shown or measured no different from it.

        `within` is how far apart that may be, `Metric.within` unless it is given.  No place where no
        direction is better, where fewer than two have a value, and where one measurement tells none from the
        best.
        """
        width = self.within if within is None else within
        known = {
            place: value for place, value in enumerate(values) if value is not None and math.isfinite(value)
        }
        if not self.better or len(known) < 2:
            return frozenset()
        first = max(known.values()) if self.better == "higher" else min(known.values())
        shown = round(self.scale * first, self.digits)
        found = frozenset(
            place
            for place, value in known.items()
            if max(value, first) <= (1 + width) * min(value, first)
            or round(self.scale * value, self.digits) == shown
        )
        return frozenset() if width and len(found) == len(known) else found


def _milliseconds(kind: str) -> Callable[[Record], Value]:
    def value(record: Record) -> Value:
        times: StepTimes | None = getattr(record.measured, kind)
        return None if times is None else times.milliseconds

    return value


def _first_seconds(record: Record) -> Value:
    times = record.measured.train_step
    return None if times is None else times.first_seconds


def _seconds(part: str) -> Callable[[Record], Value]:
    def value(record: Record) -> Value:
        seconds = record.measured.seconds
        return None if seconds is None else float(getattr(seconds, part))

    return value


def _chosen(field: str) -> Callable[[Record], Value]:
    def value(record: Record) -> Value:
        chosen = record.measured.chosen
        return None if chosen is None else getattr(chosen, field)

    return value


def _chosen_epoch(record: Record) -> Value:
    """The chosen epoch; a linear probe has tried strengths instead."""
    chosen = record.measured.chosen
    return None if chosen is None or chosen.strength is not None else chosen.epoch


TIMES_WITHIN: Final = 0.3
"""How close single times must lie to count as equal, as a share: a convention, and no bound.

On a machine that others use too, single times of identical code lie that far apart and sometimes farther
(the inference steps of one network in `results/records/data-size` that nothing disturbed: by 69 %).  Where
it is known what a machine resolves, that counts.
"""

_UNKNOWN_MACHINE = Margin(TIMES_WITHIN, relative=True)

METRICS = (
    Metric(
        "test_accuracy",
        "test accuracy",
        "%",
        "share of the test images whose most probable class is the true one",
        lambda record: record.measured.test_accuracy,
        export_unit="0..1",
        better="higher",
        scale=100,
        margin=Margin(0.02),
    ),
    Metric(
        "test_loss",
        "test loss",
        "",
        "mean cross-entropy of the test images, in nats",
        lambda record: record.measured.test_loss,
        export_unit="nats",
        better="lower",
        digits=3,
        margin=Margin(0.05),
    ),
    Metric(
        "gap",
        "gap",
        "points",
        "training minus validation accuracy at the chosen epoch",
        lambda record: record.gap,
        export_unit="0..1",
        scale=100,
        # Either way: another gap is another training.
        margin=Margin(0.1),
    ),
    Metric(
        "gap_opens_at",
        "gap opens",
        "epoch",
        "the first epoch of the last phase from which the gap stays larger than chance",
        lambda record: record.gap_opens_at,
        export_unit="epoch",
        digits=0,
        over_seeds=median,
        lacking=math.inf,  # it never opens, so later than any
    ),
    Metric(
        "chosen_epoch",
        "epoch",
        "",
        "the epoch of the last phase whose weights count",
        _chosen_epoch,
        export_unit="epoch",
        digits=0,
        over_seeds=median,
    ),
    Metric(
        "train_ms",
        "train",
        "ms/step",
        "the last phase's train step on one resident batch, median",
        _milliseconds("train_step"),
        export_unit="ms/step",
        better="lower",
        over_seeds=median,
        margin=_UNKNOWN_MACHINE,
        within=TIMES_WITHIN,
    ),
    Metric(
        "inference_ms",
        "inference",
        "ms/step",
        "an inference step on one resident batch, median",
        _milliseconds("inference_step"),
        export_unit="ms/step",
        better="lower",
        over_seeds=median,
        margin=_UNKNOWN_MACHINE,
        within=TIMES_WITHIN,
    ),
    Metric(
        "to_result_s",
        "to result",
        "s",
        "decoding, extraction, training with its compilation, and validation, as if nothing had been cached",
        _seconds("to_result"),
        export_unit="s",
        better="lower",
        digits=0,
        over_seeds=median,
        within=TIMES_WITHIN,
        # Of a training as a whole: it waits for files, caches and other processes too.
        margin=Margin(0.5, relative=True),
    ),
    Metric(
        "parameters",
        "parameters",
        "M",
        "parameters of the whole model",
        lambda record: record.measured.parameters,
        export_unit="count",
        scale=1e-6,
        digits=2,
        better="lower",
    ),
    Metric(
        "parameters_trainable",
        "trainable",
        "M",
        "parameters that the last phase trains",
        lambda record: record.measured.parameters_trainable,
        export_unit="count",
        scale=1e-6,
        digits=2,
    ),
    Metric(
        "peak_memory_bytes",
        "peak memory",
        "MB",
        "anonymous memory of the cell's process at its peak",
        lambda record: record.memory.peak_bytes if record.memory else None,
        export_unit="bytes",
        scale=1e-6,
        digits=0,
        better="lower",
        over_seeds=max,
        # Of what the process took beyond what it began with.
        margin=Margin(0.5, relative=True),
    ),
    # For exports and the page; a leaderboard has enough columns.
    Metric(
        "train_accuracy",
        "training accuracy",
        "%",
        "running mean over the chosen epoch, with dropout and augmentation on",
        _chosen("accuracy"),
        export_unit="0..1",
        scale=100,
        column=False,
    ),
    Metric(
        "validation_accuracy",
        "validation accuracy",
        "%",
        "after the chosen epoch",
        _chosen("validation_accuracy"),
        export_unit="0..1",
        scale=100,
        column=False,
    ),
    Metric(
        "train_loss",
        "training loss",
        "",
        "running mean over the chosen epoch, in nats",
        _chosen("loss"),
        export_unit="nats",
        digits=3,
        column=False,
    ),
    Metric(
        "validation_loss",
        "validation loss",
        "",
        "after the chosen epoch, in nats",
        _chosen("validation_loss"),
        export_unit="nats",
        digits=3,
        column=False,
    ),
    Metric(
        "first_step_s",
        "first train step",
        "s",
        "tracing and compiling the train step, and its first run",
        _first_seconds,
        export_unit="s",
        column=False,
        over_seeds=median,
        margin=Margin(1.0, relative=True),  # it happens once
    ),
    *(
        Metric(
            f"{part}_s",
            words,
            "s",
            f"seconds of {words}, as if nothing had been cached",
            _seconds(part),
            export_unit="s",
            column=False,
            over_seeds=median,
        )
        for part, words in (
            ("decode", "decoding"),
            ("extraction", "extraction"),
            ("training", "training"),
            ("validation", "validation"),
        )
    ),
)
"""Every metric, in the order of the leaderboard."""

MARGINS: Final = {each.name: each.margin for each in METRICS if each.margin is not None}
"""The metrics that `compare` judges, by name, with the margin that counts unless a matrix says another."""


def metric(name: str) -> Metric:
    """The metric of that name; raises `UserError` with the choices if there is none."""
    for each in METRICS:
        if each.name == name:
            return each
    raise unknown("metric", name, [each.name for each in METRICS])
