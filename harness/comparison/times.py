"""The step times of two runs of trainings: told, never a gate.

Trainings time their steps once, beside everything else that a shared machine does.  `transferbench time`
and `--dedicated` are for times that may fail a build.
"""

import math
from collections.abc import Iterator

from harness.analysis.machines import same_machine
from harness.analysis.step_times import STEP_TIMES, time_doubt
from harness.comparison.cells import Pair
from harness.comparison.finding import Finding
from harness.metrics import metric
from harness.records import Record, StepTimes

__all__ = ["comparable_times", "times"]


def comparable_times(pair: Pair, name: str) -> tuple[StepTimes, StepTimes] | None:
    """The times of a step in both runs, None where they say nothing of each other.

    That is: on other machines, with another batch, or with XLA on one side.  They may still be in doubt.
    """
    before, after = _step(pair.before, name), _step(pair.after, name)
    if before is None or after is None or before.batch != after.batch:
        return None
    if pair.before.measured.jit != pair.after.measured.jit:
        return None
    return (before, after) if same_machine(pair.before.environment, pair.after.environment) else None


def times(pair: Pair) -> Iterator[Finding]:
    """The steps of one cell that take another time by more than identical code does on such machines.

    A step that only the baseline has timed, on the same machine, is undecided: nothing shows that it is no
    slower.
    """
    for name in STEP_TIMES:
        of, lost = metric(name), _lost(pair, name)
        if lost is not None:
            was = of.text(lost.milliseconds)
            yield Finding(
                kind="time",
                severity="undecided",
                message=f"{of.label} step is no longer timed ({was} ms in the baseline)",
                cells=(pair.name,),
                field=name,
                unit=of.export_unit,
                before=lost.milliseconds,
            )
        both = comparable_times(pair, name)
        if both is None:
            continue
        doubts = {
            which: doubt
            for which, record in (("baseline", pair.before), ("current run", pair.after))
            if (doubt := time_doubt([record], name))
        }
        if doubts:
            told = " and ".join(f"{doubt} in the {which}" for which, doubt in doubts.items())
            yield Finding("time", "advisory", f"{of.label} step not compared: {told}", (pair.name,), name)
            continue
        before, after = (each.milliseconds for each in both)
        margin = pair.margins[name]
        if abs(math.log(after / before)) <= math.log1p(margin):
            continue
        word = "slower" if after > before else "faster"
        yield Finding(
            kind="time",
            severity="advisory",
            message=f"{of.label} step {of.text(before)} to {of.text(after)} ms, {word} by a factor of "
            f"{max(after / before, before / after):.2f} (up to {1 + margin:.2f} is usual on a machine that "
            "others use too)",
            cells=(pair.name,),
            field=name,
            unit=of.export_unit,
            before=before,
            after=after,
            difference=after / before,
            margin=margin,
        )


def _lost(pair: Pair, name: str) -> StepTimes | None:
    """The baseline's times of a step that the current record does not have, made on the same machine."""
    before, after = _step(pair.before, name), _step(pair.after, name)
    same = same_machine(pair.before.environment, pair.after.environment)
    return before if same and after is None else None


def _step(record: Record, name: str) -> StepTimes | None:
    found: StepTimes | None = getattr(record.measured, STEP_TIMES[name])
    return found
