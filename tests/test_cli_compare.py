"""The command `compare`: exit codes, and what it prints and writes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import finished_run
from fakes_compare import trial
from fakes_timing import both_passes, timing_run

from harness.cli import main

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def runs(tmp_path: Path) -> None:
    """A baseline, a run as good, a worse one, and one on other images."""
    finished_run(tmp_path / "baseline", [trial(950)])
    finished_run(tmp_path / "good", [trial(949)])
    finished_run(tmp_path / "worse", [trial(900)])
    finished_run(tmp_path / "other", [trial(950, manifest="b" * 64)])
    timing_run(tmp_path / "timings", both_passes())


def test_the_help_has_an_example_and_the_exit_codes(command):
    out = " ".join(command("compare", "--help").out.split())
    assert "Example: transferbench compare " in out
    codes = (
        "0 no regression",
        "1 regression",
        "2 the input",
        "3 not comparable",
        "4 no baseline",
        "70 an error",
    )
    for code in codes:
        assert code in out


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["baseline", "good"], 0),
        (["baseline", "worse"], 1),
        (["baseline", "nothing"], 2),
        (["baseline", "baseline"], 2),
        (["baseline", "worse", "--dedicated"], 2),
        (["baseline"], 2),
        (["baseline", "other"], 3),
        (["baseline", "timings"], 3),
        (["nothing", "good"], 4),
    ],
)
def test_exit_codes(words: list[str], code: int, command):
    assert command("compare", *words).code == code


@pytest.mark.usefixtures("runs")
def test_a_comparison_that_breaks_is_no_regression(exit_code, monkeypatch: pytest.MonkeyPatch):
    def breaks(*_: object, **__: object) -> None:
        raise KeyError("a")

    monkeypatch.setattr("harness.comparison.compare.compare_folders", breaks)
    assert exit_code(main, "compare", "baseline", "good") == 70


@pytest.mark.usefixtures("runs")
def test_a_terminal_is_told_the_verdict_first(command):
    ended = command("compare", "baseline", "worse")
    assert ended.out.startswith("2 regressions in 1 cell of `tiny`.\n")
    assert re.search(r"^regression +test accuracy 95\.0 to 90\.0 %: -5\.00 points", ended.out, re.MULTILINE)
    assert ended.err == ""


@pytest.mark.usefixtures("runs")
def test_in_a_pipe_a_finding_is_one_line(command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS")
    lines = command("compare", "baseline", "worse").out.splitlines()
    assert len([line for line in lines if line.startswith("regression")]) == 2
    assert len(lines) == 5


@pytest.mark.usefixtures("runs")
def test_json_is_all_that_is_printed(command):
    ended = command("compare", "baseline", "worse", "--json")
    facts = json.loads(ended.out)
    assert (ended.code, facts["exit_code"], facts["counts"]["regression"]) == (1, 1, 2)


@pytest.mark.usefixtures("runs")
def test_a_comment_is_written_whatever_is_printed(command, tmp_path: Path):
    assert command("compare", "baseline", "worse", "--json", "--markdown", "new/compare.md").code == 1
    assert (tmp_path / "new" / "compare.md").read_text().startswith("### 2 regressions in 1 cell of `tiny`.")


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(("words", "code"), [(["baseline", "other"], 3), (["nothing", "good"], 4)])
def test_where_nothing_is_compared_comment_and_json_say_why(
    words: list[str], code: int, command, tmp_path: Path
):
    (tmp_path / "compare.md").write_text("### No regression")
    ended = command("compare", *words, "--json", "--markdown", "compare.md")
    facts = json.loads(ended.out)
    assert (ended.code, facts["exit_code"]) == (code, code)
    assert ended.err.startswith(f"transferbench: {facts['reason'].splitlines()[0]}")
    assert (tmp_path / "compare.md").read_text().startswith("### Not compared")


@pytest.mark.usefixtures("runs")
def test_no_baseline_says_how_one_is_made(command):
    err = command("compare", "nothing", "good").err
    assert err.startswith("transferbench: nothing: no baseline: this folder does not exist\n")
    assert "nox -s update-baseline" in err


@pytest.mark.usefixtures("runs")
def test_it_imports_neither_tensorflow_nor_keras():
    script = """
import sys
from harness import cli
sys.argv = ["transferbench", "compare", "baseline", "worse", "--markdown", "compare.md"]
try:
    cli.main()
except SystemExit as end:
    assert end.code == 1, end.code
print("imported:", sorted({"tensorflow", "keras"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"
