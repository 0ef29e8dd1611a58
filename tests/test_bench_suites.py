"""The pytest-benchmark suites of `bench/`, run as users run them, on a device that is scripted."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from fake_device import COST, FIRST, LAUNCH
from fakes import put

from harness.environment import commit, current_environment
from harness.timing.cell import INFERENCE, TimingCell

ROOT = Path(__file__).parent.parent
MODELS = ("bench/test_inference.py", "bench/test_train.py")

MATRIX = """\
name = "suites"

[[timing]]
backbones = ["MobileNet-0.25", "MobileNetV2-0.35"]
steps = ["inference", "fine-tuning"]
depths = ["blocks:1"]
sizes = [64]
batches = [8]

[[timing]]
backbones = ["MobileNet-0.25"]
sizes = [64]
devices = ["gpu"]

[[timing]]
backbones = ["MobileNet"]
protocol = "keras-table"
"""

GROUPS = {
    "inference/none/64px/batch8/cpu/float32": INFERENCE,
    "fine-tuning/blocks:1/64px/batch8/cpu/float32": "fine-tuning",
}
ON_GPU = "MobileNet-0.25/inference/none/64px/batch32/gpu/float32"


@dataclass(frozen=True)
class Ended:
    """How the suites ended: exit code, what they printed, and the JSON that they wrote, if any."""

    code: int
    out: str
    json: dict[str, Any]

    @property
    def benchmarks(self) -> dict[str, dict[str, Any]]:
        """The benchmarks by their cell's name."""
        return {each["extra_info"]["name"]: each for each in self.json["benchmarks"]}


def suites(folder: Path, *words: str, spoilt: str = "", matrix: str = MATRIX) -> Ended:
    """Run pytest in a process of its own, on the scripted device."""
    file, written = folder / "suites.toml", folder / "suites.json"
    file.write_text(matrix, encoding="utf-8")
    written.unlink(missing_ok=True)
    options = ["-p", "fake_device", "-p", "no:cacheprovider", f"--basetemp={folder / 'tmp'}"]
    options += [f"--matrix={file}", f"--benchmark-json={written}", f"--benchmark-storage={folder}"]
    places = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    # These tests may run in a worker of pytest-xdist, the suites do not.
    here = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *(words or MODELS)],
        cwd=ROOT,
        env={**here, "FAKE_DEVICE": spoilt, "PYTHONPATH": os.pathsep.join(filter(None, places))},
        capture_output=True,
        text=True,
        check=False,
    )
    text = written.read_text(encoding="utf-8") if written.is_file() else ""
    return Ended(ended.returncode, ended.stdout + ended.stderr, json.loads(text) if text else {})


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The suites, once, as they are."""
    ended = suites(tmp_path_factory.mktemp("suites"))
    assert ended.code == 0, ended.out
    return ended


@pytest.fixture(scope="module")
def narrowed(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A part of the suites, for longer."""
    options = ("--backbones=MobileNetV2*", "--devices=cpu", "--benchmark-max-time=3")
    return suites(tmp_path_factory.mktemp("narrowed"), *MODELS, *options)


# Which benchmarks there are -----------------------------------------------------------------


def test_cells_that_differ_in_the_backbone_alone_are_a_group(ran: Ended):
    groups: dict[str, set[str]] = {}
    for name, each in ran.benchmarks.items():
        groups.setdefault(each["group"], set()).add(name)

    both = ("MobileNet-0.25", "MobileNetV2-0.35")
    assert groups == {group: {f"{backbone}/{group}" for backbone in both} for group in GROUPS}


def test_a_benchmark_is_named_by_its_cell(ran: Ended):
    assert all(each["name"].endswith(f"[{name}]") for name, each in ran.benchmarks.items())


def test_a_cell_of_a_gpu_is_skipped_with_the_reason_where_there_is_none(ran: Ended):
    assert ON_GPU not in ran.benchmarks
    assert "1 skipped" in ran.out
    assert "no GPU is visible to TensorFlow" in ran.out


def test_the_protocol_of_keras_table_is_left_to_the_timing_pass(ran: Ended):
    assert "keras-table" not in ran.out


def test_a_cell_without_a_benchmark_can_be_told_from_the_json(ran: Ended):
    """By itself pytest-benchmark passes over what has gone."""
    assert set(ran.json["cells"]) - set(ran.benchmarks) == {ON_GPU}
    assert ran.json["matrix"] == "suites"


def test_backbones_and_devices_narrow_the_matrix(narrowed: Ended):
    assert set(narrowed.json["cells"]) == {f"MobileNetV2-0.35/{group}" for group in GROUPS}
    assert narrowed.code == 0


def test_suites_that_time_nothing_do_not_end_well(tmp_path: Path):
    ended = suites(tmp_path, *MODELS, "--devices=gpu")

    assert ended.code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "no GPU is visible to TensorFlow" in ended.out


def test_a_mistake_in_the_options_is_told_without_a_traceback(tmp_path: Path):
    ended = suites(tmp_path, *MODELS, "--backbones=MobilNet")

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "Did you mean MobileNet" in ended.out
    assert "Traceback" not in ended.out


