"""Which row to use within limits: what meets them, what ties with the best of it, and what is cheapest.

The rule: of the rows within the limits that the test images cannot tell from the most accurate of them, the
cheapest one; where costs are too close to be told apart (`COST_WITHIN`), the one of these that is cheapest in
the other sense, inference or the time to a result.  A row whose step time is doubtful is chosen only where no
other is left.  Rows are compared within their
own group (environment, device, precision and images), so there is one recommendation a group.  Random
weights and rows that lack a seed are never recommended.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from harness.analysis.front import front
from harness.analysis.limits import Limit
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings, rank
from harness.analysis.step_times import time_doubt
from harness.analysis.timing_doubts import PASSES_DIFFER
from harness.errors import UserError, unknown
from harness.metrics import metric
from harness.statistics import Comparison, compare

__all__ = [
    "COSTS",
    "COST_WITHIN",
    "Advice",
    "Candidate",
    "Cost",
    "GroupAdvice",
    "Miss",
    "Rival",
    "batches",
    "milliseconds_an_image",
    "recommend",
]


@dataclass(frozen=True)
class Cost:
    """What a row costs, in `unit`, and what that is in words; `times` is the step time that it rests on."""

    name: str
    unit: str
    meaning: str
    value: Callable[[Row], float | None]
    times: str = ""


@dataclass(frozen=True)
class Miss:
    """A limit that a row does not meet, with the row's value; None if that was not measured."""

    limit: Limit
    value: float | None


@dataclass(frozen=True)
class Candidate:
    """A row with its cost, what speaks against the times asked for, and the limits that it misses."""

    row: Row
    cost: float | None
    doubt: str = ""
    misses: tuple[Miss, ...] = ()


@dataclass(frozen=True)
class Rival:
    """A row that cannot be told from the most accurate, against the winner.

    The comparison is winner less rival: below 0 the rival did better.
    """

    candidate: Candidate
    comparison: Comparison


@dataclass(frozen=True)
class GroupAdvice:
    """The recommendation among rows that can be compared.

    `within` are the rows within the limits, the most accurate first, `best` the first of them; `rivals` those
    of them, without the winner, that cannot be told from the best, `as_cheap` those of them whose cost cannot
    be told from the winner's either; `worse` the rest.  `front` are
    those that no other is at once as accurate and as cheap as.  `out` are the rows beyond a limit,
    `nearest` the one of them that comes closest where none is within.  `family` says what was tested.
    """

    table: Table
    within: tuple[Candidate, ...]
    winner: Candidate | None
    rivals: tuple[Rival, ...]
    as_cheap: tuple[Candidate, ...]
    worse: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    out: tuple[Candidate, ...]
    nearest: Candidate | None
    family: str

    @property
    def best(self) -> Candidate | None:
        """The most accurate row within the limits."""
        return self.within[0] if self.within else None


@dataclass(frozen=True)
class Advice:
    """The recommendations of a run, one a group, and what took no part in them."""

    standings: Standings
    limits: tuple[Limit, ...]
    cost: Cost
    groups: tuple[GroupAdvice, ...]


def milliseconds_an_image(row: Row) -> float | None:
    """Inference in milliseconds an image: that of a step over its batch; the median over seeds."""
    step, batch = row.value(metric("inference_ms")), batches(row)
    return None if step is None or len(batch) != 1 else step / batch[0]


def batches(row: Row) -> tuple[int, ...]:
    """The batches of the row's inference steps, in images a step; one, unless seeds differ."""
    steps = [record.measured.inference_step for record in row.records]
    return tuple(sorted({step.batch for step in steps if step is not None}))


def _training_seconds(row: Row) -> float | None:
    """Of extraction and training together; the median over seeds, not the sum of two medians."""
    seconds = [record.measured.seconds for record in row.records]
    known = [each.extraction + each.training for each in seconds if each is not None]
    return median(known) if len(known) == len(seconds) else None


COSTS: Final[Mapping[str, Cost]] = {
    cost.name: cost
    for cost in (
        Cost("inference", "ms/image", "inference time", milliseconds_an_image, "inference_ms"),
        Cost("train", "s", "time of feature extraction and training", _training_seconds),
        Cost(
            "total",
            "s",
            "time from the files to the result",
            lambda row: row.value(metric("to_result_s")),
        ),
    )
}
"""What the cheapest may be cheapest in.

The time of a train step is none of them: that of fast extraction is a step of its head alone.
"""

COST_WITHIN: Final = PASSES_DIFFER
"""How far costs lie apart that one measurement of each does not tell apart, as a share of the lower one.

It is how far two timings of one cell may differ before the timing report doubts them.
"""

