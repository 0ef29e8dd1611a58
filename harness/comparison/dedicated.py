"""Times as a gate: base and head timed in turn on one machine that has nothing else to do.

A machine drifts, so each pass of the one is compared with the pass of the other that was timed next to it,
as a ratio.  The first half of these pairs is one run of the experiment and the second half another, which has
to agree: a step is slower where the median ratio of *both* halves is above 1 plus a margin, and the interval
of the median over all pairs lies above 1.

The margin is what the machine resolves between two means of as many measurements as a half has passes, at the
95 % level, as the folders' A/A tests and the disagreement of their passes say (the widest counts).  By chance
one half exceeds it in about one case of forty, and both in fewer than one of a hundred;
tests/comparison/test_dedicated.py simulates it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from harness.analysis.machines import same_machine
from harness.analysis.resolution import aa_spread
from harness.analysis.timing_doubts import doubts, usual_products
from harness.analysis.timing_rows import Timings
from harness.comparison.finding import Finding, Severity
from harness.comparison.sides import NotComparableError
from harness.comparison.timings import TimedPair
from harness.errors import UserError
from harness.metrics import MARGINS
from harness.statistics import Interval, median_interval, spread_of_passes
from harness.text import quoted
from harness.timing.records import TimingRecord

__all__ = ["FEWEST_IN_HALF", "Ratios", "dedicated_times", "require_turns", "resolved"]

FEWEST_IN_HALF = 2
"""How many pairs a half must have: the median of one would be that one."""

HOW = (
    "Time both in turn, on one machine with nothing beside it, and change who begins: `--passes 1` for the "
    "base, then for the head, `--passes 2` for the head, then for the base, and so on up to 4 passes each "
    "(`transferbench time MATRIX --out BASE --passes 1` adds the pass that is missing)."
)


@dataclass(frozen=True)
class Ratios:
    """Head over base, pair by pair, in the two halves of the experiment."""

    first: tuple[float, ...]
    second: tuple[float, ...]

    @property
    def halves(self) -> tuple[float, float]:
        """The median ratio of each half."""
        return median(self.first), median(self.second)

    @property
    def median(self) -> float:
        """The median ratio of all pairs."""
        return median([*self.first, *self.second])

    @property
    def interval(self) -> Interval:
        """The distribution-free interval of that median; of four pairs from the least to the greatest."""
        return median_interval([*self.first, *self.second])

    def verdict(self, margin: float) -> Literal["slower", "faster", "halves differ", "the same"]:
        """What the ratios amount to; `margin` is a share."""
        slower = [half > 1 + margin for half in self.halves]
        faster = [half * (1 + margin) < 1 for half in self.halves]
        if all(slower) and self.interval.low > 1:
            return "slower"
        if all(faster) and self.interval.high < 1:
            return "faster"
        return "halves differ" if any(slower) or any(faster) else "the same"


@dataclass(frozen=True)
class _Turn:
    """The two timings of one pass, which stand next to each other in time."""

    number: int
    base: TimingRecord
    head: TimingRecord

    @property
    def base_first(self) -> bool:
        return self.base.started < self.head.started


def require_turns(baseline: Timings, current: Timings, pairs: Sequence[TimedPair], where: str) -> None:
    """Raise `UserError`, which says how it is done, unless base and head were timed in turn.

    That is: four passes of each at least, on one machine, and for some cell the passes of the two next to
    each other in time, with either of them first in each half.
    """
    passes = min(baseline.facts.passes, current.facts.passes)
    if passes < 2 * FEWEST_IN_HALF:
        raise UserError(
            f"--dedicated needs {2 * FEWEST_IN_HALF} passes of both, found {baseline.facts.passes} and "
            f"{current.facts.passes}",
            where=where,
            hint=HOW,
        )
    if pairs and not any(same_machine(each.before.environment, each.after.environment) for each in pairs):
        raise UserError("--dedicated compares times of one machine, these are of two", where=where, hint=HOW)
    if pairs and not any(_in_turn(each, passes) for each in pairs):
        raise UserError("base and head were not timed in turn", where=where, hint=HOW)


def resolved(sides: Sequence[Timings], device: str, measurements: int) -> float:
    """What a machine resolves between two means of so many measurements, as a share: the widest witness.

    Without an A/A test and with too few rows it is the margin that machines have which nothing is known of.
    """
    widths: list[float] = []
    for side in sides:
        checks = [each.check for each in side.resolutions if each.device == device and each.check]
        widths += [aa_spread(check).width(measurements) for check in checks]
        rows = [row.pass_milliseconds for row in side.rows if row.cell.device == device]
        whole = [each for each in rows if len(each) == side.facts.passes]
        spread = spread_of_passes(whole) if whole else None
        widths += [spread.width(measurements)] if spread else []
    return max(widths, default=MARGINS["train_ms"].value)


def dedicated_times(baseline: Timings, current: Timings, pairs: Sequence[TimedPair]) -> Iterator[Finding]:
    """Judge the time of each cell; what cannot be judged is undecided, with the reason.

    Raises `NotComparableError` where there are cells and none can be judged: a gate that looked at nothing
    must not be open.
    """
    judged, why = 0, ""
    passes = min(baseline.facts.passes, current.facts.passes)
    usual = [usual_products(side.records) for side in (baseline, current)]
    for pair in pairs:
        if not same_machine(pair.before.environment, pair.after.environment):
            continue
        turns = _in_turn(pair, passes)
        disturbed = {
            turn.number: told
            for turn in turns
            if (
                told := [
                    *doubts([turn.base], 1, None, usual[0]),
                    *doubts([turn.head], 1, None, usual[1]),
                ]
            )
        }
        halves = _halves([turn for turn in turns if turn.number not in disturbed], passes)
        fewest = min(map(len, halves))
        if fewest < FEWEST_IN_HALF:
            reasons = [each for told in disturbed.values() for each in told]
            why = quoted("; ".join(reasons[:3])) if reasons else "its passes were not timed in turn"
            yield Finding("time", "undecided", f"its time cannot be judged: {why}", (pair.name,), "step_ms")
            continue
        ratios = Ratios(*(tuple(_ratio(turn) for turn in half) for half in halves))
        margin = resolved((baseline, current), pair.before.cell.device, fewest)
        judged += 1
        yield from _judged(pair, ratios, margin)
    if pairs and not judged:
        raise NotComparableError(f"no cell's time could be judged; of the last one: {why}", hint=HOW)


def _judged(pair: TimedPair, ratios: Ratios, margin: float) -> Iterator[Finding]:
    severities: dict[str, Severity] = {
        "slower": "regression",
        "faster": "improved",
        "halves differ": "undecided",
    }
    verdict = ratios.verdict(margin)
    if verdict not in severities:
        return
    interval, halves = ratios.interval, " and ".join(f"{half:.3f}" for half in ratios.halves)
    disagree = ", which do not agree" if verdict == "halves differ" else ""
    yield Finding(
        kind="time",
        severity=severities[verdict],
        message=f"{pair.before.milliseconds:.4g} to {pair.after.milliseconds:.4g} ms a step: median ratio "
        f"{ratios.median:.3f}, {100 * interval.confidence:.0f} % interval {interval.low:.3f} to "
        f"{interval.high:.3f}, halves {halves}{disagree}; margin {100 * margin:.1f} %",
        cells=(pair.name,),
        field="step_ms",
        unit="ms/step",
        before=pair.before.milliseconds,
        after=pair.after.milliseconds,
        difference=ratios.median,
        interval=interval,
        margin=margin,
    )


def _in_turn(pair: TimedPair, passes: int) -> list[_Turn]:
    """The turns of a cell, by pass; empty where a half lacks them or has one of the two first in all."""
    base = {record.in_pass: record for record in pair.before.records}
    head = {record.in_pass: record for record in pair.after.records}
    in_time = sorted([*base.values(), *head.values()], key=lambda record: record.started)
    # Of one side a pass has one record, so two of the same number are of both sides.
    turns = [
        _Turn(one.in_pass, base[one.in_pass], head[one.in_pass])
        for one, other in pairwise(in_time)
        if one.in_pass == other.in_pass and one.started < other.started
    ]
    for half in _halves(turns, passes):
        if len(half) < FEWEST_IN_HALF or len({turn.base_first for turn in half}) < 2:
            return []
    return turns


def _halves(turns: Sequence[_Turn], passes: int) -> tuple[list[_Turn], list[_Turn]]:
    middle = passes // 2
    return [turn for turn in turns if turn.number <= middle], [turn for turn in turns if turn.number > middle]


def _ratio(turn: _Turn) -> float:
    base, head = turn.base.timed, turn.head.timed
    if base is None or head is None:
        raise ValueError("a row holds records with a result alone")
    return head.step.milliseconds / base.step.milliseconds
