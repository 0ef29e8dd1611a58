"""The session that runs sound code in twenty settings, with runs and comparisons that are scripted."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import proof
import pytest
import run_alarms
from fakes import ENVIRONMENT, answers, failed_record, finished_run, put, row
from run_alarms import OWN, SETTINGS, Judged, different, render
from subset import Verdict

from harness.running.folder import RunFolder

FIRST, SECOND, THIRD = (each.name for each in SETTINGS[:3])
LOSS = {
    "field": "test_loss",
    "kind": "loss",
    "message": "it | rose",
    "cells": ["a", "b"],
    "severity": "regression",
}
WITHIN = {"field": "gap", "kind": "gap", "message": "moved", "cells": ["a"], "severity": "within"}
THREADS = {
    "field": "setting.X",
    "kind": "setup",
    "message": "other threads",
    "cells": [],
    "severity": "changed",
}
ALARM, SOUND = Verdict(1, (LOSS,)), Verdict(0, (), others=(WITHIN, THREADS, THREADS))


@dataclass
class Bench:
    """Takes the place of runs and comparisons."""

    out: Path
    says: dict[str, Verdict | BaseException] = field(default_factory=dict)
    breaks: set[str] = field(default_factory=set)
    ran: list[str] = field(default_factory=list)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)

    def run(self, out: Path, cache: Path, *, settings: dict[str, str], **_: Any) -> int:
        name = out.parent.name
        self.ran.append(name)
        self.settings[name] = settings
        put(cache / "features", b"much")
        if name not in self.breaks:
            finished_run(out, [row(answers(89))])
        return int(name in self.breaks)

    def compare(self, _: Path, current: Path) -> Verdict:
        table = self.out / "alarms.md"
        self.tables.append(table.read_text() if table.is_file() else "")
        said = self.says.get(current.parent.name, SOUND)
        if isinstance(said, BaseException):
            raise said
        return said


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Three settings, and a baseline of one cell."""
    fake = Bench(tmp_path / "runs")
    monkeypatch.setattr(proof, "BASELINE", finished_run(tmp_path / "baseline", [row(answers(90))]).path)
    monkeypatch.setattr(proof, "PROOFS", tmp_path / "proofs")
    monkeypatch.setattr(proof, "current_environment", lambda: ENVIRONMENT)
    monkeypatch.setattr(run_alarms, "OUT", fake.out)
    monkeypatch.setattr(run_alarms, "SETTINGS", SETTINGS[:3])
    monkeypatch.setattr(run_alarms, "run", fake.run)
    monkeypatch.setattr(run_alarms, "compare", fake.compare)
    return fake


