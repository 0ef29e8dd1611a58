"""The times of two runs of trainings: told, never a gate.

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

__all__ = ["FEWEST_CELLS", "TIMES", "comparable_times", "spread_of_cells", "times"]

TIMES: Final = (*STEP_TIMES, "first_step_s", "to_result_s")
"""The metrics that are compared here: steps, and what no step shows, such as tracing and the pipeline."""

FEWEST_CELLS: Final = 6
"""Of how many cells it takes the ratios to tell how far they lie apart."""

_OF_NORMAL = NormalDist().inv_cdf(0.975) / NormalDist().inv_cdf(0.75)
"""From the median absolute deviation of a normal distribution to the half-width that holds 95 % of it."""


def comparable_times(pair: Pair, name: str) -> tuple[float, float] | None:
    """A time in both runs, in the unit of the exports; None where they say nothing of each other.

    That is: on other machines, with another batch, or with XLA on one side.  They may still be in doubt.
    """
    before, after = metric(name).value(pair.before), metric(name).value(pair.after)
    if not before or not after or _batch(pair.before, name) != _batch(pair.after, name):
        return None
    if pair.before.measured.jit != pair.after.measured.jit:
        return None
    return (before, after) if same_machine(pair.before.environment, pair.after.environment) else None


def spread_of_cells(pairs: Sequence[Pair]) -> dict[str, float]:
    """By metric the factor within which 95 % of the cells' ratios lie of the usual one, if cells are enough.

    By the median absolute deviation of the logarithms.  Where the code is the same it is what the machine
    does to such times from one run to the next; elsewhere real changes are in it too, so it excuses none.
    """
    found = {}
    for name in TIMES:
        both = [comparable_times(pair, name) for pair in pairs if not _doubts(pair, name)]
        ratios = [math.log(after / before) for before, after in filter(None, both)]
        if len(ratios) >= FEWEST_CELLS:
            middle = median(ratios)
            found[name] = math.exp(_OF_NORMAL * median(abs(each - middle) for each in ratios))
    return found


def times(pair: Pair, spreads: Mapping[str, float]) -> Iterator[Finding]:
    """The times of one cell that differ by more than their margin, beside how far those of all cells do.

    `spreads` is that factor by metric (`spread_of_cells`).  What one of the runs alone has timed, on the same
    machine, is undecided: nothing shows that it is no slower.
    """
    for name in TIMES:
        of = metric(name)
        if name != "first_step_s":  # it is part of the train step's times
            yield from _one_sided(pair, of)
        both = comparable_times(pair, name)
        if both is None:
            continue
        before, after = both
        if doubts := _doubts(pair, name):
            if name not in STEP_TIMES:  # what is against them are the doubts of the steps
                continue
            told = " and ".join(f"{doubt} in the {which}" for which, doubt in doubts.items())
            yield Finding("time", "advisory", f"{_words(of)} not compared: {told}", (pair.name,), name)
        elif abs(math.log(after / before)) > math.log1p(pair.margins[name]):
            yield _moved(pair, of, before, after, spreads.get(name))


def _moved(pair: Pair, of: Metric, before: float, after: float, spread: float | None) -> Finding:
    margin = pair.margins[of.name]
    usual = f"up to {1 + margin:.2f} is usual on a machine that others use too"
    if spread is not None:
        usual += f"; 95 % of the cells of these two runs lie within {spread:.2f} of the usual ratio"
    return Finding(
        kind="time",
        severity="advisory",
        message=f"{_words(of)} {of.text(before)} to {of.text(after)} {of.unit.removesuffix('/step')}, "
        f"{'slower' if after > before else 'faster'} by a factor of "
        f"{max(after / before, before / after):.2f} ({usual})",
        cells=(pair.name,),
        field=of.name,
        unit=of.export_unit,
        before=before,
        after=after,
        difference=after / before,
        margin=margin,
    )


def _one_sided(pair: Pair, of: Metric) -> Iterator[Finding]:
    """What is to be said of a time of the same machine that one run alone has, or of another batch."""
    before, after = of.value(pair.before), of.value(pair.after)
    if not same_machine(pair.before.environment, pair.after.environment):
        return
    batches = _batch(pair.before, of.name), _batch(pair.after, of.name)
    if before is not None and after is not None:
        if batches[0] != batches[1]:
            told = f"a batch of {batches[0]:,} in the baseline, of {batches[1]:,} now"
            yield Finding("time", "advisory", f"{_words(of)} not compared: {told}", (pair.name,), of.name)
    elif before is not None:
        unit = of.unit.removesuffix("/step")
        yield Finding(
            kind="time",
            severity="undecided",
            message=f"{_words(of)} is no longer timed ({of.text(before)} {unit} in the baseline)",
            cells=(pair.name,),
            field=of.name,
            unit=of.export_unit,
            before=before,
        )
    elif after is not None:
        yield untold(pair.name, "time", of.name, _words(of))


def _words(of: Metric) -> str:
    """The time as the subject of a sentence."""
    if of.name in STEP_TIMES:
        return f"{of.label} step"
    return "time to result" if of.name == "to_result_s" else of.label


def _doubts(pair: Pair, name: str) -> dict[str, str]:
    """Why a time says little, by run; nothing where both may be compared."""
    both = (("baseline", pair.before), ("current run", pair.after))
    return {which: doubt for which, record in both if (doubt := time_doubt([record], name))}


def _batch(record: Record, name: str) -> int:
    """The images of a step that was timed; 0 of what is no step."""
    found: StepTimes | None = getattr(record.measured, STEP_TIMES[name]) if name in STEP_TIMES else None
    return found.batch if found else 0
