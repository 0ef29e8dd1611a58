"""Cells that differ in their seed alone and give the same answers."""

from pathlib import Path

from fakes import Row, answers, finished_run, row

from harness.comparison.finding import Finding
from harness.comparison.seeds import idle_seeds
from harness.comparison.sides import Side, read_side

SOUND = [row(answers(90)), row(answers(90, first=1), seed=1), row(answers(91), backbone="VGG16")]
IDLE = [row(answers(90)), row(answers(90), seed=1), row(answers(91), backbone="VGG16")]


def side(folder: Path, rows: list[Row]) -> Side:
    return read_side(finished_run(folder, rows).path, is_baseline=False)


def found(folder: Path, before: list[Row], after: list[Row]) -> list[Finding]:
    return list(idle_seeds(side(folder / "before", before), side(folder / "after", after)))


def test_seeds_with_answers_of_their_own_are_no_finding(tmp_path: Path):
    assert found(tmp_path, SOUND, SOUND) == []


def test_a_seed_with_the_answers_of_another_is_a_regression_that_names_both(tmp_path: Path):
    (one,) = found(tmp_path, SOUND, IDLE)
    assert (one.kind, one.severity) == ("seeds", "regression")
    assert one.cells == (IDLE[0][0].name, IDLE[1][0].name)


def test_what_the_baseline_has_alike_too_is_no_finding(tmp_path: Path):
    assert found(tmp_path, IDLE, IDLE) == []


def test_other_configurations_may_answer_alike(tmp_path: Path):
    alike = [row(answers(90)), row(answers(90), backbone="VGG16")]
    assert found(tmp_path, SOUND, alike) == []
