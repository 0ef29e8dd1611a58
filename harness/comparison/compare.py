"""The comparison as a whole: two folders are read, each check says what it finds, the worst comes first."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.analysis.machines import same_machine
from harness.analysis.step_times import STEP_TIMES
from harness.comparison.cells import Pair, lone_cells, margin_changes, matched
from harness.comparison.dedicated import dedicated_times, require_turns
from harness.comparison.finding import Figure, Finding, Judgement, by_worst, folded
from harness.comparison.gap import gap
from harness.comparison.memory import growth, memory
from harness.comparison.scores import scores
from harness.comparison.seeds import idle_seeds
from harness.comparison.setup import setup
from harness.comparison.sides import (
    NotComparableError,
    Side,
    kind_of_runs,
    read_side,
    require_common_cells,
)
from harness.comparison.structure import structure
from harness.comparison.times import comparable_times, spread_of_cells, times
from harness.comparison.timings import (
    TimedPair,
    advisory_times,
    lone_timings,
    read_timing_side,
    timed_pairs,
    timing_facts,
    told,
)
from harness.errors import UserError
from harness.metrics import Metric, metric
from harness.records import Record

__all__ = ["compare_folders"]


def compare_folders(baseline: Path, current: Path, *, dedicated: bool = False) -> Judgement:
    """Compare two runs of trainings, or two timing runs, by the names of their cells.

    With `dedicated` the times of two timing runs, made in turn, are a gate.  Raises `NoBaselineError`,
    `NotComparableError`, and `UserError` for what cannot be used.
    """
    if kind_of_runs(baseline, current, dedicated=dedicated) == "timings":
        return _timings(baseline, current, dedicated=dedicated)
    if dedicated:
        raise UserError(
            "--dedicated judges times, and these are runs of trainings, which time their steps once",
            where=str(current),
            hint="Time base and head in turn with `transferbench time`, and compare those two folders with "
            "--dedicated; compare the trainings without it.",
        )
    return _trainings(
        read_side(baseline, is_baseline=True), read_side(current, is_baseline=False), where=current
    )


def _trainings(baseline: Side, current: Side, *, where: Path) -> Judgement:
    matrices = baseline.facts.matrix, current.facts.matrix
    require_common_cells(*matrices, baseline.planned, current.planned, where=where)
    pairs = matched(baseline, current)
    _require_same_images(pairs, where)
    found = [*lone_cells(baseline, current), *margin_changes(baseline, current)]
    # First what was made otherwise: it is what a reader of the rest asks for.
    for pair in pairs:
        found += setup(pair)
    done = [pair for pair in pairs if pair.ended_ok]
    _require_judged(done, found, where)
    spreads = spread_of_cells(done)
    for pair in done:
        before, after = pair.before, pair.after
        found += structure(pair)
        found += scores(pair, baseline.predictions(before), current.predictions(after))
        found += gap(pair)
        found += memory(pair.name, before.memory, after.memory, pair.margins["peak_memory_bytes"])
        found += times(pair, spreads)
    found += idle_seeds(baseline, current)
    return Judgement(
        baseline=baseline.told,
        current=current.told,
        cells=_both(baseline.planned, current.planned),
        planned=_either(baseline.planned, current.planned),
        findings=by_worst(folded(found)),
        figures={pair.name: _figures(pair) for pair in done},
    )


def _timings(baseline: Path, current: Path, *, dedicated: bool) -> Judgement:
    ours, theirs = read_timing_side(baseline, is_baseline=True), read_timing_side(current, is_baseline=False)
    require_common_cells(
        ours.facts.matrix, theirs.facts.matrix, ours.facts.keys, theirs.facts.keys, where=current
    )
    pairs = timed_pairs(ours, theirs)
    found: list[Finding] = [*lone_timings(ours, theirs)]
    _require_judged(pairs, found, current)
    if dedicated:
        require_turns(ours, theirs, pairs, str(current))
        found += dedicated_times(ours, theirs, pairs)
    for pair in pairs:
        found += timing_facts(pair)
        if not dedicated:
            found += advisory_times(pair)
    return Judgement(
        baseline=told(ours),
        current=told(theirs),
        cells=_both(ours.facts.keys, theirs.facts.keys),
        planned=_either(ours.facts.keys, theirs.facts.keys),
        findings=by_worst(folded(found)),
        figures={pair.name: _timing_figures(pair) for pair in pairs},
        dedicated=dedicated,
    )


def _require_judged(pairs: Sequence[Pair | TimedPair], found: Iterable[Finding], where: Path) -> None:
    """Refuse runs of which no cell has a result in both, unless one is lost: that is a regression."""
    if not pairs and not any(each.severity == "regression" for each in found):
        raise NotComparableError(
            "no cell has a result in both runs, so nothing can be compared",
            where=str(where),
            hint="Their leaderboards say why there is none; run the matrix again: failed cells are tried "
            "anew.",
        )


def _require_same_images(pairs: Iterable[Pair], where: Path) -> None:
    for pair in pairs:
        hashes = [record.data.manifest_sha256[:12] for record in (pair.before, pair.after)]
        if hashes[0] != hashes[1]:
            raise NotComparableError(
                f"other images: manifest {hashes[1]}, and the baseline's is {hashes[0]} ({pair.name})",
                where=str(where),
                hint="Run on the images of the baseline, or make a baseline on these.",
            )


def _both(before: Iterable[str], after: Iterable[str]) -> tuple[str, ...]:
    there = set(after)
    return tuple(name for name in before if name in there)


def _either(before: Iterable[str], after: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*before, *after)))


def _figures(pair: Pair) -> tuple[Figure, ...]:
    figures = [
        _figure(metric(name), metric(name).value(pair.before), metric(name).value(pair.after))
        for name in ("test_accuracy", "test_loss")
    ]
    figures += [_figure(metric(name), *(comparable_times(pair, name) or (None, None))) for name in STEP_TIMES]
    own = [_megabytes(record) for record in (pair.before, pair.after)]
    return (*figures, Figure("own memory (MB)", *own))


def _figure(of: Metric, before: float | None, after: float | None) -> Figure:
    return Figure(of.heading, of.text(before), of.text(after))


def _megabytes(record: Record) -> str:
    taken = growth(record.memory)
    return "-" if taken is None else f"{taken / 1e6:,.0f}"


def _timing_figures(pair: TimedPair) -> tuple[Figure, ...]:
    known = same_machine(pair.before.environment, pair.after.environment)
    times = [f"{row.milliseconds:.4g}" if known else "-" for row in (pair.before, pair.after)]
    return (Figure("time (ms/step)", *times),)
