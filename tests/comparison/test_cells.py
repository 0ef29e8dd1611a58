"""Cells that stand in one of the runs alone, or failed."""

from pathlib import Path

from fakes import Row, failed_record, finished_run
from fakes_compare import trial
from fakes_judged import kinds

from harness.comparison.cells import lone_cells, margin_changes, matched
from harness.comparison.finding import Finding
from harness.comparison.sides import Side, read_side

GOOD, OTHER = trial(900), trial(930, backbone="VGG16")
FAILED: Row = (failed_record("oom", "no `memory`"), None)


def sides(
    folder: Path, before: list[Row], after: list[Row], missing: tuple[str, ...] = ()
) -> tuple[Side, Side]:
    finished_run(folder / "baseline", before)
    finished_run(folder / "current", after, missing)
    return read_side(folder / "baseline", is_baseline=True), read_side(folder / "current", is_baseline=False)


def found(folder: Path, before: list[Row], after: list[Row], missing: tuple[str, ...] = ()) -> list[Finding]:
    return list(lone_cells(*sides(folder, before, after, missing)))


def test_cells_with_a_result_in_both_runs_are_no_finding_whatever_their_order(tmp_path: Path):
    assert found(tmp_path, [GOOD, OTHER], [OTHER, GOOD]) == []


def test_a_cell_that_is_no_longer_planned_is_a_regression(tmp_path: Path):
    (one,) = found(tmp_path, [GOOD, OTHER], [OTHER])
    assert (one.severity, one.cells, one.after) == ("regression", (GOOD[0].name,), "is not in the plan")
    assert one.message == "has a result in the baseline, and now is not in the plan"


def test_a_cell_that_was_planned_and_never_ran_is_a_regression(tmp_path: Path):
    (one,) = found(tmp_path, [GOOD, OTHER], [OTHER], missing=(GOOD[0].name,))
    assert (one.severity, one.cells) == ("regression", (GOOD[0].name,))
    assert "the run ended before it" in one.message


def test_a_cell_that_fails_now_is_a_regression_with_its_reason(tmp_path: Path):
    (one,) = found(tmp_path, [GOOD, OTHER], [FAILED, OTHER])
    assert (one.severity, one.before) == ("regression", "ok")
    assert one.message == "has a result in the baseline, and now ended with oom: `no 'memory'`"


def test_a_cell_that_failed_in_both_is_undecided_and_one_that_works_again_is_improved(tmp_path: Path):
    assert kinds(found(tmp_path / "both", [FAILED, OTHER], [FAILED, OTHER])) == [
        ("cells", "undecided", "status")
    ]
    assert kinds(found(tmp_path / "again", [FAILED, OTHER], [GOOD, OTHER])) == [
        ("cells", "improved", "status")
    ]


def test_a_new_cell_is_new_and_may_not_fail(tmp_path: Path):
    (one,) = found(tmp_path / "good", [OTHER], [OTHER, GOOD])
    assert (one.severity, one.message, one.cells) == ("new", "is new", (GOOD[0].name,))
    (one,) = found(tmp_path / "bad", [OTHER], [OTHER, FAILED])
    assert (one.severity, one.message) == ("regression", "is new, and ended with oom: `no 'memory'`")


def test_seeds_are_cells_of_their_own(tmp_path: Path):
    (one,) = found(tmp_path, [GOOD, trial(900, seed=1)], [GOOD])
    assert "/seed1/" in one.cells[0]


def test_only_cells_with_a_record_in_both_are_matched(tmp_path: Path):
    pairs = matched(*sides(tmp_path, [GOOD, OTHER], [FAILED]))
    assert [(pair.name, pair.ended_ok) for pair in pairs] == [(GOOD[0].name, False)]


def test_the_margins_of_a_pair_are_the_baselines(tmp_path: Path):
    finished_run(tmp_path / "baseline", [GOOD], margins={"test_accuracy": 0.25})
    finished_run(tmp_path / "current", [GOOD], margins={"test_accuracy": 0.75, "test_loss": 0.05})
    both = [read_side(tmp_path / name, is_baseline=False) for name in ("baseline", "current")]
    (pair,) = matched(*both)
    assert (pair.margins["test_accuracy"], pair.margins["test_loss"]) == (0.25, 0.05)
    (one,) = margin_changes(*both)
    assert (one.severity, one.field, one.before, one.after) == ("changed", "test_accuracy", 0.25, 0.75)
    assert one.message == "the margin of test accuracy is 75 points now; the baseline's counts, 25 points"


def test_the_usual_margins_count_where_a_run_keeps_none(tmp_path: Path):
    before, after = sides(tmp_path, [GOOD], [GOOD])
    assert matched(before, after)[0].margins["test_accuracy"] == 0.02
    assert list(margin_changes(before, after)) == []