def test_a_matrix_without_cells_for_the_suites_is_an_error(tmp_path: Path):
    matrix = 'name = "none"\n[[timing]]\nbackbones = ["MobileNet"]\nprotocol = "keras-table"\n'
    ended = suites(tmp_path, matrix=matrix)

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "has no [[timing]] cells for the suites" in ended.out


# What is told of each -----------------------------------------------------------------------


def test_a_benchmark_of_no_cell_tells_its_device_machine_and_commit(tmp_path: Path):
    ended = suites(tmp_path, "bench/test_input.py", "-k", "decode or resize")
    assert len(ended.json["benchmarks"]) == 2, ended.out
    here = {"device": "cpu", "fingerprint": current_environment().fingerprint, "commit": commit()}
    assert all(here.items() <= each["extra_info"].items() for each in ended.json["benchmarks"])


def test_a_benchmark_tells_its_cell_device_machine_and_commit(ran: Ended):
    for name, each in ran.benchmarks.items():
        told = each["extra_info"]
        assert TimingCell(**told["cell"]).name == name
        assert told["device"].endswith("device:CPU:0")
        assert told["fingerprint"] == current_environment().fingerprint
        assert told["commit"] == commit()


def test_images_are_counted_by_step_round_and_second(ran: Ended):
    for each in ran.benchmarks.values():
        told, steps = each["extra_info"], each["stats"]["iterations"]
        assert (told["batch"], told["images_per_round"]) == (8, 8 * steps)
        assert told["images_per_second"] == pytest.approx(8 / each["stats"]["median"])


def test_the_json_describes_the_machine_as_records_do(ran: Ended):
    """pytest-benchmark's own description differs on every run: it holds the momentary clock."""
    here = current_environment()
    assert ran.json["machine_info"] == {"fingerprint": here.fingerprint, **here.model_dump(mode="json")}


def test_times_of_another_environment_are_not_compared_with(ran: Ended, tmp_path: Path):
    """By itself pytest-benchmark warns, and compares."""
    machine = ran.json["machine_info"] | {"fingerprint": "0" * 12, "processor": "Another"}
    saved = json.dumps(ran.json | {"machine_info": machine})
    other = put(tmp_path / "other.json", saved.encode())

    ended = suites(tmp_path, *MODELS, f"--benchmark-compare={other}")

    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "from another environment and cannot be compared; it differs in processor" in ended.out


# What is timed (traps 4 and 5) --------------------------------------------------------------


def require_true_times(ended: Ended) -> None:
    """Every round tells the device's time, not that of launching the work; none has the first step."""
    for each in ended.benchmarks.values():
        cost = COST[GROUPS[each["group"]]]
        assert each["stats"]["data"] == pytest.approx([cost] * len(each["stats"]["data"]), rel=0.02)


def test_an_asynchronous_step_is_timed_by_its_work(ran: Ended):
    require_true_times(ran)


def test_the_check_rejects_a_clock_that_does_not_wait_for_the_device(tmp_path: Path):
    ended = suites(tmp_path, spoilt="unsynchronised")

    assert median(ended.benchmarks[f"MobileNet-0.25/{next(iter(GROUPS))}"]["stats"]["data"]) < 2 * LAUNCH
    with pytest.raises(AssertionError):
        require_true_times(ended)


def test_the_first_step_is_told_by_itself(ran: Ended):
    first = [each["extra_info"]["first_seconds"] for each in ran.benchmarks.values()]
    assert first == pytest.approx([FIRST] * len(GROUPS) * 2, rel=0.01)


def test_rounds_fill_the_time_that_was_asked_for(ran: Ended, narrowed: Ended):
    for ended, asked in ((ran, 1.0), (narrowed, 3.0)):
        for each in ended.benchmarks.values():
            seconds = each["stats"]["total"] * each["stats"]["iterations"]
            assert asked <= seconds < 1.1 * asked


@pytest.mark.parametrize(
    ("spoilt", "told"), [("elsewhere", "its result lay on"), ("retraces", "was traced again")]
)
def test_a_time_that_is_not_the_cells_is_a_failure_and_not_a_number(tmp_path: Path, spoilt: str, told: str):
    ended = suites(tmp_path, spoilt=spoilt)

    assert ended.code == pytest.ExitCode.TESTS_FAILED
    assert ended.out.count(told) >= len(GROUPS)
    assert "benchmarks" not in ended.json or not ended.json["benchmarks"]


# Without the scripted device ----------------------------------------------------------------


@pytest.mark.slow
def test_every_suite_runs_on_real_models(tmp_path: Path):
    matrix = put(tmp_path / "suites.toml", MATRIX.encode())
    words = ["bench", "--benchmark-disable", f"--basetemp={tmp_path / 'tmp'}"]
    words += [f"--matrix={matrix}", "--devices=cpu", "--backbones=MobileNet-0.25"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout
    assert "skipped" not in ended.stdout
