"""Tables as files: every format gives the same frame again, and what cannot be written is told."""

import json
import math
import sys
from pathlib import Path

import pandas as pd
import pytest
from fakes import answers, failed_record, finished_run, measured, record, row

from harness.analysis.fields import TABLE_VERSION
from harness.analysis.frame import load
from harness.errors import UserError
from harness.reports.table_file import read_table, table_csv, table_json, write_table


@pytest.fixture
def frame(tmp_path: Path) -> pd.DataFrame:
    """Words that formats like to change: "nan" and "007" as names, commas, quotes, other alphabets."""
    odd = measured(answers(1, 3), loss=math.pi * 1e-7)
    rows = [
        (record(measured=odd, recipe="nan", gap=0.1 + 0.2), answers(1, 3)),
        row(answers(90), recipe="007", seed=1),
        row(answers(90), recipe="терпеливый, 猫 🐈", seed=1, learning_rate=3e-5),
        (failed_record("crashed", 'said "no", and\tended', recipe="None"), None),
    ]
    # The first is tested on other images.
    first = rows[0][0]
    data = first.data.model_copy(update={"manifest_sha256": "b" * 64})
    rows[0] = (first.model_copy(update={"data": data}), rows[0][1])
    return load(finished_run(tmp_path / "nan", rows).path)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.json", "ROWS.CSV"])
def test_every_format_gives_the_same_frame_again(name: str, frame: pd.DataFrame, tmp_path: Path):
    if "parquet" in name:
        pytest.importorskip("pyarrow")
    write_table(frame, tmp_path / name)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), frame, check_exact=True)


def test_json_is_strict_and_has_null_for_what_is_missing(frame: pd.DataFrame):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(table_json(frame), parse_constant=refuse)
    assert document["schema_version"] == TABLE_VERSION
    assert [row["test_accuracy"] for row in document["rows"]] == [pytest.approx(1 / 3), 0.9, 0.9, None]
    assert [row["tied"] for row in document["rows"]] == [True, True, True, None]


def test_csv_has_numbers_in_full_and_a_line_a_record(frame: pd.DataFrame):
    lines = table_csv(frame).splitlines()
    assert len(lines) == 1 + len(frame)
    assert repr(1 / 3) in lines[1]


def test_another_ending_is_an_error_with_the_choices(frame: pd.DataFrame, tmp_path: Path):
    with pytest.raises(UserError, match=r"ends in \.csv, \.parquet, \.json, got 'rows\.xlsx'"):
        write_table(frame, tmp_path / "rows.xlsx")
    assert not (tmp_path / "rows.xlsx").exists()


def test_without_pyarrow_parquet_says_how_to_install_it(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install 'transferbench\[parquet\]'"):
        write_table(frame, tmp_path / "rows.parquet")


def test_a_table_of_another_version_is_refused(tmp_path: Path):
    (tmp_path / "rows.json").write_text('{"schema_version": 0, "rows": []}')
    with pytest.raises(UserError, match="schema version 1, got 0"):
        read_table(tmp_path / "rows.json")