_OTHER: Final = {
    "inference": COSTS["total"],
    "train": COSTS["inference"],
    "total": COSTS["inference"],
}


def recommend(
    found: Standings, limits: Sequence[Limit], *, cost: str = "inference", device: str | None = None
) -> Advice:
    """Choose among the ranked rows of a run; raises `UserError` where it has none (on that device)."""
    if cost not in COSTS:
        raise unknown("cost", cost, COSTS)
    devices = sorted({table.first.cell.device for table in found.tables})
    if not devices:
        raise UserError(
            "this run has no row to choose from: " + _why_none(found),
            hint="The leaderboard says why; run the matrix again.",
        )
    if device is not None and device not in devices:
        raise unknown("device", device, devices)
    tables = [table for table in found.tables if device in (None, table.first.cell.device)]
    chosen = COSTS[cost]
    groups = tuple(_of_group(table, found, tuple(limits), chosen) for table in tables)
    return Advice(found, tuple(limits), chosen, groups)


def _why_none(found: Standings) -> str:
    kinds = {
        "failed": len(found.failed),
        "not run": len(found.missing),
        "on random weights": len(found.controls),
        "without some of their seeds": len(found.partial),
    }
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)


def _of_group(table: Table, found: Standings, limits: tuple[Limit, ...], cost: Cost) -> GroupAdvice:
    candidates = [_candidate(row, limits, cost) for row in table.rows]
    out = tuple(each for each in candidates if each.misses)
    within = [each for each in candidates if not each.misses]
    if not within:
        return GroupAdvice(table, (), None, (), (), (), (), out, min(out, key=_distance), "")
    # Ranked again: ties with a row beyond the limits say nothing, and fewer rows are fewer tests.
    ranked = rank([each.row.records for each in within], found.answers)
    by_name = {each.row.name: each for each in within}
    ordered = [replace(by_name[row.name], row=row) for row in ranked.rows]
    tied = [each for each in ordered if each.row.tied]
    sound = [each for each in tied if not each.doubt] or tied
    cheap = _equally_cheap(sound)
    winner = min(cheap, key=lambda each: _cheapness(each, _OTHER[cost.name]))
    own = found.answers.correct(winner.row.records)
    rivals = tuple(
        Rival(each, compare(own, found.answers.correct(each.row.records)))
        for each in tied
        if each is not winner
    )
    certain = [each for each in ordered if not each.doubt]
    places_on_front = front([each.row.accuracy for each in certain], [each.cost for each in certain])
    return GroupAdvice(
        table=table,
        within=tuple(ordered),
        winner=winner,
        rivals=rivals,
        as_cheap=tuple(each for each in cheap if each is not winner),
        worse=tuple(each for each in ordered if not each.row.tied),
        front=tuple(certain[place] for place in places_on_front),
        out=out,
        nearest=None,
        family=ranked.family,
    )


def _candidate(row: Row, limits: tuple[Limit, ...], cost: Cost) -> Candidate:
    values = [(limit, row.value(limit.metric)) for limit in limits]
    misses = tuple(Miss(limit, value) for limit, value in values if not limit.admits(value))
    asked = {cost.times, *(limit.metric.name for limit in limits)}
    doubts = dict.fromkeys(filter(None, (time_doubt(row.records, name) for name in sorted(asked))))
    return Candidate(row, cost.value(row), " and ".join(doubts), misses)


def _equally_cheap(tied: Sequence[Candidate]) -> list[Candidate]:
    """Those whose cost cannot be told from the least; all of them where none is known."""
    least = min((each.cost for each in tied if each.cost is not None), default=None)
    if least is None:
        return list(tied)
    return [each for each in tied if each.cost is not None and each.cost <= (1 + COST_WITHIN) * least]


def _cheapness(each: Candidate, other: Cost) -> tuple[float, float, float, str]:
    """The cheapest in the other sense first, then in this one; by accuracy and name, so as never to vary."""
    second = other.value(each.row)
    return (
        math.inf if second is None else second,
        math.inf if each.cost is None else each.cost,
        -each.row.accuracy,
        each.row.name,
    )


def _distance(each: Candidate) -> tuple[bool, int, float, float, str]:
    """How far a row is from the limits: in how many, and then how far at most."""
    unknown = any(miss.value is None for miss in each.misses)
    far = max((miss.limit.beyond(miss.value) for miss in each.misses if miss.value is not None), default=0.0)
    return unknown, len(each.misses), far, -each.row.accuracy, each.row.name
