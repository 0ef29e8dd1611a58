"""Twenty runs of sound code, compared with the baseline: none of them may raise an alarm.

The tiny subset is run on other numbers of cores and threads, without oneDNN and with the instructions that
older processors have, and each run is compared with the committed baseline.  Two runs with equal settings
give the same bits, so every run here has settings of its own: 2 (cores) x 2 (threads of an operation) x 5
(arithmetic) are the twenty.

It prints by cell the largest differences that it saw, which is what the margins of `bench/matrices/ci.toml`
are set from, and ends with 1 if there was an alarm.
"""

import argparse
import itertools
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from subset import BASELINE, ROOT, Verdict, compare, run

from harness.comparison.memory import growth
from harness.files import write_whole
from harness.records import Record
from harness.running.folder import RunFolder

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


def on_cores(count: int) -> Callable[[], None]:
    """What keeps a new process on the first so many of this one's cores."""
    cores = sorted(os.sched_getaffinity(0))[:count]
    return lambda: os.sched_setaffinity(0, cores)


def main() -> None:
    """Run the settings that were asked for, compare, and print what differed most."""
    parser = argparse.ArgumentParser(prog="nox -s alarms --", description=__doc__)
    names = [each.name for each in SETTINGS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    given = parser.parse_args()
    wanted = [each for each in SETTINGS if each.name in given.only]
    verdicts = []
    for each in wanted:
        folder, cache, began = OUT / each.name, OUT / "cache", time.monotonic()
        for old in (folder, cache):
            shutil.rmtree(old, ignore_errors=True)
        run(folder, cache, settings=each.variables, before=on_cores(each.cores))
        shutil.rmtree(cache, ignore_errors=True)
        verdicts.append(compare(given.baseline, folder))
        print(f"{each.name} ({time.monotonic() - began:.0f} s): {said(verdicts[-1])}", flush=True)
    alarms = sum(verdict.code != 0 for verdict in verdicts)
    head = f"{alarms} of {len(wanted)} runs raised an alarm."
    text = f"{head}\n\n{render(given.baseline, [OUT / each.name for each in wanted])}"
    write_whole(OUT / "alarms.md", text)
    print(f"\n{text}")
    raise SystemExit(int(alarms > 0))


def said(verdict: Verdict) -> str:
    """What a comparison said, in a line."""
    if verdict.code == 0:
        return "no alarm"
    found = [f"{', '.join(each['cells'])}: {each['message']}" for each in verdict.regressions]
    return "ALARM: " + ("; ".join(found) or verdict.error)


def render(baseline: Path, runs: list[Path]) -> str:
    """The largest differences from the baseline by cell: accuracy, loss, gap and own memory."""
    before = {record.name: record for record in RunFolder(baseline).records.load()}
    most: dict[str, list[float]] = defaultdict(lambda: [0.0] * 4)
    for folder in runs:
        for record in RunFolder(folder).records.load():
            if record.name in before and record.status == "ok":
                found = differences(before[record.name], record)
                most[record.name] = [max(pair) for pair in zip(most[record.name], found, strict=True)]
    lines = [
        "| cell | accuracy (points) | loss (nats) | gap (points) | own memory (%) |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in before:
        accuracy, loss, gap, memory = most[name]
        lines.append(f"| {name} | {100 * accuracy:.1f} | {loss:.4f} | {100 * gap:.1f} | {100 * memory:.0f} |")
    return "\n".join(lines) + "\n"


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
