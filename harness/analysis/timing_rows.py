"""The rows of a timing report: what the records of one cell, all passes together, amount to.

Everything here is derived; the records keep what was measured.  A time is the mean of the passes'
medians rather than the median of all blocks thrown together: a pass that happened to hold one block
more would decide that one alone, and the width of a tie counts on a mean of passes.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TypeVar

import numpy as np

from harness.analysis.resolution import Resolution, resolutions
from harness.analysis.timing_doubts import (
    Kind,
    apart,
    best_of_run,
    doubts,
    kind_of,
    misplaced,
    results,
    usual_products,
)
from harness.backbones import BACKBONES, Published
from harness.environment import Environment
from harness.errors import UserError
from harness.records import StepTimes
from harness.statistics import Interval, median_interval
from harness.timing.cell import TimingCell
from harness.timing.records import Ceiling, Timed, TimingFacts, TimingFolder, TimingRecord

__all__ = ["INPUT_BOUND", "TimingRow", "Timings", "read_timings"]

INPUT_BOUND = 0.10
"""How much slower than its resident step a step must be when fed, to be called input-bound."""

Value = TypeVar("Value")
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class TimingRow:
    """One cell on one machine, as its passes found it.

    `records` are those with a result, by pass.  `interval` is in milliseconds a step: from the lowest
    to the highest of the passes' own intervals of the median, so that it covers what they disagree on;
    its confidence is that of the least sure of them.  `tie_width` is the smallest difference that the
    machine can tell, as a share; None if that is not known.  `doubts` are the reasons for which the
    row has no rank.  `ceiling` is the best matrix product and the best copy of the whole run on its device
    and in its precision: the same for all rows, since what a process reaches varies with what else the
    machine does.  None where none was measured beside this cell, and where the step ran on another device.
    """

    cell: TimingCell
    environment: Environment
    records: tuple[TimingRecord, ...]
    passes: int
    interval: Interval
    tie_width: float | None
    doubts: tuple[str, ...]
    ceiling: Ceiling | None = None

    @property
    def timed(self) -> tuple[Timed, ...]:
        """What each pass found."""
        return results(self.records)

    @property
    def pass_milliseconds(self) -> tuple[float, ...]:
        """The median of each pass, in milliseconds a step."""
        return tuple(each.step.milliseconds for each in self.timed)

    @property
    def milliseconds(self) -> float:
        """Milliseconds a step: the mean of the passes' medians."""
        return fmean(self.pass_milliseconds)

    @property
    def tie_width_of_one(self) -> float | None:
        """The width of a tie between times that were measured once, as a training's are.

        `Spread.width` falls with the square root of the measurements; this row's is of its passes.
        """
        if self.tie_width is None:
            return None
        return math.expm1(math.log1p(self.tie_width) * math.sqrt(self.passes))

    @property
    def mean_milliseconds(self) -> float:
        """The plain mean over blocks and passes, as the published table has it."""
        return fmean(1000 * fmean(each.step.block_seconds) for each in self.timed)

    @property
    def p90_milliseconds(self) -> float:
        """The time that nine of ten blocks of all passes stay below; a block is several short steps."""
        return 1000 * float(np.quantile(self._blocks, 0.9))

    @property
    def blocks(self) -> int:
        """The number of blocks of all passes."""
        return len(self._blocks)

    @property
    def _blocks(self) -> list[float]:
        return [seconds for each in self.timed for seconds in each.step.block_seconds]

    @property
    def passes_differ(self) -> float | None:
        """How much slower the slowest pass is than the fastest, as a share; None for a single pass."""
        medians = self.pass_milliseconds
        return apart(medians) if len(medians) > 1 else None

    @property
    def images_per_second(self) -> float:
        """Images a second on a resident batch."""
        return 1000 * self.cell.batch / self.milliseconds

    @property
    def build_seconds(self) -> float:
        """Seconds that building and calibrating the model took (median of the passes)."""
        return median(each.build_seconds for each in self.timed)

    @property
    def first_step_seconds(self) -> float:
        """Seconds of the first step, with tracing and compiling (median of the passes)."""
        return median(each.step.first_seconds for each in self.timed)

    @property
    def input_milliseconds(self) -> float | None:
        """Milliseconds that the input pipeline alone takes for a batch."""
        return _mean_median(each.input for each in self.timed)

    @property
    def end_to_end_milliseconds(self) -> float | None:
        """Milliseconds a step that is fed by the input pipeline."""
        return _mean_median(each.end_to_end for each in self.timed)

    @property
    def input_settled(self) -> bool | None:
        """Whether the pipeline's time settled in every pass; None where some pass did not take it."""
        return _settled(each.input for each in self.timed)

    @property
    def end_to_end_settled(self) -> bool | None:
        """Whether the fed step's time settled in every pass; None where some pass did not take it."""
        return _settled(each.end_to_end for each in self.timed)

    @property
    def input_bound(self) -> bool | None:
        """Whether the pipeline, and not the step, decides the pace of a real run.

        That is: fed steps are more than 10 % slower than resident ones, since for less nobody would
        change a pipeline.  One that alone takes less than half of that cannot slow them down so far, whatever
        fed steps took; the other half is for handing a batch over.  None where it cannot be told: it was not
        measured or did not settle, or it is nearer to those 10 % than the width of a tie.
        """
        if self._slowed_at_most is not None and self._slowed_at_most < INPUT_BOUND / 2:
            return False
        fed = self.end_to_end_milliseconds
        if fed is None or self.tie_width is None or not self.end_to_end_settled:
            return None
        beyond = fed / self.milliseconds - 1 - INPUT_BOUND
        return beyond > 0 if abs(beyond) >= self.tie_width else None

    @property
    def _slowed_at_most(self) -> float | None:
        """How much slower the pipeline alone can make a step, as a share; None where that is not known."""
        if self.input_milliseconds is None or self.tie_width is None or not self.input_settled:
            return None
        return self.input_milliseconds / self.milliseconds * (1 + self.tie_width)

    @property
    def multiply_adds(self) -> int | None:
        """Multiply-adds of one step, from its graph; None where passes counted differently."""
        return _same(each.work.multiply_adds if each.work else None for each in self.timed)

    @property
    def moved_bytes(self) -> int | None:
        """The bytes that one step must move at least; None where passes counted differently."""
        return _same(each.work.moved_bytes if each.work else None for each in self.timed)

    @property
    def flops(self) -> float | None:
        """Floating-point operations a second that the step achieves: two for each multiply-add."""
        return None if self.multiply_adds is None else 2e3 * self.multiply_adds / self.milliseconds

    @property
    def product_share(self) -> float | None:
        """The share (0..1) of the matrix product's speed that the step achieves."""
        if self.flops is None or self.ceiling is None:
            return None
        return self.flops / self.ceiling.flops

    @property
    def roofline_share(self) -> float | None:
        """The share (0..1) of what the roofline allows (Williams, Waterman and Patterson 2009).

        The roofline is the lower of the matrix product's speed, and the operations per moved byte times
        the copy's speed.  Above 1 where what is moved stays in a cache, which the copy is too large for.
        """
        if self.flops is None or self.ceiling is None or not self.multiply_adds or not self.moved_bytes:
            return None
        intensity = 2 * self.multiply_adds / self.moved_bytes
        return self.flops / min(self.ceiling.flops, intensity * self.ceiling.bytes_per_second)

    @property
    def parameters(self) -> int | None:
        """Parameters of the whole model."""
        return _same(each.parameters for each in self.timed)

    @property
    def trainable(self) -> int | None:
        """Parameters that the step changes."""
        return _same(each.parameters_trainable for each in self.timed)

    @property
    def device_peak_bytes(self) -> int | None:
        """The most memory that the step needed on its device, over the passes."""
        return _highest(each.device_peak_bytes for each in self.timed)

    @property
    def host_peak_bytes(self) -> int | None:
        """The most memory that the cell's process held, over the passes."""
        return _highest(each.memory.peak_bytes if each.memory else None for each in self.records)

    @property
    def inherited_bytes(self) -> int | None:
        """What of the host's memory the process held before it began."""
        return _highest(each.memory.inherited_bytes if each.memory else None for each in self.records)

    @property
    def joules_per_step(self) -> float | None:
        """Energy of a step on a resident batch (mean of the passes); None where a pass does not tell."""
        told = [
            each.step.state.joules / (each.step.steps_per_block * len(each.step.block_seconds))
            for each in self.timed
            if each.step.state.joules is not None
        ]
        return fmean(told) if len(told) == len(self.timed) else None

    @property
    def images_per_joule(self) -> float | None:
        """Images that one joule suffices for."""
        return self.cell.batch / self.joules_per_step if self.joules_per_step else None

    @property
    def others_share(self) -> float | None:
        """What others took of the cores (0..1) in the pass in which they took most."""
        return _highest(each.step.state.others_share for each in self.timed)

    @property
    def clock_mhz(self) -> float | None:
        """The median of the device's clock over the samples of all passes."""
        sampled = [clock for each in self.timed for clock in each.step.state.clocks_mhz]
        return median(sampled) if sampled else None

    @property
    def temperature_c(self) -> float | None:
        """The highest temperature of the device in any pass, in degrees Celsius."""
        return _highest(degrees for each in self.timed for degrees in each.step.state.temperatures_c)

    @property
    def published(self) -> Published | None:
        """The backbone's row of the published table."""
        known = BACKBONES.get(self.cell.backbone)
        return known.published if known else None


