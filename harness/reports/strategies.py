"""Strategy against strategy for each backbone: what a costlier one gains, how sure that is, and its cost."""

from collections.abc import Collection, Sequence

import pandas as pd

from harness.analysis.contests import LEVEL, MOST_TESTS, Contest, Contests, Setup, contests
from harness.analysis.standings import Standings
from harness.analysis.timing_doubts import unwatched
from harness.metrics import metric
from harness.reports.legend import what_tells
from harness.reports.row_names import RowNames, row_names
from harness.reports.tables import markdown
from harness.statistics import MCNEMAR, STUDENT, STUDENT_ONE
from harness.strategies import strategy
from harness.text import counted

__all__ = [
    "MOST_LINES",
    "ONE_SEED",
    "against",
    "how_compared",
    "how_told",
    "p_text",
    "points",
    "strategies",
    "times",
]

MOST_LINES = 200
"""How many lines a table of a section shows."""

ONE_SEED = (
    "The exact McNemar test of two rows of one seed speaks of these two trainings: what other seeds would "
    "give is in neither test nor interval."
)
"""What is to be said wherever two rows of one seed are tested."""

_LEFT = ("backbone", "from", "to", "verdict")
_SENTENCES = 40


def strategies(found: Standings) -> str:
    """The section: a sentence a setup, and a line a pair; "" where no setup has two strategies."""
    family = contests(found)
    names = row_names(found)
    shown = _of_most_images(family)
    pairs = [(setup, each) for setup, own in shown for each in own]
    if not pairs:
        return ""
    parts = [_verdict([each for _, each in pairs])]
    parts.append("\n".join(f"- {_sentence(names, setup, own)}" for setup, own in shown[:_SENTENCES]))
    lines = [_line(names, setup, each) for setup, each in pairs]
    parts.append(markdown(pd.DataFrame(lines[:MOST_LINES]), right=set(lines[0]) - set(_LEFT)))
    parts.append(_how_tested(family, [each for _, each in pairs]))
    parts += _left_out(found, family, len(lines))
    return "\n\n".join(parts)


