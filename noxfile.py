"""The project's tasks; `nox -l` lists them.  CI calls these and nothing else."""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import nox
from nox.command import CommandFailed

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2024.10.9"

PYPROJECT = nox.project.load_toml("pyproject.toml")
RUN = "results/runs/smoke"
CI = Path("results/runs/ci")
CI_HISTORY = Path("results/runs/ci-history")
MOST_KEPT = 100  # runs, of some 400 kB
CI_BASELINE = Path("results/baselines/ci")
TINY_LIMIT = timedelta(minutes=3)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def groups(*names: str) -> list[str]:
    """The packages of pyproject's dependency groups."""
    return nox.project.dependency_groups(PYPROJECT, *names)


@nox.session
def smoke(session: nox.Session) -> None:
    """Run the main job in small: synthetic images, the project's own base, no network."""
    session.install("-e", ".")
    session.run(
        "transferbench", "run", "bench/matrices/smoke.toml", "--out", RUN, "--offline", *session.posargs
    )


@nox.session(name="bench-gpu")
def bench_gpu(session: nox.Session) -> None:
    """Benchmark a machine with a GPU; -- --backbones VGG16, --devices gpu, --data DIR ... narrow it."""
    given = Given.of(session, "doctor", "suites", "run", "time")
    session.install("-e", ".[gpu]", *groups("bench"))
    try:
        session.run("transferbench", "doctor", "--require-gpu", *given.to("doctor"))
    except CommandFailed:
        session.error("doctor found what is in the way, above; without a GPU there is `nox -s bench-cpu`")
    matrix = "bench/matrices/gpu.toml"
    bench(session, suites("gpu", given), run(matrix, given), time(matrix, given), report(matrix))


@nox.session(name="bench-cpu")
def bench_cpu(session: nox.Session) -> None:
    """Benchmark the CPU: the time of a step of every published backbone (some hours)."""
    given = Given.of(session, "suites", "time", without=("--devices",))
    session.install("-e", ".", *groups("bench"))
    bench(session, suites("cpu", given, "--devices", "cpu"), time("bench/matrices/timing-cpu.toml", given))


@nox.session(name="bench-tiny")
def bench_tiny(session: nox.Session) -> None:
    """Run all of a benchmark's code in under three minutes, or fail; its numbers mean little."""
    given = Given.of(session, "suites", "time")
    session.install("-e", ".", *groups("bench"))
    matrix = "bench/matrices/tiny.toml"
    steps = (suites("tiny", given, matrix=matrix), time(matrix, given, "--passes", "1", "--rounds", "2"))
    # With arguments it is another benchmark, which may take what it takes.
    bench(session, *steps, limit=None if session.posargs else TINY_LIMIT)


@nox.session(name="check-regressions")
def check_regressions(session: nox.Session) -> None:
    """Run the tiny subset afresh and compare it with the committed baseline; a regression fails."""
    session.install("-e", ".")
    comment = CI / "compare.md"
    # A cell that fails is a finding; what cannot be compared at all ends the session by itself.
    run_subset(session, success_codes=[0, 1])
    if earlier := len(kept_runs()):
        session.log(
            f"earlier runs kept in {CI_HISTORY}: {earlier}; `transferbench history {CI_HISTORY} {CI}` "
            "shows how the cells moved (with the history extra)"
        )
    try:
        session.run("transferbench", "compare", str(CI_BASELINE), str(CI), "--markdown", str(comment))
    except CommandFailed:
        session.error(
            f"what was found, or why nothing was compared, stands above and in {comment}. A change that is "
            "meant is made the baseline with `nox -s update-baseline`, and committed with its reason"
        )


@nox.session(name="update-baseline")
def update_baseline(session: nox.Session) -> None:
    """Make a fresh run of the tiny subset the baseline, and print what differs from the old one."""
    session.install("-e", ".")
    run_subset(session)
    # A regression (1) or other images (3) may be what is meant; that the baseline is damaged (2) or
    # missing (4) is a reason to make one.  Whatever it is, it is printed, and git shows it.
    session.run("transferbench", "compare", str(CI_BASELINE), str(CI), success_codes=range(5))
    session.run("python", "bench/update_baseline.py", str(CI))


@nox.session
def mutations(session: nox.Session) -> None:
    """Plant real mistakes in copies of the package, one at a time, and show which are caught, and by what."""
    session.install("-e", ".")
    session.run("python", "bench/run_mutations.py", *session.posargs)


