"""A recommendation in plain sentences."""

import math
from collections.abc import Sequence

from harness.analysis.limits import Limit
from harness.analysis.recommend import (
    COST_WITHIN,
    Advice,
    Candidate,
    Choice,
    Cost,
    GroupAdvice,
    Miss,
    Rival,
    batches,
    milliseconds_an_image,
)
from harness.analysis.rows import Row
from harness.analysis.step_times import time_doubt
from harness.metrics import metric
from harness.reports.legend import unwatched_times, what_tells
from harness.reports.row_names import full_names
from harness.reports.tables import significant
from harness.text import counted, paragraph

__all__ = ["reason", "render_recommendation"]

_NAMED = 5
"""How many rows of one kind are named; the rest are counted, and JSON has them all."""

_TIED_NAMED = 20
"""How many tied rows are named: they are what a reader may take instead."""


def render_recommendation(advice: Advice, *, width: int | None = None) -> str:
    """A recommendation as text, a part for each group that is compared; lines keep to `width` characters."""
    parts = [_group(group, advice, named=len(advice.groups) > 1) for group in advice.groups]
    aside = _aside(advice)
    lines = "\n\n".join([*parts, aside] if aside else parts).split("\n")
    return "\n".join(_within(line, width) for line in lines)


def reason(choice: Choice, cost: Cost) -> str:
    """Why this row of the tied ones, as a clause."""
    if choice.by == "size":
        times = "the times of all are in doubt" if choice.doubt else "the times are in doubt"
        times += f" ({choice.doubt})" if choice.doubt else ""
        among = f"of the {len(choice.as_cheap) + 1:,} that cost the least " if choice.as_cheap else ""
        return (
            f"{times} and not relied on, so it is chosen {among}by size: the fewest parameters, then the "
            "fewest of them trained, then the leaderboard's order"
        )
    if choice.winner.cost is None:
        return f"none has a measured {cost.meaning}"
    spent = f"{significant(choice.winner.cost, 3)} {cost.unit} of {cost.meaning}"
    if choice.by == "alone":
        return (
            f"of these it alone has {f'a {cost.meaning}' if choice.winner.doubt else 'times'} that can be "
            f"relied on ({spent}), so no costs were compared: another may cost less"
        )
    if choice.by == "cost":
        return f"of these it costs the least: {spent}"
    other = "inference" if cost.name != "inference" else "the time to a result"
    return (
        f"it is among the {len(choice.as_cheap) + 1:,} of these that cost the least ({spent}), within the "
        f"{100 * COST_WITHIN:.0f} % that by convention count as equal, and of those the cheapest "
        f"in {other}"
    )


def _within(line: str, width: int | None) -> str:
    """A line broken at spaces, each part as far in as the first."""
    text = line.lstrip(" ")
    return paragraph(text, width, mark=" " * (len(line) - len(text))) if text else ""


def _group(group: GroupAdvice, advice: Advice, *, named: bool) -> str:
    first = group.table.first
    lines: list[str] = []
    if named:
        where = f"{first.cell.device}, {first.cell.precision}, environment {first.environment.fingerprint}"
        lines += [f"On {where}, images {first.data.manifest_sha256[:12]}", ""]
    rows = group.table.rows
    names = dict(zip((row.name for row in rows), full_names(rows), strict=True))
    if group.choice is None:
        lines += _nothing(group, names)
    else:
        lines += [f"Use {names[group.choice.winner.row.name]}.", ""]
        lines += [f"  {line}" for line in _figures(group.choice.winner, advice.limits)]
        lines += ["", *_why(group, group.choice, advice, names)]
    if group.out:
        lines += ["", "Beyond the limits:", *_fallen(group.out, advice.limits, names)]
    if unknown := unwatched_times(rows):
        lines += ["", unknown]
    return "\n".join(lines)