def points(share: float) -> str:
    """A difference of accuracies in points, signed; never a minus before a zero."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def p_text(p_value: float) -> str:
    """A p-value to three decimals, or that it is below them; never rounded up to the level."""
    if p_value < 0.001:
        return "<0.001"
    below = p_value < LEVEL <= round(p_value, 3)
    return f"{'<' if below else ''}{p_value:.3f}"


def how_compared(methods: Collection[str]) -> str:
    """What pairs of rows were tested by, from the methods of their comparisons, for a sentence."""
    parts = ["exact McNemar tests"] if MCNEMAR in methods else []
    if set(methods) - {MCNEMAR}:
        parts.append(f"{'where both have one seed, else ' if parts else ''}{STUDENT}")
    one = "; a row of one seed beside one of several is taken as that one training"
    return " ".join(parts) + (one if STUDENT_ONE in methods else "")


def times(ratio: float | None) -> str:
    """A ratio of costs, "-" where there is none."""
    return "-" if ratio is None else f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def against(contest: Contest) -> str:
    """A difference with its interval, in points."""
    interval = contest.found.interval
    return f"{points(contest.found.difference)} points ({points(interval.low)} to {points(interval.high)})"


def how_told(family: Contests, shown: Sequence[Contest]) -> str:
    """Where it is told how the contests of a later section were tested: above, or here."""
    if _of_most_images(family):
        return "The tests are of the family told above."
    return _how_tested(family, shown)


def _of_most_images(family: Contests) -> list[tuple[Setup, list[Contest]]]:
    """The contests between strategies; of setups that differ in training images, those of the most."""
    between = [
        (setup, [each for each in own if each.base.cell.strategy != each.other.cell.strategy])
        for setup, own in family.by_setup
    ]
    most: dict[tuple[object, ...], int] = {}
    for setup, own in between:
        if own:
            most[setup.series] = max(setup.images, most.get(setup.series, 0))
    return [(setup, own) for setup, own in between if own and setup.images == most[setup.series]]


def _verdict(shown: Sequence[Contest]) -> str:
    told = sum(each.told_apart for each in shown)
    by = what_tells(row for each in shown for row in (each.base, each.other))
    if not told and len(shown) == 1:
        return f"The {by} cannot tell the two apart."
    return f"The {by} tell {told or 'none'} of {counted(len(shown), 'pair')} apart."


def _how_tested(family: Contests, shown: Sequence[Contest]) -> str:
    methods = {each.found.method for each in shown}
    rows = [row for each in shown for row in (each.base, each.other)]
    told = [
        "The rows of a pair differ in strategy or depth alone, and are tested on the same images "
        f"({how_compared(methods)}).",
        f"p is adjusted by Holm's method over one family of {counted(family.tests, 'test')}, all pairs of "
        f"such rows in this run, those of the next sections too; told apart means below {LEVEL:g}.",
        "The 95 % intervals are each pair's own, not adjusted.",
        "Time is the ratio of the seconds to a result, which are measured once a seed: it has no interval.",
    ]
    if MCNEMAR in methods:
        told.append(ONE_SEED)
    own = dict.fromkeys(row.cell.strategy for row in rows if strategy(row.cell.strategy).weights)
    if own:
        told.append(f"Weights of their own: {', '.join(own)}.")
    return " ".join(told)


def _sentence(names: RowNames, setup: Setup, own: Sequence[Contest]) -> str:
    title = names.setup(setup.first)
    clear = [each for each in own if each.told_apart]
    rest = len(own) - len(clear)
    if not clear:
        return f"{title}: {_no_difference(names, own)}."
    told: dict[tuple[str, str], list[str]] = {}
    for each in clear:
        word = "better" if each.better is each.other else "worse"
        told.setdefault((word, names.strategy(each.base)), []).append(_gain(names, each))
    verdicts = "; ".join(f"{word} than {base}: {', '.join(gains)}" for (word, base), gains in told.items())
    if not rest:
        return f"{title}: {verdicts}."
    others = "The other pair" if rest == 1 else f"The other {rest} pairs"
    return f"{title}: {verdicts}. {others} cannot be told apart."


def _no_difference(names: RowNames, own: Sequence[Contest]) -> str:
    least = own[0].base
    mentioned = {id(each.base) for each in own} | {id(each.other) for each in own}
    subject = "no strategy can be told from another"
    if len(mentioned) == 2:
        subject = f"{names.strategy(own[0].other)} cannot be told from {names.strategy(least)}"
    known = [each for each in own if each.base is least and each.time_ratio is not None]
    if not known:
        return subject
    slowest = max(known, key=lambda each: each.time_ratio or 0.0)
    ratio = times(slowest.time_ratio)
    who = "it" if len(mentioned) == 2 else names.strategy(slowest.other)
    whom = "" if len(mentioned) == 2 else f" of {names.strategy(least)}"
    return f"{subject}; {who} takes {ratio} times the time{whom}"


def _gain(names: RowNames, each: Contest) -> str:
    cost = "" if each.time_ratio is None else f" at {times(each.time_ratio)} times the time"
    return f"{names.strategy(each.other)} ({points(each.found.difference)} points{cost})"


def _line(names: RowNames, setup: Setup, each: Contest) -> dict[str, str]:
    interval = each.found.interval
    loss = metric("test_loss")
    verdict = "cannot be told apart"
    if each.told_apart:
        verdict = "better" if each.better is each.other else "worse"
    return {
        "backbone": names.setup(setup.first),
        "from": names.strategy(each.base),
        "to": names.strategy(each.other),
        "accuracy (%)": f"{100 * each.base.accuracy:.1f} to {100 * each.other.accuracy:.1f}",
        "difference (points)": points(each.found.difference),
        "95 % interval (points)": f"{points(interval.low)} to {points(interval.high)}",
        "p adjusted": p_text(each.p_value),
        "verdict": verdict,
        "loss": f"{loss.text(each.base.value(loss))} to {loss.text(each.other.value(loss))}",
        "time (ratio)": times(each.time_ratio),
    }


def _left_out(found: Standings, family: Contests, lines: int) -> list[str]:
    notes = []
    if lines > MOST_LINES:
        notes.append(f"The first {MOST_LINES} of {lines:,} pairs.")
    if family.left_out:
        groups = counted(len(family.left_out), "group")
        notes.append(
            f"Not tested: {groups} of rows behind the first {MOST_TESTS} pairs, the less accurate ones."
        )
    disturbed = [each for _, own in family.by_setup for each in own if each.time_ratio is None]
    if disturbed:
        notes.append(
            "Time is - where a row has no seconds to its result, and where other work disturbed the step "
            "times of one of the two."
        )
    ratios = [each for _, own in family.by_setup for each in own if each.time_ratio is not None]
    unknown = sum(any(map(unwatched, (*each.base.records, *each.other.records))) for each in ratios)
    if unknown:
        notes.append(
            f"What other processes took is not recorded for {unknown:,} of the {len(ratios):,} pairs with a "
            "ratio of times: it may be one of disturbed times."
        )
    if found.partial:
        notes.append("Rows that lack a seed take no part; they stand in the leaderboard.")
    return ["\n".join(f"- {note}" for note in notes)] if notes else []
