"""What `doctor` finds: folders, weights and their hashes, and what is a problem."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import put

from harness import doctor
from harness.backbones import BACKBONES
from harness.doctor import Findings, examine, render
from harness.running.probe import Placed, Seen

HDF5 = b"\x89HDF\r\n\x1a\n"
WHY = "missing libraries: libcudnn.so.9; install the gpu extra"
SEEN = Seen(
    devices=("/physical_device:CPU:0",),
    built_for_cuda=True,
    cuda="12",
    threads={"intra_op": 0, "inter_op": 2},
    why_no_gpu=WHY,
)
ON_GPU = Placed("matrix product", "/job:localhost/replica:0/task:0/device:GPU:0")
ON_CPU = Placed("convolution", "/job:localhost/replica:0/task:0/device:CPU:0")
WITH_GPU = replace(
    SEEN,
    devices=("/physical_device:CPU:0", "/physical_device:GPU:0"),
    gpus=1,
    placed=(ON_GPU,),
    why_no_gpu="",
)


def found(
    tmp_path: Path, weights: Path | None = None, *, seen: Seen = SEEN, require_gpu: bool = False
) -> Findings:
    return examine(lambda: seen, weights, tmp_path / "cache", require_gpu=require_gpu)


def state(findings: Findings, name: str) -> str:
    return {each.backbone: each.state for each in findings.weights}[name]


@pytest.fixture(autouse=True)
def _no_driver(monkeypatch: pytest.MonkeyPatch, empty_keras_home: Path) -> None:  # noqa: ARG001
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)


def test_a_machine_without_weights_misses_them_all_and_has_no_problem(tmp_path: Path):
    findings = found(tmp_path)
    assert {each.state for each in findings.weights} == {"missing"}
    assert findings.problems == ()


def test_weights_with_the_published_hash_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    row = BACKBONES["VGG16"]
    put(tmp_path / row.weights.name, HDF5)
    file = replace(row.weights, hash=hashlib.md5(HDF5).hexdigest())
    monkeypatch.setitem(BACKBONES, "VGG16", replace(row, weights=file))
    assert state(found(tmp_path, tmp_path), "VGG16") == "verified"


def test_weights_with_another_hash_are_a_problem(tmp_path: Path):
    put(tmp_path / BACKBONES["VGG16"].weights.name, HDF5 + b"something else")
    findings = found(tmp_path, tmp_path)
    assert state(findings, "VGG16") == "differs"
    assert any("vgg16" in problem for problem in findings.problems)


def test_weights_without_a_published_hash_are_unverified(tmp_path: Path):
    put(tmp_path / BACKBONES["MobileNet"].weights.name, HDF5)
    assert state(found(tmp_path, tmp_path), "MobileNet") == "unverified"


@pytest.mark.parametrize("content", [b"", b"<html>moved</html>"])
@pytest.mark.parametrize("name", ["MobileNet", "VGG16"])
def test_a_file_that_holds_no_weights_is_damaged_and_a_problem(tmp_path: Path, name: str, content: bytes):
    put(tmp_path / BACKBONES[name].weights.name, content)
    findings = found(tmp_path, tmp_path)
    assert state(findings, name) == "damaged"
    (problem,) = findings.problems
    assert "no HDF5 file" in problem


def test_a_keras_folder_that_cannot_be_written_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(tmp_path / "file", b"")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file" / "keras"))
    (problem,) = found(tmp_path).problems
    assert "KERAS_HOME" in problem


# GPUs


def test_a_driver_without_a_visible_gpu_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    (problem,) = found(tmp_path).problems
    assert "gpu extra" in problem


def test_without_a_gpu_the_reason_is_told_and_is_no_problem(tmp_path: Path):
    findings = found(tmp_path)
    assert findings.problems == ()
    assert f"devices: /physical_device:CPU:0\nno GPU: {WHY}\n" in render(findings)


def test_a_tensorflow_without_cuda_needs_no_reason(tmp_path: Path):
    assert "GPU" not in render(found(tmp_path, seen=replace(SEEN, built_for_cuda=False)))


@pytest.mark.parametrize("built_for_cuda", [True, False])
def test_a_gpu_that_is_required_and_not_there_is_a_problem_with_its_reason(
    tmp_path: Path, built_for_cuda: bool
):
    seen = replace(SEEN, built_for_cuda=built_for_cuda)
    findings = found(tmp_path, seen=seen, require_gpu=True)
    assert findings.problems == (f"No GPU is visible to TensorFlow: {WHY}.",)
    assert render(findings).endswith(f"problem: No GPU is visible to TensorFlow: {WHY}.")


def test_a_gpu_that_does_what_it_is_asked_is_told_and_no_problem(tmp_path: Path):
    findings = found(tmp_path, seen=WITH_GPU, require_gpu=True)
    assert findings.problems == ()
    assert "done on the GPU: matrix product (CUDA 12)" in render(findings)


@pytest.mark.parametrize("require_gpu", [True, False])
def test_work_that_does_not_land_on_the_gpu_is_a_problem(tmp_path: Path, require_gpu: bool):
    seen = replace(WITH_GPU, placed=(ON_GPU, ON_CPU))
    (problem,) = found(tmp_path, seen=seen, require_gpu=require_gpu).problems
    assert problem == (
        "A convolution that was asked for on the first GPU was done on "
        "/job:localhost/replica:0/task:0/device:CPU:0."
    )


def test_work_that_fails_on_the_gpu_is_a_problem_with_the_logs_last_error(tmp_path: Path):
    broken = Placed("convolution", "", "UnimplementedError: DNN library is not found.")
    seen = replace(WITH_GPU, placed=(ON_GPU, broken), log_error="Loaded runtime CuDNN library: 9.1.0")
    (problem,) = found(tmp_path, seen=seen, require_gpu=True).problems
    assert "failed: UnimplementedError: DNN library is not found." in problem
    assert problem.endswith("TensorFlow's log: Loaded runtime CuDNN library: 9.1.0")


def test_a_tensorflow_that_cannot_be_asked_is_a_problem_and_the_rest_is_told(tmp_path: Path):
    findings = found(tmp_path, seen=Seen(error="it was ended by SIGILL"))
    assert findings.problems == ("TensorFlow cannot be asked for its devices: it was ended by SIGILL.",)
    assert "devices: unknown\nthreads: unknown\n" in render(findings)


def test_plain_values_carry_devices_reason_work_and_problems(tmp_path: Path):
    seen = replace(WITH_GPU, placed=(ON_CPU,))
    values = json.loads(json.dumps(found(tmp_path, seen=seen).as_dict()))
    assert values["tensorflow"]["placed"] == [{"work": "convolution", "device": ON_CPU.device, "error": ""}]
    assert len(values["problems"]) == 1
    assert json.loads(json.dumps(found(tmp_path).as_dict()))["tensorflow"]["why_no_gpu"] == WHY


# Space, text, values


def test_used_space_is_counted(tmp_path: Path):
    put(tmp_path / "cache" / "pixels" / "x.npy", b"12345")
    assert found(tmp_path).folders[1].bytes_used == 5


def test_the_text_names_devices_threads_weights_and_problems(tmp_path: Path):
    put(tmp_path / BACKBONES["VGG16"].weights.name, HDF5 + b"something else")
    text = render(found(tmp_path, tmp_path))
    for part in ("/physical_device:CPU:0", "intra_op automatic, inter_op 2", "differs", "problem: vgg16"):
        assert part in text


def test_missing_weights_are_counted_and_shortly_named(tmp_path: Path):
    put(tmp_path / BACKBONES["VGG16"].weights.name, HDF5 + b"something else")
    text = render(found(tmp_path, tmp_path))
    assert (
        f"ImageNet weights missing for {len(BACKBONES) - 1} of {len(BACKBONES)} backbones: Xception, " in text
    )
    assert "ConvNeXtTiny" not in text
    assert text.count(".h5") == 2  # in the table, and as a problem


def test_without_any_weights_there_is_no_table_of_them(tmp_path: Path):
    text = render(found(tmp_path))
    assert f"missing for {len(BACKBONES)} of {len(BACKBONES)}" in text
    assert "state" not in text


def test_plain_values_keep_every_backbone(tmp_path: Path):
    assert [each["backbone"] for each in found(tmp_path).as_dict()["weights"]] == list(BACKBONES)


def test_a_folder_that_only_looks_writable_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(doctor.tempfile, "TemporaryDirectory", refused)
    assert [folder.writable for folder in found(tmp_path).folders] == [False, False]
    assert len(found(tmp_path).problems) == 2
