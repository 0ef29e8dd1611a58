"""The session that plants mistakes, with runs and comparisons that are scripted."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import proof
import pytest
import run_mutations
from fakes import ENVIRONMENT, answers, finished_run, put, row
from mutations import MUTATIONS, Change, Mutation
from run_mutations import Tried, controls, render
from subset import Verdict

LOSS = {"field": "test_loss", "kind": "loss", "message": "loss rose | far", "cells": ["a"]}
IMAGES = {"field": "images", "kind": "structure", "message": "fewer images", "cells": ["a"]}
WORSE, SOUND = Verdict(1, (LOSS, LOSS)), Verdict(0, ())
CHANGE = (Change("x.py", "a = 1", "a = 2"),)

MISTAKES = (
    Mutation("losing", "it loses", CHANGE, ("seed0",), by=("test_loss",)),
    Mutation("hidden", "it hides", CHANGE, ("seed0",), unseen="no colours"),
    Mutation("seeded", "it seeds", CHANGE, ("seed0", "seed1"), by=("structure",)),
)


@dataclass
class Bench:
    """Takes the place of runs and comparisons: what ran, with which package, and what was said of it."""

    out: Path
    says: dict[str, Verdict | BaseException] = field(default_factory=dict)
    breaks: set[str] = field(default_factory=set)
    ran: list[str] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)

    def run(self, out: Path, cache: Path, *parts: str, package: Path) -> int:
        name = out.parent.name
        self.ran.append(name)
        self.packages[name] = (package / "harness" / "x.py").read_text()
        put(cache / "features", b"much")
        if name not in self.breaks:
            finished_run(out, [row(answers(90), seed=number) for number in range(len(parts))])
        return int(name in self.breaks)

    def compare(self, baseline: Path, current: Path) -> Verdict:
        name = current.parent.name
        assert baseline == current.with_name("baseline")
        # What the table was before this one was judged.
        table = self.out / "mutations.md"
        self.tables[name] = table.read_text() if table.is_file() else ""
        said = self.says.get(name, SOUND)
        if isinstance(said, BaseException):
            raise said
        return said


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A checkout with one module, a baseline with two cells, and three mistakes, of which one is unseen."""
    fake = Bench(tmp_path / "runs", says={"losing": WORSE, "seeded": Verdict(1, (IMAGES,))})
    put(tmp_path / "harness" / "x.py", b"a = 1\n")
    baseline = finished_run(tmp_path / "baseline", [row(answers(90), seed=number) for number in (0, 1)])
    monkeypatch.setattr(proof, "BASELINE", baseline.path)
    monkeypatch.setattr(proof, "PROOFS", tmp_path / "proofs")
    monkeypatch.setattr(proof, "current_environment", lambda: ENVIRONMENT)
    for name, value in (("ROOT", tmp_path), ("OUT", fake.out), ("MUTATIONS", MISTAKES)):
        monkeypatch.setattr(run_mutations, name, value)
    monkeypatch.setattr(run_mutations, "run", fake.run)
    monkeypatch.setattr(run_mutations, "compare", fake.compare)
    return fake


