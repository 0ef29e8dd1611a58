"""Which row to use within limits: what meets them, what ties with the best of it, and what is cheapest.

The rule: of the rows within the limits that the test images cannot tell from the most accurate of them, the
cheapest one; where costs are too close to be told apart (`COST_WITHIN`), the one of these that is cheapest in
the other sense, inference or the time to a result.  A row whose times are in doubt is chosen only where no
other is left: where one row alone has times that can be relied on it is taken for that, and no costs are
compared.  Where those that decide are in doubt for all, size decides, which nothing disturbs: the fewest
parameters, then the fewest that are trained, then the leaderboard's order.  Rows are compared within
their own group (environment, device, precision and images), so there is one recommendation a group.  Random
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
from harness.errors import UserError, unknown
from harness.metrics import TIMES_WITHIN, metric
from harness.statistics import Comparison, compare

__all__ = [
    "COSTS",
    "COST_WITHIN",
    "Advice",
    "Candidate",
    "Choice",
    "Cost",
    "GroupAdvice",
    "Miss",
    "Rival",
    "batches",
    "choose",
    "milliseconds_an_image",
    "recommend",
]


@dataclass(frozen=True)
class Cost:
    """What a row costs, in `unit`, and what that is in words; `times` is the metric whose doubts it has."""

    name: str
    unit: str
    meaning: str
    value: Callable[[Row], float | None]
    times: str


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
class Choice:
    """The row to use of those that are tied, and by what it was chosen.

    `by` is "cost", "other" (of the rows `as_cheap` as it, the cheapest in the other sense), "alone" (no other
    has a cost that can be relied on, so none were compared) or "size" (the times that would decide are in
    doubt); "" where there was nothing to choose.  `doubt` says why the times of all are in doubt, "" where
    some can be relied on.
    """

    winner: Candidate
    by: str = ""
    as_cheap: tuple[Candidate, ...] = ()
    doubt: str = ""


@dataclass(frozen=True)
class GroupAdvice:
    """The recommendation among rows that can be compared.

    `within` are the rows within the limits, the most accurate first, `best` the first of them; `choice` is
    made among those that cannot be told from the best, `rivals` are these without the winner, `worse` the
    rest.  `front` are those that no other is at once as accurate and as cheap as.  `out` are the rows beyond
    a limit, `nearest` the one of them that comes closest where none is within.  `family` says what was
    tested.
    """

    table: Table
    within: tuple[Candidate, ...]
    choice: Choice | None
    rivals: tuple[Rival, ...]
    worse: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    out: tuple[Candidate, ...]
    nearest: Candidate | None
    family: str

    @property
    def winner(self) -> Candidate | None:
        """The row to use; None where no row is within the limits."""
        return self.choice.winner if self.choice else None

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
        Cost("train", "s", "time of feature extraction and training", _training_seconds, "to_result_s"),
        Cost(
            "total",
            "s",
            "time from the files to the result",
            lambda row: row.value(metric("to_result_s")),
            "to_result_s",
        ),
    )
}
"""What the cheapest may be cheapest in.

The time of a train step is none of them: that of fast extraction is a step of its head alone.
"""

COST_WITHIN: Final = TIMES_WITHIN
"""How far costs may lie apart and count as equal, as a share of the lower one: a convention."""

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
        return GroupAdvice(table, (), None, (), (), (), out, min(out, key=_distance), "")
    # Ranked again: ties with a row beyond the limits say nothing, and fewer rows are fewer tests.
    ranked = rank([each.row.records for each in within], found.answers)
    by_name = {each.row.name: each for each in within}
    ordered = [replace(by_name[row.name], row=row) for row in ranked.rows]
    tied = [each for each in ordered if each.row.tied]
    choice = _choose(tied, cost)
    winner = choice.winner
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
        choice=choice,
        rivals=rivals,
        worse=tuple(each for each in ordered if not each.row.tied),
        front=tuple(certain[place] for place in places_on_front),
        out=out,
        nearest=None,
        family=ranked.family,
    )


def choose(tied: Sequence[Row], *, cost: str = "inference") -> Choice:
    """The row to use of rows that are tied, in the order of the leaderboard: `recommend` without limits."""
    return _choose([_candidate(row, (), COSTS[cost]) for row in tied], COSTS[cost])


def _choose(tied: Sequence[Candidate], cost: Cost) -> Choice:
    if len(tied) == 1:
        return Choice(tied[0])
    sound = [each for each in tied if not each.doubt] or tied
    sure = [each for each in sound if not time_doubt(each.row.records, cost.times)]
    if not sure:
        # By how much the seeds of one of the rows differ says nothing of all.
        told = [time_doubt(each.row.records, cost.times) for each in sound]
        doubts = dict.fromkeys(each.partition(" by ")[0] for each in told)
        return Choice(min(sound, key=_size), "size", doubt=" or ".join(doubts))
    costed = [each for each in sure if each.cost is not None]
    if len(costed) == 1:
        return Choice(costed[0], "alone")
    cheap, other = _equally_cheap(sure), _OTHER[cost.name]
    if len(cheap) == 1:
        return Choice(cheap[0], "cost")
    sound_too = not any(time_doubt(each.row.records, other.times) for each in cheap)
    winner = min(cheap, key=lambda each: _cheapness(each, other)) if sound_too else min(cheap, key=_size)
    return Choice(
        winner, "other" if sound_too else "size", tuple(each for each in cheap if each is not winner)
    )


def _size(each: Candidate) -> tuple[float, float]:
    """What nothing disturbs: the parameters of the model, and those that are trained."""
    found = (each.row.value(metric(name)) for name in ("parameters", "parameters_trainable"))
    parameters, trainable = (math.inf if value is None else value for value in found)
    return parameters, trainable


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
