"""Base and head in turn: what is called when, which copies are compared, and how it ends."""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import run_times
from fakes import ENVIRONMENT
from mutations import SLOW_STEP
from run_times import Compared, at, call, copied, outcome, render, turns
from tables import table

from harness.errors import EXIT_INTERNAL

FAST, TUNED = "MobileNet/fast-extraction", "MobileNet/fine-tuning"


def finding(severity: str, *cells: str, **changed: Any) -> dict[str, Any]:
    """A finding of the time of a step, as `compare --json` tells it."""
    usual = {
        "severity": severity,
        "field": "step_ms",
        "message": "told in words",
        "cells": list(cells or (FAST,)),
        "before": 50.0,
        "after": 65.125,
        "difference": 1.3021,
        "interval": {"low": 1.28, "high": 1.32, "confidence": 0.96875},
        "margin": 0.0512,
    }
    return usual | changed


UNJUDGED = finding("undecided", TUNED, difference=None, interval=None, margin=None, before=None, after=None)
LOST = finding("regression", TUNED, field="status", difference=None, message="was timed, and now failed")


def document(*findings: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    side = {"matrix": "tiny", "commits": ["0123456789ab"], "started": "2025-01-02T03:04:05+00:00"}
    told = {"baseline": side, "current": side | {"commits": []}, "findings": list(findings)}
    return told | {"cells": [FAST, TUNED], "reason": reason, "exit_code": 0}


@dataclass
class Program:
    """Stands in for the processes: keeps what was called, and ends `compare` as scripted."""

    findings: Sequence[dict[str, Any]] = (finding("within"),)
    code: int = 0
    reason: str | None = None
    broken: bool = False
    of_time: Callable[[Sequence[str]], int] = lambda _: 0
    calls: list[tuple[Path, tuple[str, ...]]] = field(default_factory=list)

    def __call__(self, package: Path, *words: str, stdout: int | None = None) -> Any:
        self.calls.append((package, words))
        if words[0] == "time":
            return subprocess.CompletedProcess(words, self.of_time(words))
        assert stdout == subprocess.PIPE
        told = "" if self.broken else json.dumps(document(*self.findings, reason=self.reason))
        return subprocess.CompletedProcess(words, self.code, told)

    @property
    def timed(self) -> list[tuple[Path, str]]:
        """Which package was timed into which folder, in order."""
        return [
            (package, Path(words[words.index("--out") + 1]).name)
            for package, words in self.calls
            if words[0] == "time"
        ]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The processes' stand-in; outcomes go to this test's folder, and no copy and no worktree is made."""
    fake = Program()
    monkeypatch.setattr(run_times, "call", fake)
    monkeypatch.setattr(run_times, "OUT", tmp_path)
    monkeypatch.setattr(run_times, "current_environment", lambda: ENVIRONMENT)

    @contextmanager
    def packages(*_: object) -> Iterator[tuple[Path, Path]]:
        yield tmp_path / "base", tmp_path / "head"

    monkeypatch.setattr(run_times, "at", packages)
    monkeypatch.setattr(run_times, "copied", packages)
    return fake


@pytest.fixture
def ended(exit_code: Callable[..., int]) -> Callable[..., int]:
    """Runs `main` with words and returns its exit code."""
    return partial(exit_code, run_times.main)


# What is called


@pytest.mark.parametrize("passes", [4, 6])
def test_either_side_is_first_in_each_half(passes: int):
    first = [side for place, (_, side) in enumerate(turns(passes)) if place % 2 == 0]
    assert set(first[: passes // 2]) == set(first[passes // 2 :]) == {"base", "head"}


def test_every_pass_is_added_to_the_folder_of_its_side(program: Program, ended, tmp_path: Path):
    assert ended("--base", "HEAD~1", "--passes", "4", "--backbones", "VGG16") == 0
    base, head = (tmp_path / "base", "turns-base"), (tmp_path / "head", "turns-head")
    assert program.timed == [base, head, head, base, base, head, head, base]
    numbers = [words[words.index("--passes") + 1] for _, words in program.calls[:-1]]
    assert numbers == ["1", "1", "2", "2", "3", "3", "4", "4"]
    assert all("--backbones VGG16" in " ".join(words) for _, words in program.calls[:-1])
    package, words = program.calls[-1]
    assert package == run_times.ROOT
    assert words == ("compare", str(tmp_path / "turns-base"), str(tmp_path / "turns-head"), *words[3:])
    assert words[3:] == ("--dedicated", "--json")


def test_usually_there_are_passes_enough_to_lose_one_of_each_half(program: Program, ended):
    ended("--same")
    assert len(program.timed) == 2 * 6


def test_a_disturbed_timing_stands_where_the_package_can_let_it(program: Program, ended, tmp_path: Path):
    source = tmp_path / "head" / "harness" / "cli_timing.py"
    source.parent.mkdir(parents=True)
    source.write_text('typer.Option("--keep-disturbed")')
    ended("--same")
    kept = {package.name: "--keep-disturbed" in words for package, words in program.calls[:-1]}
    assert kept == {"base": False, "head": True}


def test_this_checkout_can_let_a_disturbed_timing_stand(program: Program, ended, monkeypatch, tmp_path: Path):
    @contextmanager
    def packages(*_: object) -> Iterator[tuple[Path, Path]]:
        yield run_times.ROOT, tmp_path / "head"

    monkeypatch.setattr(run_times, "copied", packages)
    ended("--same")
    assert "--keep-disturbed" in program.calls[0][1]


def test_what_an_earlier_session_timed_does_not_count(program: Program, ended, tmp_path: Path):
    old = tmp_path / "turns-head" / "timings" / "old.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    ended("--same")
    assert program.calls
    assert not old.exists()


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--same", "--passes", "3"], "expected 4 or more, got 3"),
        ([], "--base --planted --same"),
        (["--same", "--planted"], "not allowed with"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_timed(
    words: list[str], told: str, ended, capsys: pytest.CaptureFixture[str], program: Program
):
    assert ended(*words) == 2
    assert told in capsys.readouterr().err
    assert program.calls == []


# How it ends


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([finding("within")], 0),
        ([finding("regression")], 1),
        ([finding("within"), LOST], 1),
        ([finding("undecided")], 0),
    ],
)
@pytest.mark.parametrize("kind", [("--base", "HEAD"), ("--same",)])
def test_it_ends_with_the_exit_code_of_the_comparison(
    kind: tuple[str, ...], findings: list[dict[str, Any]], code: int, program: Program, ended
):
    program.findings, program.code = findings, code
    assert ended(*kind) == code


@pytest.mark.parametrize("kind", [("--base", "HEAD"), ("--same",), ("--planted",)])
@pytest.mark.parametrize("findings", [[], [UNJUDGED]])
def test_a_gate_that_judged_no_time_is_not_open(
    kind: tuple[str, ...], findings: list[dict[str, Any]], program: Program, ended
):
    program.findings = findings
    assert ended(*kind) == 1


@pytest.mark.parametrize(
    ("findings", "code", "told"),
    [
        ([finding("regression", FAST, TUNED)], 0, "Slower steps in 2 of 2 judged cells."),
        ([finding("regression"), UNJUDGED], 0, "in 1 of 1 judged cell, 1 could not be judged."),
        ([finding("regression"), finding("within", TUNED)], 1, f"Planted and missed: {TUNED}."),
        ([finding("regression"), finding("undecided", TUNED)], 1, f"Planted and missed: {TUNED}."),
        ([LOST], 1, "No cell could be judged"),
        ([finding("regression"), LOST], 1, "Slower steps in 1 of 1 judged cell. 1 other regression."),
    ],
)
def test_planted_steps_must_be_found_in_every_cell_that_was_judged_and_nothing_else(
    findings: list[dict[str, Any]], code: int, told: str, program: Program, ended, capsys
):
    program.findings, program.code = findings, 1
    assert ended("--planted") == code
    assert told in capsys.readouterr().out


def test_a_cell_that_failed_is_for_the_comparison_to_tell(program: Program, ended, tmp_path: Path):
    program.of_time = lambda words: 1
    program.findings, program.code = [finding("within"), LOST], 1
    assert ended("--base", "HEAD") == 1
    assert f"- regression: {TUNED}: was timed, and now failed" in (tmp_path / "check-times.md").read_text()


@pytest.mark.parametrize("code", [2, 130, -9])
def test_a_pass_that_cannot_be_made_ends_it(code: int, program: Program, ended):
    program.of_time = lambda words: code if "2" in words else 0
    assert ended("--same") == code
    assert len(program.timed) == 3


@pytest.mark.parametrize("kind", ["--same", "--planted"])
@pytest.mark.parametrize("code", [2, 3, 4])
def test_where_nothing_can_be_compared_it_ends_as_compare_does_and_no_older_table_stands(
    kind: str, code: int, program: Program, ended, tmp_path: Path
):
    (tmp_path / "check-times.md").write_text("No slower steps")
    program.code, program.reason = code, "base and head were not timed in turn"
    assert ended(kind) == code
    kept = (tmp_path / "check-times.md").read_text()
    assert kept == "Not compared: `base and head were not timed in turn`\n"


def test_a_comparison_that_broke_is_no_verdict(program: Program, ended, tmp_path: Path):
    program.code, program.broken = EXIT_INTERNAL, True
    assert ended("--planted") == EXIT_INTERNAL
    assert "Not compared" in (tmp_path / "check-times.md").read_text()


# The table


def shown(*findings: dict[str, Any]) -> str:
    return render(Compared(0, document(*findings)), "--same", 6)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_times, "current_environment", lambda: ENVIRONMENT)


@pytest.mark.usefixtures("here")
def test_every_cell_has_its_times_its_ratio_and_its_verdict():
    first, second = table(shown(finding("regression"), UNJUDGED))
    assert first == {
        "cell": FAST,
        "base (ms/step)": "50",
        "head (ms/step)": "65.12",
        "median ratio": "1.302",
        "interval": "1.280 to 1.320 (97 %)",
        "margin (%)": "5.1",
        "verdict": "slower",
    }
    assert set(second.values()) == {TUNED, "-", "not judged"}


@pytest.mark.usefixtures("here")
def test_the_cells_stand_in_the_order_of_the_plan():
    text = shown(finding("regression", TUNED), finding("within", FAST))
    assert [row["cell"] for row in table(text)] == [FAST, TUNED]


@pytest.mark.usefixtures("here")
def test_it_says_that_the_halves_are_two_runs_and_what_was_found_in_words():
    text = shown(finding("undecided", message="it is not clear"))
    assert "Passes 1 to 3 are one run of the experiment and passes 4 to 6 another" in text
    assert f"- undecided: {FAST}: it is not clear" in text
    assert "base 0123456789ab, head a copy" in text


@pytest.mark.usefixtures("program")
def test_what_is_printed_is_kept(ended, capsys, tmp_path: Path):
    ended("--same")
    kept = (tmp_path / "check-times.md").read_text()
    assert kept.startswith("Slower steps in 0 of 1 judged cell.\n")
    assert kept in capsys.readouterr().out


# The packages


def test_a_copy_without_mistakes_is_the_same_and_goes_at_the_end():
    with copied() as (base, head):
        names = sorted(path.relative_to(base) for path in (base / "harness").rglob("*.py"))
        assert names == sorted(path.relative_to(head) for path in (head / "harness").rglob("*.py"))
        assert all((base / name).read_bytes() == (head / name).read_bytes() for name in names)
        assert not list(head.rglob("__pycache__"))
    assert base == run_times.ROOT
    assert not head.exists()


def test_a_mistake_is_planted_in_the_copy_alone():
    changed = SLOW_STEP.changes[0]
    with copied(SLOW_STEP) as (base, head):
        steps = [(folder / "harness" / changed.path).read_text() for folder in (base, head)]
    assert changed.new in steps[1]
    assert changed.new not in steps[0]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two commits in the place of this one's."""
    folder = tmp_path / "repository"
    folder.mkdir()
    settings = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    git = ["git", "-C", str(folder), *settings]
    subprocess.run([*git, "init", "-q"], check=True)
    for text in ("old", "new"):
        (folder / "file").write_text(text)
        subprocess.run([*git, "add", "file"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", text], check=True)
    monkeypatch.setattr(run_times, "ROOT", folder)
    return folder


def worktrees(repository: Path) -> int:
    told = ["git", "-C", str(repository), "worktree", "list"]
    return len(subprocess.run(told, capture_output=True, check=True).stdout.splitlines())


def test_a_commit_has_a_worktree_while_it_is_timed(repository: Path):
    with at("HEAD~1") as (base, head):
        assert ((base / "file").read_text(), head) == ("old", repository)
        assert worktrees(repository) == 2
    assert not base.exists()
    assert worktrees(repository) == 1


def test_the_worktree_goes_where_a_pass_failed(repository: Path):
    with pytest.raises(SystemExit), at("HEAD~1"):
        raise SystemExit(2)
    assert worktrees(repository) == 1


@pytest.mark.parametrize("revision", ["no-such-commit", "--force", ""])
def test_what_is_no_commit_is_told_and_ends_with_2(revision: str, repository: Path, capfd):
    with pytest.raises(SystemExit) as caught, at(revision):
        raise AssertionError("no package is there")
    assert caught.value.code == 2
    assert f"expected a commit of this repository, got {revision!r}" in capfd.readouterr().err
    assert worktrees(repository) == 1


def test_a_command_is_that_of_the_package_whatever_python_has_installed(tmp_path: Path):
    cli = tmp_path / "harness" / "cli.py"
    cli.parent.mkdir()
    (cli.parent / "__init__.py").touch()
    cli.write_text("import sys\n\ndef main():\n    print(*sys.argv[1:])\n    sys.exit(3)\n")
    done = call(tmp_path, "time", "m.toml", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (3, "time m.toml\n")


def test_a_comparison_of_cells_is_by_cell():
    both = Compared(1, document(finding("regression", FAST, TUNED), LOST))
    assert both.slower == [FAST, TUNED]
    assert both.failing == [LOST]
    assert outcome(both, planted=False) == (1, "Slower steps in 2 of 2 judged cells. 1 other regression.")
