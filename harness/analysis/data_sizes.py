"""Data-size curves: rows that differ in the number of training images alone, and what more gave or would."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from harness.analysis.answers import Answers
from harness.analysis.contests import Contest, Setup, contests, setups
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.statistics import Comparison, LearningCurve, Prediction, compare, fit_answers, holm

__all__ = [
    "LEAST_GAIN",
    "TIMES",
    "Crossing",
    "Growth",
    "Outlook",
    "SizeCurves",
    "Step",
    "Winner",
    "growths",
    "outlook",
    "size_curves",
]

TIMES = (2, 4)
"""To how many times the largest number of training images the accuracy is extrapolated."""

Correct = dict[int, NDArray[np.bool_]]
"""Whether each image was classified right, of shape (seeds, images), by the number of training images."""

LEAST_GAIN = 0.001
"""Further images are shown to help where they give this accuracy (0..1) or more.

A fitted curve never stops to rise, so its gain is always above 0, if by a thousandth of a point.
"""


@dataclass(frozen=True)
class Winner:
    """Who leads at one size: the most accurate row, those that cannot be told from it, those not tested."""

    images: int
    row: Row
    tied: tuple[Row, ...]
    untested: tuple[Row, ...]


@dataclass(frozen=True)
class Crossing:
    """Two rows' strategies that change places beyond doubt.

    `few` is significantly better at every size of `at_few`, `many` at every one of `at_many`.
    """

    few: Row
    many: Row
    at_few: tuple[int, ...]
    at_many: tuple[int, ...]

    @property
    def once(self) -> bool:
        """Whether all of the one lie below all of the other, so that there is one crossing between them."""
        return max(self.at_few) < min(self.at_many)


@dataclass(frozen=True)
class Outlook:
    """The learning curve of one strategy: at the largest size that was measured, and beyond.

    `row` is that of the largest size, `curve` the fit with the points that it rests on.
    """

    row: Row
    curve: LearningCurve
    here: Prediction
    beyond: tuple[Prediction, ...]

    @property
    def helps(self) -> bool | None:
        """Whether all of the interval of the farthest gain is `LEAST_GAIN` or more; None without a curve."""
        farthest = self.beyond[-1].gain_interval
        # As the tables show it, in hundredths of a point.
        return None if farthest is None else round(farthest.low, 4) >= LEAST_GAIN


@dataclass(frozen=True)
class Step:
    """One number of training images against the next smaller one; `found` is of the larger minus it."""

    smaller: int
    larger: int
    found: Comparison


@dataclass(frozen=True)
class Growth:
    """What more training images gave one strategy, size by size.

    `rows` and `steps` are in the order of the sizes; `last` is the last step, with a p-value adjusted for
    the last steps of all strategies, None of a strategy at one size.  `outlook` is beyond the largest size.
    """

    rows: dict[int, Row]
    steps: tuple[Step, ...]
    last: Contest | None
    outlook: Outlook


@dataclass(frozen=True)
class SizeCurves:
    """All strategies of one backbone and setting at several numbers of training images.

    `strategies` holds for each its rows by size; `sizes` are ascending.
    """

    setups: tuple[Setup, ...]
    contests: tuple[Contest, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of training images."""
        return tuple(setup.images for setup in self.setups)

    @property
    def first(self) -> Row:
        """A row, for what all have in common."""
        return self.setups[-1].first

    @property
    def strategies(self) -> list[dict[int, Row]]:
        """The rows of each strategy by size, in the order of what trains."""
        found: dict[str, dict[int, Row]] = {}
        for setup in reversed(self.setups):
            for row in setup.rows:
                found.setdefault(_at_any_size(row), {})[setup.images] = row
        return list(found.values())

    def winner(self, setup: Setup) -> Winner:
        """Who leads at one size, and whom the tests cannot tell from it."""
        best = max(setup.rows, key=lambda row: row.accuracy)
        against = {
            id(_rival(each, best)): each for each in self.contests if best is each.base or best is each.other
        }
        others = [row for row in setup.rows if row is not best]
        return Winner(
            images=setup.images,
            row=best,
            tied=tuple(row for row in others if id(row) in against and not against[id(row)].told_apart),
            untested=tuple(row for row in others if id(row) not in against),
        )

    def crossings(self) -> list[Crossing]:
        """The pairs of strategies of which each is significantly better at some size."""
        better: dict[tuple[str, str], list[int]] = defaultdict(list)
        rows = {_at_any_size(row): row for setup in self.setups for row in setup.rows}
        for each in self.contests:
            if each.better is not None:
                loser = _at_any_size(_rival(each, each.better))
                better[_at_any_size(each.better), loser].append(_images(self.setups, each.base))
        found = []
        for one, other in combinations(rows, 2):
            ahead, behind = sorted(better[one, other]), sorted(better[other, one])
            if ahead and behind:
                crossing = Crossing(rows[one], rows[other], tuple(ahead), tuple(behind))
                if ahead[0] > behind[0]:
                    crossing = Crossing(rows[other], rows[one], tuple(behind), tuple(ahead))
                found.append(crossing)
        return found


