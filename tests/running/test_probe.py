"""Asking TensorFlow for its devices: what it answers, and where it cannot."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.running import probe_script
from harness.running.probe import Placed, Seen, probe

ANSWER = {
    "devices": ["/physical_device:CPU:0"],
    "gpus": 0,
    "built_for_cuda": True,
    "cuda": "12.5.1",
    "threads": {"intra_op": 0, "inter_op": 0},
    "placed": [],
}
LOG = (
    "2025-03-01 10:00:03.123456: I external/local_xla/xla/tsl/platform/default/dso_loader.cc:70] Could not "
    "load dynamic library 'libcudnn.so.9'; dlerror: libcudnn.so.9: cannot open shared object file\n"
)


def answered(answer: dict[str, Any], log: str = "") -> Seen:
    def run(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, f"noise\n{json.dumps(answer)}\n", log)

    return probe(run)


@pytest.fixture(autouse=True)
def _no_gpus_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


# The process that asks


def test_without_a_gpu_the_log_is_read_for_the_reason():
    seen = answered(ANSWER, LOG)
    assert (seen.gpus, seen.placed, seen.error) == (0, (), "")
    assert seen.why_no_gpu.startswith("missing libraries: libcudnn.so.9;")


def test_with_a_gpu_there_is_no_reason_and_the_work_is_told():
    placed = [{"work": "matrix product", "device": "/job:localhost/device:GPU:0", "error": ""}]
    seen = answered(ANSWER | {"gpus": 1, "placed": placed}, LOG)
    assert seen.why_no_gpu == ""
    assert [each.on_gpu for each in seen.placed] == [True]


@pytest.mark.parametrize(
    ("device", "error", "on_gpu"),
    [
        ("/job:localhost/replica:0/task:0/device:GPU:0", "", True),
        ("/job:localhost/replica:0/task:0/device:CPU:0", "", False),
        ("", "InternalError: no kernel image", False),
        ("/job:localhost/replica:0/task:0/device:GPU:0", "its result is wrong", False),
    ],
)
def test_work_is_on_the_gpu_if_its_result_lies_there_and_is_right(device: str, error: str, on_gpu: bool):
    assert Placed("matrix product", device, error).on_gpu is on_gpu


def test_a_process_that_dies_is_told_with_its_last_words(tmp_path: Path):
    script = tmp_path / "dies.py"
    script.write_text(
        "import sys\nprint('one', file=sys.stderr)\nraise ImportError('libpython is missing')\n"
    )
    assert probe(script=script).error == "it ended with exit code 1: ImportError: libpython is missing"


def test_a_process_that_is_killed_is_told_with_its_signal(tmp_path: Path):
    script = tmp_path / "killed.py"
    script.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")
    assert probe(script=script).error == "it was ended by SIGILL"


def test_a_process_that_hangs_is_told():
    def run(*_: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired("python", options["timeout"])

    assert "no answer within 300 seconds" in probe(run).error


def test_tensorflow_is_made_to_name_what_it_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    script = tmp_path / "script.py"
    script.write_text(
        "import json, os\n"
        f"answer = {ANSWER!r}\n"
        "answer['devices'] = [os.environ['TF_CPP_MIN_LOG_LEVEL'], os.environ['TF_CPP_VMODULE']]\n"
        "print(json.dumps(answer))\n"
    )
    assert probe(script=script).devices == ("0", "dso_loader=1,cuda_diagnostics=1")


def test_no_file_takes_the_place_of_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = tmp_path / "beside" / "script.py"
    script.parent.mkdir()
    script.write_text(f"import json\nprint(json.dumps({ANSWER!r}))\n")
    for folder in (tmp_path, script.parent):
        (folder / "json.py").write_text("raise SystemExit('the wrong json')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert probe(script=script).devices == ("/physical_device:CPU:0",)


def test_this_machines_tensorflow_answers_without_keras_leaving_anything(empty_keras_home: Path):
    seen = probe()
    assert seen.error == ""
    assert "/physical_device:CPU:0" in seen.devices
    assert (seen.gpus == 0) == bool(seen.why_no_gpu)
    assert list(empty_keras_home.iterdir()) == []


# The script, with a TensorFlow that is played


class Result:
    """A tensor: where it lies, and its value."""

    def __init__(self, device: str, value: float) -> None:
        self.device, self._value = device, value

    def numpy(self) -> Any:
        import numpy as np

        return np.full((2, 2), self._value, dtype=np.float32)


class Device:
    """What `with tf.device(...)` gives; notes the name that was asked for."""

    def __init__(self, asked: list[str], name: str) -> None:
        asked.append(name)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def tensorflow(gpus: int, product: Any, convolution: Any) -> Any:
    """A TensorFlow with so many GPUs whose work ends as told; `asked` lists the devices asked for."""
    devices = {"CPU": 1, "GPU": gpus}
    asked: list[str] = []
    soft: list[bool] = []
    growth: list[Any] = []

    def listed(kind: str = "") -> list[Any]:
        kinds = [kind] if kind else list(devices)
        return [
            SimpleNamespace(name=f"/physical_device:{each}:{number}")
            for each in kinds
            for number in range(devices[each])
        ]

    def ended(result: Any) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    return SimpleNamespace(
        asked=asked,
        soft=soft,
        growth=growth,
        sysconfig=SimpleNamespace(get_build_info=lambda: {"is_cuda_build": True, "cuda_version": "12.5.1"}),
        config=SimpleNamespace(
            list_physical_devices=listed,
            set_soft_device_placement=soft.append,
            experimental=SimpleNamespace(set_memory_growth=lambda gpu, grow: growth.append((gpu.name, grow))),
            threading=SimpleNamespace(
                get_intra_op_parallelism_threads=lambda: 0, get_inter_op_parallelism_threads=lambda: 0
            ),
        ),
        device=lambda name: Device(asked, name),
        ones=lambda shape: None,
        linalg=SimpleNamespace(matmul=lambda *_: ended(product)),
        nn=SimpleNamespace(conv2d=lambda *_: ended(convolution)),
    )


GPU, CPU = (f"/job:localhost/replica:0/task:0/device:{kind}:0" for kind in ("GPU", "CPU"))


def test_without_gpus_no_work_is_tried():
    played = tensorflow(0, Result(CPU, 64), Result(CPU, 36))
    assert probe_script.look(played)["placed"] == []
    assert played.asked == []


def test_work_is_asked_for_on_the_gpu_with_soft_placement_and_without_taking_all_its_memory():
    played = tensorflow(2, Result(GPU, 64), Result(GPU, 36))
    found = probe_script.look(played)
    assert (found["gpus"], found["cuda"]) == (2, "12.5.1")
    assert [Placed(**each).on_gpu for each in found["placed"]] == [True, True]
    assert played.asked == ["/GPU:0", "/GPU:0"]
    assert played.soft == [True]
    assert played.growth == [("/physical_device:GPU:0", True), ("/physical_device:GPU:1", True)]


def test_work_that_falls_back_to_the_cpu_tells_its_device():
    (product, convolution) = probe_script.place(tensorflow(1, Result(CPU, 64), Result(GPU, 36)))
    assert product == {"work": "matrix product", "device": CPU, "error": ""}
    assert convolution["device"] == GPU


def test_work_that_fails_tells_its_error_and_the_next_is_tried_all_the_same():
    error = RuntimeError("CUDA_ERROR_NO_BINARY_FOR_GPU\nand more")
    (product, convolution) = probe_script.place(tensorflow(1, error, Result(GPU, 36)))
    assert product == {
        "work": "matrix product",
        "device": "",
        "error": "RuntimeError: CUDA_ERROR_NO_BINARY_FOR_GPU",
    }
    assert convolution["error"] == ""


def test_work_with_a_wrong_result_is_an_error():
    (product, _) = probe_script.place(tensorflow(1, Result(GPU, 63.5), Result(GPU, 36)))
    assert product["error"] == "its result is wrong"
