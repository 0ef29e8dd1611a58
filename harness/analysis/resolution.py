"""The smallest difference in time that a machine can tell from chance, which is the width of a tie.

There are two witnesses: an A/A test, where one cell is timed as two, and the disagreement of a run's
own passes.  The wider counts.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.statistics import Interval, Spread, ratio_interval, spread_of_passes, spread_of_repeats
from harness.timing.records import SelfCheck, TimingRecord

__all__ = [
    "Resolution",
    "aa_difference",
    "aa_sentence",
    "aa_spread",
    "render_selfcheck",
    "resolutions",
    "selfcheck_facts",
]

_PASSES = (1, 2, 3)


@dataclass(frozen=True)
class Resolution:
    """What one machine (by fingerprint) and device can tell apart in a run of so many passes.

    `from_check` and `from_passes` are shares; None where there was no A/A test on that very machine, or
    where too few rows were measured in every pass.
    """

    fingerprint: str
    device: str
    passes: int
    check: SelfCheck | None
    from_check: float | None
    from_passes: float | None
    rows: int

    @property
    def width(self) -> float | None:
        """The width of a tie as a share: the wider of the two; None if there is neither."""
        return max((each for each in (self.from_check, self.from_passes) if each is not None), default=None)


def resolutions(
    checks: Sequence[SelfCheck], rows: Iterable[Sequence[TimingRecord]], passes: int
) -> dict[tuple[str, str], Resolution]:
    """What can be told apart, by fingerprint and device; `rows` holds the records of each row."""
    medians: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for records in rows:
        place = records[0].environment.fingerprint, records[0].cell.device
        found = [record.timed.step.milliseconds for record in records if record.timed]
        if found and len(found) == passes:
            medians[place].append(found)
        else:
            medians.setdefault(place, [])
    told = {
        (check.environment.fingerprint, check.cell.device): check
        for check in checks
        if min(len(check.a), len(check.b)) > 1
    }

    def width(spread: Spread | None) -> float | None:
        return spread.width(passes) if spread else None

    return {
        place: Resolution(
            fingerprint=place[0],
            device=place[1],
            passes=passes,
            check=told.get(place),
            from_check=width(aa_spread(told[place])) if place in told else None,
            from_passes=width(spread_of_passes(found)) if found else None,
            rows=len(found),
        )
        for place, found in medians.items()
    }


def aa_spread(check: SelfCheck) -> Spread:
    """The spread of one measurement, from all of an A/A test: both labels are the same thing."""
    return spread_of_repeats([*check.a, *check.b])


def aa_difference(check: SelfCheck) -> Interval:
    """The 95 % interval of A over B, minus 1, as a share; it must hold 0, since both are one thing."""
    ratio = ratio_interval(check.a, check.b)
    return Interval(ratio.low - 1, ratio.high - 1, ratio.confidence)


def aa_sentence(check: SelfCheck) -> str:
    """What an A/A test found, in a sentence; loud where it contradicts itself."""
    cell, between = check.cell, aa_difference(check)
    told = (
        f"A/A: {cell.backbone} {cell.label} at {cell.size} px, batch {cell.batch}, {cell.device}, timed as "
        f"two, {len(check.a)} times each in turn, differs by {_percent(_difference(check), sign=True)} "
        f"(95 % interval {_percent(between.low, sign=True)} to {_percent(between.high, sign=True)})"
    )
    if between.low <= 0 <= between.high:
        return told + "."
    return (
        f"{told}. **That interval does not hold 0, although both are the same thing: something that "
        "goes in turn with them disturbs the times here, or it is the one case in twenty that chance "
        "allows. Take `transferbench selfcheck` again before you trust small differences.**"
    )


def selfcheck_facts(check: SelfCheck) -> dict[str, Any]:
    """An A/A test as plain values: times in milliseconds a step, differences as shares."""
    between, spread = aa_difference(check), aa_spread(check)
    return {
        "cell": check.cell.name,
        "environment": check.environment.fingerprint,
        "started": check.started,
        "a_ms": [1000 * each for each in check.a],
        "b_ms": [1000 * each for each in check.b],
        "difference": _difference(check),
        "difference_interval": [between.low, between.high],
        "holds_zero": between.low <= 0 <= between.high,
        "deviation_of_one": spread.deviation,
        "resolves": {str(passes): spread.width(passes) for passes in _PASSES},
    }


def render_selfcheck(check: SelfCheck) -> str:
    """An A/A test in a few lines: what was timed, both medians, what this machine can resolve."""
    facts = selfcheck_facts(check)
    low, high = facts["difference_interval"]
    widths = ", ".join(
        f"{_percent(width)} with {passes} pass{'' if passes == '1' else 'es'}"
        for passes, width in facts["resolves"].items()
    )
    verdict = (
        "verdict     the two are told to be the same, as they are"
        if facts["holds_zero"]
        else "verdict     WRONG: one thing was told to be two. Something disturbs the times here, or it is\n"
        "            the one case in twenty that chance allows; take the check again, with nothing beside it"
    )
    return "\n".join(
        [
            f"timed       {check.cell.name}, as A and as B in turn, {len(check.a)} times each",
            f"A           {_geometric_mean(facts['a_ms']):.4g} ms a step "
            f"({min(facts['a_ms']):.4g} to {max(facts['a_ms']):.4g})",
            f"B           {_geometric_mean(facts['b_ms']):.4g} ms a step "
            f"({min(facts['b_ms']):.4g} to {max(facts['b_ms']):.4g})",
            f"difference  {_percent(facts['difference'], sign=True)}, 95 % interval "
            f"{_percent(low, sign=True)} to {_percent(high, sign=True)}",
            f"resolves    differences of {widths}",
            verdict,
        ]
    )


def _difference(check: SelfCheck) -> float:
    """A over B, minus 1, of geometric means."""
    return _geometric_mean(check.a) / _geometric_mean(check.b) - 1


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def _percent(share: float, *, sign: bool = False) -> str:
    rounded = round(100 * share, 1) + 0.0  # no -0.0
    return f"{rounded:{'+' if sign else ''}.1f} %"
