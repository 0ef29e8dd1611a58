"""Base and head timed in turn on this machine, and compared as `compare --dedicated` does it.

Pass by pass, changing who begins: base, head, head, base, base, head ...  The head is this checkout and the
base a commit (`--base REV`, in a worktree of its own).  Two controls show what the answer is worth: with
`--planted` the head is a copy of this checkout whose steps take 30 % more time (`bench/mutations.py`), which
must be found in every cell that could be judged; with `--same` it is an unchanged copy, in which no step may
be slower.  A timing that other work disturbed stands, and its pair does not count: made again later it would
not be next to its counterpart.

Cost: six passes of each side over the six cells of bench/matrices/tiny.toml, some 12 minutes on two CPU
cores, on which nothing else may run.

It ends with what `compare` ends with, and with 1 where no cell could be judged; with `--planted` with 0 where
slower steps were found in every judged cell and nothing else failed, else with 1.  The table that it prints
is kept in results/timings/check-times.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from mutations import SLOW_STEP, Mutation, plant
from subset import PROGRAM, ROOT

from harness.comparison.dedicated import FEWEST_IN_HALF
from harness.environment import current_environment
from harness.errors import EXIT_INCOMPLETE, EXIT_REGRESSION, EXIT_USAGE, few
from harness.files import write_whole
from harness.reports.tables import in_one_cell, machine, markdown
from harness.text import counted, quoted

OUT = ROOT / "results" / "timings"
MATRIX = ROOT / "bench" / "matrices" / "tiny.toml"
PASSES = 6
"""As many of each side that a lost pair in either half leaves enough."""

RIGHT = ("base (ms/step)", "head (ms/step)", "median ratio", "interval", "margin (%)")
VERDICTS = {"regression": "**slower**", "improved": "faster", "within": "the same", "undecided": "undecided"}


@dataclass(frozen=True)
class Compared:
    """What `compare --dedicated` said: its exit code, and its document as it prints it with `--json`."""

    code: int
    facts: dict[str, Any]

    @property
    def times(self) -> dict[str, dict[str, Any]]:
        """What was found of the time of a step, by cell, in the order of the plan."""
        found = [each for each in self.facts["findings"] if each["field"] == "step_ms"]
        by_cell = {cell: each for each in found for cell in each["cells"]}
        return {cell: by_cell[cell] for cell in self.facts["cells"] if cell in by_cell}

    @property
    def judged(self) -> dict[str, dict[str, Any]]:
        """Those of them with a ratio."""
        return {cell: each for cell, each in self.times.items() if each["difference"] is not None}

    @property
    def slower(self) -> list[str]:
        """The cells whose step is slower."""
        return [cell for cell, each in self.judged.items() if each["severity"] == "regression"]

    @property
    def failing(self) -> list[dict[str, Any]]:
        """The regressions that are none of time: a cell that is lost, other work, more memory."""
        found = self.facts["findings"]
        return [each for each in found if each["severity"] == "regression" and each["field"] != "step_ms"]


def main() -> None:
    """Time both, compare them, print the table, and end with the verdict."""
    given = _given()
    folders = {"base": OUT / "turns-base", "head": OUT / "turns-head"}
    with _packages(given) as (base, head):
        packages = {"base": base, "head": head}
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        for number, side in turns(given.passes):
            print(f"pass {number} of {given.passes}: {side}", flush=True)
            time(packages[side], folders[side], number, given)
    compared = compare(folders["base"], folders["head"])
    code, told = outcome(compared, planted=given.planted)
    kind = f"--base {given.base}" if given.base is not None else "--planted" if given.planted else "--same"
    text = f"{told}\n\n{render(compared, kind, given.passes)}"
    write_whole(OUT / "check-times.md", text)
    print(f"\n{text}\nkept in {OUT / 'check-times.md'}")
    raise SystemExit(code)


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s check-times --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--base", metavar="REV", help="the commit that this checkout is compared with")
    kinds.add_argument("--planted", action="store_true", help="steps that are 30 %% slower must be found")
    kinds.add_argument("--same", action="store_true", help="in an unchanged copy nothing may be found")
    parser.add_argument("--passes", type=int, default=PASSES, help="of each side (%(default)s)")
    parser.add_argument("--matrix", type=Path, default=MATRIX, help="bench/matrices/tiny.toml unless given")
    parser.add_argument("--backbones", action="append", default=[], help="only these of it; repeatable")
    given = parser.parse_args()
    if given.passes < 2 * FEWEST_IN_HALF:
        parser.error(f"--passes: expected {2 * FEWEST_IN_HALF} or more, got {given.passes}")
    return given


def turns(passes: int) -> Iterator[tuple[int, str]]:
    """Which side is timed when: every pass both, and every other pass the head first."""
    for number in range(1, passes + 1):
        for side in ("base", "head") if number % 2 else ("head", "base"):
            yield number, side


def _packages(given: argparse.Namespace) -> AbstractContextManager[tuple[Path, Path]]:
    """The folders that hold the packages of base and head, while they are there."""
    if given.base is not None:
        return at(given.base)
    return copied(SLOW_STEP) if given.planted else copied()


@contextmanager
def at(revision: str) -> Iterator[tuple[Path, Path]]:
    """The folders of the packages where the base is a commit; its worktree goes at the end."""
    git = ["git", "-C", str(ROOT), "worktree"]
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "base"
        # The two dashes: a revision is never an option, and git says itself what is wrong with it.
        made = subprocess.run([*git, "add", "--detach", "--", str(tree), revision], check=False)
        if made.returncode:
            print(f"--base: expected a commit of this repository, got {revision!r}", file=sys.stderr)
            raise SystemExit(EXIT_USAGE)
        try:
            yield tree, ROOT
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=False)


@contextmanager
def copied(*mistakes: Mutation) -> Iterator[tuple[Path, Path]]:
    """The folders of the packages where the head is a copy of this one, with mistakes planted in it."""
    with TemporaryDirectory() as folder:
        package = Path(folder) / "harness"
        shutil.copytree(ROOT / "harness", package, ignore=shutil.ignore_patterns("__pycache__"))
        for mistake in mistakes:
            plant(mistake, package)
        yield ROOT, Path(folder)


def time(package: Path, out: Path, number: int, given: argparse.Namespace) -> None:
    """Make one pass of one side; ends with the exit code of `time` where it could not be made.

    A cell that failed is for the comparison to tell.
    """
    narrow = [word for name in given.backbones for word in ("--backbones", name)]
    words = [str(given.matrix.resolve()), "--out", str(out), "--passes", str(number), *narrow]
    done = call(package, "time", *words, *_keeping(package))
    if done.returncode not in (0, EXIT_INCOMPLETE):
        raise SystemExit(done.returncode)


def _keeping(package: Path) -> list[str]:
    """The option that lets disturbed timings stand, where `time` of that package has it.

    A commit from before it makes them again, out of turn: then two pairs do not count instead of one.
    """
    option, source = "--keep-disturbed", package / "harness" / "cli_timing.py"
    return [option] if source.is_file() and option in source.read_text(encoding="utf-8") else []


def compare(base: Path, head: Path) -> Compared:
    """Compare both folders; ends with the exit code of `compare` where that could not, and has said why."""
    done = call(ROOT, "compare", str(base), str(head), "--dedicated", "--json", stdout=subprocess.PIPE)
    facts = json.loads(done.stdout) if done.stdout else {"reason": "`compare` itself failed"}
    if facts["reason"] or done.returncode not in (0, EXIT_REGRESSION):
        # An older table must not stand for this one.
        write_whole(OUT / "check-times.md", f"Not compared: {quoted(facts['reason'], longest=600)}\n")
        raise SystemExit(done.returncode or EXIT_USAGE)
    return Compared(done.returncode, facts)


def call(package: Path, *words: str, stdout: int | None = None) -> "subprocess.CompletedProcess[str]":
    """Call the command of a package in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(package)}
    # Not from this checkout, whose package `python -c` would find before the other.
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=environment,
        cwd=package,
        stdout=stdout,
        text=True,
        check=False,
    )


