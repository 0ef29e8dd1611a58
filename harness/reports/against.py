"""Run against run: what changed between two runs of the same cells; between two timing runs, times alone."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.analysis.contests import LEVEL
from harness.analysis.machines import (
    Clocked,
    environment_differences,
    of_records,
    of_timing_rows,
    places,
)
from harness.analysis.runs import Change, RunComparison, compare_runs
from harness.analysis.standings import Standings, read_standings
from harness.analysis.timing_rows import read_timings
from harness.errors import UserError, few
from harness.metrics import metric
from harness.reports.legend import what_tells
from harness.reports.machines import machine_against_machine
from harness.reports.row_names import RowNames, names_among
from harness.reports.strategies import MOST_LINES, ONE_SEED, how_compared, p_text, points
from harness.reports.tables import in_one_cell, markdown
from harness.running.folder import RunFolder
from harness.statistics import MCNEMAR
from harness.text import counted
from harness.timing.records import TimingFolder

__all__ = ["render_against"]

_NAMES = ("first", "second")


def render_against(first: Path, second: Path) -> str:
    """Compare two runs, or two timing runs, as markdown: the second against the first.

    Raises `UserError` where one is no run, both are the same folder, or one is a run of trainings and the
    other a timing run.
    """
    if first.resolve() == second.resolve():
        raise UserError(
            "expected two runs, got the same folder twice",
            where=str(second),
            hint="Name the run to compare with after --against.",
        )
    kinds = [TimingFolder(path).facts_file.is_file() for path in (first, second)]
    if kinds[0] != kinds[1]:
        raise UserError(
            f"expected another {'timing run' if kinds[0] else 'run of trainings'}, found a "
            f"{'timing run' if kinds[1] else 'run of trainings'}",
            where=str(second),
            hint="The steps of the two are timed with other batches; compare runs of one kind.",
        )
    return _timings(first, second) if kinds[0] else _runs(first, second)


def _timings(first: Path, second: Path) -> str:
    one, other = read_timings(TimingFolder(first)), read_timings(TimingFolder(second))
    title = f"# {other.facts.matrix} against {one.facts.matrix}: timing runs"
    head = [f"- first: `{one.facts.command}`", f"- second: `{other.facts.command}`"]
    times = _times(of_timing_rows(one.rows), of_timing_rows(other.rows), told=True)
    nothing = "No cell was timed in both runs: there is nothing to compare."
    return "\n\n".join([title, "\n".join(head), times or nothing]) + "\n"


def _runs(first: Path, second: Path) -> str:
    found = compare_runs(read_standings(RunFolder(first)), read_standings(RunFolder(second)))
    one, other = found.first.facts, found.second.facts
    head = [_head(name, each) for name, each in zip(_NAMES, (found.first, found.second), strict=True)]
    head += [f"- they differ in {line}" for line in found.differences]
    times = _times(of_records(found.first.records), of_records(found.second.records))
    parts = [
        f"# {other.matrix} against {one.matrix}",
        "\n".join(head),
        f"## Accuracy\n\n{_accuracy(found)}",
        _unmatched(found),
        f"## Time\n\n{times}" if times else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _head(name: str, found: Standings) -> str:
    started = min(record.started for record in found.records)[:10]
    return f"- {name}: `{found.facts.command}`, first cell started {started}"


def _accuracy(found: RunComparison) -> str:
    if not found.changes:
        return f"No accuracies are compared: {_why_none(found)}"
    names = names_among([each.second for each in found.changes])
    told = [each for each in found.changes if each.told_apart]
    same = sum(each.same for each in found.changes)
    methods = {each.found.method for each in found.changes}
    by = what_tells(row for each in found.changes for row in (each.first, each.second))
    verdict = f"The {by} tell {len(told) or 'none'} of {counted(len(found.changes), 'row')} apart"
    parts = [
        f"{verdict} at the {100 * LEVEL:.0f} % level. Rows are matched by name and tested on the same "
        f"images ({how_compared(methods)}); p is adjusted by Holm's method over "
        f"{counted(len(found.changes), 'test')}, one for each row. "
        "The difference is the second run minus the first; its 95 % interval is the row's own."
    ]
    if MCNEMAR in methods:
        parts[0] += f" {ONE_SEED}"
    if same:
        parts.append(
            "Every answer to every image is the same in both runs."
            if same == len(found.changes)
            else f"Of {counted(same, 'row')} every answer to every image is the same in both runs."
        )
    if told:
        parts.append("\n".join(f"- {_sentence(names, each)}" for each in told[:MOST_LINES]))
    lines = [_line(names, each) for each in found.changes[:MOST_LINES]]
    parts.append(markdown(pd.DataFrame(lines), right=set(lines[0]) - {"backbone", "strategy", "verdict"}))
    if len(found.changes) > MOST_LINES:
        parts.append(f"The first {MOST_LINES} of {len(found.changes):,} rows.")
    return "\n\n".join(parts)


def _why_none(found: RunComparison) -> str:
    """Why no row's accuracies are compared: the names have nothing in common, or each has its reason."""
    if found.refused:
        return "each row of both runs has a reason below."
    sides = zip(_NAMES, (found.only_first, found.only_second), strict=True)
    told = [f"The {which} has {few(names, shown=3) or 'no row with a result'}." for which, names in sides]
    parts = ["no name of a row is in both runs.", *told]
    if not _images(found.first).isdisjoint(_images(found.second)):
        parts.append(
            "The images are the same. Rows are matched by backbone, weights, strategy, depth, recipe, "
            "learning rate, training images, size, device and precision."
        )
    return " ".join(parts)


