"""What a history reads of a run: its cells, and what is left out because it cannot be read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import finished_run
from fakes_history import result, timed_night
from fakes_timing import both_passes, timing_run

from harness.analysis.history_entries import Unread, find_runs, read_entries


def trained(folder: Path, **changed: Any) -> Path:
    """A run of two cells; what is changed is the second one's."""
    rows = [result(0, backbone="MobileNet"), result(0, backbone="VGG16", **changed)]
    return finished_run(folder, rows).path


def timed(folder: Path, **changed: Any) -> Path:
    """A timing run of two cells in two passes; what is changed is the second one's."""
    return timing_run(folder, [*both_passes(50.0), *both_passes(60.0, backbone="VGG16", **changed)]).path


def files(run: Path, cell: str) -> list[Path]:
    """The records of a cell, by name."""
    return sorted(run.glob(f"*/{cell}_*.json"))


def cells(run: Path) -> list[str]:
    return [entry.cell.split("/")[0] for entry in read_entries(run)[0]]


def left(run: Path) -> Unread:
    (found,) = read_entries(run)[1]
    return found


BOTH = pytest.mark.parametrize("make", [trained, timed])


@BOTH
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"status": "ok"}'])
def test_a_damaged_record_is_left_out_by_name_and_the_others_are_read(
    make: Callable[..., Path], content: bytes, tmp_path: Path
):
    run = make(tmp_path / "run")
    damaged = files(run, "VGG16")
    for path in damaged:
        path.write_bytes(content)
    entries, unread = read_entries(run)
    assert [entry.cell.split("/")[0] for entry in entries] == ["MobileNet"]
    assert [each.where for each in unread] == [str(path) for path in damaged]
    assert [each.name for each in unread] == [
        f"{tmp_path.name}/run/{path.relative_to(run)}" for path in damaged
    ]
    assert all(each.reason.startswith(("not a ", "damaged")) for each in unread)


@BOTH
def test_a_record_whose_time_is_none_is_left_out(make: Callable[..., Path], tmp_path: Path):
    run = make(tmp_path / "run", started="yesterday")
    entries, unread = read_entries(run)
    assert [entry.cell.split("/")[0] for entry in entries] == ["MobileNet"]
    assert [each.where for each in unread] == [str(path) for path in files(run, "VGG16")]
    assert {each.reason for each in unread} == {
        "started: expected a time such as 2025-01-02T03:04:05+00:00, got 'yesterday'"
    }


@pytest.mark.parametrize("started", ["", "0001-01-01T00:00:00+14:00", "2025-13-01T00:00:00"])
def test_a_time_that_no_calendar_has_is_damage(started: str, tmp_path: Path):
    assert "expected a time such as" in left(trained(tmp_path / "run", started=started)).reason


@BOTH
def test_a_folder_in_place_of_a_record_is_left_out(make: Callable[..., Path], tmp_path: Path):
    run = make(tmp_path / "run")
    (files(run, "MobileNet")[0].parent / "there.json").mkdir()
    assert cells(run) == ["MobileNet", "VGG16"]
    assert (left(run).file.rsplit("/")[-1], left(run).reason) == (
        "there.json",
        "it cannot be read: Is a directory",
    )


@pytest.mark.parametrize(("make", "name"), [(trained, "run.json"), (timed, "timing.json")])
def test_a_run_whose_facts_are_damaged_is_left_out_whole(
    make: Callable[..., Path], name: str, tmp_path: Path
):
    run = make(tmp_path / "run")
    (run / name).write_text("{", encoding="utf-8")
    assert cells(run) == []
    assert name in f"{left(run).where}: {left(run).reason}"


def test_a_pass_that_is_damaged_leaves_its_cell_in_doubt(tmp_path: Path):
    """A time of one pass is not as sure as one of two, so it may make no step."""
    run = timed(tmp_path / "run")
    files(run, "VGG16")[0].write_text("{", encoding="utf-8")
    whole, half = read_entries(run)[0]
    assert (whole.readings["inference_ms"].doubt, half.readings["inference_ms"].doubt) == (
        "",
        "1 of 2 passes",
    )


def test_a_timing_run_whose_self_check_is_damaged_is_left_out_whole(tmp_path: Path):
    """What its times resolve is not known without it."""
    run = timed(tmp_path / "run")
    (run / "selfcheck-cpu.json").write_text("{", encoding="utf-8")
    assert cells(run) == []
    assert left(run).file == "selfcheck-cpu.json"


@pytest.mark.parametrize("seconds", ["0.0", "-1.0", "NaN"])
def test_times_without_a_logarithm_are_damage(seconds: str, tmp_path: Path):
    run = timed_night(tmp_path / "run", 0, 64.0)
    for path in run.glob("timings/*.json"):
        text = path.read_text(encoding="utf-8")
        assert "0.064" in text
        path.write_text(text.replace("0.064", seconds), encoding="utf-8")
    entries, unread = read_entries(run)
    assert entries == []
    assert all("expected times above 0" in each.reason for each in unread)


def test_records_of_another_schema_version_are_counted_and_not_called_damaged(tmp_path: Path):
    for run in (trained(tmp_path / "trained"), timed(tmp_path / "timed")):
        old = files(run, "VGG16")
        for path in old:
            text = path.read_text(encoding="utf-8").replace('"schema_version": 1', '"schema_version": 2')
            path.write_text(text, encoding="utf-8")
        assert cells(run) == ["MobileNet"]
        assert left(run).reason == f"{len(old)} record{'s' * (len(old) > 1)} of another schema version"


def test_what_is_no_run_beside_runs_is_left_out(tmp_path: Path):
    """A pattern of a shell means all that is there."""
    run = trained(tmp_path / "run")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    found = find_runs(sorted(tmp_path.iterdir()))
    assert [path.name for path in found] == ["empty", "notes.txt", "run"]
    reasons = [left(path).reason.split(",")[0] for path in found if path != run]
    assert reasons == ["no run is in this folder", "expected a folder"]
