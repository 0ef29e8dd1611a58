"""Which rows of a table can be told apart, with the correction for having looked at all of them.

A small table is tested pair by pair.  A large one is tested where that can change its top: the best row
against each other one, and of these only where the two accuracies leave the answer open.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.statistics.intervals import Sample, sample
from harness.statistics.pairs import exact_p, holm, p_values, t_p

__all__ = ["MOST_PAIRS", "Ranking", "rank_rows", "ranks"]

MOST_PAIRS = 80_000
"""Up to so many pairs (400 rows) all are tested: a second's work, and Holm's correction is still mild."""


@dataclass(frozen=True)
class Ranking:
    """What tests on the same images say of a table; one entry a row, in the order given.

    `ranks`: one plus the number of rows that are significantly better.  In a large table 1 for the rows
    tied with the best, None for the rest, whose order was not tested.
    `intervals`: the places from the rank to the number of rows less those significantly worse; in a large
    table for the best row alone, None for the rest.  Holm's family makes all of them hold together.
    `tied_with_best`: not significantly worse than the row of the highest accuracy, `best` (the first such).
    `family` says what was tested and corrected for; `tested` is the number of rows whose data were read.
    """

    ranks: tuple[int | None, ...]
    intervals: tuple[tuple[int, int] | None, ...]
    tied_with_best: tuple[bool, ...]
    best: int | None
    family: str
    tested: int


@dataclass(frozen=True)
class _Table:
    """The rows as they are known without their data: whole counts of right answers, seed by seed."""

    counts: tuple[tuple[int, ...], ...]
    images: int
    correct: Callable[[int], NDArray[np.bool_]]

    @property
    def shares(self) -> NDArray[np.float64]:
        return np.array([sum(row) / (len(row) * self.images) for row in self.counts])

    def read(self, row: int) -> Sample:
        """A row's data, checked against its accuracies."""
        answers = np.atleast_2d(self.correct(row))
        expected = (len(self.counts[row]), self.images)
        if answers.shape != expected:
            raise ValueError(f"row {row}: expected answers of shape {expected}, got {answers.shape}")
        found = tuple(int(right) for right in answers.sum(axis=1))
        if found != self.counts[row]:
            raise ValueError(f"row {row}: expected {self.counts[row]} right answers a seed, got {found}")
        return sample(answers)


def rank_rows(
    accuracies: Sequence[Sequence[float]],
    images: int,
    correct: Callable[[int], NDArray[np.bool_]],
    *,
    level: float = 0.05,
    most_pairs: int = MOST_PAIRS,
) -> Ranking:
    """Rank rows by their accuracies (0..1, seed by seed) on the same `images`.

    `correct` reads a row's answers (seeds, images), the same images in the same order for every row; it is
    called only for the rows that are tested.  Up to `most_pairs` pairs all are tested, with Holm's
    correction over all of them; above, the best row against each other, at `level` divided by the number of
    all pairs (Bonferroni), since the best row is known only after looking at all.
    Raises `ValueError` for an accuracy that is no whole number of images, or other data than announced.
    """
    table = _Table(
        tuple(tuple(_count(share, images, row) for share in each) for row, each in enumerate(accuracies)),
        images,
        correct,
    )
    rows = len(table.counts)
    if rows < 2:
        return Ranking(
            (1,) * rows, ((1, 1),) * rows, (True,) * rows, 0 if rows else None, "nothing to test", 0
        )
    best = int(np.argmax(table.shares))
    pairs = math.comb(rows, 2)
    return _all_pairs(table, best, level) if pairs <= most_pairs else _the_top(table, best, level / pairs)


def ranks(correct: Sequence[NDArray[np.bool_]], level: float = 0.05) -> list[int]:
    """The rank of each row: one plus the number of rows that are significantly better.

    `correct` holds, for each row, its answers to the same test images: (images,) or (seeds, images).
    Every pair is tested, with Holm's correction over all of them; rows that cannot be told apart from the
    best share rank 1.
    """
    if not correct:
        return []
    answers = [np.atleast_2d(row) for row in correct]
    shares = [[float(share) for share in row.mean(axis=1)] for row in answers]
    images = answers[0].shape[1]
    found = rank_rows(shares, images, answers.__getitem__, level=level, most_pairs=math.comb(len(answers), 2))
    return [rank for rank in found.ranks if rank is not None]


