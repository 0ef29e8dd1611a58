"""Which cell is meant by a name, a part of one, or "best"."""

from pathlib import Path

import pytest
from fakes import answers, failed_record, finished_run, row

from harness.errors import UserError
from harness.export.choice import choose_record
from harness.running.folder import RunFolder

MISSING = "VGG16/imagenet/fast-extraction/none/default/160px/seed0/cpu/float32"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    rows = [
        row(answers(90)),
        row(answers(95), strategy="fine-tuning", depth="blocks:1"),
        row(answers(99), backbone="MobileNet", weights="random"),
        (failed_record("oom", "out of memory: 3 GB", backbone="Xception"), None),
    ]
    return finished_run(tmp_path / "run", rows, missing=[MISSING])


def test_a_cell_is_found_by_its_name_and_by_a_part_that_no_other_has(run: RunFolder):
    record = choose_record(run, "Fine-Tuning")
    assert record.cell.strategy == "fine-tuning"
    assert choose_record(run, record.name) == record
    assert choose_record(run, "*/fine-*") == record


def test_best_is_the_first_row_of_the_leaderboard_where_random_weights_have_no_rank(run: RunFolder):
    assert choose_record(run, "best").measured.test_accuracy == 0.95


def test_an_unknown_name_is_answered_with_near_ones_and_the_choices(run: RunFolder):
    with pytest.raises(UserError, match=r"unknown cell 'fine-tunning'(?s:.*)mean fine-tuning\?.*best"):
        choose_record(run, "fine-tunning")


def test_a_part_of_several_names_is_answered_with_these(run: RunFolder):
    with pytest.raises(UserError, match="'MobileNet' means 3 cells") as raised:
        choose_record(run, "MobileNet")
    assert raised.value.hint.count("MobileNet") == 3


def test_a_failed_cell_is_answered_with_status_and_reason(run: RunFolder):
    with pytest.raises(UserError, match=r"Xception.* has no result: oom: out of memory: 3 GB"):
        choose_record(run, "Xception")


def test_a_cell_that_was_not_run_is_answered_with_the_command(run: RunFolder):
    with pytest.raises(
        UserError,
        match=r"VGG16.* has not been run yet(?s:.*)last part only(?s:.*)transferbench run tiny\.toml",
    ):
        choose_record(run, "VGG16")


def test_without_a_ranked_cell_none_is_the_best(tmp_path: Path):
    run = finished_run(tmp_path, [row(answers(99), weights="random")])
    with pytest.raises(UserError, match="no cell of this run is ranked"):
        choose_record(run, "best")


def test_the_best_of_leaderboards_that_are_not_compared_must_be_named(tmp_path: Path):
    run = finished_run(tmp_path, [row(answers(90)), row(answers(95), device="gpu")])
    with pytest.raises(UserError, match=r"2 leaderboards that are not compared(?s:.*)gpu"):
        choose_record(run, "best")