def _figures(winner: Candidate, limits: Sequence[Limit]) -> list[str]:
    row = winner.row
    doubted = time_doubt(row.records, "inference_ms")
    doubt = f" ({doubted}: not to be relied on)" if doubted else ""
    accuracy = f"{_percent(row.accuracy)}, 95 % interval {_interval(row)}"
    for limit in limits:
        if limit.metric.name == "test_accuracy" and row.interval.low < limit.bound:
            accuracy += f": below {_plain(100 * limit.bound)} % is not excluded"
    close = _close_to(row, limits, "inference_ms")
    figures = [f"test accuracy: {accuracy}", f"inference: {_inference(row)}{doubt}{close}"]
    seconds = row.value(metric("to_result_s"))
    if seconds is not None:
        minutes = f" ({significant(seconds / 60, 3)} minutes)" if seconds >= 120 else ""
        slowed = time_doubt(row.records, "to_result_s")
        doubt = f" ({slowed}: not to be relied on)" if slowed else ""
        close = _close_to(row, limits, "to_result_s")
        figures.append(f"from the files to the result: {significant(seconds, 3)} s{minutes}{doubt}{close}")
    memory = row.value(metric("peak_memory_bytes"))
    if memory is not None:
        host = "" if row.cell.device == "cpu" else "host "
        figures.append(f"peak {host}memory of the process that trained it: {memory / 1e6:,.0f} MB")
    return figures


def _close_to(row: Row, limits: Sequence[Limit], name: str) -> str:
    """That another run may be past a limit on this time, where it lies near one; else ""."""
    value, once = row.value(metric(name)), "measured once and " if len(row.records) == 1 else ""
    return "".join(
        f"; {once}within {100 * limit.metric.within:.0f} % of the limit of {_bound(limit)}: another run may "
        "be past it"
        for limit in limits
        if limit.metric.name == name and value is not None and limit.near(value)
    )


def _inference(row: Row) -> str:
    step, image = row.value(metric("inference_ms")), milliseconds_an_image(row)
    if step is None:
        return "not measured"
    batch = " or ".join(map(str, batches(row)))
    each = f", {significant(image, 3)} ms an image" if image is not None else ""
    return f"{significant(step, 3)} ms a step of {batch} images{each}"


def _why(group: GroupAdvice, choice: Choice, advice: Advice, names: dict[str, str]) -> list[str]:
    winner = choice.winner
    lines = [_rule(group, choice, advice, names)]
    if choice.by != "alone":
        lines += _cheaper_in_doubt(group, winner, names)
    if group.rivals:
        told = [_rival(each, winner, advice, names) for each in group.rivals]
        lines += ["", "Not to be told from the most accurate, against the one above:"]
        lines += _some(told, _TIED_NAMED)
    if group.worse:
        count = counted(len(group.worse), "row")
        lines += ["", f"Within the limits and significantly less accurate ({count}):"]
        lines += _some([_told(each, advice, names) for each in group.worse])
    if len(group.front) > 1:
        lines += [
            "",
            f"As measured, no row is both more accurate and cheaper ({advice.cost.meaning}) than one of "
            f"these; costs within {100 * COST_WITHIN:.0f} % (on a shared machine farther apart too) and tied "
            "accuracies may be in another order:",
        ]
        lines += _some([_told(each, advice, names) for each in group.front])
    return [*lines, "", *_how_sure(group, winner)]


def _rule(group: GroupAdvice, choice: Choice, advice: Advice, names: dict[str, str]) -> str:
    total = len(group.table.rows)
    limits = "; ".join(_limit(limit) for limit in advice.limits)
    if advice.limits:
        count = len(group.within)
        start = f"{count:,} of {counted(total, 'row')} {_verb(count)} within the limits ({limits})."
    else:
        start = f"No limits were named, so all {total:,} rows count."
    if total == 1:
        start = "It is the only row that was ranked" + (
            f", and within the limits ({limits})." if limits else "."
        )
    if len(group.within) == 1:
        return start
    best, others = group.within[0], len(group.rivals)
    if not others:
        if best.row.rank_interval == (1, 1):
            return f"{start} It is significantly more accurate than each of the others."
        return f"{start} Each of the others is significantly less accurate than it or than another."
    accuracy = f"the most accurate of them, {names[best.row.name]} ({_percent(best.row.accuracy)})"
    if best.row.name == choice.winner.row.name:
        accuracy = "it, the most accurate of them"
    doubted = sum(bool(each.candidate.doubt) for each in group.rivals)
    open_times = (
        f" The times of {doubted:,} of the others are in doubt and decided nothing."
        if doubted and not choice.winner.doubt and choice.by in ("cost", "other")
        else ""
    )
    return (
        f"{start} {counted(others, 'other')} cannot be told from {accuracy}; {reason(choice, advice.cost)}."
        + open_times
    )


