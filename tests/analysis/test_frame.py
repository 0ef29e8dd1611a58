"""The frame of a run: a row a record, declared dtypes, and nothing invented where there is nothing."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from fakes import answers, failed_record, finished_run, measured, record, row
from fakes_timing import both_passes, timing_run

import harness
from harness.analysis.fields import FIELDS
from harness.analysis.frame import DTYPES
from harness.errors import UserError
from harness.metrics import METRICS

ROOT = Path(__file__).parent.parent.parent


def run(folder: Path) -> Path:
    """Two tied rows and a worse one, a control, a row that lacks a seed and its failed record."""
    rows = [
        row(answers(98), backbone="Xception"),
        row(answers(97, first=1), strategy="fine-tuning", depth="blocks:1", learning_rate=1e-5),
        row(answers(60), backbone="VGG16"),
        row(answers(99), backbone="VGG19", weights="random"),
        row(answers(80), backbone="ResNet50"),
        (failed_record("oom", "out of memory\nUse a smaller batch.", backbone="ResNet50", seed=1), None),
    ]
    return finished_run(folder / "run", rows).path


def test_every_record_is_a_row_in_the_order_of_the_plan(tmp_path: Path):
    frame = harness.load(run(tmp_path))
    assert list(frame["backbone"]) == ["Xception", "MobileNet-0.25", "VGG16", "VGG19", "ResNet50", "ResNet50"]
    assert list(frame["test_accuracy"].dropna()) == [0.98, 0.97, 0.6, 0.99, 0.8]
    assert set(frame["run"]) == {(tmp_path / "run").as_posix()}


def test_the_columns_and_dtypes_are_the_declared_ones_whatever_a_run_holds(tmp_path: Path):
    whole = harness.load(run(tmp_path))
    failures = finished_run(tmp_path / "failures", [(failed_record("skipped", "no weights"), None)]).path
    for frame in (whole, harness.load(failures)):
        assert list(frame) == [field.name for field in FIELDS]
        assert [frame[name].dtype == pd.api.types.pandas_dtype(DTYPES[name]) for name in frame] == [
            True
        ] * len(DTYPES)


def test_every_metric_is_a_column_in_its_export_unit(tmp_path: Path):
    frame = harness.load(run(tmp_path))
    first = record(measured=measured(answers(98)), backbone="Xception")
    assert {each.name: frame[each.name][0] for each in METRICS if each.value(first) is not None} == {
        each.name: each.value(first) for each in METRICS if each.value(first) is not None
    }


def test_a_failure_has_its_reason_and_no_number_of_a_result(tmp_path: Path):
    failure = harness.load(run(tmp_path)).iloc[-1]
    assert (failure["status"], failure["reason"]) == ("oom", "out of memory. Use a smaller batch.")
    assert (failure["seed"], failure["standing"]) == (1, "none")
    for name in ("test_accuracy", "train_ms", "row_accuracy", "row_low", "rank", "tied", "images_tested"):
        assert failure[name] is pd.NA


def test_a_row_has_its_interval_rank_and_standing(tmp_path: Path):
    frame = harness.load(run(tmp_path)).set_index("backbone")
    assert list(frame["standing"]) == ["ranked", "ranked", "ranked", "control", "partial", "none"]
    assert list(frame["rank"][:3]) == [1, 1, 3]
    assert list(frame["tied"][:3]) == [True, True, False]
    assert (frame["row_low"][:5] < frame["row_accuracy"][:5]).all()
    assert (frame["row_accuracy"][:5] < frame["row_high"][:5]).all()
    assert frame["rank"][3:].isna().all()
    assert frame["tied"][3:].isna().all()


def test_seeds_of_one_row_share_its_facts_and_keep_their_own_numbers(tmp_path: Path):
    rows = [row(answers(90), seed=0), row(answers(80), seed=1)]
    frame = harness.load(finished_run(tmp_path, rows).path)
    assert list(frame["test_accuracy"]) == [0.9, 0.8]
    assert list(frame["row_accuracy"]) == pytest.approx([0.85, 0.85])
    assert list(frame["row_seeds"]) == [2, 2]


def test_several_runs_stand_below_each_other_by_their_folder(tmp_path: Path):
    names = [finished_run(tmp_path / name, [row(answers(90))]).path for name in ("a", "b")]
    assert list(harness.load(*names)["run"]) == [name.as_posix() for name in names]


def test_a_number_that_is_not_finite_is_missing(tmp_path: Path):
    ended = record(measured=measured(answers(90)), gap=float("nan"))
    frame = harness.load(finished_run(tmp_path, [(ended, answers(90))]).path)
    assert frame["gap"][0] is pd.NA


def test_a_timing_run_is_an_error_that_names_its_table(tmp_path: Path):
    timing_run(tmp_path, both_passes())
    with pytest.raises(UserError, match=r"found a timing run.*\n.*timings\.csv"):
        harness.load(tmp_path)


def test_no_run_is_an_error():
    with pytest.raises(UserError, match="got none"):
        harness.load()


def test_importing_the_package_imports_no_pandas():
    script = "import sys, harness; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT).returncode == 0
