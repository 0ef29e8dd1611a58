"""Twenty runs of sound code, compared with the baseline: none of them may raise an alarm.

The tiny subset is run on other numbers of cores and threads, without oneDNN and with the instructions that
older processors have, and each run is compared with the committed baseline.  Two runs with equal settings
give the same bits, so no two of them are equal here: 2 (cores) x 2 (threads of an operation) x 5 (arithmetic)
are the twenty.  Other settings need not give other bits: the answers that differ are counted.

By setting it tells what was found of each kind, and by cell the largest differences that it saw, which is
what the margins of `bench/matrices/ci.toml` are set from, and how many different answers there were.  It ends
with 1 if there was an alarm, or if a run or a comparison broke.

The tables are written after each setting (results/runs/alarms/alarms.md), runs are kept, and the same command
goes on after an interruption; a session over all settings writes results/proofs/alarms.md too.
"""

import hashlib
import itertools
import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from proof import asked, keep, made_from, made_once, write_proof
from subset import ROOT, Verdict, compare, run, unjudged

from harness.cli_common import interruptible
from harness.comparison.finding import SEVERITIES, Kind
from harness.comparison.memory import growth
from harness.files import write_whole
from harness.records import Record
from harness.running.folder import RunFolder
from harness.text import counted

OUT = ROOT / "results" / "runs" / "alarms"

ARITHMETIC = {
    "onednn": {"TF_ENABLE_ONEDNN_OPTS": "1"},
    "plain": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "avx2": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "avx": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX"},
    "sse41": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}
THREADS: dict[str, dict[str, str]] = {"own": {}, "3": {"TF_NUM_INTRAOP_THREADS": "3"}}


@dataclass(frozen=True)
class Setting:
    """One way to run the same code."""

    cores: int
    threads: str
    arithmetic: str

    @property
    def name(self) -> str:
        """Its name in tables and folders."""
        return f"{self.cores}-cores-{self.threads}-threads-{self.arithmetic}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables."""
        return THREADS[self.threads] | ARITHMETIC[self.arithmetic]


SETTINGS = tuple(
    Setting(cores, threads, arithmetic)
    for threads, arithmetic, cores in itertools.product(THREADS, ARITHMETIC, (2, 1))
)

OWN = "2-cores-own-threads-onednn"
"""The setting that the baseline was made in."""


def on_cores(count: int) -> Callable[[], None]:
    """What keeps a new process on the first so many of this one's cores."""
    cores = sorted(os.sched_getaffinity(0))[:count]
    return lambda: os.sched_setaffinity(0, cores)


@dataclass(frozen=True)
class Judged:
    """One run in a setting, and what the comparison with the baseline says of it."""

    setting: Setting
    verdict: Verdict
    seconds: float

    @property
    def run(self) -> Path:
        """The folder of the run."""
        return OUT / self.setting.name / "run"

    @property
    def said(self) -> str:
        """The verdict in a line."""
        if self.verdict.state == "no regression":
            return "no alarm"
        if self.verdict.state == "not judged":
            return self.verdict.why
        found = [f"{', '.join(each['cells'])}: {each['message']}" for each in self.verdict.regressions]
        return f"ALARM: {'; '.join(found)}"


def main() -> None:
    """Run the settings that were asked for and compare; print and write what was found."""
    given = asked("alarms", __doc__, [each.name for each in SETTINGS])
    wanted = [each for each in SETTINGS if each.name in given.names]
    judged: list[Judged] = []
    with interruptible("finished runs are kept, and the same command goes on", OUT):
        for each in wanted:
            judged.append(_judge(each, given.baseline, again=given.again))
            print(f"{each.name} ({judged[-1].seconds:.0f} s): {judged[-1].said}", flush=True)
            text = render(given.baseline, judged, left=len(wanted) - len(judged))
            write_whole(OUT / "alarms.md", text)
    print(f"\n{text}")
    if given.whole:
        print(write_proof("alarms", text))
    raise SystemExit(int(any(each.verdict.state != "no regression" for each in judged)))


def _judge(setting: Setting, baseline: Path, *, again: bool) -> Judged:
    """Run the subset in a setting, unless that was done before, and compare it with the baseline."""
    folder = OUT / setting.name / "run"
    facts = made_from(setting=json.dumps([setting.cores, setting.variables], sort_keys=True))
    made = made_once(folder, facts, partial(_run, setting, folder), again=again)
    if made.error:
        return Judged(setting, unjudged(made.error), made.seconds)
    judged = Judged(setting, compare(baseline, folder), made.seconds)
    keep(folder, facts, made.seconds, said=judged.said, exit_code=judged.verdict.code)
    return judged