def _cheaper_in_doubt(group: GroupAdvice, winner: Candidate, names: dict[str, str]) -> list[str]:
    doubtful = [each.candidate for each in group.rivals if each.candidate.doubt and not winner.doubt]
    some = [names[each.row.name] for each in doubtful if (each.cost or math.inf) <= (winner.cost or 0)]
    if not some:
        return []
    whose = "its" if len(some) == 1 else "their"
    return [f"{'; '.join(some)} may cost less still, but {whose} times are in doubt and were not relied on."]


def _told(each: Candidate, advice: Advice, names: dict[str, str]) -> str:
    return f"{names[each.row.name]}: {_percent(each.row.accuracy)}{_costing(each, advice)}"


def _rival(rival: Rival, winner: Candidate, advice: Advice, names: dict[str, str]) -> str:
    found = rival.comparison
    low, high = (100 * end + 0.0 for end in (-found.interval.high, -found.interval.low))
    return (
        f"{names[rival.candidate.row.name]}: {_percent(rival.candidate.row.accuracy)}, "
        f"{-100 * found.difference + 0.0:+.1f} points (95 % interval {low:+.1f} to {high:+.1f})"
        f"{_costing(rival.candidate, advice, beside=winner)}"
    )


def _how_sure(group: GroupAdvice, winner: Candidate) -> list[str]:
    told = []
    images = winner.row.images
    if group.rivals:
        best = max(-each.comparison.interval.low for each in group.rivals)
        by = what_tells([winner.row, *(each.candidate.row for each in group.rivals)])
        told.append(
            f"Tied means that the {by} ({images:,} images) cannot tell them apart, not that they are equal: "
            f"one of them may be up to {100 * best:.1f} points more accurate than the one above. Tests: "
            f"{group.family}. The 95 % intervals of the differences are each pair's own, not adjusted for "
            "the many, and against the row above, while the tie is with the most accurate one: one that "
            "leaves out 0 proves no difference."
        )
    if len(group.table.rows) > 1:
        told.append(
            f"The accuracies of {len(group.table.rows):,} rows were looked at on the same test images, "
            "and what is chosen for its accuracy looks better than it is (the winner's curse): on new images "
            "expect somewhat less, and keep some aside to check."
        )
    if len(winner.row.records) == 1:
        told.append("It has one seed: the interval holds the chance of the test images, not of the training.")
    return told


def _nothing(group: GroupAdvice, names: dict[str, str]) -> list[str]:
    rows = counted(len(group.table.rows), "row")
    lines = [
        f"None of {rows} is within the limits."
        if len(group.table.rows) > 1
        else "The one row is not within the limits."
    ]
    nearest = group.nearest
    if nearest is not None:
        admits = " ".join(
            miss.limit.admitting(miss.value) for miss in nearest.misses if miss.value is not None
        )
        what = f"; this would admit it: {admits}" if admits else ""
        lines.append(
            f"Nearest is {names[nearest.row.name]} ({_percent(nearest.row.accuracy)}, interval "
            f"{_interval(nearest.row)}; {_inference(nearest.row)}){what}"
        )
    return lines


