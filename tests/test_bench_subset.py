"""Parts of the tiny subset: which cells they hold, and what a comparison of theirs says."""

import json
from pathlib import Path

import pytest
import run_alarms
import run_mutations
import run_times
from fakes import answers, finished_run, row
from mutations import Mutation
from subset import MATRIX, Verdict, baseline_of, compare, part_of

from harness.comparison.sides import read_side
from harness.matrix_file import load_matrix
from harness.running.folder import RunFolder
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
    assert compare(part, run.path) == Verdict(0, ())


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


def test_base_and_head_take_turns_and_change_who_begins():
    order = list(run_times.turns(4))
    assert [number for number, _ in order] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [side for _, side in order] == ["base", "head", "head", "base"] * 2


# The tables

FINDING = {"field": "test_accuracy", "kind": "accuracy", "message": "it fell | far", "cells": ["a"]}


def tried(code: int, *, unseen: str = "", error: str = "") -> run_mutations.Tried:
    mutation = Mutation("m", "a mistake", (), ("cell",), unseen=unseen)
    found = (FINDING, FINDING) if code == 1 else ()
    return run_mutations.Tried(mutation, Verdict(code, found, error), 3.0)


@pytest.mark.parametrize(
    ("code", "unseen", "expected"),
    [(1, "", True), (0, "", False), (0, "no colours", True), (1, "no colours", False)],
)
def test_a_mistake_is_as_expected_where_it_is_caught_or_said_to_be_unseen(
    code: int, unseen: str, expected: bool
):
    assert tried(code, unseen=unseen).expected is expected


def test_the_table_has_each_finding_once_and_counts_what_was_caught():
    text = run_mutations.render(
        [tried(1), tried(0, unseen="no colours"), tried(0), tried(2, error="cannot be read\nhint")], tried(0)
    )
    assert text.startswith("2 of 4 mistakes are caught; the sound code raises no alarm.")
    lines = text.splitlines()[4:]
    assert lines[0] == "| a mistake | yes | it fell \\| far | 1 | 3 |"
    assert "| **no** | not caught: no colours |" in lines[1]
    assert "**no** (not as expected)" in lines[2]
    assert "| yes | cannot be read |" in lines[3]


def test_a_table_beside_a_control_that_raises_an_alarm_says_that_it_proves_nothing():
    assert "proves nothing" in run_mutations.render([tried(1)], tried(1))


def test_there_are_twenty_settings_of_which_no_two_are_alike():
    variables = {(each.cores, json.dumps(each.variables, sort_keys=True)) for each in run_alarms.SETTINGS}
    assert len(variables) == len({each.name for each in run_alarms.SETTINGS}) == 20


def test_the_largest_difference_of_all_runs_is_told_by_cell(tmp_path: Path):
    before = finished_run(tmp_path / "before", [row(answers(90))])
    runs = [
        finished_run(tmp_path / str(right), [row(answers(right), gap=gap)]).path
        for right, gap in ((91, 0.05), (87, 0.1))
    ]
    gap = next(iter(RunFolder(before.path).records.load())).gap or 0.0
    line = run_alarms.render(before.path, runs).splitlines()[-1]
    assert [cell.strip() for cell in line.split("|")[2:5]] == ["3.0", "0.0000", f"{100 * abs(0.1 - gap):.1f}"]
