"""Parts of the tiny subset: which cells they hold, and what a comparison of theirs says."""

import subprocess
from pathlib import Path

import pytest
import run_times
from fakes import answers, finished_run, row
from subset import MATRIX, Verdict, baseline_of, compare, ended_whole, part_of

from harness.comparison.sides import read_side
from harness.matrix_file import load_matrix
from harness.running.planner import make_plan

ROWS = [row(answers(90)), row(answers(90, first=1), seed=1), row(answers(91), backbone="VGG16")]


def test_a_part_has_the_wanted_cells_as_the_whole_has_them():
    whole = load_matrix(MATRIX)
    names = {cell.name: cell for cell in whole.cells()}
    wanted = [name for name in names if "fine-tuning" in name or "seed1" in name]
    part = part_of(whole, ["fine-tuning", "seed1"])
    assert list(part.cells()) == [names[name] for name in wanted]
    assert part.cell_margins() == {name: whole.cell_margins()[name] for name in wanted}
    assert part_of(whole, []).cells() == whole.cells()


def test_a_planned_cell_of_a_part_is_that_of_the_whole():
    whole = load_matrix(MATRIX)
    planned = {each.cell.name: each for each in make_plan(whole, None, offline=True)}
    for each in make_plan(part_of(whole, ["MobileNet-0.25"]), None, offline=True):
        assert each == planned[each.cell.name]


def test_a_part_of_a_baseline_misses_nothing_of_the_rest(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS)
    part = baseline_of(run.path, ["VGG16"], tmp_path / "part")
    side = read_side(part, is_baseline=True)
    assert side.planned == tuple(side.records) == (ROWS[2][0].name,)
    assert {each["severity"] for each in compare(part, run.path).others} == {"new"}
    assert compare(part, baseline_of(run.path, ["VGG16"], tmp_path / "again")) == Verdict(0, ())


def test_a_verdict_has_the_findings_that_fail(tmp_path: Path):
    before = finished_run(tmp_path / "before", ROWS[:1])
    after = finished_run(tmp_path / "after", [row(answers(50))])
    verdict = compare(before.path, after.path)
    assert verdict.code == 1
    assert {each["field"] for each in verdict.regressions} >= {"test_accuracy"}


def test_what_cannot_be_compared_has_its_reason(tmp_path: Path):
    after = finished_run(tmp_path / "after", ROWS[:1])
    verdict = compare(tmp_path / "none", after.path)
    assert verdict.code == 4
    assert "no baseline" in verdict.error


def test_what_was_in_the_folder_of_a_part_is_gone(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS)
    baseline_of(run.path, [], tmp_path / "part")
    part = baseline_of(run.path, ["VGG16"], tmp_path / "part")
    assert len(list((part / "records").glob("*.json"))) == 1


def test_a_verdict_keeps_the_findings_that_do_not_fail_apart(tmp_path: Path):
    before = finished_run(tmp_path / "before", ROWS[:1])
    after = finished_run(tmp_path / "after", ROWS)
    verdict = compare(before.path, after.path)
    assert verdict.state == "no regression"
    assert {each["severity"] for each in verdict.others} == {"new"}


FAILING = ({"field": "test_loss", "kind": "loss", "message": "worse", "cells": ["a"]},)


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict(0, ()), "no regression"),
        (Verdict(1, FAILING), "regression"),
        (Verdict(1, (), "Traceback"), "not judged"),
        (Verdict(2, (), "cannot be read"), "not judged"),
        (Verdict(3, FAILING), "not judged"),
        (Verdict(4, (), "no baseline"), "not judged"),
        (Verdict(-9, ()), "not judged"),
    ],
)
def test_an_exit_code_is_a_regression_only_where_it_is_1_and_a_finding_fails(verdict: Verdict, state: str):
    assert verdict.state == state


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("cannot be read\na hint", "cannot be read"),
        ("Traceback (most recent call last):\n  File x\nKeyError: 'a'\n", "KeyError: 'a'"),
        ("", "no words"),
    ],
)
def test_why_there_is_no_judgement_is_told_in_a_line(error: str, told: str):
    assert Verdict(2, (), error).why == f"could not be judged: {told} (exit code 2)"


def test_a_comparison_that_breaks_within_its_document_is_not_judged(monkeypatch: pytest.MonkeyPatch):
    broken = subprocess.CompletedProcess([], 1, stdout='{"exit_code": 1, "find', stderr="MemoryError")
    monkeypatch.setattr("subset.subprocess.run", lambda *words, **options: broken)
    assert compare(Path("before"), Path("after")) == Verdict(1, (), "MemoryError")


def test_a_run_ended_whole_where_every_planned_cell_has_a_record(tmp_path: Path):
    assert ended_whole(finished_run(tmp_path / "run", ROWS).path)
    assert not ended_whole(finished_run(tmp_path / "part", ROWS, missing=["another"]).path)
    assert not ended_whole(finished_run(tmp_path / "empty", []).path)
    assert not ended_whole(tmp_path / "none")


def test_base_and_head_take_turns_and_change_who_begins():
    order = list(run_times.turns(4))
    assert [number for number, _ in order] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [side for _, side in order] == ["base", "head", "head", "base"] * 2
