"""The script that makes a run the baseline."""

import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import update_baseline
from fakes import answers, failed_record, finished_run, put, row

from harness.matrix_file import load_matrix
from harness.metrics import MARGINS
from harness.running.folder import RunFolder

TINY = """
name = "tiny"
data = { source = "synthetic" }
[[grid]]
backbones = ["MobileNet-0.25"]
strategies = ["fast-extraction"]
weights = ["random"]
sizes = [64]
"""
MORE = TINY + "seeds = [0, 1]\n"
LOOSE = TINY + "margins = { test_loss = 9.0 }\n"


def run_of(folder: Path, text: str = TINY, *, fails: bool = False) -> RunFolder:
    """A run of every cell of a matrix, with its margins."""
    planned = load_matrix(put(folder.with_suffix(".toml"), text.encode()))
    usual = {name: margin.value for name, margin in MARGINS.items()}
    margins = planned.cell_margins()
    each_cell = [asdict(cell) for cell in planned.cells()]
    failed = [(failed_record("crashed", "no memory", **cell), None) for cell in each_cell]
    run = finished_run(folder, failed if fails else [row(answers(90), **cell) for cell in each_cell])
    facts = run.facts()
    cells = [cell.model_copy(update={"margins": usual | margins[cell.name]}) for cell in facts.cells]
    run.write_facts(facts.model_copy(update={"cells": tuple(cells), "matrix": planned.name}))
    return run


def update(monkeypatch: pytest.MonkeyPatch, run: RunFolder, results: Path, text: str = TINY) -> None:
    matrix = put(results.with_suffix(".toml"), text.encode())
    words = ["update_baseline.py", str(run.path), "--results", str(results), "--matrix", str(matrix)]
    monkeypatch.setattr(sys, "argv", words)
    update_baseline.main()


def test_a_run_becomes_the_baseline_in_place_of_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run = run_of(tmp_path / "run")
    there = tmp_path / "results" / "baselines" / "tiny"
    put(there / "run.json", b"not json")
    put(there / "records" / "old.json", b"not json")
    update(monkeypatch, run, tmp_path / "results")
    assert capsys.readouterr().out.strip() == str(there)
    assert (there / "run.json").read_bytes() == (run.path / "run.json").read_bytes()
    assert {path.name for path in (there / "records").iterdir()} == {
        path.name for path in run.records.folder.iterdir()
    }


def refusal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: RunFolder,
    text: str = TINY,
) -> str:
    with pytest.raises(SystemExit) as caught:
        update(monkeypatch, run, tmp_path / "results", text)
    assert caught.value.code == 2
    assert not (tmp_path / "results").exists()
    return capsys.readouterr().err


def test_a_run_without_all_results_is_refused_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run = run_of(tmp_path / "run", fails=True)
    assert "1 of 1 cells have no result" in refusal(tmp_path, monkeypatch, capsys, run)


@pytest.mark.parametrize(
    ("run", "now", "told"),
    [
        (TINY, MORE, "1 of the matrix's 2 cells are not in this run: MobileNet-0.25/"),
        (MORE, TINY, "1 cells of this run are not in the matrix: "),
        (TINY.replace('"tiny"', '"other"'), TINY, "expected a run of matrix 'tiny', got one of 'other'"),
        (LOOSE, TINY, "1 cells were run with other margins than the matrix has now: "),
    ],
)
def test_a_run_that_is_not_the_whole_matrix_as_it_is_now_is_refused(
    run: str,
    now: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    said = refusal(tmp_path, monkeypatch, capsys, run_of(tmp_path / "run", run), now)
    assert told in said
    assert "nox -s update-baseline" in said