def _fallen(out: Sequence[Candidate], limits: Sequence[Limit], names: dict[str, str]) -> list[str]:
    """A line for each set of limits that rows miss together, so that a row stands once."""
    groups: dict[tuple[str, ...], list[Candidate]] = {}
    for each in out:
        groups.setdefault(tuple(map(_missed, each.misses)), []).append(each)
    lines = []
    for missed, rows in groups.items():
        rows.sort(key=lambda each: max(miss.limit.beyond(miss.value or 0.0) for miss in each.misses))
        told = []
        for each in rows:
            values = [_valued(each, miss.limit) for miss in each.misses if miss.value is not None]
            told.append(names[each.row.name] + (f" ({', '.join(values)})" if values else ""))
        lines.append(_grouped(f"{' and '.join(missed)}, {counted(len(rows), 'row')}", told))
    for limit in limits:
        if limit.metric.name == "test_accuracy":
            below = [each for each in out if any(miss.limit is limit for miss in each.misses)]
            close = [each for each in below if each.row.interval.high >= limit.bound]
            if close:
                lines.append(
                    f"  the intervals of {len(close):,} of the {len(below):,} "
                    f"below {_bound(limit)} reach that far"
                )
        missed_by = [miss.value for each in out for miss in each.misses if miss.limit is limit]
        near = sum(value is not None and limit.near(value) for value in missed_by)
        if near:
            lines.append(
                f"  {near:,} of the {len(missed_by):,} beyond {_bound(limit)} {_verb(near)} within "
                f"{100 * limit.metric.within:.0f} % of it: another run may be within the limit"
            )
    return lines


def _missed(miss: Miss) -> str:
    return _too(miss.limit) if miss.value is not None else f"no measured {miss.limit.metric.label}"


def _valued(each: Candidate, limit: Limit) -> str:
    value = each.row.value(limit.metric) or 0.0
    shown = (
        f"{limit.factor * value:,.1f}"
        if limit.metric.name == "test_accuracy"
        else significant(value, 3, limit.factor)
    )
    doubt = time_doubt(each.row.records, limit.metric.name)
    return f"{shown} {limit.unit}{f', {doubt}' if doubt else ''}"


def _too(limit: Limit) -> str:
    bound = _bound(limit)
    return {
        "test_accuracy": f"accuracy below {bound}",
        "inference_ms": f"inference slower than {bound}",
        "to_result_s": f"more than {bound} to the result",
        "peak_memory_bytes": f"more than {bound} of memory",
    }[limit.metric.name]


def _limit(limit: Limit) -> str:
    sign = "at most" if limit.upper else "at least"
    label = "to the result" if limit.metric.name == "to_result_s" else limit.metric.label
    return f"{label} {sign} {_bound(limit)}"


def _bound(limit: Limit) -> str:
    """The bound as it was written; of another unit than the figures have, in theirs too."""
    own = f"{_plain(round(limit.factor * limit.bound, 1))} {limit.unit}"
    if not limit.written:
        return f"{_plain(limit.factor * limit.bound)} {limit.unit}"
    return f"{limit.written} ({own})"


def _grouped(title: str, names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    shown = names if more <= 1 else [*names[:_NAMED], f"and {more:,} more"]
    return f"  {title}: {'; '.join(shown)}"


def _some(told: Sequence[str], most: int = _NAMED) -> list[str]:
    more = len(told) - most
    shown = told if more <= 1 else [*told[:most], f"and {more:,} more"]
    return [f"  {each}" for each in shown]


def _aside(advice: Advice) -> str:
    """What took no part, and why."""
    found = advice.standings
    told = []
    if found.controls:
        told.append(f"{counted(len(found.controls), 'row')} on random weights: controls, never recommended")
    if found.partial:
        told.append(f"{counted(len(found.partial), 'row')} of which a seed has no result: not ranked")
    if found.failed:
        told.append(f"{counted(len(found.failed), 'cell')} that failed")
    if found.missing:
        told.append(f"{counted(len(found.missing), 'cell')} not run")
    if not told:
        return ""
    return f"Took no part: {'; '.join(told)}. The leaderboard has the reasons."


def _costing(each: Candidate, advice: Advice, *, beside: Candidate | None = None) -> str:
    if each.cost is None:
        return f"; {advice.cost.meaning} not measured"
    doubt = f" ({each.doubt})" if each.doubt else ""
    times = ""
    # A ratio of a time in doubt would be what the comparisons refuse to tell.
    if beside is not None and beside.cost and not each.doubt and not beside.doubt:
        times = f", {significant(each.cost / beside.cost, 3)} times as much"
    return f"; {significant(each.cost, 3)} {advice.cost.unit}{times}{doubt}"


def _verb(count: int) -> str:
    return "is" if count == 1 else "are"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(row: Row) -> str:
    return f"{100 * row.interval.low:.1f} to {100 * row.interval.high:.1f} %"


def _plain(value: float) -> str:
    return f"{value:,.6g}"
