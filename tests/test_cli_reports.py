"""The commands on a finished run: table, schema, recommend."""

import csv
import io
import json
from pathlib import Path

import pytest
from fakes import answers, failed_record, finished_run, row
from fakes_timing import both_passes, timing_run

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def run(tmp_path: Path) -> None:
    """A folder `run` with a result and a failure."""
    rows = [row(answers(90)), (failed_record("oom", "too large", seed=0, backbone="VGG16"), None)]
    finished_run(tmp_path / "run", rows)


@pytest.mark.parametrize("name", ["table", "schema", "recommend"])
def test_the_help_of_a_command_has_an_example(name: str, command):
    assert f"Example: transferbench {name} " in command(name, "--help").out


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("words", [[], ["--out", "-"]])
def test_a_table_is_printed_as_csv(words: list[str], command):
    ended = command("table", "run", *words)
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert (ended.code, [each["status"] for each in rows]) == (0, ["ok", "oom"])


@pytest.mark.usefixtures("run")
def test_a_table_is_printed_as_json(command):
    rows = json.loads(command("table", "run", "--json").out)["rows"]
    assert [each["test_accuracy"] for each in rows] == [0.9, None]


@pytest.mark.usefixtures("run")
def test_a_table_goes_to_the_named_file(command, tmp_path: Path):
    assert command("table", "run", "run", "--out", "x/rows.csv").out == "x/rows.csv\n"
    assert len((tmp_path / "x" / "rows.csv").read_text().splitlines()) == 5


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "rows.xlsx"], "expected a file that ends in .csv, .parquet, .json"),
        (["--out", "rows.csv", "--json"], "--json prints, --out writes a file"),
    ],
)
def test_a_table_that_cannot_be_written_so_exits_with_2(words: list[str], message: str, command):
    ended = command("table", "run", *words)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_the_table_of_a_timing_run_is_told_where_it_is(tmp_path: Path, command):
    timing_run(tmp_path / "timings", both_passes())
    ended = command("table", "timings")
    assert ended.code == 2
    assert "`transferbench report timings` writes it as timings.csv" in ended.err


@pytest.mark.parametrize(
    ("words", "title"), [([], "Record"), (["table"], "Table"), (["timing"], "TimingRecord")]
)
def test_a_schema_is_printed_by_name(words: list[str], title: str, command):
    assert json.loads(command("schema", *words).out)["title"] == title


def test_an_unknown_schema_exits_with_2(command):
    ended = command("schema", "rows")
    assert ended.code == 2
    assert "Choices: record, table, timing" in ended.err


@pytest.mark.usefixtures("run")
def test_recommend_says_what_to_use(command):
    ended = command("recommend", "run", "--max-ms", 30, "--max-memory", "4GB", "--min-accuracy", "80%")
    assert ended.code == 0
    assert ended.out.startswith("Use MobileNet-0.25 fast-extraction.\n")
    assert (
        json.loads(command("recommend", "run", "--json").out)["groups"][0]["winner"]["test_accuracy"] == 0.9
    )


@pytest.mark.usefixtures("run")
def test_limits_that_no_row_meets_exit_with_1_and_the_nearest_row(command):
    ended = command("recommend", "run", "--max-ms", 1)
    assert ended.code == 1
    assert "--max-ms 20.0" in ended.out
    assert ended.err == ""
    asked = command("recommend", "run", "--max-ms", 1, "--json")
    assert (asked.code, asked.err) == (1, "transferbench: no row is within the limits\n")


@pytest.mark.usefixtures("run")
def test_a_recommendation_keeps_to_the_width_of_the_terminal(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    ended = command("recommend", "run", "--max-ms", 30)
    assert max(map(len, ended.out.splitlines())) <= 50


@pytest.mark.usefixtures("run")
def test_a_limit_that_means_nothing_exits_with_2(command):
    ended = command("recommend", "run", "--min-accuracy", 97)
    assert (ended.code, ended.out) == (2, "")
    assert "Write 0.97 or 97%." in ended.err


def test_planned_cells_without_a_record_are_counted_beside_the_table(tmp_path: Path, command):
    finished_run(tmp_path / "part", [row(answers(90))], ["not/run/0", "not/run/1"])
    ended = command("table", "part")
    assert len(ended.out.splitlines()) == 2
    assert ended.err == "2 planned cells without a record, and so without a row\n"


def test_timings_that_fit_no_row_are_told(tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(90), device="gpu")])
    timing_run(tmp_path / "timings", both_passes(backbone="VGG19"))
    ended = command("report", "run", "--timings", "timings")
    assert ended.code == 0
    assert ended.err.startswith("timings adds nothing: ")


@pytest.mark.parametrize("words", ["recommend run", "curves run", "table run", "report run --with-images"])
def test_a_timing_run_is_no_run_of_trainings_and_says_so(words: str, tmp_path: Path, command):
    timing_run(tmp_path / "run", both_passes())
    ended = command(*words.split())
    assert ended.code == 2
    assert "timing run" in ended.err