@dataclass(frozen=True)
class Timings:
    """A timing run as a report needs it.

    `records` are those of the last plan, by name and pass, failures included; `rows` one for each cell
    and machine with a result; `resolutions` what each machine and device can tell apart.
    """

    facts: TimingFacts
    records: tuple[TimingRecord, ...]
    rows: tuple[TimingRow, ...]
    resolutions: tuple[Resolution, ...]

    @property
    def failed(self) -> list[TimingRecord]:
        """The records without a result."""
        return [record for record in self.records if record.timed is None or record.status != "ok"]

    @property
    def missing(self) -> dict[str, int]:
        """How many passes over each cell have no record at all, where it is not none."""
        there: dict[str, int] = dict.fromkeys(self.facts.keys, 0)
        for record in self.records:
            there[record.name] += 1
        return {name: self.facts.passes - count for name, count in there.items() if count < self.facts.passes}


def read_timings(folder: TimingFolder, among: Iterable[TimingRecord] | None = None) -> Timings:
    """Derive the rows of a timing run; records that the last plan did not ask for are left out.

    `among` are the records to derive them from where those of the folder cannot all be read.  Raises
    `UserError` if there is no run, or no record in it.
    """
    facts = folder.facts()
    records = [
        record
        for record in (folder.load() if among is None else among)
        if facts.keys.get(record.name) == record.key and record.in_pass <= facts.passes
    ]
    if not records:
        raise UserError(
            "this timing run has no records yet",
            where=str(folder.path),
            hint="Time its matrix again; what is timed is kept.",
        )
    places = {name: place for place, name in enumerate(facts.keys)}
    records.sort(key=lambda record: (places[record.name], record.in_pass))
    done: dict[tuple[str, str], list[TimingRecord]] = defaultdict(list)
    for record in records:
        if record.status == "ok" and record.timed is not None:
            done[record.name, record.environment.fingerprint].append(record)
    found = resolutions(folder.checks(), list(done.values()), facts.passes)
    every = [record for row in done.values() for record in row]
    usual, best = usual_products(every), best_of_run(every)
    rows = tuple(_row(row, facts.passes, found, usual, best) for row in done.values())
    return Timings(facts, tuple(records), rows, tuple(found.values()))


