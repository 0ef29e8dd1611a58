"""Runs jobs on this machine, one after another, each in a fork of a Keras server.

The parent never imports TensorFlow.  The server is started once per run, after everything that
Keras and TensorFlow read when they are imported has been put into the environment.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from harness.backbones import WeightsFile
from harness.quiet import quiet
from harness.records import Measured, Memory
from harness.running.job import End, Job, Outcome, Progress, TimingJob, TimingOutcome
from harness.timing.cell import STEPS
from harness.timing.memory import MEMORY_KIND, held_bytes

__all__ = ["Executor", "LocalExecutor"]

_SAMPLE_SECONDS = 0.05
_VMSTAT = Path("/proc/vmstat")


class Executor(Protocol):
    """What a run needs of an executor."""

    def run(
        self, job: Job, limit_seconds: float, on_progress: Callable[[Progress], None]
    ) -> tuple[Outcome, Memory | None]:
        """Run one cell to its end, whatever end that is."""
        ...

    def fetch_weights(self, file: WeightsFile) -> str:
        """Download a file of weights; return "" or what went wrong."""
        ...


class LocalExecutor:
    """Forks a worker for every job; a worker that hangs, dies or is cancelled costs its cell."""

    def __init__(self) -> None:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        # The server is a `python -c`, which looks into the working folder first: a folder `harness` there
        # would be run in place of this package, and recorded as this one.
        os.environ["PYTHONSAFEPATH"] = "1"
        # As the driver counts them: what a GPU tells of itself is to be that of the GPU that is timed.
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["harness.running.worker"])
        with quiet():
            forkserver.ensure_running()

    def run(
        self, job: Job, limit_seconds: float, on_progress: Callable[[Progress], None]
    ) -> tuple[Outcome, Memory | None]:
        """Run one cell in a process of its own, killed when its time is over."""
        outcome, memory = self._follow("worker_main", job, limit_seconds, on_progress)
        if isinstance(outcome, End):
            return Outcome(outcome.status, outcome.reason, Measured()), memory
        return outcome, memory

    def time(
        self, job: TimingJob, limit_seconds: float, on_progress: Callable[[Progress], None]
    ) -> tuple[TimingOutcome, Memory | None]:
        """Time one cell in a process of its own, killed when its time is over."""
        outcome, memory = self._follow("timing_main", job, limit_seconds, on_progress, STEPS)
        if isinstance(outcome, End):
            return TimingOutcome(outcome.status, outcome.reason), memory
        return outcome, memory

    def _follow(
        self,
        target: str,
        job: Job | TimingJob,
        limit_seconds: float,
        on_progress: Callable[[Progress], None],
        stage: str | None = None,
    ) -> tuple[Any, Memory | None]:
        """What the worker sent last, or how it ended without a word; its memory, in a `stage` alone."""
        kills_before = _oom_kills()
        with self._worker(target, job) as (process, pipe):
            watch = _Watch(process, pipe, time.monotonic() + limit_seconds, stage)
            outcome = watch.follow(on_progress)
        if outcome is None:
            outcome = _death(process.exitcode, killed=_oom_kills() > kills_before, log=job.log)
        return outcome, watch.memory()

    def fetch_weights(self, file: WeightsFile) -> str:
        """Download a file of weights in a process of its own."""
        with self._worker("fetch_main", file) as (_, pipe):
            try:
                message: str = pipe.recv()
            except EOFError:
                message = "the process that downloads ended without a word"
        return message

    @contextmanager
    def _worker(self, target: str, *arguments: Any) -> Iterator[tuple[BaseProcess, Connection]]:
        """A forked process and our end of its pipe; it never outlives the block, however that ends."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_enter, args=(target, *arguments, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            yield process, ours
        finally:
            process.kill()
            process.join()
            ours.close()


def _enter(target: str, *arguments: Any) -> None:
    """The child's first step; importing here keeps TensorFlow out of the parent."""
    from harness.running import worker

    getattr(worker, target)(*arguments)


class _Watch:
    """Follows one worker: its messages, its memory (in one stage alone, if named), its deadline."""

    def __init__(
        self, process: BaseProcess, pipe: Connection, deadline: float, stage: str | None = None
    ) -> None:
        self._process, self._pipe, self._deadline, self._stage = process, pipe, deadline, stage
        self._counts = stage is None
        self._peak = 0
        self._first: int | None = None

    def follow(self, on_progress: Callable[[Progress], None]) -> Outcome | TimingOutcome | End | None:
        """Return the worker's outcome, `End` at the deadline, or None if it ended without a word."""
        while True:
            self._sample()
            if time.monotonic() > self._deadline:
                return End("timeout", "the time limit of a cell was reached")
            try:
                if not self._pipe.poll(_SAMPLE_SECONDS):
                    continue
                message = self._pipe.recv()
            except (EOFError, OSError):  # OSError: it was killed in the middle of a message
                self._process.join()
                return None
            if isinstance(message, Outcome | TimingOutcome):
                return message
            if self._stage is not None:
                self._counts = message.phase == self._stage
            on_progress(message)

    def _sample(self) -> None:
        held = held_bytes(self._process.pid) if self._process.pid else None
        if held is not None:
            self._first = held if self._first is None else self._first
            self._peak = max(self._peak, held) if self._counts else self._peak

    def memory(self) -> Memory | None:
        """The memory seen so far."""
        if self._first is None or not self._peak:
            return None
        return Memory(kind=MEMORY_KIND, peak_bytes=self._peak, inherited_bytes=self._first)


def _death(exitcode: int | None, *, killed: bool, log: Path) -> End:
    """Say how a worker ended that sent no outcome."""
    if exitcode == -signal.SIGKILL and killed:
        return End("oom", "the kernel's out-of-memory killer ended the process")
    if exitcode is not None and exitcode < 0:
        how = f"the process was ended by {signal.Signals(-exitcode).name}"
    else:
        how = f"the process ended with exit code {exitcode}"
    return End("crashed", f"{how}; its output is in logs/{log.name}")


def _oom_kills() -> int:
    """How many processes the kernel has killed for memory since it started."""
    try:
        for line in _VMSTAT.read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
