"""The worker's side of a cell: a process of its own that ends with its parent.

The fork server imports this module once, and with it Keras; every cell is then a fork of it that
has TensorFlow loaded and nothing run.  One process a cell is the only way to give memory back
(`clear_session` does not), and a crash or a kill costs one cell.
"""

import multiprocessing
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from harness.backbones import WeightsFile
from harness.errors import UserError
from harness.files import PARTIAL_SUFFIX
from harness.records import Measured, Status
from harness.running.cell import CellFailedError, run_cell
from harness.running.job import Job, Outcome, Progress, TimingJob, TimingOutcome
from harness.running.timing_cell import time_cell
from harness.training.fit import DivergedError
from harness.weights import keras_home

__all__ = ["fetch_main", "timing_main", "worker_main"]

_REPORT_EVERY = 0.2
_STALLED_SECONDS = 60.0


def worker_main(job: Job, pipe: Connection) -> None:
    """Run one cell and send its outcome; whatever is printed goes to the job's log."""
    _begin(job.log)
    last, turn = 0.0, threading.Lock()

    def report(progress: Progress) -> None:
        nonlocal last
        # Batches are read by a thread of the input pipeline: a pipe has one sender at a time.
        with turn:
            now = time.monotonic()
            if now - last >= _REPORT_EVERY or progress.images >= progress.all_images:
                last = now
                pipe.send(progress)

    def work() -> Outcome:
        _choose_device(job.planned.cell.device)
        return run_cell(job, report)

    pipe.send(_outcome(work))
    pipe.close()


def timing_main(job: TimingJob, pipe: Connection) -> None:
    """Time one cell and send its outcome; whatever is printed goes to the job's log."""
    _begin(job.log)

    def report(stage: str) -> None:
        pipe.send(Progress(stage, 1, 1, 0, 1))

    try:
        _choose_device(job.cell.device)
        outcome = TimingOutcome("ok", "", time_cell(job.cell, report, step_alone=job.step_alone))
    except Exception as error:
        outcome = TimingOutcome(*_told(error))
    pipe.send(outcome)
    pipe.close()


def fetch_main(file: WeightsFile, pipe: Connection) -> None:
    """Download a file of ImageNet weights into Keras' cache; send "" or what went wrong."""
    _begin(os.devnull)
    # A connection that stalls is an error, not an end to waiting.
    socket.setdefaulttimeout(_STALLED_SECONDS)
    try:
        # Under a name of its own first: Keras writes straight to the final one, and whatever is
        # left there by an interruption would be taken for the file from then on.
        partial = keras.utils.get_file(
            f"{file.name}.{os.getpid()}{PARTIAL_SUFFIX}",
            file.url,
            cache_subdir="models",
            file_hash=file.hash,
        )
        Path(partial).replace(keras_home() / "models" / file.name)
        pipe.send("")
    except Exception as error:  # Keras raises plain exceptions for what the network does
        pipe.send(str(error))
    pipe.close()


def _outcome(work: Callable[[], Outcome]) -> Outcome:
    """Turn every way in which a cell can end into an outcome with a reason."""
    try:
        return work()
    except CellFailedError as failed:
        return _failure(failed.error, failed.measured)
    except Exception as error:
        return _failure(error, Measured())


def _failure(error: Exception, measured: Measured) -> Outcome:
    return Outcome(*_told(error), measured)


def _told(error: Exception) -> tuple[Status, str]:
    """The status and the reason that an error means; a traceback goes to the log."""
    if isinstance(error, UserError):
        return "skipped", str(error)
    traceback.print_exception(error)
    if isinstance(error, DivergedError):
        return "diverged", str(error)
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return "oom", f"out of memory: {_first_line(error)}"
    return "crashed", f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def _begin(log: Any) -> None:
    """Detach from the terminal's signals, follow the parent into its end, and write to a log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)


def _choose_device(device: str) -> None:
    """Show TensorFlow the cell's device alone; a GPU that is not there is the cell's reason."""
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise UserError(
            "no GPU is visible to TensorFlow", hint="`transferbench doctor --require-gpu` says why."
        )
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, enable=True)
