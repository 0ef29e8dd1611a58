"""Run against run: the same cells of two runs, matched by name and tested on the same images."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.contests import LEVEL
from harness.analysis.machines import environment_differences
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.matrix import without_seed
from harness.recipes import recipe_changes
from harness.statistics import Comparison, compare, holm

__all__ = ["Change", "RunComparison", "compare_runs"]


@dataclass(frozen=True)
class Change:
    """One row in both runs; `found` is of the second minus the first, `p_value` adjusted for all rows.

    `same` says that every answer of every image is the same.
    """

    first: Row
    second: Row
    found: Comparison
    p_value: float
    same: bool

    @property
    def told_apart(self) -> bool:
        """Whether the test can tell the two apart."""
        return self.p_value < LEVEL


@dataclass(frozen=True)
class RunComparison:
    """Two runs beside each other.

    `changes` are the rows of both whose accuracies are compared, in the first run's order; `refused` those
    that are not, each with the reason; `only_first` and `only_second` name the rows without a counterpart.
    `differences` tells what else the rows of both differ in, a phrase each: machine, library versions,
    settings, commits, recipes, weights, seeds.
    """

    first: Standings
    second: Standings
    changes: tuple[Change, ...]
    refused: tuple[tuple[str, str], ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    differences: tuple[str, ...]


def compare_runs(first: Standings, second: Standings) -> RunComparison:
    """Match two runs by the names of their rows, and test those on the same images.

    Exact McNemar tests, or over seeds and images where a row has several; Holm over all rows.  A row on other
    images is refused, and so is one that lacks a seed, since what fails is seldom the average seed.
    Controls on random weights are compared like other rows.
    """
    ours, theirs = _by_name(_rows(first)), _by_name(_rows(second))
    lacking = {row.name for each in (first, second) for row in each.partial}
    pairs: list[tuple[Row, Row]] = []
    matched: list[tuple[Row, Row]] = []
    refused: list[tuple[str, str]] = []
    for name in ours:
        if name not in theirs:
            continue
        found = _pairs(ours[name], theirs[name])
        if not found:
            refused.append((name, "several environments in both runs, none of them in common"))
        matched += found
        for one, other in found:
            reason = _reason(first, second, one, other)
            if reason:
                refused.append((name, reason))
            else:
                pairs.append((one, other))
    unfinished = {
        "first": (theirs.keys() - ours.keys() - lacking) & _without_result(first),
        "second": (ours.keys() - theirs.keys() - lacking) & _without_result(second),
    }
    refused += [
        (name, f"no result in the {which} run")
        for which, names in unfinished.items()
        for name in sorted(names)
    ]
    refused += [
        (name, "a seed has no result")
        for name in sorted(lacking)
        if _planned(first, name) and _planned(second, name)
    ]
    refused_names = {name for name, _ in refused}
    return RunComparison(
        first,
        second,
        _tested(first, second, pairs),
        tuple(refused),
        tuple(name for name in ours if name not in theirs and name not in refused_names),
        tuple(name for name in theirs if name not in ours and name not in refused_names),
        tuple(_differences(matched)),
    )


def _tested(first: Standings, second: Standings, pairs: list[tuple[Row, Row]]) -> tuple[Change, ...]:
    found = []
    for one, other in pairs:
        before, after = first.answers.correct(one.records), second.answers.correct(other.records)
        found.append((compare(after, before), np.array_equal(before, after)))
    adjusted = holm([each.p_value for each, _ in found])
    return tuple(
        Change(one, other, each, p_value, same)
        for (one, other), (each, same), p_value in zip(pairs, found, adjusted, strict=True)
    )


def _rows(found: Standings) -> list[Row]:
    return [*(row for table in found.tables for row in table.rows), *found.controls]


def _by_name(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.name].append(row)
    return dict(found)


def _pairs(ours: list[Row], theirs: list[Row]) -> list[tuple[Row, Row]]:
    """Rows of one name: the only ones, or where there are several those of the same environment."""
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    there = {row.first.environment.fingerprint: row for row in theirs}
    return [(row, there[key]) for row in ours if (key := row.first.environment.fingerprint) in there]


def _reason(first: Standings, second: Standings, one: Row, other: Row) -> str:
    """Why the accuracies of two rows cannot be compared, "" where they can."""
    manifests = [row.first.data.manifest_sha256[:12] for row in (one, other)]
    if manifests[0] != manifests[1]:
        return f"other images: manifest {manifests[0]} against {manifests[1]}"
    asked = first.answers.of(one.first), second.answers.of(other.first)
    if not np.array_equal(asked[0].ids, asked[1].ids):
        return "the predictions are of other images, or in another order"
    return ""


def _planned(found: Standings, name: str) -> bool:
    return any(row.name == name for row in (*_rows(found), *found.partial))


def _without_result(found: Standings) -> set[str]:
    """The configurations that were planned and of which some cell has no result."""
    failed = {record.cell.configuration for record in found.failed}
    return failed | {without_seed(name) for name, _ in found.missing}


def _differences(pairs: Sequence[tuple[Row, Row]]) -> list[str]:
    """What the rows of two runs differ in beside their results, each difference once."""
    told: dict[str, list[str]] = defaultdict(list)
    for one, other in pairs:
        for difference in _of_one(one, other):
            told[difference].append(one.name)
    count = len(pairs)
    return [
        f"{difference} ({'all rows' if len(names) == count else _counted(len(names))})"
        for difference, names in told.items()
    ]


def _counted(rows: int) -> str:
    return f"{rows} row{'s' if rows > 1 else ''}"


def _of_one(one: Row, other: Row) -> list[str]:
    before, after = one.first, other.first
    told = environment_differences(before.environment, after.environment)
    if before.commit != after.commit:
        told.append(f"harness commit {before.commit or 'unknown'} and {after.commit or 'unknown'}")
    changed = [
        f"{name} {ours!r} and {theirs!r}"
        for name, ours, theirs in recipe_changes(before.recipe, after.recipe)
    ]
    if changed:
        told.append(f"recipe {before.recipe.name}: {', '.join(changed)}")
    if before.weights.sha256 != after.weights.sha256:
        hashes = before.weights.sha256[:12] or "none", after.weights.sha256[:12] or "none"
        told.append(f"weights {before.weights.name or before.weights.kind}: {hashes[0]} and {hashes[1]}")
    if one.seeds != other.seeds:
        seeds = (", ".join(map(str, row.seeds)) for row in (one, other))
        told.append(f"seeds {' and '.join(seeds)}")
    if before.data.left_out != after.data.left_out:
        told.append(f"files left out: {before.data.left_out} and {after.data.left_out}")
    return told
