"""What TensorFlow sees of this machine, asked in a new process; this one never imports it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.running.gpu_log import last_error, why_no_gpu

__all__ = ["Placed", "Seen", "probe"]

_SCRIPT = Path(__file__).with_name("probe_script.py")
_LOUD = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "dso_loader=1,cuda_diagnostics=1"}
"""Makes TensorFlow log which libraries it cannot load and what is wrong with the driver (2.21 does neither
unless told to)."""
_LIMIT_SECONDS = 300
"""A driver in a bad state can hang; a slow disk needs a minute for TensorFlow's import."""


@dataclass(frozen=True)
class Placed:
    """A piece of work that was asked for on the first GPU: the device of its result, or the error."""

    work: str
    device: str
    error: str = ""

    @property
    def on_gpu(self) -> bool:
        """Whether it was done there, and rightly."""
        return not self.error and "GPU:0" in self.device.upper()


@dataclass(frozen=True)
class Seen:
    """TensorFlow's devices, build and threads.

    `placed` is empty where no GPU is visible; `why_no_gpu` then says why.  `log_error` is the last error
    of TensorFlow's log, `error` why it could not be asked, both "" where there was none.
    """

    devices: tuple[str, ...] = ()
    gpus: int = 0
    built_for_cuda: bool = False
    cuda: str | None = None
    threads: dict[str, int] | None = None
    placed: tuple[Placed, ...] = ()
    why_no_gpu: str = ""
    log_error: str = ""
    error: str = ""


def probe(
    run: Callable[..., "subprocess.CompletedProcess[str]"] = subprocess.run,
    script: Path = _SCRIPT,
) -> Seen:
    """Ask TensorFlow; what goes wrong with that is a part of the answer."""
    try:
        # TensorFlow imports Keras, which writes a file of settings where there is none: not into the user's
        # folder for a question.
        with tempfile.TemporaryDirectory() as home:
            done = run(
                # -P: a module that lies beside the script must not take the place of a library.
                [sys.executable, "-P", str(script)],
                env=os.environ | _LOUD | {"KERAS_HOME": home, "KERAS_BACKEND": "tensorflow"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LIMIT_SECONDS,
                check=False,
            )
    except subprocess.TimeoutExpired:
        return Seen(error=f"it gave no answer within {_LIMIT_SECONDS} seconds")
    if done.returncode:
        return Seen(error=_death(done.returncode, done.stderr), log_error=last_error(done.stderr))
    return _read(json.loads(done.stdout.splitlines()[-1]), done.stderr)


def _read(answer: dict[str, Any], log: str) -> Seen:
    reason = ""
    if not answer["gpus"]:
        reason = why_no_gpu(
            log,
            built_for_cuda=answer["built_for_cuda"],
            visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        )
    return Seen(
        devices=tuple(answer["devices"]),
        gpus=answer["gpus"],
        built_for_cuda=answer["built_for_cuda"],
        cuda=answer["cuda"],
        threads=answer["threads"],
        placed=tuple(Placed(**each) for each in answer["placed"]),
        why_no_gpu=reason,
        log_error=last_error(log),
    )


def _death(code: int, log: str) -> str:
    how = f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"
    lines = [line for line in log.strip().splitlines() if line.strip()]
    return f"{how}: {lines[-1].strip()}" if lines else how