@nox.session
def alarms(session: nox.Session) -> None:
    """Run the tiny subset with other threads and other arithmetic: none of it may be an alarm."""
    session.install("-e", ".")
    session.run("python", "bench/run_alarms.py", *session.posargs)


@nox.session(name="check-times")
def check_times(session: nox.Session) -> None:
    """Time a commit and this checkout in turn on an idle machine: -- --base REV; slower steps fail."""
    session.install("-e", ".")
    session.run("python", "bench/run_times.py", *session.posargs)


@nox.session(name="train-smoke-base")
def train_smoke_base(session: nox.Session) -> None:
    """Train the small base again and write its weights to harness/assets (some minutes)."""
    session.install("-e", ".")
    session.run("python", "bench/train_smoke_base.py", *session.posargs)


@nox.session(venv_backend="none")
def browser(session: nox.Session) -> None:
    """Install Debian's Chromium, where root and apt-get are: without one the tests of the page skip."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        session.log("no Chromium, and no root with apt-get to install one: the tests of the page will skip")
        return
    try:
        for words in (("update", "-q"), ("install", "-y", "-q", "--no-install-recommends", "chromium")):
            session.run("apt-get", *words, external=True, env={"DEBIAN_FRONTEND": "noninteractive"})
    except CommandFailed:
        session.warn("Chromium could not be installed: the tests of the page will skip")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; those on real images need TRANSFERBENCH_DATA and TRANSFERBENCH_WEIGHTS."""
    session.install("-e", ".", *groups("test"))
    # Files are shared out whole: what a module makes for all its tests is made once.
    session.run("pytest", "-n", "auto", "--dist", "loadfile", *session.posargs)


