"""`history` as a user types it."""

import json
from pathlib import Path

import pytest
from fakes_history import nights

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def runs(tmp_path: Path) -> None:
    """A folder `runs` with four runs, of which the last two lost three points."""
    nights(tmp_path / "runs", 900, 900, 870, 870)


@pytest.mark.usefixtures("runs")
def test_a_history_is_told_and_written(command, tmp_path: Path):
    ended = command("history", "runs")
    assert ended.code == 0
    assert "test accuracy -3.0 points" in ended.out
    assert ended.out.endswith("history: results/history/history.md\n")
    assert (tmp_path / "results" / "history" / "history.json").is_file()


@pytest.mark.usefixtures("runs")
def test_json_is_json_alone_and_writes_no_file_unless_one_is_named(command, tmp_path: Path):
    facts = json.loads(command("history", "runs", "--json").out)
    assert facts["runs"] == 4
    assert not (tmp_path / "results").exists()
    assert json.loads(command("history", "runs", "--json", "--out", "there").out) == facts
    assert json.loads((tmp_path / "there" / "history.json").read_text(encoding="utf-8")) == facts


@pytest.mark.usefixtures("runs")
def test_metrics_and_cells_are_chosen(command):
    words = ("--metric", "test_loss", "--metric", "gap", "--cells", "mobilenet")
    facts = json.loads(command("history", "runs", *words, "--json").out)
    (cell,) = facts["machines"][0]["cells"]
    assert list(cell["metrics"]) == ["test_loss", "gap"]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("runs", "--metric", "acuracy"), "unknown metric 'acuracy'"),
        (("runs", "--cells", "VGG16"), "unknown cell 'VGG16'"),
        (("nowhere",), "no such folder"),
        (("runs", "nowhere"), "no such folder"),
        (("runs/night-00/records",), "no run is in this folder"),
    ],
)
def test_what_cannot_be_used_exits_with_2(words: tuple[str, ...], message: str, command):
    ended = command("history", *words)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_without_a_run_it_says_what_is_missing(command):
    ended = command("history")
    assert ended.code == 2
    assert "RUN" in ended.err


def test_help_gives_examples(command):
    assert "Examples: transferbench history " in command("history", "--help").out