def size_curves(found: Standings, *, tested: bool = True) -> list[SizeCurves]:
    """The curves of a run: of each backbone and setting with a strategy at two sizes or more.

    Without tests there are no contests, so no ties and no crossings: enough where accuracies alone are asked.
    """
    series: dict[tuple[object, ...], list[Setup]] = defaultdict(list)
    for setup in setups(found):
        series[setup.series].append(setup)
    if all(len(each) < 2 for each in series.values()):
        return []
    told: dict[tuple[object, ...], list[Contest]] = defaultdict(list)
    for setup, own in contests(found).by_setup if tested else ():
        told[setup.series] += own
    curves = [
        SizeCurves(tuple(sorted(each, key=lambda setup: setup.images)), tuple(told[name]))
        for name, each in series.items()
    ]
    return [curve for curve in curves if any(len(rows) > 1 for rows in curve.strategies)]


def growths(found: Standings, curves: Sequence[SizeCurves]) -> list[list[Growth]]:
    """What more images gave and would give to each strategy of each curve, in their order.

    The question is whether the largest size was worth it, so the last step of each strategy is tested, and
    Holm's correction is over these tests of all the curves.
    """
    rows = [[dict(sorted(own.items())) for own in curve.strategies] for curve in curves]
    right = [[_right(own, found.answers) for own in each] for each in rows]
    steps = [[_steps(own) for own in each] for each in right]
    adjusted = iter(holm([own[-1].found.p_value for each in steps for own in each if own]))

    def growth(own: dict[int, Row], correct: Correct, taken: tuple[Step, ...]) -> Growth:
        last = _last(own, taken[-1], next(adjusted)) if taken else None
        return Growth(own, taken, last, _outlook(own, correct))

    return [list(map(growth, *each)) for each in zip(rows, right, steps, strict=True)]


def outlook(rows: dict[int, Row], answers: Answers) -> Outlook:
    """Extrapolate one strategy's rows, by size, to `TIMES` the largest; reasons where that cannot be done."""
    return _outlook(rows, _right(rows, answers))


def _right(rows: dict[int, Row], answers: Answers) -> Correct:
    return {images: answers.correct(row.records) for images, row in rows.items()}


def _outlook(rows: dict[int, Row], correct: Correct) -> Outlook:
    curve, largest = fit_answers(correct), max(rows)
    return Outlook(
        rows[largest], curve, curve.predict(largest), tuple(curve.predict(times * largest) for times in TIMES)
    )


def _steps(correct: Correct) -> tuple[Step, ...]:
    return tuple(
        Step(smaller, larger, compare(correct[larger], correct[smaller]))
        for smaller, larger in pairwise(correct)
    )


def _last(rows: dict[int, Row], step: Step, p_value: float) -> Contest:
    return Contest(rows[step.smaller], rows[step.larger], step.found, p_value)


def _at_any_size(row: Row) -> str:
    return replace(row.cell, train_images=None, seed=0).name


def _rival(contest: Contest, row: Row) -> Row:
    return contest.other if row is contest.base else contest.base


def _images(setups: Iterable[Setup], row: Row) -> int:
    return next(setup.images for setup in setups if any(each is row for each in setup.rows))