def _count(share: float, images: int, row: int) -> int:
    if images < 1 or not 0 <= share <= 1:
        raise ValueError(f"row {row}: expected an accuracy in 0..1 on images, got {share} of {images}")
    count = round(share * images)
    # Float32 carries an accuracy to 1e-7; more than a hundredth of an image off is another test set.
    if abs(share * images - count) > 0.01:
        raise ValueError(f"row {row}: {share} is no whole number of {images} images")
    return count


def _all_pairs(table: _Table, best: int, level: float) -> Ranking:
    """Every pair tested, Holm's correction over all."""
    rows = [table.read(row) for row in range(len(table.counts))]
    upper = np.triu_indices(len(rows), k=1)
    adjusted = np.ones((len(rows), len(rows)))
    adjusted[upper] = holm(p_values(rows)[upper])
    significant = np.minimum(adjusted, adjusted.T) < level
    shares = table.shares
    better = (significant & (shares[None, :] > shares[:, None])).sum(axis=1)
    worse = (significant & (shares[None, :] < shares[:, None])).sum(axis=1)
    count = len(rows)
    return Ranking(
        ranks=tuple(1 + int(each) for each in better),
        intervals=tuple((1 + int(up), count - int(down)) for up, down in zip(better, worse, strict=True)),
        tied_with_best=tuple(not significant[best, row] for row in range(count)),
        best=best,
        family=f"all {len(upper[0]):,} pairs of {count:,} rows, Holm's correction over these tests"
        if count > 2
        else "one pair of rows, one test, nothing to correct for",
        tested=count,
    )


def _the_top(table: _Table, best: int, threshold: float) -> Ranking:
    """The best row against each other one, read only where the accuracies leave the answer open."""
    least, largest = _p_bounds(table, best)
    # Rounding must not decide: what is within a billionth of the threshold is read.
    worse = largest * (1 + 1e-9) < threshold
    unsure = ~worse & (least * (1 - 1e-9) < threshold)
    unsure[best] = worse[best] = False
    leader = table.read(best) if unsure.any() else None
    for row in np.flatnonzero(unsure):
        if leader is not None:
            worse[row] = p_values([leader, table.read(int(row))])[0, 1] < threshold
    rows = len(table.counts)
    own = (1, rows - int(worse.sum()))
    return Ranking(
        ranks=tuple(None if each else 1 for each in worse),
        intervals=tuple(own if row == best else None for row in range(rows)),
        tied_with_best=tuple(not each for each in worse),
        best=best,
        family=f"the best of {rows:,} rows against each other, {rows - 1:,} tests, Bonferroni's correction "
        f"as for all {math.comb(rows, 2):,} pairs; other pairs were not tested",
        tested=int(unsure.sum()) + (leader is not None),
    )


def _p_bounds(table: _Table, best: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the largest p-value that the best row against each other can have, from counts alone.

    Images that only one got right number at least the difference, and at most what both could have wrong
    or both right apart.  At a given difference p grows with them.
    """
    images = table.images
    seeds = np.array([len(row) for row in table.counts])
    shares = table.shares
    gap = shares[best] - shares
    least, largest = np.ones(len(seeds)), np.ones(len(seeds))
    exact = (seeds == 1) & (seeds[best] == 1)
    if exact.any():
        right = np.array([row[0] for row in table.counts])
        ahead = (right[best] - right)[exact]
        only_other = np.minimum(images - right[best], right)[exact]
        least[exact] = exact_p(ahead, np.zeros_like(ahead))
        largest[exact] = exact_p(ahead + only_other, only_other)
    if (rest := ~exact).any():
        raw = np.array([np.var(row) / max(1, len(row) - 1) for row in table.counts]) / images**2
        doubt = raw * raw / np.maximum(1, seeds - 1)
        raw, doubt = raw + raw[best], doubt + doubt[best]
        # Differences of an image come in steps of 1 / lcm, so their squares add up to that much of them.
        steps = np.lcm(seeds, seeds[best])
        both = shares + shares[best]
        low, high = gap / steps / images, np.minimum(both, 2 - both) / images + raw
        # A larger variance makes a smaller t, yet surer degrees of freedom: each bound takes the other's.
        least[rest] = t_p(gap, low, np.maximum(high, raw), doubt)[rest]
        largest[rest] = t_p(gap, high, np.maximum(low, raw), doubt)[rest]
    return least, largest