def _row(
    records: Sequence[TimingRecord],
    passes: int,
    found: dict[tuple[str, str], Resolution],
    usual: dict[Kind, float],
    best: dict[Kind, Ceiling],
) -> TimingRow:
    first = records[0]
    own_ceiling = any(each.ceilings for each in results(records)) and not any(map(misplaced, records))
    width = found[first.environment.fingerprint, first.cell.device].width
    own = [median_interval(each.step.block_seconds) for each in results(records)]
    return TimingRow(
        cell=first.cell,
        environment=first.environment,
        records=tuple(records),
        passes=passes,
        interval=Interval(
            1000 * min(each.low for each in own),
            1000 * max(each.high for each in own),
            min(each.confidence for each in own),
        ),
        tie_width=width,
        doubts=tuple(doubts(records, passes, width, usual)),
        ceiling=best.get(kind_of(first)) if own_ceiling else None,
    )


def _mean_median(times: Iterable[StepTimes | None]) -> float | None:
    told = [each.milliseconds if each else None for each in times]
    known = [each for each in told if each is not None]
    return fmean(known) if len(known) == len(told) else None


def _settled(times: Iterable[StepTimes | None]) -> bool | None:
    told = list(times)
    return None if None in told else all(each.stable for each in told if each)


def _same(values: Iterable[Value | None]) -> Value | None:
    known = set(values)
    return known.pop() if len(known) == 1 else None


def _highest(values: Iterable[Number | None]) -> Number | None:
    return max((value for value in values if value is not None), default=None)