@pytest.fixture
def session(exit_code: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the session with options and returns its exit code."""
    monkeypatch.setenv("NOX_CURRENT_SESSION", "alarms")
    return partial(exit_code, run_alarms.main)


def test_there_are_twenty_settings_of_which_no_two_are_alike():
    variables = {(each.cores, json.dumps(each.variables, sort_keys=True)) for each in SETTINGS}
    assert len(variables) == len({each.name for each in SETTINGS}) == 20


def test_a_session_without_an_alarm_is_the_proof(bench: Bench, session: Callable[..., int], tmp_path: Path):
    assert session() == 0
    assert bench.settings == {each.name: each.variables for each in SETTINGS[:3]}
    written = (tmp_path / "proofs" / "alarms.md").read_text()
    assert "0 of 3 runs raised an alarm." in written
    assert written.splitlines()[0].endswith("command: `nox -s alarms`.")


def test_a_part_of_the_settings_is_no_proof(bench: Bench, session: Callable[..., int], tmp_path: Path):
    assert session("--only", THIRD, FIRST) == 0
    assert bench.ran == [FIRST, THIRD]
    assert not (tmp_path / "proofs").exists()
    assert "0 of 2 runs" in (bench.out / "alarms.md").read_text()


def test_the_table_grows_with_each_setting_and_an_interrupted_session_goes_on(
    bench: Bench, session: Callable[..., int]
):
    bench.says[THIRD] = KeyboardInterrupt()
    assert session() == 130
    assert [table.count(" | no alarm |") for table in bench.tables] == [0, 1, 2]
    assert "Still to be made: 1." in bench.tables[-1]
    bench.says.clear()
    assert session() == 0
    assert bench.ran == [FIRST, SECOND, THIRD]
    assert session("--again") == 0
    assert len(bench.ran) == 6


def test_a_run_of_the_same_name_in_another_setting_is_made_again(
    bench: Bench, session: Callable[..., int], monkeypatch: pytest.MonkeyPatch
):
    session()
    monkeypatch.setitem(run_alarms.THREADS, SETTINGS[0].threads, {"TF_NUM_INTRAOP_THREADS": "7"})
    bench.ran.clear()
    session("--only", FIRST)
    assert bench.ran == [FIRST]


def test_no_cache_is_kept(bench: Bench, session: Callable[..., int]):
    session()
    assert {path.name for path in (bench.out / FIRST).iterdir()} == {"run", "tried.json"}


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (ALARM, "1 of 3 runs raised an alarm."),
        (Verdict(2, (), "damaged"), "alarm. 1 could not be judged, so this is no proof."),
        (Verdict(1, (), "Traceback\nKeyError: 1"), "could not be judged: KeyError: 1 (exit code 1)"),
    ],
)
def test_an_alarm_and_a_comparison_that_broke_fail_the_session_as_what_they_are(
    bench: Bench, session: Callable[..., int], verdict: Verdict, told: str
):
    bench.says[SECOND] = verdict
    assert session() == 1
    assert told in (bench.out / "alarms.md").read_text()


def test_a_run_that_breaks_off_cannot_be_judged(bench: Bench, session: Callable[..., int]):
    bench.breaks.add(SECOND)
    assert session() == 1
    table = (bench.out / "alarms.md").read_text()
    assert f"| {SECOND} | could not be judged: its run ended with exit code 1" in table
    assert len(bench.tables) == 2


def test_a_row_tells_the_cells_of_each_kind_of_finding_the_worst_first(tmp_path: Path):
    baseline = finished_run(tmp_path / "baseline", [row(answers(90))])
    others = (THREADS, {**LOSS, "severity": "undecided"})
    both = Verdict(1, (LOSS, {**LOSS, "cells": ["b", "c"]}), others=others)
    judged = [Judged(SETTINGS[0], both, 2.0), Judged(SETTINGS[1], SOUND, 3.0)]
    lines = [line for line in render(baseline.path, judged).splitlines() if line.startswith("|")]
    assert lines[0] == "| setting | verdict | loss (cells) | gap (cells) | setup (cells) | seconds |"
    assert lines[2].endswith("| 3 regression, 2 undecided | - | 1 changed | 2 |")
    assert "it \\| rose" in lines[2]
    assert lines[3] == f"| {SECOND} | no alarm | - | 1 within | 2 changed | 3 |"


def test_the_largest_difference_of_all_runs_is_told_by_cell(tmp_path: Path):
    before = finished_run(tmp_path / "before", [row(answers(90))])
    runs: list[Any] = [
        finished_run(tmp_path / str(right), [row(answers(right), gap=gap)]).path
        for right, gap in ((91, 0.05), (87, 0.1))
    ]
    gap = next(iter(RunFolder(before.path).records.load())).gap or 0.0
    given = [run_alarms.answers_of(run) for run in runs]
    line = run_alarms.largest(before.path, runs, given).splitlines()[-1]
    assert [cell.strip() for cell in line.split("|")[2:5]] == ["3.0", "0.0659", f"{100 * abs(0.1 - gap):.1f}"]
    assert line.endswith("| 2 |")


# How many of the answers are different


def test_the_hash_of_answers_is_that_of_ids_labels_and_probabilities(tmp_path: Path):
    given = answers(90)
    others = [
        replace(given, ids=np.array([f"x{number}" for number in range(100)])),
        replace(given, labels=1 - given.labels),
        replace(given, probabilities=np.nextafter(given.probabilities, np.float32(0))),
    ]
    hashes = [
        run_alarms.answers_of(finished_run(tmp_path / str(number), [row(each)]).path)
        for number, each in enumerate((given, given, *others))
    ]
    assert hashes[0] == hashes[1]
    assert len({tuple(each.items()) for each in hashes}) == 4


def test_a_cell_without_a_result_has_no_answers(tmp_path: Path):
    run = finished_run(tmp_path / "run", [(failed_record("oom", "no memory"), None)])
    assert run_alarms.answers_of(run.path) == {}


BASELINE = {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {OWN: BASELINE, "other": BASELINE},
            f"2 judged runs gave 1 different set of answers, to the bit. {OWN}, the baseline's own setting, "
            "gave the baseline's answers in 2 of 2 cells.",
        ),
        (
            {OWN: {"a": "1", "b": "3"}, "other": BASELINE},
            f"2 judged runs gave 2 different sets of answers, to the bit. {OWN}, the baseline's own setting, "
            "gave the baseline's answers in 1 of 2 cells; not in b.",
        ),
        (
            {OWN: {"a": "1"}},
            f"1 judged run gave 1 different set of answers, to the bit. {OWN}, the baseline's own setting, "
            "gave the baseline's answers in 1 of 2 cells; not in b.",
        ),
        (
            {"other": BASELINE},
            "1 judged run gave 1 different set of answers, to the bit. The baseline's own setting, "
            f"{OWN}, is not among them.",
        ),
    ],
)
def test_different_answers_are_counted_and_the_own_setting_is_held_against_the_baseline(
    given: dict[str, dict[str, str]], told: str
):
    assert different(BASELINE, given) == told


def test_the_own_setting_is_one_of_the_twenty_and_changes_nothing_of_the_usual():
    (own,) = (each for each in SETTINGS if each.name == OWN)
    assert (own.cores, own.variables) == (2, {"TF_ENABLE_ONEDNN_OPTS": "1"})


def test_the_written_page_tells_how_many_answers_are_different(bench: Bench, session: Callable[..., int]):
    session()
    page = (bench.out / "alarms.md").read_text()
    assert "3 judged runs gave 1 different set of answers" in page
    assert f"{OWN}, the baseline's own setting, gave the baseline's answers in 0 of 1 cell; not in" in page
