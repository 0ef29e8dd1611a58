"""Real workers: how a cell's process ends, and that nothing outlives its parent."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from harness.data.pixels import build_pixels
from harness.data.sources import SyntheticSource
from harness.matrix import Cell, DataSpec
from harness.recipes import RECIPES, Schedule
from harness.record_store import RecordStore
from harness.running.executor import LocalExecutor
from harness.running.job import Job, TimingJob
from harness.running.planner import Planned
from harness.strategies import strategy
from harness.timing.cell import TimingCell
from harness.weights import WeightsRef, find_weights

MATRIX = """
name = "tiny"
data = { source = "synthetic", train = 8, validation = 8, test = 8 }

[recipe.tiny]
fast_extraction = { epochs = 1, learning_rate = 1e-3 }

[[grid]]
backbones = ["MobileNet-0.25"]
weights = ["random"]
strategies = ["fast-extraction"]
recipes = ["tiny"]
sizes = [32]
seeds = [0, 1]
"""
GRACE_SECONDS = 60
# A shell without job control starts background jobs, and so perhaps these tests, with SIGINT ignored;
# the run under test shall have it as a person's terminal gives it.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from harness.cli import main
main()
"""


@pytest.fixture(scope="module")
def executor() -> LocalExecutor:
    return LocalExecutor()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    spec = DataSpec(source="synthetic", train=8, validation=8, test=8)
    source = SyntheticSource(spec)
    manifest = source.manifest(lambda done, total: None)
    manifest.save(tmp_path / "manifest.json")
    pixels = build_pixels(manifest, source, 32, "bilinear", tmp_path, lambda done, total: None)
    cell = Cell("MobileNet-0.25", "random", "fast-extraction", "none", "smoke", 32, 0)
    recipe = RECIPES["smoke"].model_copy(update={"fast_extraction": Schedule(epochs=1, learning_rate=1e-3)})
    weights = find_weights(cell.backbone, cell.weights, None)
    phases = strategy(cell.strategy).phases(recipe, cell.depth)
    return Job(
        planned=Planned(cell, recipe, phases, weights),
        manifest=tmp_path / "manifest.json",
        pixels=pixels.folder,
        decode_seconds=pixels.seconds,
        cache=tmp_path,
        log=tmp_path / "worker.log",
        environment="test",
        code="test",
    )


def with_weights(job: Job, path: Path) -> Job:
    planned = job.planned
    cell = replace(planned.cell, weights="imagenet")
    weights = WeightsRef("imagenet", path.name, "0" * 64, "weights folder", path)
    return replace(job, planned=replace(planned, cell=cell, weights=weights))


def test_a_cell_comes_back_with_its_measurements_and_its_memory(executor: LocalExecutor, job: Job) -> None:
    seen = []
    outcome, memory = executor.run(job, 300, seen.append)
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert outcome.measured.test_images == 8
    assert outcome.predictions is not None
    assert np.isfinite(outcome.predictions.probabilities).all()
    assert memory is not None
    assert memory.peak_bytes >= memory.inherited_bytes > 0
    assert any(progress.phase == "head" for progress in seen)


def test_a_cell_over_its_time_is_ended_as_a_timeout(executor: LocalExecutor, job: Job) -> None:
    outcome, _ = executor.run(job, 0.0, lambda progress: None)
    assert outcome.status == "timeout"


def test_a_worker_that_is_killed_is_a_crash_with_its_signal(executor: LocalExecutor, job: Job) -> None:
    def kill_worker(_: object) -> None:
        workers = [
            child
            for server in psutil.Process().children()
            for child in server.children()
            if child.status() != psutil.STATUS_ZOMBIE
        ]
        for worker in workers:
            worker.send_signal(signal.SIGSEGV)

    outcome, _ = executor.run(job, 300, kill_worker)
    assert outcome.status == "crashed"
    assert "SIGSEGV" in outcome.reason
    assert job.log.name in outcome.reason


# Timings ------------------------------------------------------------------------------------

TIMED = TimingCell("MobileNet-0.25", "inference", "none", 32, batch=2)


