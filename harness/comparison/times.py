"""The step times of two runs of trainings: told, never a gate.

Trainings time their steps once, beside everything else that a shared machine does.  `transferbench time`
and `--dedicated` are for times that may fail a build.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist, median
from typing import Final

from harness.analysis.machines import same_machine
from harness.analysis.step_times import STEP_TIMES, time_doubt
from harness.comparison.cells import Pair
from harness.comparison.finding import Finding, untold
from harness.metrics import Metric, metric
from harness.records import Record, StepTimes

__all__ = ["FEWEST_CELLS", "comparable_times", "resolution", "times"]

FEWEST_CELLS: Final = 6
"""Of how many cells it takes the ratios to tell what a machine does to them."""

_OF_NORMAL = NormalDist().inv_cdf(0.975) / NormalDist().inv_cdf(0.75)
"""From the median absolute deviation of a normal distribution to the half-width that holds 95 % of it."""


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


def resolution(pairs: Sequence[Pair]) -> dict[str, float]:
    """By metric how far steps of identical code lie apart in these two runs, as a share; 0 of too few cells.

    The cells of two runs are as many trials of what the machine does to a time: 95 % of their ratios lie
    within this of the usual one, by the median absolute deviation of the logarithms, which the few cells
    whose code really changed hardly move.
    """
    found = {}
    for name in STEP_TIMES:
        both = [comparable_times(pair, name) for pair in pairs if not _doubts(pair, name)]
        ratios = [math.log(after.milliseconds / before.milliseconds) for before, after in filter(None, both)]
        middle = median(ratios) if ratios else 0.0
        spread = _OF_NORMAL * median(abs(each - middle) for each in ratios) if ratios else 0.0
        found[name] = math.expm1(spread) if len(ratios) >= FEWEST_CELLS else 0.0
    return found


def times(pair: Pair, resolved: Mapping[str, float]) -> Iterator[Finding]:
    """The steps of one cell that take another time by more than identical code does on such machines.

    That is by the margin, or where that is more by what these two runs resolve (`resolution`).  A step that
    one of the runs alone has timed, on the same machine, is undecided: nothing shows that it is no slower.
    """
    for name in STEP_TIMES:
        of = metric(name)
        yield from _one_sided(pair, of)
        both = comparable_times(pair, name)
        if both is None:
            continue
        if doubts := _doubts(pair, name):
            told = " and ".join(f"{doubt} in the {which}" for which, doubt in doubts.items())
            yield Finding("time", "advisory", f"{of.label} step not compared: {told}", (pair.name,), name)
            continue
        before, after = (each.milliseconds for each in both)
        margin = max(pair.margins[name], resolved.get(name, 0.0))
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


def _one_sided(pair: Pair, of: Metric) -> Iterator[Finding]:
    """What is to be said of a step that was timed on the same machine, but in one run alone or otherwise."""
    before, after = _step(pair.before, of.name), _step(pair.after, of.name)
    if not same_machine(pair.before.environment, pair.after.environment):
        return
    if before is not None and after is not None:
        if before.batch != after.batch:
            told = f"a batch of {before.batch:,} in the baseline, of {after.batch:,} now"
            yield Finding("time", "advisory", f"{of.label} step not compared: {told}", (pair.name,), of.name)
    elif before is not None:
        yield Finding(
            kind="time",
            severity="undecided",
            message=f"{of.label} step is no longer timed ({of.text(before.milliseconds)} ms in the baseline)",
            cells=(pair.name,),
            field=of.name,
            unit=of.export_unit,
            before=before.milliseconds,
        )
    elif after is not None:
        yield untold(pair.name, "time", of.name, f"{of.label} step")


def _doubts(pair: Pair, name: str) -> dict[str, str]:
    """Why the times of a step say little, by run; nothing where they may be compared."""
    both = (("baseline", pair.before), ("current run", pair.after))
    return {which: doubt for which, record in both if (doubt := time_doubt([record], name))}


def _step(record: Record, name: str) -> StepTimes | None:
    found: StepTimes | None = getattr(record.measured, STEP_TIMES[name])
    return found
