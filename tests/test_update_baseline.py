"""The script that makes a run the baseline."""

import sys
from pathlib import Path

import pytest
import update_baseline
from fakes import answers, failed_record, finished_run, put, row


def update(monkeypatch: pytest.MonkeyPatch, run: Path, results: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["update_baseline.py", str(run), "--results", str(results)])
    update_baseline.main()


def test_a_run_becomes_the_baseline_in_place_of_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run = finished_run(tmp_path / "run", [row(answers(90))])
    there = tmp_path / "results" / "baselines" / "tiny"
    put(there / "run.json", b"not json")
    put(there / "records" / "old.json", b"not json")
    update(monkeypatch, run.path, tmp_path / "results")
    assert capsys.readouterr().out.strip() == str(there)
    assert (there / "run.json").read_bytes() == (run.path / "run.json").read_bytes()
    assert {path.name for path in (there / "records").iterdir()} == {
        path.name for path in run.records.folder.iterdir()
    }


def test_a_run_without_all_results_is_refused_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run = finished_run(tmp_path / "run", [(failed_record("crashed", "no memory"), None)])
    with pytest.raises(SystemExit) as caught:
        update(monkeypatch, run.path, tmp_path / "results")
    assert caught.value.code == 2
    assert "1 of 1 cells have no result" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