def _run(setting: Setting, folder: Path) -> int:
    """Run the whole subset in a setting, with a cache of its own that goes afterwards."""
    cache = folder.with_name("cache")
    shutil.rmtree(folder.parent, ignore_errors=True)
    try:
        return run(folder, cache, settings=setting.variables, before=on_cores(setting.cores))
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def render(baseline: Path, judged: Sequence[Judged], *, left: int = 0) -> str:
    """The verdict on the runs, how many answers differ, what was found by setting, and what differs by cell.

    `left` is how many settings are still to be run.
    """
    states = Counter(each.verdict.state for each in judged)
    head = [f"{states['regression']} of {len(judged)} runs raised an alarm."]
    if states["not judged"]:
        head.append(f"{states['not judged']} could not be judged, so this is no proof.")
    if left:
        head.append(f"Still to be made: {left}.")
    runs = [each.run for each in judged if each.verdict.state != "not judged"]
    given = {each.setting.name: answers_of(each.run) for each in judged if each.run in runs}
    tables = [found_by_setting(judged), largest(baseline, runs, list(given.values()))]
    return "\n\n".join([" ".join(head), different(answers_of(baseline), given), *tables]) + "\n"


def answers_of(run: Path) -> dict[str, str]:
    """The SHA-256 of the test predictions (ids, labels, probabilities) of every cell with a result."""
    records, found = RunFolder(run).records, {}
    for record in records.load():
        if record.status == "ok":
            given = records.predictions(record)
            columns = (given.ids, given.labels, given.probabilities)
            found[record.name] = hashlib.sha256(b"".join(each.tobytes() for each in columns)).hexdigest()
    return found


def different(baseline: Mapping[str, str], given: Mapping[str, Mapping[str, str]]) -> str:
    """How many different sets of answers the runs gave, and whether the baseline's own setting gave its.

    `baseline` has the hash of each cell's answers, `given` the same by setting.
    """
    sets = len({json.dumps(each, sort_keys=True) for each in given.values()})
    runs = counted(len(given), "judged run")
    told = f"{runs} gave {counted(sets, 'different set')} of answers, to the bit."
    own = given.get(OWN)
    if own is None:
        return f"{told} The baseline's own setting, {OWN}, is not among them."
    other = [name for name, answers in baseline.items() if own.get(name) != answers]
    same = f"{len(baseline) - len(other)} of {counted(len(baseline), 'cell')}"
    rest = f"; not in {', '.join(other)}" if other else ""
    return f"{told} {OWN}, the baseline's own setting, gave the baseline's answers in {same}{rest}."


def found_by_setting(judged: Sequence[Judged]) -> str:
    """A row a run, a column a kind of finding: how many cells a finding of each severity concerns."""
    found = [(each, _concerned((*each.verdict.regressions, *each.verdict.others))) for each in judged]
    told = {kind for _, cells in found for kind, _ in cells}
    kinds = [kind for kind in get_args(Kind) if kind in told]
    lines = [
        f"| {' | '.join(['setting', 'verdict', *(f'{kind} (cells)' for kind in kinds), 'seconds'])} |",
        f"| --- | --- | {'--- | ' * len(kinds)}---: |",
    ]
    for each, cells in found:
        counts = [
            ", ".join(f"{cells[kind, name]} {name}" for name in SEVERITIES if cells[kind, name]) or "-"
            for kind in kinds
        ]
        row = [each.setting.name, each.said.replace("|", "\\|"), *counts, f"{each.seconds:.0f}"]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _concerned(findings: Iterable[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How many cells the findings of a kind and severity concern; one of no cell counts once."""
    cells = defaultdict(set)
    for number, each in enumerate(findings):
        cells[each["kind"], each["severity"]].update(each["cells"] or [str(number)])
    return Counter({name: len(each) for name, each in cells.items()})


def largest(baseline: Path, runs: Iterable[Path], given: Sequence[Mapping[str, str]]) -> str:
    """The largest differences from the baseline by cell: accuracy, loss, gap and own memory.

    Beside them stands how many different answers the runs gave to each cell; `given` has their hashes, by
    cell, of each run.
    """
    before = {record.name: record for record in RunFolder(baseline).records.load()}
    most: dict[str, list[float]] = defaultdict(lambda: [0.0] * 4)
    for folder in runs:
        for record in RunFolder(folder).records.load():
            if record.name in before and record.status == "ok":
                found = differences(before[record.name], record)
                most[record.name] = [max(pair) for pair in zip(most[record.name], found, strict=True)]
    lines = [
        "| cell | accuracy (points) | loss (nats) | gap (points) | own memory (%) | different answers |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in before:
        accuracy, loss, gap, memory = most[name]
        figures = [f"{100 * accuracy:.1f}", f"{loss:.4f}", f"{100 * gap:.1f}", f"{100 * memory:.0f}"]
        answers = {each[name] for each in given if name in each}
        lines.append(f"| {' | '.join([name, *figures, str(len(answers))])} |")
    return "\n".join(lines)


def differences(before: Record, after: Record) -> tuple[float, float, float, float]:
    """How much accuracy, loss and gap differ, and own memory as a share; 0 where a record has none."""
    pairs = (
        (before.measured.test_accuracy, after.measured.test_accuracy),
        (before.measured.test_loss, after.measured.test_loss),
        (before.gap, after.gap),
    )
    found = [0.0 if None in pair else abs(pair[1] - pair[0]) for pair in pairs]
    ours, theirs = growth(before.memory), growth(after.memory)
    found.append(abs(theirs / ours - 1) if ours and theirs else 0.0)
    return found[0], found[1], found[2], found[3]


if __name__ == "__main__":
    main()
