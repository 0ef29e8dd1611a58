"""The harness's own cost: start, plan, store, report and compare.  Nothing here imports TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest
from fakes import Row, answers, finished_run, row
from pytest_benchmark.fixture import BenchmarkFixture

from harness.backbones import BACKBONES
from harness.comparison.compare import compare_folders
from harness.matrix_file import load_matrix
from harness.reports.leaderboard import render_leaderboard
from harness.reports.plan import render_plan
from harness.running.folder import RunFolder
from harness.running.planner import make_plan

RECORDS = 50
IMAGES = 1000

MATRIX = """\
name = "everything"

[[grid]]
backbones = ["all"]
strategies = ["fast-extraction", "augmented-extraction", "fine-tuning"]
depths = ["blocks:1", "blocks:2"]
sizes = [224]
seeds = [0, 1, 2]
"""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Records with predictions: models that are right on 80 to 97 % of the images."""
    names = [name for name in BACKBONES for _ in range(2)]
    return [
        row(answers(800 + 170 * number // RECORDS, IMAGES, first=number), backbone=name, seed=number % 2)
        for number, name in enumerate(names[:RECORDS])
    ]


@pytest.fixture(scope="module")
def run(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run of those records."""
    return finished_run(tmp_path_factory.mktemp("run"), rows)


@pytest.mark.parametrize(
    "words",
    [("-c", "pass"), ("-c", "import harness.cli"), ("-m", "harness.cli", "--help")],
    ids=["python", "import", "help"],
)
def test_start(benchmark: BenchmarkFixture, words: tuple[str, ...]) -> None:
    """A process from start to end: Python by itself, with the command line imported, and its help."""
    benchmark.group = "harness: start"
    benchmark(subprocess.run, [sys.executable, *words], check=True, capture_output=True)


def test_plan(benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a matrix of all backbones, plan its cells where no weights are, and render the plan."""
    benchmark.group = "harness: plan"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    file = tmp_path / "everything.toml"
    file.write_text(MATRIX, encoding="utf-8")

    def plan() -> int:
        matrix = load_matrix(file)
        planned = make_plan(matrix, None, offline=True)
        render_plan(matrix.name, planned, None, width=None)
        return len(planned)

    benchmark.extra_info["cells"] = benchmark(plan)


def test_save(benchmark: BenchmarkFixture, rows: list[Row], tmp_path: Path) -> None:
    """Write records and predictions, each whole and synced to the disk."""
    benchmark.group = f"harness: store {RECORDS} records"
    store = RunFolder(tmp_path).records
    store.folder.mkdir()

    def save() -> None:
        for record, predictions in rows:
            store.save(record, predictions)

    benchmark(save)
    assert len(list(store.load())) == RECORDS


def test_load(benchmark: BenchmarkFixture, run: RunFolder) -> None:
    """Read and check the records."""
    benchmark.group = f"harness: store {RECORDS} records"
    assert len(benchmark(lambda: list(run.records.load()))) == RECORDS


def test_leaderboard(benchmark: BenchmarkFixture, run: RunFolder) -> None:
    """Read the records and predictions, rank them with their paired tests, and render."""
    benchmark.group = f"harness: leaderboard of {RECORDS} records, {IMAGES:,} test images"
    assert "| MobileNet-0.25 " in benchmark(render_leaderboard, run)


def test_compare(benchmark: BenchmarkFixture, run: RunFolder, rows: list[Row], tmp_path: Path) -> None:
    """Read two runs and their predictions, and compare them cell by cell."""
    benchmark.group = f"harness: compare {RECORDS} records, {IMAGES:,} test images"
    other = finished_run(tmp_path, rows)
    found = benchmark(compare_folders, run.path, other.path)
    assert len(found.unchanged) == RECORDS
