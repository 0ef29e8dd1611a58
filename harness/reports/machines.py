"""Machine against machine as tables, for time only: the ratio of the step times of the same cells."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pandas as pd

from harness.analysis.machines import (
    Clocked,
    Duel,
    Kind,
    Place,
    duels,
    environment_differences,
    of_records,
    places,
)
from harness.analysis.standings import Standings
from harness.reports.strategies import MOST_LINES, p_text
from harness.reports.tables import machine, markdown, significant
from harness.text import counted, sentences

__all__ = ["machine_against_machine", "machines"]

_RESTS_ON = {
    "resolution": "what each machine's own passes and A/A test say that it can tell apart (resolution)",
    "repeats": "the repeats, each in a process of its own, by Student's t (repeats)",
    "blocks": "the blocks within single measurements, so that a repeat may lie outside (blocks)",
}


def machines(found: Standings) -> str:
    """The section: the first machine or device of a run against each other one; "" where there is one."""
    if len({(each.environment.fingerprint, each.cell.device) for each in found.records}) < 2:
        return ""
    every = of_records(found.records)
    by_place = _by_place(every)
    parts = []
    for place in places(every)[1:]:
        first = places(every)[0]
        names = _names(first, place)
        text = machine_against_machine(
            by_place[first.key],
            by_place[place.key],
            names=names,
            differences=environment_differences(first.environment, place.environment),
        )
        if text:
            parts.append(f"### {names[1]} against {names[0]}, time only\n\n{text}")
    return "\n\n".join(parts)


def machine_against_machine(
    first: Sequence[Clocked],
    second: Sequence[Clocked],
    *,
    names: tuple[str, str],
    differences: Sequence[str] = (),
) -> str:
    """The times of one place against those of another, called by `names`; "" where no cell is at both.

    `differences` are told beneath the two machines.  It has no heading.
    """
    kinds, doubtful = duels(first, second)
    if not kinds and not doubtful:
        return ""
    here, there = first[0].place, second[0].place
    lines = [
        f"- {names[0]}: {machine(here.environment)}, on {here.device}",
        f"- {names[1]}: {machine(there.environment)}, on {there.device}",
        *(f"- they differ in {line}" for line in differences),
    ]
    parts = ["\n".join(lines)]
    if kinds:
        shown = [each for kind in kinds for each in kind.duels]
        parts += [
            "\n".join(f"- {_sentence(names, kind)}" for kind in kinds),
            _table([_line(names, each) for each in shown[:MOST_LINES]]),
            _how(names, shown),
        ]
        if len(shown) > MOST_LINES:
            parts.append(f"The first {MOST_LINES} of {len(shown):,} times.")
    if doubtful:
        parts.append(_doubtful(names, doubtful))
    return "\n\n".join(parts)


def _by_place(every: Iterable[Clocked]) -> dict[tuple[str, str], list[Clocked]]:
    found: dict[tuple[str, str], list[Clocked]] = defaultdict(list)
    for each in every:
        found[each.place.key].append(each)
    return found


def _names(first: Place, second: Place) -> tuple[str, str]:
    """The devices where they tell two places of one run apart, else their environments."""
    if first.device != second.device and first.environment.fingerprint == second.environment.fingerprint:
        return first.device, second.device
    return (
        f"{first.environment.fingerprint} {first.device}",
        f"{second.environment.fingerprint} {second.device}",
    )


def _how(names: tuple[str, str], shown: Sequence[Duel]) -> str:
    rests = {each.interval[1] for each in shown}
    told = [words for name, words in _RESTS_ON.items() if name in rests]
    least = min(each.interval[0].confidence for each in shown)
    return (
        f"The ratio is the time on {names[1]} over that on {names[0]}: below 1 the former is faster. Times "
        "are geometric means over seeds or passes, without disturbed ones. The intervals, of at least "
        f"{100 * least:.0f} %, come from {'; or from '.join(told)}."
    )


def _sentence(names: tuple[str, str], kind: Kind) -> str:
    faster = names[1] if kind.ratio < 1 else names[0]
    factor = max(kind.ratio, 1 / kind.ratio)
    told = f"{kind.name}: "
    if kind.spread is None:
        (only,) = kind.duels
        interval = only.interval[0]
        if interval.low <= 1 <= interval.high:
            return f"{told}of one cell, the two cannot be told apart."
        return f"{told}of one cell, {faster} is faster by a factor of {significant(factor, 3)}."
    ratios = [each.ratio for each in kind.duels]
    told += (
        f"the geometric mean of {counted(len(ratios), 'ratio')} is {significant(kind.ratio, 3)} (from "
        f"{significant(min(ratios), 3)} to {significant(max(ratios), 3)}, standard deviation a factor of "
        f"{significant(kind.spread, 3)})"
    )
    unsure = sum(each.interval[0].low <= 1 <= each.interval[0].high for each in kind.duels)
    if unsure:
        told += f"; the interval of {unsure} of them holds 1"
    if kind.ranks is not None:
        told += f"; rank correlation of the cells {kind.ranks[0]:.2f} (p {p_text(kind.ranks[1])})"
    return told + "."


def _line(names: tuple[str, str], each: Duel) -> dict[str, str]:
    interval, rests = each.interval
    return {
        "step": each.first.kind,
        "cell": each.first.label,
        f"{names[0]} (ms/step)": significant(each.first.typical, 3),
        f"{names[1]} (ms/step)": significant(each.second.typical, 3),
        "ratio": significant(each.ratio, 3),
        "interval": f"{significant(interval.low, 3)} to {significant(interval.high, 3)}",
        "interval from": rests,
    }


def _doubtful(names: tuple[str, str], found: Sequence[Duel]) -> str:
    lines = [
        {
            "step": each.first.kind,
            "cell": each.first.label,
            "why": sentences(each.doubt.replace("first:", f"{names[0]}:").replace("second:", f"{names[1]}:")),
        }
        for each in found[:MOST_LINES]
    ]
    title = f"Not compared, {counted(len(found), 'time')}:"
    return f"{title}\n\n{markdown(pd.DataFrame(lines), right=())}"


def _table(lines: Sequence[dict[str, str]]) -> str:
    return markdown(pd.DataFrame(lines), right=set(lines[0]) - {"step", "cell", "interval", "interval from"})
