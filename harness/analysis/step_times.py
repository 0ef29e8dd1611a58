"""The time of a step of a row: its median over blocks, the interval of that, and what speaks against it."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.timing_doubts import apart, disturbances, disturbed
from harness.metrics import TIMES_WITHIN, metric
from harness.records import Record, StepTimes
from harness.statistics import Interval, median_interval

__all__ = ["STEP_TIMES", "StepTime", "step_time", "time_doubt"]

STEP_TIMES = {"train_ms": "train_step", "inference_ms": "inference_step"}
"""The metrics that are times of a step, and where a record has their blocks."""


@dataclass(frozen=True)
class StepTime:
    """Milliseconds a step, and the interval of that in milliseconds.

    Of several seeds it is the median of their medians, and the interval goes from the lowest to the highest
    end of the seeds' own, so that it covers what they disagree on; its confidence is that of the least sure.
    `doubt` says in a word why the time cannot be compared, "" where nothing is known against it.
    """

    milliseconds: float
    interval: Interval
    doubt: str = ""


def step_time(records: Sequence[Record], name: str) -> StepTime | None:
    """The time of one of `STEP_TIMES` of a row's records; None where no seed has one."""
    own = [median_interval(each.block_seconds) for each in _times(records, name)]
    value = metric(name).of(records)
    if value is None or not own:
        return None
    interval = Interval(
        1000 * min(each.low for each in own),
        1000 * max(each.high for each in own),
        min(each.confidence for each in own),
    )
    return StepTime(value, interval, time_doubt(records, name))


def time_doubt(records: Sequence[Record], name: str) -> str:
    """Why a metric of these records is not to be compared: "disturbed", "unstable" (its warm-up), or "".

    A step that several seeds timed, more than `TIMES_WITHIN` apart, is in doubt too: "seeds differ by 66 %".
    It is the same step, so what they disagree on is the machine's; of seconds it is the training's as well.
    Seconds are in doubt where the step times beside them were disturbed: nothing watches the machine while a
    cell trains, and what slowed its steps down may have slowed its training too.
    """
    if name.endswith("_s"):
        return "disturbed" if any(map(disturbed, records)) else ""
    if name not in STEP_TIMES:
        return ""
    times = _times(records, name)
    if any(any(disturbances(each.state)) for each in times):
        return "disturbed"
    if not all(each.stable for each in times):
        return "unstable"
    seeds = [each.milliseconds for each in times]
    differ = apart(seeds) if len(seeds) > 1 else 0.0
    return f"seeds differ by {100 * differ:.0f} %" if differ > TIMES_WITHIN else ""


def _times(records: Sequence[Record], name: str) -> list[StepTimes]:
    if name not in STEP_TIMES:
        return []
    found: list[StepTimes | None] = [getattr(record.measured, STEP_TIMES[name]) for record in records]
    return [each for each in found if each is not None]