def _images(found: Standings) -> set[str]:
    """The manifests of a run's records."""
    return {record.data.manifest_sha256 for record in found.records}


def _sentence(names: RowNames, each: Change) -> str:
    word = "better" if each.found.difference > 0 else "worse"
    return f"{names.row(each.second)} is {word} in the second run: {points(each.found.difference)} points."


def _line(names: RowNames, each: Change) -> dict[str, str]:
    interval, loss = each.found.interval, metric("test_loss")
    verdict = "cannot be told apart"
    if each.same:
        verdict = "the same answers"
    elif each.told_apart:
        verdict = "better" if each.found.difference > 0 else "worse"
    return {
        "backbone": names.setup(each.second),
        "strategy": names.strategy(each.second),
        "accuracy (%)": f"{100 * each.first.accuracy:.1f} to {100 * each.second.accuracy:.1f}",
        "difference (points)": points(each.found.difference),
        "95 % interval (points)": f"{points(interval.low)} to {points(interval.high)}",
        "p adjusted": p_text(each.p_value),
        "verdict": verdict,
        "loss": f"{loss.text(each.first.value(loss))} to {loss.text(each.second.value(loss))}",
    }


def _unmatched(found: RunComparison) -> str:
    parts = []
    reasons: dict[str, list[str]] = {}
    for name, reason in found.refused:
        reasons.setdefault(in_one_cell(reason), []).append(name)
    parts += [f"- not compared, {reason}: {few(names, shown=20)}" for reason, names in reasons.items()]
    for which, names in zip(_NAMES, (found.only_first, found.only_second), strict=True):
        if names:
            parts.append(f"- only in the {which} run: {few(names, shown=20)}")
    return "## Rows that are not compared\n\n" + "\n".join(parts) if parts else ""


def _times(first: Sequence[Clocked], second: Sequence[Clocked], *, told: bool = False) -> str:
    """Each machine of the one run against each of the other; "" where they timed no cell in common.

    `told` says what the machines differ in, where nothing else does.
    """
    found = {}
    for here in places(first):
        for there in places(second):
            names = (
                _named(len(places(first)), _NAMES[0], here.key),
                _named(len(places(second)), _NAMES[1], there.key),
            )
            text = machine_against_machine(
                [each for each in first if each.place.key == here.key],
                [each for each in second if each.place.key == there.key],
                names=names,
                differences=environment_differences(here.environment, there.environment) if told else (),
            )
            if text:
                found[names] = text
    if len(found) == 1:
        return next(iter(found.values()))
    return "\n\n".join(f"### {there} against {here}\n\n{text}" for (here, there), text in found.items())


def _named(count: int, run: str, key: tuple[str, str]) -> str:
    return run if count == 1 else f"{run}, {key[0]} {key[1]}"