@pytest.fixture
def session(exit_code: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the session with options and returns its exit code."""
    monkeypatch.setenv("NOX_CURRENT_SESSION", "mutations")
    return partial(exit_code, run_mutations.main)


def test_the_sound_code_runs_first_on_each_set_of_cells_that_a_mistake_runs(
    bench: Bench, session: Callable[..., int]
):
    assert session() == 0
    assert bench.ran == ["sound-1", "sound-2", "losing", "hidden", "seeded"]
    assert set(bench.packages.values()) == {"a = 1\n", "a = 2\n"}
    assert [name for name, text in bench.packages.items() if text == "a = 1\n"] == ["sound-1", "sound-2"]
    assert [each.cells for each in controls(MISTAKES)] == [("seed0",), ("seed0", "seed1")]


def test_a_part_of_the_mistakes_has_the_controls_of_its_cells_under_their_usual_names(
    bench: Bench, session: Callable[..., int]
):
    session("--only", "seeded")
    assert bench.ran == ["sound-2", "seeded"]


def test_neither_the_copy_of_the_package_nor_its_cache_is_kept(bench: Bench, session: Callable[..., int]):
    session()
    assert {path.name for path in (bench.out / "losing").iterdir()} == {"run", "baseline", "tried.json"}


def test_the_table_grows_with_each_mistake(bench: Bench, session: Callable[..., int]):
    session()
    assert [bench.tables[name].count("| it ") for name in bench.ran] == [0, 0, 0, 1, 2]
    assert "Still to be tried: 3." in bench.tables["losing"]
    assert "Still to be tried" not in (bench.out / "mutations.md").read_text()


def test_an_interrupted_session_goes_on_where_it_stopped(bench: Bench, session: Callable[..., int], capsys):
    bench.says["hidden"] = KeyboardInterrupt()
    assert session() == 130
    assert "the same command goes on" in capsys.readouterr().err
    bench.says["hidden"] = SOUND
    bench.ran.clear()
    assert session() == 0
    assert bench.ran == ["seeded"]
    assert (bench.out / "mutations.md").read_text().count("| it ") == 3


def test_what_is_kept_is_compared_again_and_run_again_only_where_it_is_asked_for(
    bench: Bench, session: Callable[..., int]
):
    session()
    bench.ran.clear()
    bench.says["losing"] = SOUND
    assert session() == 1
    assert bench.ran == []
    session("--again")
    assert len(bench.ran) == 5


def test_a_mistake_whose_text_or_cells_changed_is_run_again(
    bench: Bench, session: Callable[..., int], monkeypatch: pytest.MonkeyPatch
):
    session()
    bench.ran.clear()
    other = Mutation("losing", "it loses", (Change("x.py", "a = 1", "a = 3"),), ("seed0",), by=("gap",))
    same = Mutation("hidden", "other words", CHANGE, ("seed0",), unseen="another reason")
    monkeypatch.setattr(run_mutations, "MUTATIONS", (other, same, MISTAKES[2]))
    session()
    assert bench.ran == ["losing"]


def test_the_outcome_is_kept_with_what_it_was_made_from(bench: Bench, session: Callable[..., int]):
    session()
    kept = json.loads((bench.out / "losing" / "tried.json").read_text())
    assert set(kept["made_from"]) == {"code", "package", "environment", "mutation"}
    assert "a = 2" in kept["made_from"]["mutation"]
    assert (kept["outcome"], kept["exit_code"]) == ("caught", 1)
    assert kept["regressions"] == [LOSS, LOSS]
    assert len(kept["baseline"]) == 64


@pytest.mark.parametrize(
    ("name", "verdict", "told"),
    [
        ("losing", SOUND, "not caught: expected to be, by test_loss"),
        ("losing", Verdict(1, (IMAGES,)), "caught by something else than test_loss: fewer images"),
        ("losing", Verdict(1, (), "Traceback\nKeyError: 'a'"), "could not be judged: KeyError: 'a'"),
        ("losing", Verdict(2, (), "damaged\nhint"), "could not be judged: damaged (exit code 2)"),
        ("losing", Verdict(3, (), "other images"), "could not be judged: other images (exit code 3)"),
        ("hidden", WORSE, "caught by something else than nothing"),
        ("sound-2", WORSE, "the table proves nothing (seed0, seed1: caught by something else"),
        ("sound-1", Verdict(4, (), "no baseline"), "the table proves nothing (seed0: could not be judged"),
    ],
)
def test_whatever_is_not_as_expected_is_told_and_fails_the_session(
    bench: Bench, session: Callable[..., int], name: str, verdict: Verdict, told: str
):
    bench.says[name] = verdict
    assert session() == 1
    assert told in (bench.out / "mutations.md").read_text()


def test_a_run_that_breaks_off_and_a_mistake_that_is_stale_cannot_be_judged(
    bench: Bench, session: Callable[..., int], monkeypatch: pytest.MonkeyPatch
):
    stale = Mutation("stale", "it is old", (Change("x.py", "gone", ""),), ("seed0",), by=("test_loss",))
    monkeypatch.setattr(run_mutations, "MUTATIONS", (*MISTAKES, stale))
    bench.breaks.add("losing")
    assert session() == 1
    table = (bench.out / "mutations.md").read_text()
    assert "| it loses | **not judged** (not as expected) | could not be judged: its run ended with" in table
    assert "could not be judged: stale: expected this text once in harness/x.py" in table
    assert bench.ran[-1] == "seeded"
    assert not (bench.out / "stale" / "code").exists()


def test_a_copy_that_fails_is_told_and_the_session_goes_on(
    bench: Bench, session: Callable[..., int], monkeypatch: pytest.MonkeyPatch
):
    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(run_mutations.shutil, "copytree", full)
    assert session() == 1
    assert (bench.out / "mutations.md").read_text().count("could not be judged: no space left") == 5


def test_a_whole_session_writes_the_proof_and_a_part_of_one_does_not(
    bench: Bench, session: Callable[..., int], tmp_path: Path
):
    session("--only", "losing", "hidden")
    assert not (tmp_path / "proofs").exists()
    session()
    written = (tmp_path / "proofs" / "mutations.md").read_text()
    assert written.endswith((bench.out / "mutations.md").read_text())
    assert written.splitlines()[0].endswith("command: `nox -s mutations`.")


def test_the_table_has_each_field_once_and_counts_what_was_caught():
    tried = [Tried(each, verdict, 3.0) for each, verdict in zip(MISTAKES, (WORSE, SOUND, SOUND), strict=True)]
    control = Tried(controls(MUTATIONS)[0], SOUND, 1.0)
    head, _, _, _, *rows = render([control, *tried]).splitlines()
    assert head.startswith("1 of 3 mistakes are caught, 1 not as expected.")
    assert head.endswith("run just so on 1 set of cells, raises no alarm.")
    assert rows[0] == "| it loses | yes | loss rose \\| far | 1 | 3 |"
    assert rows[1] == "| it hides | **no** | not caught: no colours | 1 | 3 |"
    assert rows[2].startswith("| it seeds | **no** (not as expected) | not caught: expected to be, by struc")
