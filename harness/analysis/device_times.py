"""Times of the same configurations on other devices, to stand beside each other; never ranked together.

They come from a run's own records on those devices, or from a timing run of the same machine or another:
the configuration decides, not who measured it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from harness.analysis.step_times import STEP_TIMES, time_doubt
from harness.analysis.timing_rows import TimingRow
from harness.matrix import Cell
from harness.metrics import metric
from harness.records import Record, StepTimes
from harness.timing.cell import INFERENCE, RECIPE

__all__ = ["Reading", "anywhere", "on_devices", "other_devices"]


@dataclass(frozen=True)
class Reading:
    """A number, None where there is none, and a word on what is wrong with it, "" if nothing.

    `within` is how far apart as a share such numbers may lie that its machine does not tell apart, None
    where no timing run of that machine states it.
    """

    value: float | None = None
    doubt: str = ""
    within: float | None = None


def other_devices(
    configurations: Iterable[Record], records: Sequence[Record], timings: Sequence[TimingRow] = ()
) -> dict[str, Mapping[tuple[str, str], Reading]]:
    """What `on_devices` gives for the rows of one table; nothing where all there is is of one device.

    Their own times are the rows' already, and thousands of rows are slow to match with themselves.
    """
    if not timings and len({record.cell.device for record in records}) < 2:
        return {}
    return on_devices(configurations, records, timings)


def on_devices(
    configurations: Iterable[Record], records: Iterable[Record], timings: Iterable[TimingRow] = ()
) -> dict[str, Mapping[tuple[str, str], Reading]]:
    """By device: the times of these configurations by metric and by their name on any device.

    A record's own time goes before that of a timing run, which is taken where backbone, step, depth, image
    size, precision, batch and recipe are the same.  Of the configurations' own devices only their own
    machines are told, so that a column has the times of one; of others each machine, named where several.
    """
    wanted = {anywhere(record): record for record in configurations}
    own = {(record.cell.device, record.environment.fingerprint) for record in wanted.values()}
    found: dict[tuple[str, str], dict[tuple[str, str], Reading]] = defaultdict(dict)
    stated: dict[tuple[str, str], float | None] = {}
    for row in timings:
        stated[row.cell.device, row.environment.fingerprint] = row.tie_width_of_one
        for name, record in wanted.items():
            for which in STEP_TIMES:
                if _same_step(row, record, which):
                    doubted = "doubtful" if row.doubts else ""
                    there = found[row.cell.device, row.environment.fingerprint]
                    there[which, name] = Reading(row.milliseconds, doubted, row.tie_width)
    seeds: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "ok" and anywhere(record) in wanted:
            place = record.cell.device, record.environment.fingerprint
            seeds[*place, anywhere(record)].append(record)
    for (device, machine, name), each in seeds.items():
        for which in STEP_TIMES:
            value = metric(which).of(each)
            if value is not None:
                within = stated.get((device, machine))
                found[device, machine][which, name] = Reading(value, time_doubt(each, which), within)
    devices = {device for device, _ in own}
    kept = {place: each for place, each in found.items() if place in own or place[0] not in devices}
    machines = Counter(device for device, _ in kept)
    return {
        device if machines[device] == 1 else f"{device} of {machine}": kept[device, machine]
        for device, machine in sorted(kept)
    }


def anywhere(record: Record) -> str:
    """The name of a record's configuration on whatever device."""
    return _anywhere(record.cell)


@lru_cache(maxsize=2**16)  # a page of thousands of rows asks several times for each
def _anywhere(cell: Cell) -> str:
    return replace(cell, device="", seed=0).name


def _same_step(row: TimingRow, record: Record, which: str) -> bool:
    cell, timed = record.cell, row.cell
    step: StepTimes | None = getattr(record.measured, STEP_TIMES[which])
    if step is None or timed.jit or timed.protocol != "blocks" or cell.recipe != RECIPE.name:
        return False
    asked = (INFERENCE, timed.depth) if which == "inference_ms" else (cell.strategy, cell.depth)
    return (
        (timed.step, timed.depth) == asked
        and (timed.backbone, timed.size) == (cell.backbone, cell.size)
        and (timed.precision, timed.batch) == (cell.precision, step.batch)
    )
