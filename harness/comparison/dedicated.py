"""Times as a gate: base and head timed in turn on one machine that has nothing else to do.

A machine drifts, so each pass of the one is compared with the pass of the other that was timed next to it,
as a ratio.  The first half of these pairs is one run of the experiment and the second half another, which
has to agree: every pass is processes of its own, started separately, so the halves have nothing in common
but the code and the machine.  A step is slower where the median ratio of *both* runs is above 1 plus a
margin, and the interval of the median over all pairs lies above 1.

The margin is what the machine resolves between two means of as many measurements as a run has pairs, at the
95 % level, with the code of the base alone: a head whose steps became erratic must not widen what it is held
against (its own noise is in the interval).  There are two witnesses, and the wider counts:

- The A/A test of the base, ten timings one after the other: how much processes of the same code differ.  It
  is of one cell, and knows little of drift.
- The base's passes over the very cell, by the mean square of what successive ones differ by.  The two of a
  pair stand next to each other in time, so a ratio has the drift from one timing to the next; successive
  passes have that too, and a little more.  What passes differ by about their common mean would hold the
  drift of the whole experiment; what the rows of a report disagree by (`spread_of_passes`) leaves out what
  is common to a pass, which a ratio of two passes has, and is a median over cells that need not be alike.

By chance one run exceeds the margin in about one case of forty, and both, with an interval above 1, in hardly
one of a thousand; with six passes of 3 % noise a step that is 30 % slower is all but always found.
tests/comparison/test_dedicated.py simulates it, with drift, with a head that is three times as erratic as the
base, and with cells that are less steady than the one of the A/A test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Literal

from harness.analysis.machines import same_machine
from harness.analysis.resolution import aa_spread
from harness.analysis.timing_doubts import CEILING_BELOW, apart, best_ceiling, doubts
from harness.analysis.timing_rows import Timings
from harness.comparison.finding import Finding, Severity
from harness.comparison.sides import NotComparableError
from harness.comparison.timings import TimedPair
from harness.errors import UserError
from harness.metrics import MARGINS
from harness.statistics import Interval, Spread, median_interval, spread_of_successive
from harness.text import quoted
from harness.timing.records import TimingRecord

__all__ = ["FEWEST_IN_HALF", "Ratios", "Verdict", "dedicated_times", "require_turns", "resolved"]

FEWEST_IN_HALF = 2
"""How many pairs a half must have: the median of one would be that one."""

HOW = (
    "Time both in turn, on one machine with nothing beside it, and change who begins: `--passes 1` for the "
    "base, then for the head, `--passes 2` for the head, then for the base, and so on up to 4 passes each or "
    "more (`transferbench time MATRIX --out BASE --passes 1 --keep-disturbed` adds the pass that is missing)."
)

Verdict = Literal["slower", "faster", "the two runs do not agree", "the interval holds 1", "the same"]

_SEVERITIES: dict[Verdict, Severity] = {
    "slower": "regression",
    "faster": "improved",
    "the two runs do not agree": "undecided",
    "the interval holds 1": "undecided",
    "the same": "within",
}


@dataclass(frozen=True)
class Ratios:
    """Head over base, pair by pair, in the two runs of the experiment."""

    first: tuple[float, ...]
    second: tuple[float, ...]

    @property
    def halves(self) -> tuple[float, float]:
        """The median ratio of each run."""
        return median(self.first), median(self.second)

    @property
    def median(self) -> float:
        """The median ratio of all pairs."""
        return median([*self.first, *self.second])

    @property
    def interval(self) -> Interval:
        """The distribution-free interval of that median; of up to eight pairs from the least to the most."""
        return median_interval([*self.first, *self.second])

    def verdict(self, margin: float) -> Verdict:
        """What the ratios amount to; `margin` is a share."""
        slower = [half > 1 + margin for half in self.halves]
        faster = [half * (1 + margin) < 1 for half in self.halves]
        if all(slower):
            return "slower" if self.interval.low > 1 else "the interval holds 1"
        if all(faster):
            return "faster" if self.interval.high < 1 else "the interval holds 1"
        return "the two runs do not agree" if any(slower) or any(faster) else "the same"


@dataclass(frozen=True)
class _Turn:
    """The two timings of one pass, which stand next to each other in time."""

    number: int
    base: TimingRecord
    head: TimingRecord

    @property
    def base_first(self) -> bool:
        return self.base.started < self.head.started

    @property
    def milliseconds(self) -> tuple[float, float]:
        """The base's and the head's, a step."""
        if self.base.timed is None or self.head.timed is None:
            raise ValueError("a row holds records with a result alone")
        return self.base.timed.step.milliseconds, self.head.timed.step.milliseconds

    @property
    def ratio(self) -> float:
        """Head over base."""
        base, head = self.milliseconds
        return head / base


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
    whole = [each for each in pairs if not _lost(each, passes)]
    if whole and not any(_in_turn(each, passes) for each in pairs):
        raise UserError("base and head were not timed in turn", where=where, hint=HOW)


def resolved(aa: Spread | None, passes: Sequence[float], measurements: int) -> float:
    """What the machine resolves between two means of so many measurements of the base, as a share.

    `aa` is the spread of the base's A/A test; where there is none, the margin of a machine of which nothing
    is known stands for it.  `passes` are the times of the base's passes over the cell, two or more in their
    order, in any unit.
    """
    alike = MARGINS["train_ms"].value if aa is None else aa.width(measurements)
    return max(alike, spread_of_successive(passes).width(measurements))


def dedicated_times(baseline: Timings, current: Timings, pairs: Sequence[TimedPair]) -> Iterator[Finding]:
    """Judge the time of each cell, of those that are the same too; what cannot be judged is undecided.

    Raises `NotComparableError` where there are cells and none can be judged: a gate that looked at nothing
    must not be open.
    """
    judged, why = 0, ""
    passes = min(baseline.facts.passes, current.facts.passes)
    for pair in pairs:
        if not same_machine(pair.before.environment, pair.after.environment):
            continue
        turns, aa = _in_turn(pair, passes), _aa_spread(baseline, pair)
        disturbed = {turn.number: told for turn in turns if (told := list(_disturbances(turn)))}
        kept = [turn for turn in turns if turn.number not in disturbed]
        if min(map(len, _halves(kept, passes))) < FEWEST_IN_HALF:
            reasons = [each for told in disturbed.values() for each in told]
            lost = _lost(pair, passes) or "its passes were not timed in turn"
            why = quoted("; ".join(reasons[:3])) if reasons else lost
            yield Finding("time", "undecided", f"its time cannot be judged: {why}", (pair.name,), "step_ms")
            continue
        judged += 1
        yield _judged(pair, kept, passes, aa)
    if pairs and not judged:
        raise NotComparableError(f"no cell's time could be judged; of the last one: {why}", hint=HOW)


def _judged(pair: TimedPair, turns: Sequence[_Turn], passes: int, aa: Spread | None) -> Finding:
    """What the turns that count say of a cell."""
    base, head = zip(*(turn.milliseconds for turn in turns), strict=True)
    halves = _halves(turns, passes)
    first, second = (tuple(turn.ratio for turn in half) for half in halves)
    ratios, margin = Ratios(first, second), resolved(aa, base, min(map(len, halves)))
    interval, verdict = ratios.interval, ratios.verdict(margin)
    runs = ", ".join(
        f"{name} run {half:.3f} (passes {', '.join(str(turn.number) for turn in own)})"
        for name, half, own in zip(("first", "second"), ratios.halves, halves, strict=True)
    )
    return Finding(
        kind="time",
        severity=_SEVERITIES[verdict],
        message=f"{fmean(base):.4g} to {fmean(head):.4g} ms a step: median ratio {ratios.median:.3f}, "
        f"{100 * interval.confidence:.0f} % interval {interval.low:.3f} to {interval.high:.3f}; {runs}; "
        f"margin {100 * margin:.1f} %: {verdict}",
        cells=(pair.name,),
        field="step_ms",
        unit="ms/step",
        before=fmean(base),
        after=fmean(head),
        difference=ratios.median,
        interval=interval,
        margin=margin,
    )


def _disturbances(turn: _Turn) -> Iterator[str]:
    """What speaks against a pair: against either timing, or that the machine was another one for each.

    A machine that was slowed for both is no matter: what counts is their ratio.
    """
    for record in (turn.base, turn.head):
        yield from doubts([record], 1, None, {})
    products = [
        best.flops
        for record in (turn.base, turn.head)
        if record.timed and (best := best_ceiling(record.timed.ceilings))
    ]
    if len(products) == 2 and apart(products) > CEILING_BELOW:
        yield (
            f"the matrix product beside the one was {100 * apart(products):.0f} % faster than beside the "
            f"other (pass {turn.number})"
        )


def _aa_spread(side: Timings, pair: TimedPair) -> Spread | None:
    """The spread of a side's A/A test on the machine and device of a cell; None without one."""
    place = pair.before.environment.fingerprint, pair.before.cell.device
    for each in side.resolutions:
        if each.check is not None and (each.fingerprint, each.device) == place:
            return aa_spread(each.check)
    return None


def _lost(pair: TimedPair, passes: int) -> str:
    """Which side lacks a time of some of these passes, in words; "" where each has all."""
    told = []
    for name, row in (("base", pair.before), ("head", pair.after)):
        there = sum(record.in_pass <= passes for record in row.records)
        told += [f"{there} of {passes} passes of the {name} have a time"] if there < passes else []
    return " and ".join(told)


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
