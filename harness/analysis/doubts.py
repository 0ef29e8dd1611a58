"""What speaks against the step times of an accuracy run: other work, a slowed device, no settled warm-up."""

from collections.abc import Sequence
from typing import Final, Literal

from harness.records import Record, StepTimes
from harness.reports.timing_doubts import disturbances

__all__ = ["STEPS", "time_doubt"]

STEPS: Final = {"train_ms": "train_step", "inference_ms": "inference_step"}
"""The metrics that are times of a step, and where a record's measurements have them."""


def time_doubt(name: str, records: Sequence[Record]) -> Literal["", "disturbed", "unstable"]:
    """Why the metric of that name cannot be compared in these records; "" where it can or is no step time."""
    if name not in STEPS:
        return ""
    found: list[StepTimes | None] = [getattr(record.measured, STEPS[name]) for record in records]
    times = [step for step in found if step is not None]
    if any(any(disturbances(step.state)) for step in times):
        return "disturbed"
    return "" if all(step.stable for step in times) else "unstable"