def outcome(compared: Compared, *, planted: bool) -> tuple[int, str]:
    """The exit code, and what it stands for in words."""
    judged, slower, failing = compared.judged, compared.slower, compared.failing
    if not judged:
        return compared.code or EXIT_REGRESSION, "No cell could be judged, so nothing is said of any time."
    missed = [cell for cell in judged if cell not in slower]
    told = f"Slower steps in {len(slower)} of {counted(len(judged), 'judged cell')}"
    told += f", {len(compared.times) - len(judged)} could not be judged." if judged != compared.times else "."
    if planted and missed:
        told += f" Planted and missed: {few(missed, shown=len(missed))}."
    told += f" {counted(len(failing), 'other regression')}." if failing else ""
    return int(bool(missed or failing)) if planted else compared.code, told


def render(compared: Compared, kind: str, passes: int) -> str:
    """What was compared with what, the table of all cells, and every finding in words."""
    facts, middle = compared.facts, passes // 2
    base, head = (", ".join(facts[side]["commits"]) or "a copy" for side in ("baseline", "current"))
    lines = [
        f"`nox -s check-times -- {kind}`, matrix `{facts['current']['matrix']}`: base {base}, head {head}, "
        f"begun {facts['baseline']['started']}, on {machine(current_environment())}.",
        "",
        f"Passes 1 to {middle} are one run of the experiment and passes {middle + 1} to {passes} "
        "another: every pass is processes of its own, started separately. A step is slower where the median "
        "ratio of both runs is above 1 plus the margin and the interval over all pairs lies above 1.",
        "",
        markdown(pd.DataFrame(_rows(compared)), right=RIGHT) if compared.times else "No times.",
        "",
        *(
            f"- {each['severity']}: {few(each['cells'], shown=3)}: {each['message']}"
            for each in facts["findings"]
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _rows(compared: Compared) -> list[dict[str, str]]:
    rows = []
    for cell, each in compared.times.items():
        numbers = ["-"] * len(RIGHT)
        verdict = "not judged"
        if cell in compared.judged:
            interval = each["interval"]
            between = f"{interval['low']:.3f} to {interval['high']:.3f}"
            numbers = [f"{each['before']:.4g}", f"{each['after']:.4g}", f"{each['difference']:.3f}"]
            numbers += [f"{between} ({100 * interval['confidence']:.0f} %)", f"{100 * each['margin']:.1f}"]
            verdict = VERDICTS[each["severity"]]
        rows.append({"cell": in_one_cell(cell), **dict(zip(RIGHT, numbers, strict=True)), "verdict": verdict})
    return rows


if __name__ == "__main__":
    main()
