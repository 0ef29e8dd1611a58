"""The description of this machine."""

import hashlib
import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from fakes import ENVIRONMENT

from harness import environment
from harness.environment import Environment, current_environment, library_versions, settings


def test_versions_are_those_that_are_installed():
    versions = library_versions()
    assert versions["keras"] == version("keras")
    assert set(versions) >= {"keras", "tensorflow", "numpy", "pillow", "transferbench"}


def test_settings_are_only_those_that_are_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    assert settings()["OMP_NUM_THREADS"] == "3"
    assert "XLA_FLAGS" not in settings()


def test_this_machine_is_described():
    here = current_environment()
    assert here.processor
    assert here.cores >= 1
    assert here.memory_bytes > 1 << 20


def test_equal_environments_have_one_fingerprint():
    again = Environment.model_validate_json(ENVIRONMENT.model_dump_json())
    assert again.fingerprint == ENVIRONMENT.fingerprint
    assert len(again.fingerprint) == 12


@pytest.mark.parametrize(
    "change",
    [
        {"processor": "Another"},
        {"cores": 3},
        {"python": "3.12.0"},
        {"libraries": {"keras": "3.1", "tensorflow": "2.0"}},
        {"settings": {"TF_ENABLE_ONEDNN_OPTS": "0"}},
    ],
)
def test_whatever_differs_changes_the_fingerprint(change: dict):
    assert ENVIRONMENT.model_copy(update=change).fingerprint != ENVIRONMENT.fingerprint


def test_the_order_of_libraries_does_not_change_the_fingerprint():
    turned = dict(reversed(ENVIRONMENT.libraries.items()))
    assert ENVIRONMENT.model_copy(update={"libraries": turned}).fingerprint == ENVIRONMENT.fingerprint


def test_a_changed_checkout_is_marked(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "harness" / "environment.py"))
    (tmp_path / ".git").mkdir()
    answers = {"rev-parse": "0123456789ab", "status": " M harness/x.py"}
    monkeypatch.setattr(environment, "_git", lambda _root, command, *_: answers[command])
    assert environment.commit() == "0123456789ab-dirty"
    answers["status"] = ""
    assert environment.commit() == "0123456789ab"


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "harness" / "environment.py"))
    assert environment.commit() == ""


@pytest.mark.parametrize("error", [FileNotFoundError("git"), subprocess.CalledProcessError(128, "git")])
def test_without_a_working_git_there_is_no_commit(
    tmp_path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def broken(*_: object) -> str:
        raise error

    monkeypatch.setattr(environment, "__file__", str(tmp_path / "harness" / "environment.py"))
    monkeypatch.setattr(environment, "_git", broken)
    (tmp_path / ".git").mkdir()
    assert environment.commit() == ""


def test_what_decides_a_timing_is_a_part_of_the_code_that_decides_numbers():
    root = Path(environment.__file__).parent
    decides = {root / name for name in environment._RESULT_CODE}

    for module in ("running/cell.py", "running/timing_cell.py", "running/worker.py", "timing"):
        assert root / module in decides
        assert (root / module).exists()


def test_a_machine_without_gpus_has_the_fingerprint_that_it_had_before_they_were_named():
    """Records that were made earlier stay comparable."""
    facts = ENVIRONMENT.model_dump(exclude={"gpus"})
    text = json.dumps(facts, sort_keys=True)

    assert ENVIRONMENT.fingerprint == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_another_gpu_or_driver_is_another_machine():
    prints = {
        ENVIRONMENT.model_copy(update={"gpus": gpus}).fingerprint
        for gpus in ((), ("A100 (driver 550)",), ("A100 (driver 560)",), ("H100 (driver 550)",))
    }

    assert len(prints) == 4


def test_settings_that_hold_a_path_tell_its_last_part_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LD_PRELOAD", "/home/someone/lib/libtcmalloc.so")
    monkeypatch.setenv("KMP_AFFINITY", "compact")

    found = environment.settings()

    assert found["LD_PRELOAD"] == "libtcmalloc.so"
    assert found["KMP_AFFINITY"] == "compact"
