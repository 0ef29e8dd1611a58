"""What the proofs share: options, runs that are made once, and the page that is committed."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import proof
import pytest
from fakes import ENVIRONMENT, answers, finished_run, put, row
from proof import Made, asked, hash_of, keep, made_from, made_once, write_proof

FACTS = {"code": "abc", "mutation": "none"}


@dataclass
class Maker:
    """Makes a run, or what is left of one that broke off, and counts how often."""

    run: Path
    missing: tuple[str, ...] = ()
    code: int = 0
    calls: list[Path] = field(default_factory=list)

    def __call__(self) -> int:
        self.calls.append(self.run)
        finished_run(self.run, [row(answers(90))], missing=self.missing)
        put(self.run.with_suffix(".log"), b"at first\nMemoryError\n\n")
        return self.code


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., proof.Asked]:
    """Reads the options of a session over three names, whose baseline is a run of one cell."""
    baseline = finished_run(tmp_path / "baseline", [row(answers(90))]).path
    monkeypatch.setattr(proof, "BASELINE", baseline)

    def call(*words: str) -> proof.Asked:
        monkeypatch.setattr(sys, "argv", ["script", *words])
        return asked("mutations", "What it does.", ["one", "two", "three"])

    return call


def test_a_session_is_whole_where_nothing_narrows_it_and_the_baseline_is_the_committed_one(
    ask: Callable[..., proof.Asked], tmp_path: Path
):
    finished_run(tmp_path / "other", [row(answers(90))])
    assert ask() == proof.Asked(("one", "two", "three"), True, tmp_path / "baseline", False)
    assert ask("--only", "three", "two", "one", "--again").whole
    assert ask("--only", "three", "one").names == ("one", "three")
    assert not ask("--only", "three", "one").whole
    assert not ask("--baseline", str(tmp_path / "other")).whole


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--only", "four"), 2, "invalid choice: 'four'"),
        (("--baseline", "nowhere"), 2, "no run is in this folder"),
    ],
)
def test_options_that_cannot_be_used_end_the_session_with_the_reason(
    ask: Callable[..., proof.Asked], words: tuple[str, ...], code: int, told: str, capsys
):
    with pytest.raises(SystemExit) as caught:
        ask(*words)
    assert caught.value.code == code
    assert told in capsys.readouterr().err


# Runs that are made once


def test_a_run_that_is_there_and_made_from_the_same_is_not_made_again(tmp_path: Path):
    make = Maker(tmp_path / "run")
    first = made_once(make.run, FACTS, make, again=False)
    assert made_once(make.run, FACTS, make, again=False) == Made(round(first.seconds, 1))
    assert len(make.calls) == 1


@pytest.mark.parametrize(
    ("facts", "again"), [({**FACTS, "code": "abd"}, False), ({"code": "abc"}, False), (FACTS, True)]
)
def test_a_run_is_made_again_where_anything_is_another_or_it_is_asked_for(
    tmp_path: Path, facts: dict[str, str], again: bool
):
    make = Maker(tmp_path / "run")
    made_once(make.run, FACTS, make, again=False)
    made_once(make.run, facts, make, again=again)
    assert len(make.calls) == 2


@pytest.mark.parametrize("damage", ["", "[]", "{}", "null", '{"made_from": {}, "seconds": "x"}'])
def test_what_was_kept_and_cannot_be_read_is_nothing(tmp_path: Path, damage: str):
    make = Maker(tmp_path / "run")
    made_once(make.run, FACTS, make, again=False)
    (tmp_path / "tried.json").write_text(damage)
    made_once(make.run, FACTS, make, again=False)
    assert len(make.calls) == 2


def test_a_run_that_lost_a_record_since_is_made_again(tmp_path: Path):
    make = Maker(tmp_path / "run")
    made_once(make.run, FACTS, make, again=False)
    for record in (make.run / "records").glob("*.json"):
        record.unlink()
    made_once(make.run, FACTS, make, again=False)
    assert len(make.calls) == 2


def test_a_run_that_broke_off_has_the_last_line_of_its_log_and_is_not_kept(tmp_path: Path):
    make = Maker(tmp_path / "run", missing=("never run",), code=-9)
    for _ in range(2):
        made = made_once(make.run, FACTS, make, again=False)
        assert made.error == "its run ended with exit code -9 before all of its cells: MemoryError"
    assert len(make.calls) == 2


def test_a_run_that_cannot_be_made_leaves_no_word_of_an_earlier_one(tmp_path: Path):
    make = Maker(tmp_path / "run")
    made_once(make.run, FACTS, make, again=False)

    def fail() -> int:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        made_once(make.run, {"code": "another"}, fail, again=False)
    assert not (tmp_path / "tried.json").exists()


def test_an_outcome_that_is_kept_still_keeps_the_run(tmp_path: Path):
    make = Maker(tmp_path / "run")
    made_once(make.run, FACTS, make, again=False)
    keep(make.run, FACTS, 12.0, outcome="caught")
    assert json.loads((tmp_path / "tried.json").read_text())["outcome"] == "caught"
    assert made_once(make.run, FACTS, make, again=False).seconds == 12.0
    assert len(make.calls) == 1


# Hashes


def test_a_hash_depends_on_names_and_contents_and_not_on_the_order(tmp_path: Path):
    one, two = put(tmp_path / "a" / "x.py", b"1"), put(tmp_path / "b" / "x.py", b"2")
    first = hash_of(tmp_path, [one, two])
    assert hash_of(tmp_path, [two, one]) == first
    one.write_bytes(b"2")
    two.write_bytes(b"1")
    assert hash_of(tmp_path, [one, two]) != first


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("harness/recipes.py", True),
        ("harness/running/run.py", True),
        ("harness/assets/weights.h5", True),
        ("harness/training/__pycache__/fit.pyc", False),
        ("harness/comparison/compare.py", False),
        ("harness/reports/findings.py", False),
        ("harness/cli_compare.py", False),
    ],
)
def test_what_a_run_is_made_from_is_all_of_the_package_that_does_not_only_read_runs(
    path: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(proof, "ROOT", tmp_path)
    monkeypatch.setattr(proof, "MATRIX", put(tmp_path / "ci.toml", b"matrix"))
    monkeypatch.setattr(proof, "current_environment", lambda: ENVIRONMENT)
    put(tmp_path / path, b"before")
    before = made_from(setting="one")
    put(tmp_path / path, b"after")
    assert (made_from(setting="one") != before) is counts
    assert before["setting"] == "one"
    assert before["environment"] == ENVIRONMENT.fingerprint


# The page


def test_the_page_of_a_proof_begins_with_commit_date_machine_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(proof, "PROOFS", tmp_path)
    monkeypatch.setattr(proof, "current_environment", lambda: ENVIRONMENT)
    monkeypatch.setattr(proof, "commit", lambda: "0123456789ab")
    monkeypatch.setenv("NOX_CURRENT_SESSION", "alarms")
    monkeypatch.setattr(sys, "argv", ["script", "--again"])
    file = write_proof("alarms", "the rest\n")
    first, _, rest = file.read_text().split("\n", 2)
    assert file == tmp_path / "alarms.md"
    commit, date, machine, command = first.split("; ")
    assert (commit, command) == ("Commit 0123456789ab", "command: `nox -s alarms -- --again`.")
    assert machine == "A Processor, 2 cores, 8 GiB, Linux x86_64"
    assert len(date.split("-")) == 3
    assert rest == "the rest\n"


@pytest.mark.parametrize(
    ("session", "words", "command"),
    [
        ("mutations", [], "nox -s mutations"),
        ("mutations", ["--only", "a b"], "nox -s mutations -- --only 'a b'"),
        (None, [], "python bench/run_mutations.py"),
        (None, ["--again"], "python bench/run_mutations.py --again"),
    ],
)
def test_the_page_tells_the_command_that_ran(
    session: str | None, words: list[str], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(proof, "PROOFS", tmp_path)
    monkeypatch.setattr(proof, "current_environment", lambda: ENVIRONMENT)
    monkeypatch.delenv("NOX_CURRENT_SESSION", raising=False)
    if session:
        monkeypatch.setenv("NOX_CURRENT_SESSION", session)
    monkeypatch.setattr(sys, "argv", [str(proof.ROOT / "bench" / "run_mutations.py"), *words])
    first = write_proof("mutations", "").read_text().splitlines()[0]
    assert first.endswith(f"; command: `{command}`.")


def test_a_script_from_elsewhere_is_told_by_its_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(proof, "PROOFS", tmp_path)
    monkeypatch.setattr(proof, "current_environment", lambda: ENVIRONMENT)
    monkeypatch.delenv("NOX_CURRENT_SESSION", raising=False)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "mine.py")])
    first = write_proof("mutations", "").read_text().splitlines()[0]
    assert first.endswith("; command: `python mine.py`.")
