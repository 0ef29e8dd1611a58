"""Two timing runs: their cells by name, what is exact in them, and their times, told but no gate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.analysis.machines import duels, of_timing_rows, same_machine
from harness.analysis.timing_rows import TimingRow, Timings, read_timings
from harness.comparison.cells import ended, lone
from harness.comparison.finding import Finding, Told, Value
from harness.comparison.memory import memory
from harness.comparison.setup import environment_findings
from harness.comparison.sides import (
    NoBaselineError,
    require_version,
    require_whole,
    required_of_baseline,
)
from harness.comparison.structure import differs
from harness.errors import UserError
from harness.metrics import MARGINS
from harness.records import Memory
from harness.text import quoted
from harness.timing.records import TimingFolder

__all__ = [
    "TimedPair",
    "advisory_times",
    "lone_timings",
    "read_timing_side",
    "timed_pairs",
    "timing_facts",
    "told",
]

_SCHEMA = 1


@dataclass(frozen=True)
class TimedPair:
    """One timing cell with a result in both runs."""

    before: TimingRow
    after: TimingRow

    @property
    def name(self) -> str:
        """The cell's name."""
        return self.before.cell.name


def read_timing_side(path: Path, *, is_baseline: bool) -> Timings:
    """Read a timing run.

    Raises `NotComparableError` for another schema version, `NoBaselineError` for a baseline without any
    record or that lacks one of a cell, and `UserError` for what is damaged and for a current run without any.
    """
    folder = TimingFolder(path)
    require_version([folder.facts_file, *sorted(folder.records.glob("*.json"))], _SCHEMA)
    if not is_baseline:
        return read_timings(folder)
    with required_of_baseline(path):
        try:
            found = read_timings(folder)
        except UserError as error:
            if not any(folder.records.glob("*.json")):
                raise NoBaselineError(error.problem, where=error.where, hint=error.hint) from None
            raise
    require_whole(path, list(found.facts.keys), {record.name for record in found.records})
    return found


def told(found: Timings) -> Told:
    """What a timing run says of itself."""
    commits = dict.fromkeys(record.commit for record in found.records if record.commit)
    return Told(found.facts.matrix, tuple(commits), min(record.started for record in found.records))


def timed_pairs(baseline: Timings, current: Timings) -> list[TimedPair]:
    """The cells that have a time in both runs; of one that was timed on several machines, the last time."""
    ours, theirs = _rows(baseline), _rows(current)
    return [TimedPair(row, theirs[name]) for name, row in ours.items() if name in theirs]


def lone_timings(baseline: Timings, current: Timings) -> Iterator[Finding]:
    """What is said of cells without a time in one of the runs, or in both."""
    return lone(_ends(baseline), _ends(current), had="was timed", has="is timed", lacks="has no time")


def timing_facts(pair: TimedPair) -> Iterator[Finding]:
    """What is not a time: the work of a step exactly, its memory within the margin, versions and commits."""
    before, after = pair.before, pair.after
    exact: tuple[tuple[str, str, Value, Value], ...] = (
        ("parameters", "parameters", before.parameters, after.parameters),
        ("parameters_trainable", "trainable parameters", before.trainable, after.trainable),
        ("multiply_adds", "multiply-adds of a step", before.multiply_adds, after.multiply_adds),
        ("jit", "compiled by XLA", before.timed[0].jit, after.timed[0].jit),
        ("placed_on", "where the step ran", before.timed[0].placed_on, after.timed[0].placed_on),
    )
    for field, words, ours, theirs in exact:
        if ours != theirs:
            yield differs(pair.name, field, words, ours, theirs)
    yield from memory(pair.name, _memory(before), _memory(after), MARGINS["peak_memory_bytes"].value)
    yield from environment_findings(pair.name, before.environment, after.environment)
    commits = [", ".join(dict.fromkeys(record.commit for record in row.records)) for row in (before, after)]
    if commits[0] != commits[1]:
        words = " to ".join(quoted(commit) if commit else "none" for commit in commits)
        yield Finding(
            kind="setup",
            severity="changed",
            message=f"harness commit: {words}",
            cells=(pair.name,),
            field="commit",
            before=commits[0],
            after=commits[1],
        )


def advisory_times(pair: TimedPair) -> Iterator[Finding]:
    """A step that takes another time by more than the machine resolves; nothing on another machine.

    Where neither A/A test nor passes say what it resolves, the margin of trainings counts.
    """
    if not same_machine(pair.before.environment, pair.after.environment):
        return
    kinds, doubted = duels(of_timing_rows([pair.before]), of_timing_rows([pair.after]))
    for duel in doubted:
        doubt = duel.doubt.replace("first:", "baseline:").replace("second:", "now:")
        yield Finding("time", "advisory", f"time not compared: {quoted(doubt)}", (pair.name,), "step_ms")
    for duel in (duel for kind in kinds for duel in kind.duels):
        interval, rests = duel.interval
        margin = MARGINS["train_ms"].value
        told_apart = not interval.low <= 1 <= interval.high
        if rests != "resolution":
            told_apart = told_apart and max(duel.ratio, 1 / duel.ratio) > 1 + margin
        if told_apart:
            word = "slower" if duel.ratio > 1 else "faster"
            before, after = duel.first.typical, duel.second.typical
            yield Finding(
                kind="time",
                severity="advisory",
                message=f"{before:.4g} to {after:.4g} ms a step, {word} by a factor of "
                f"{max(duel.ratio, 1 / duel.ratio):.2f}; two runs one after the other are no gate",
                cells=(pair.name,),
                field="step_ms",
                unit="ms/step",
                before=before,
                after=after,
                difference=duel.ratio,
                interval=interval,
            )


def _rows(found: Timings) -> dict[str, TimingRow]:
    """The rows by the names of their cells, in the order of the plan."""
    latest = sorted(found.rows, key=lambda row: max(record.started for record in row.records))
    by_name = {row.cell.name: row for row in latest}
    return {name: by_name[name] for name in found.facts.keys if name in by_name}


def _ends(found: Timings) -> dict[str, str]:
    """How each planned cell ended; of one that failed several times the first."""
    timed = _rows(found)
    failed = {record.name: record for record in reversed(found.failed)}
    return {name: "ok" if name in timed else ended(failed.get(name)) for name in found.facts.keys}


def _memory(row: TimingRow) -> Memory | None:
    """The memory of the pass that took most."""
    known: Iterable[Memory] = (record.memory for record in row.records if record.memory)
    return max(known, key=lambda each: each.peak_bytes - each.inherited_bytes, default=None)
