"""What is committed says the same thing everywhere: README, leaderboards, records, CI."""

import re
from pathlib import Path

import pytest

from harness.analysis.standings import read_standings
from harness.backbones import BACKBONES
from harness.matrix_file import load_matrix
from harness.metrics import MARGINS
from harness.reports.comparisons import render_comparisons
from harness.reports.leaderboard import leaderboard
from harness.reports.publish import published_pictures
from harness.reports.timing import render_timing
from harness.reports.timing_csv import timing_csv
from harness.running.folder import RunFolder
from harness.running.planner import make_plan
from harness.strategies import STRATEGIES
from harness.timing.records import TimingFolder

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PUBLISHED = sorted(path.parent.name for path in (ROOT / "results" / "records").glob("*/run.json"))
BASELINES = sorted(path.parent.name for path in (ROOT / "results" / "baselines").glob("*/run.json"))
TIMED = sorted(path.parent.name for path in (ROOT / "results" / "records").glob("*/timing.json"))


def commands() -> list[str]:
    """The lines of README's shell blocks."""
    return [
        line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()
    ]


def test_ci_runs_the_test_command_that_readme_names():
    (command,) = [line for line in commands() if line.endswith("nox -s tests")]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_first_command_of_readme_runs_the_main_job():
    assert commands()[0].endswith("nox -s smoke")


def test_readme_names_every_backbone_and_every_strategy():
    assert [name for name in (*BACKBONES, *STRATEGIES) if name not in README] == []


def test_the_matrix_that_readme_shows_can_be_read(tmp_path: Path):
    """A whole one, and a table that it may hold as well."""
    text = "\n".join(re.findall(r"```toml\n(.*?)```", README, re.DOTALL))
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    matrix = load_matrix(tmp_path / "mine.toml")
    assert matrix.cells()
    assert matrix.timing_cells()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "bench" / "matrices").glob("*.toml")), ids=lambda path: path.stem
)
def test_every_matrix_can_be_read_and_says_what_it_costs_and_gives(path: Path):
    matrix = load_matrix(path)
    assert matrix.cells() or matrix.timing_cells()
    opening = path.read_text(encoding="utf-8").split("\nname")[0]
    assert [word for word in ("What:", "Cost:", "Expect:", "Command:") if word not in opening] == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_committed_leaderboard_is_what_its_committed_records_render(name: str):
    boards = ROOT / "results" / "leaderboards"
    found = read_standings(RunFolder(ROOT / "results" / "records" / name))
    committed = (boards / f"{name}.md").read_text(encoding="utf-8")
    assert leaderboard(found, more=f"{name}/comparisons.md") == committed
    committed = (boards / name / "comparisons.md").read_text(encoding="utf-8")
    assert render_comparisons(found, pictures=published_pictures(boards / name)) == committed


@pytest.mark.parametrize("name", BASELINES)
def test_a_committed_baseline_is_of_its_matrix_as_it_stands(name: str):
    """Cells, recipes and margins: whoever changes the matrix makes its baseline anew."""
    matrix = load_matrix(ROOT / "bench" / "matrices" / f"{name}.toml")
    folder = RunFolder(ROOT / "results" / "baselines" / name)
    usual = {metric: margin.value for metric, margin in MARGINS.items()}
    wanted = {cell: usual | margins for cell, margins in matrix.cell_margins().items()}
    assert {cell.name: cell.margins for cell in folder.facts().cells} == wanted
    planned = {each.cell.name: (each.recipe, each.phases) for each in make_plan(matrix, None, offline=True)}
    records = folder.records.load()
    assert {record.name: (record.recipe, record.phases) for record in records} == planned
    assert {record.status for record in records} == {"ok"}


@pytest.mark.parametrize("name", BASELINES)
def test_a_committed_baseline_was_made_by_committed_code(name: str):
    records = RunFolder(ROOT / "results" / "baselines" / name).records.load()
    assert [record.name for record in records if record.commit.endswith("-dirty")] == []


@pytest.mark.parametrize("name", BASELINES)
def test_a_committed_baseline_has_an_accuracy_that_a_gross_break_cannot_reach(name: str):
    """Small breaks reach it too; they are found by loss, structure and gap (bench/mutations.py)."""
    records = RunFolder(ROOT / "results" / "baselines" / name).records.load()
    transferred = [record for record in records if record.weights.kind == "smoke-base"]
    assert transferred
    assert min(record.measured.test_accuracy or 0.0 for record in transferred) > 0.95


@pytest.mark.parametrize("name", TIMED)
def test_a_committed_timing_report_is_what_its_committed_records_render(name: str):
    committed = ROOT / "results" / "leaderboards" / name
    folder = TimingFolder(ROOT / "results" / "records" / name)
    assert render_timing(folder) == (committed / "README.md").read_text(encoding="utf-8")
    assert timing_csv(folder) == (committed / "timings.csv").read_text(encoding="utf-8")


def test_readme_shows_the_ranked_table_of_the_committed_leaderboard():
    committed = (ROOT / "results" / "leaderboards" / "cats-dogs.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in committed.splitlines() if line.startswith("|"))
    assert table
    assert table in README