def test_a_timing_comes_back_with_the_memory_of_its_steps(executor: LocalExecutor, tmp_path: Path) -> None:
    """The ceiling's arrays (three of 128 MiB) are not in it."""
    stages = []

    outcome, memory = executor.time(
        TimingJob(TIMED, tmp_path / "log"), 300, lambda progress: stages.append(progress.phase)
    )

    assert (outcome.status, outcome.reason) == ("ok", "")
    assert outcome.timed is not None
    assert outcome.timed.step.block_seconds
    assert memory is not None
    assert memory.inherited_bytes < memory.peak_bytes < memory.inherited_bytes + (128 << 20)
    assert stages[0] == "building"


def test_a_timing_over_its_time_is_a_timeout(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome, _ = executor.time(TimingJob(TIMED, tmp_path / "log"), 0.0, lambda _: None)

    assert (outcome.status, outcome.timed) == ("timeout", None)


def test_a_timing_on_a_gpu_that_is_not_there_is_skipped(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome, _ = executor.time(TimingJob(replace(TIMED, device="gpu"), tmp_path / "log"), 300, lambda _: None)

    assert (outcome.status, outcome.timed) == ("skipped", None)
    assert "no GPU is visible" in outcome.reason


# Cells --------------------------------------------------------------------------------------


def test_weights_of_another_architecture_are_a_reason_and_not_a_traceback(
    executor: LocalExecutor, job: Job, tmp_path: Path
) -> None:
    wrong = tmp_path / "mobilenet_2_5_224_tf_no_top.h5"
    wrong.write_bytes(b"not a weights file")
    outcome, _ = executor.run(with_weights(job, wrong), 300, lambda progress: None)
    assert outcome.status == "skipped"
    assert "does not fit MobileNet-0.25" in outcome.reason


def test_an_exception_in_a_cell_is_a_crash_that_names_it(executor: LocalExecutor, job: Job) -> None:
    (job.pixels / "pixels.npy").unlink()
    outcome, _ = executor.run(job, 300, lambda progress: None)
    assert outcome.status == "crashed"
    assert "FileNotFoundError" in outcome.reason
    assert "Traceback" in job.log.read_text()


def start_run(tmp_path: Path) -> tuple[subprocess.Popen[str], list[str]]:
    (tmp_path / "tiny.toml").write_text(MATRIX)
    command = [sys.executable, "-c", COMMAND, "run", "tiny.toml", "--out", "run", "--cache", "cache"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        start_new_session=True,
    )
    return process, command


def until_second_cell(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    started = 0
    for line in process.stdout:
        started += line.startswith("started")
        if started == 2:
            return
    pytest.fail("the run ended before its second cell began")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_run_leaves_no_worker_and_no_half_record_and_goes_on_where_it_stopped(
    tmp_path: Path, how: signal.Signals
) -> None:
    process, command = start_run(tmp_path)
    until_second_cell(process)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    process.communicate(timeout=GRACE_SECONDS)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=GRACE_SECONDS)
    assert alive == []

    store = RecordStore(tmp_path / "run" / "records")
    kept = list(store.load())
    assert [record.status for record in kept] == ["ok"]
    before = {
        path: path.stat().st_mtime_ns for path in store.folder.iterdir() if kept[0].file_stem in path.name
    }

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "finished before" in done.stdout
    assert [record.status for record in store.load()] == ["ok", "ok"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not list((tmp_path / "run").rglob("*.partial"))


@pytest.mark.usefixtures("executor")
def test_a_folder_of_the_packages_name_where_a_run_is_started_is_not_run(tmp_path: Path) -> None:
    """The server of forks is a `python -c`, which looks into the working folder first unless told not to."""
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").write_text("raise SystemExit('the stray one')\n", encoding="utf-8")
    program = [sys.executable, "-c", "import harness"]
    assert subprocess.run(program, cwd=tmp_path, check=False).returncode == 0
    unsafe = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    assert subprocess.run(program, cwd=tmp_path, env=unsafe, check=False, capture_output=True).returncode == 1