@nox.session(name="tests-all")
def tests_all(session: nox.Session) -> None:
    """Run every test, the slow ones too: those of each backbone in a process of their own."""
    session.install("-e", ".", *groups("test"))
    listing = "from harness.backbones import BACKBONES; print(*BACKBONES)"
    names = str(session.run("python", "-c", listing, silent=True)).split()
    of_backbones = (
        "tests/training/test_backbones.py",
        "tests/timing/test_subject.py",
        "tests/explain/test_parts.py",
    )
    # TensorFlow keeps what it traced: one process for all backbones grows beyond 17 GB.
    commands = {
        "the quick ones": ["pytest"],
        "the slow ones": ["pytest", "-m", "slow", *(f"--ignore={path}" for path in of_backbones)],
    } | {name: ["pytest", "-m", "slow", *of_backbones, "-k", f"{name}] or {name}-"] for name in names}
    failed = []
    for what, words in commands.items():
        try:
            # 5: none of its tests is slow
            session.run(*words, *session.posargs, success_codes=[0, 5])
        except CommandFailed:
            failed.append(what)
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting, and the workflows for what makes them unsafe (offline)."""
    session.install(*groups("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("zizmor", "--offline", "--strict-collection", ".github/workflows")


@nox.session
def types(session: nox.Session) -> None:
    """Check types strictly; TensorFlow and Keras are not needed for it."""
    untyped = {"keras", "scikit-learn", "seaborn", "scipy", "tensorflow"}
    needed = [
        requirement
        for requirement in PYPROJECT["project"]["dependencies"]
        if requirement.split(">")[0] not in untyped
    ]
    session.install(*needed, *groups("types"))
    session.run("mypy")


def run_subset(session: nox.Session, **options: Any) -> None:
    """Run the matrix of check-regressions afresh; an earlier run goes to the history."""
    keep_earlier_run()
    with tempfile.TemporaryDirectory() as cache:
        words = ("bench/matrices/ci.toml", "--out", str(CI), "--cache", cache, "--offline")
        session.run("transferbench", "run", *words, **options)


def keep_earlier_run() -> None:
    """Move facts and records of the last run to the history, under the time of its start; the rest goes."""
    starts = [start_of(path) for path in (CI / "records").glob("*.json")]
    known = [start for start in starts if start is not None]
    # One damaged record would stop `history` at all of them.
    if known == starts and known and (CI / "run.json").is_file():
        kept = CI_HISTORY / f"{min(known):%Y-%m-%dT%H-%M-%S}"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for name in ("records", "run.json"):
            (CI / name).rename(kept / name)
    shutil.rmtree(CI, ignore_errors=True)
    for old in kept_runs()[:-MOST_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def kept_runs() -> list[Path]:
    """The runs in the history, the oldest first."""
    return sorted(path.parent for path in CI_HISTORY.glob("*/run.json"))


def start_of(record: Path) -> datetime | None:
    """When a cell began; None where its record does not say so."""
    try:
        return datetime.fromisoformat(json.loads(record.read_bytes())["started"])
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class Given:
    """The positional arguments of a session, sorted by the commands that take them."""

    words: dict[str, list[str]]

    @classmethod
    def of(cls, session: nox.Session, *commands: str, without: Sequence[str] = ()) -> "Given":
        """Read a session's arguments; one that none of its commands takes ends it with the choices.

        `without` are options that the session sets itself.
        """
        parser = argparse.ArgumentParser(prog=f"nox -s {session.name} --", allow_abbrev=False)
        options = {
            option: takers
            for option, takers in TAKERS.items()
            if set(takers) & set(commands) and option not in without
        }
        for option in options:
            parser.add_argument(option, dest=option, action="append", default=[])
        given = vars(parser.parse_args(session.posargs))
        return cls(
            {
                command: [
                    word
                    for option, takers in options.items()
                    if command in takers
                    for value in given[option]
                    for word in (option, value)
                ]
                for command in commands
            }
        )

    def to(self, command: str) -> list[str]:
        """The words for one command."""
        return self.words[command]


TAKERS = {
    "--backbones": ("suites", "run", "time"),
    "--devices": ("suites", "run", "time"),
    "--data": ("run",),
    "--weights-dir": ("doctor", "run"),
    "--cache": ("doctor", "run"),
    "--passes": ("time",),
    "--seed": ("time",),
    "--rounds": ("time",),
}
"""Which commands of a bench session take an option."""


@dataclass(frozen=True)
class Step:
    """A command of a bench session and the files that it leaves, by what they are called.

    Those in `fresh` are deleted before it runs: an older one would be taken for this one's.
    """

    name: str
    words: Sequence[str]
    leaves: dict[str, Path]
    fresh: Sequence[Path] = field(default=())


def suites(name: str, given: Given, *own: str, matrix: str = "bench/matrices/suites.toml") -> Step:
    """The step that runs the pytest-benchmark suites of bench/, with options of the session's own.

    They run in one process, so not over the whole matrix of a session: see the matrix.
    """
    file = Path("results/benchmarks") / f"{name}.json"
    words = ["pytest", "bench", "--matrix", matrix, "--benchmark-json", str(file)]
    words += [*own, *given.to("suites")]
    return Step("suites", words, {"pytest-benchmark": file}, fresh=(file,))


def run(matrix: str, given: Given) -> Step:
    """The step that trains and tests what a matrix asks for."""
    folder = Path("results/runs") / Path(matrix).stem
    words = ["transferbench", "run", matrix, "--out", str(folder), *given.to("run")]
    return Step("run", words, {"run": folder, "leaderboard": folder / "leaderboard.md"})


def time(matrix: str, given: Given, *usual: str) -> Step:
    """The step that times what a matrix asks for; `usual` are options that given ones override."""
    folder = Path("results/timings") / Path(matrix).stem
    words = ["transferbench", "time", matrix, "--out", str(folder), *usual, *given.to("time")]
    return Step("time", words, {"timings": folder, "timing report": folder / "timing.md"})


def report(matrix: str) -> Step:
    """The step that sets the times of all devices beside the accuracies, once both are there."""
    run, timings = (Path("results") / kind / Path(matrix).stem for kind in ("runs", "timings"))
    words = ["transferbench", "report", str(run), "--timings", str(timings), "--html"]
    return Step("report", words, {"comparisons": run / "comparisons.md", "page": run / "page.html"})


def bench(session: nox.Session, *steps: Step, limit: timedelta | None = None) -> None:
    """Run every step, whatever became of those before it, and tell where things lie and how long it took.

    Fails if a step failed: a cell that has run out of memory is no reason to lose the others, nor to
    pass over it.  Fails too where all steps took longer than `limit`.
    """
    began, failed = monotonic(), []
    for step in steps:
        for path in step.fresh:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        try:
            session.run(*step.words)
        except CommandFailed:
            failed.append(step.name)
    taken = timedelta(seconds=round(monotonic() - began))
    for step in steps:
        for name, path in step.leaves.items():
            note = (
                "" if step.name not in failed else " (its step failed: incomplete, or of an earlier session)"
            )
            session.log(f"{name}: {path}{note if path.exists() else ' (not written)'}")
    session.log(f"time taken, without installing: {taken}")
    if failed:
        session.error(f"failed: {', '.join(failed)}; what they said stands above")
    if limit is not None and taken > limit:
        session.error(
            f"everything ran, but took {taken}, and {limit} is the limit on two CPU cores: is the machine "
            "busy or slow, or has something been added that belongs into another matrix?"
        )
