"""`time` and `selfcheck` as a user types them, on an executor that is scripted."""

import json
from pathlib import Path

import pytest
from fakes import matrix_file
from fakes_timing import FakeTimer, timed

from harness.records import DeviceState
from harness.running.job import TimingOutcome

pytestmark = pytest.mark.usefixtures("alone")

MATRIX = """\
name = "steps"

[[timing]]
backbones = ["MobileNet-0.25", "MobileNet"]
sizes = [96]
batches = [4]
"""


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> FakeTimer:
    """Takes the place of the executor that the commands make."""
    fake = FakeTimer()
    monkeypatch.setattr("harness.running.executor.LocalExecutor", lambda: fake)
    return fake


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return matrix_file(tmp_path, MATRIX)


def test_a_matrix_is_timed_and_its_report_written(command, timer: FakeTimer, steps: Path):
    ended = command("time", steps)

    assert ended.code == 0
    report = Path("results/timings/steps/timing.md")
    assert f"report: {report}" in ended.out
    assert "MobileNet-0.25" in report.read_text()
    assert len(timer.of_matrix) == 4
    assert Path("results/timings/steps/timings.csv").exists()


def test_the_report_tells_the_command_that_does_it_again(command, timer: FakeTimer, steps: Path):
    words = ["--out", "there", "--backbones", "MobileNet", "--passes", "3", "--seed", "7"]
    words += ["--keep-disturbed"]

    assert command("time", steps, *words).code == 0

    told = (
        "transferbench time matrix.toml --out there --backbones MobileNet --passes 3 --seed 7 "
        "--keep-disturbed"
    )
    assert told in Path("there/timing.md").read_text()
    assert len(timer.of_matrix) == 3


def test_a_part_of_a_matrix_can_be_timed(command, timer: FakeTimer, steps: Path):
    command("time", steps, "--backbones", "MobileNet", "--passes", "1")

    assert timer.of_matrix == ["MobileNet/inference/none/96px/batch4/cpu/float32"]


def test_a_disturbed_timing_is_made_again_unless_it_is_to_stand(command, timer: FakeTimer, steps: Path):
    timer.outcome = lambda _: TimingOutcome("ok", "", timed(20.0, state=DeviceState(others_share=0.4)))
    command("time", steps, "--passes", "1")
    made = []
    for words in ([], ["--keep-disturbed"]):
        before = len(timer.of_matrix)
        assert command("time", steps, "--passes", "1", *words).code == 0
        made.append(len(timer.of_matrix) - before)

    assert made == [2, 0]


def test_cells_without_a_result_end_with_1_and_a_report(command, timer: FakeTimer, steps: Path):
    def outcome(cell):
        if cell.backbone == "MobileNet-0.25":
            return TimingOutcome("oom", "out of memory")
        return TimingOutcome("ok", "", timed(20.0))

    timer.outcome = outcome

    ended = command("time", steps)

    assert ended.code == 1
    assert "2 of 4 timings have no result" in ended.err
    assert "out of memory" in Path("results/timings/steps/timing.md").read_text()


def test_an_interrupted_timing_says_that_it_goes_on(command, timer: FakeTimer, steps: Path):
    def outcome(cell):
        if cell.size == 96:
            raise KeyboardInterrupt
        return TimingOutcome("ok", "", timed(20.0))

    timer.outcome = outcome

    ended = command("time", steps)

    assert ended.code == 130
    assert "the same command goes on from there" in ended.err


def test_selfcheck_tells_the_smallest_difference(command, timer: FakeTimer):
    ended = command("selfcheck", "--rounds", "3", "--batch", "8")

    assert ended.code == 0
    assert "MobileNet" in ended.out
    assert len(timer.asked) == 6
    assert {cell.batch for cell in timer.asked} == {8}


@pytest.mark.usefixtures("timer")
def test_selfcheck_as_json_is_json_alone(command):
    facts = json.loads(command("selfcheck", "--rounds", "2", "--json").out)

    assert len(facts["a_ms"]) == len(facts["b_ms"]) == 2


@pytest.mark.usefixtures("timer")
def test_selfcheck_on_a_device_that_does_not_exist_names_the_choices(command):
    ended = command("selfcheck", "--device", "tpu")

    assert ended.code == 2
    assert "cpu" in ended.err


def test_selfcheck_without_a_gpu_says_so(command, timer: FakeTimer):
    timer.outcome = lambda _: TimingOutcome("skipped", "no GPU is visible to TensorFlow")

    ended = command("selfcheck", "--device", "gpu")

    assert ended.code == 2
    assert "no GPU is visible" in ended.err
