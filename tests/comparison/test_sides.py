"""What cannot be compared, and what is no baseline."""

import json
from pathlib import Path

import pytest
from fakes import Row, finished_run, put
from fakes_compare import trial
from fakes_timing import both_passes, timing_run

from harness.comparison.sides import (
    NoBaselineError,
    NotComparableError,
    kind_of_runs,
    read_side,
    require_common_cells,
    require_version,
)
from harness.errors import UserError

ROW = trial(900)


def two(folder: Path, rows: tuple[Row, ...] = (ROW,)) -> tuple[Path, Path]:
    return tuple(finished_run(folder / name, rows).path for name in ("baseline", "current"))


def rewrite(file: Path, version: int) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": version}))


def test_two_runs_of_trainings_are_trainings(tmp_path: Path):
    assert kind_of_runs(*two(tmp_path), dedicated=False) == "trainings"


def test_folders_that_hold_both_are_read_as_is_asked(tmp_path: Path):
    paths = two(tmp_path)
    for path in paths:
        timing_run(path, both_passes())
    assert kind_of_runs(*paths, dedicated=False) == "trainings"
    assert kind_of_runs(*paths, dedicated=True) == "timings"


def test_a_timing_run_against_trainings_is_not_comparable(tmp_path: Path):
    paths = two(tmp_path)
    timing_run(tmp_path / "timings", both_passes())
    with pytest.raises(
        NotComparableError, match="the baseline is a run of trainings, and this one of timings"
    ):
        kind_of_runs(paths[0], tmp_path / "timings", dedicated=False)


@pytest.mark.parametrize(("made", "told"), [(False, "does not exist"), (True, "is no run")])
def test_no_baseline_is_told_with_how_to_make_one(tmp_path: Path, made: bool, told: str):
    _, current = two(tmp_path)
    if made:
        put(tmp_path / "nothing" / "notes.txt", b"x")
    with pytest.raises(NoBaselineError, match=f"no baseline: this folder {told}") as caught:
        kind_of_runs(tmp_path / "nothing", current, dedicated=False)
    assert (caught.value.exit_code, "nox -s update-baseline" in caught.value.hint) == (4, True)


def test_a_baseline_without_records_is_none(tmp_path: Path):
    path = finished_run(tmp_path, [], missing=[ROW[0].name]).path
    with pytest.raises(NoBaselineError, match="has no records"):
        read_side(path, is_baseline=True)
    with pytest.raises(UserError, match="this run has no records") as caught:
        read_side(path, is_baseline=False)
    assert not isinstance(caught.value, NoBaselineError)


@pytest.mark.parametrize("folder", ["nothing", "empty"])
def test_a_current_run_that_is_not_there_is_a_mistake_of_the_user(tmp_path: Path, folder: str):
    baseline, _ = two(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        kind_of_runs(baseline, tmp_path / folder, dedicated=False)
    assert type(caught.value) is UserError


def test_the_same_folder_twice_is_refused(tmp_path: Path):
    baseline, _ = two(tmp_path)
    (tmp_path / "link").symlink_to(baseline)
    with pytest.raises(UserError, match="the same folder twice"):
        kind_of_runs(baseline, tmp_path / "link", dedicated=False)


def test_a_run_of_another_schema_version_is_not_comparable(tmp_path: Path):
    _, current = two(tmp_path)
    rewrite(current / "run.json", 2)
    with pytest.raises(
        NotComparableError, match="schema version 2, and this version of transferbench reads 1"
    ):
        read_side(current, is_baseline=False)


def test_a_record_of_another_schema_version_is_not_a_missing_cell(tmp_path: Path):
    _, current = two(tmp_path, (ROW, trial(930, backbone="VGG16")))
    rewrite(next(current.glob("records/VGG16*.json")), 2)
    with pytest.raises(NotComparableError, match="1 record of another schema version than 1: VGG16/"):
        read_side(current, is_baseline=False)


def test_a_damaged_record_is_told_as_everywhere(tmp_path: Path):
    _, current = two(tmp_path)
    next(current.glob("records/*.json")).write_text("{")
    with pytest.raises(UserError, match="damaged, and no record any more"):
        read_side(current, is_baseline=False)


def test_a_stale_record_of_an_earlier_plan_is_not_read(tmp_path: Path):
    run = finished_run(tmp_path, [ROW])
    stale = ROW[0].model_copy(update={"key": "e" * 64, "commit": "stale"})
    run.records.save(stale, ROW[1])
    assert [record.commit for record in read_side(tmp_path, is_baseline=True).records.values()] == [
        "0123456789ab"
    ]


def test_other_matrices_without_a_cell_in_common_are_not_comparable():
    with pytest.raises(NotComparableError, match="matrix 'b' has no cell in common with the baseline's, 'a'"):
        require_common_cells("a", "b", ["x"], ["y"], where=Path("run"))
    require_common_cells("a", "b", ["x", "z"], ["z"], where=Path("run"))
    with pytest.raises(NotComparableError, match="matrix 'a' has no cell in common"):
        require_common_cells("a", "a", ["x"], ["y"], where=Path("run"))


def test_what_is_damaged_is_left_to_those_who_read_it(tmp_path: Path):
    require_version([put(tmp_path / "a.json", b"{"), tmp_path / "not-there.json"], 1)


def test_predictions_of_fewer_classes_than_their_labels_are_refused(tmp_path: Path):
    record, predictions = ROW
    assert predictions is not None
    wrong = type(predictions)(predictions.ids, predictions.labels + 1, predictions.probabilities)
    finished_run(tmp_path, [(record, wrong)])
    side = read_side(tmp_path, is_baseline=True)
    with pytest.raises(UserError, match="are of fewer classes than their labels"):
        side.predictions(record)


def test_a_baseline_without_the_record_of_a_planned_cell_is_none_and_a_current_run_without_it_is_read(
    tmp_path: Path,
):
    path = finished_run(tmp_path, [ROW], missing=["lost"]).path
    with pytest.raises(NoBaselineError, match="for 1 of 2 cells, which have no record: lost") as caught:
        read_side(path, is_baseline=True)
    assert f"git checkout -- {path}" in caught.value.hint
    assert list(read_side(path, is_baseline=False).records) == [ROW[0].name]


@pytest.mark.parametrize("damaged", ["run.json", "record", "predictions"])
def test_what_is_damaged_in_a_baseline_is_to_be_restored_and_not_deleted(tmp_path: Path, damaged: str):
    path = finished_run(tmp_path, [ROW]).path
    (file,) = path.glob({"run.json": "run.json", "record": "records/*.json"}.get(damaged, "records/*.npz"))
    file.write_bytes(b"{")
    with pytest.raises(UserError) as caught:
        read_side(path, is_baseline=True).predictions(ROW[0])
    assert f"git checkout -- {path}" in caught.value.hint
    assert "elete" not in caught.value.hint
