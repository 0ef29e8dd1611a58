"""What a person sees of a run: steps, the current cell, and a line for each that ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from harness.data.manifest import SPLITS, Manifest
from harness.matrix import Cell
from harness.records import Record
from harness.reports.dataset import left_out_lines
from harness.running.job import Progress as CellProgress
from harness.text import counted
from harness.timing.cell import TimingCell
from harness.timing.records import TimingRecord

__all__ = ["RunView"]


class RunView:
    """Progress on a terminal as bars; elsewhere (a log, CI) one plain line an event."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._cells: TaskID | None = None
        self._cell: TaskID | None = None
        self._total = 0
        self._done = 0
        self._run_seconds: list[float] = []
        self._cell_began = 0.0
        self._rate = _Rate()

    def __enter__(self) -> "RunView":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Show a step of preparation; yields the function to tell (done, all) with."""
        task = self._bars.add_task(name, total=None, note="")
        began = time.monotonic()

        def progress(done: int, total: int) -> None:
            self._bars.update(task, completed=done, total=total, note=f"{done:,}/{total:,}")

        try:
            yield progress
        finally:
            self._bars.remove_task(task)
        self._console.print(f"{name}: {time.monotonic() - began:.1f} s", highlight=False)

    def images(self, manifest: Manifest) -> None:
        """Tell what the data set holds, and name what was left out."""
        counts = manifest.counts()
        parts = ", ".join(f"{sum(counts[split].values()):,} {split}" for split in SPLITS)
        self._console.print(f"{len(manifest.classes):,} classes; images: {parts}", highlight=False)
        if manifest.note:
            self._console.print(escape(manifest.note), style="yellow", highlight=False, soft_wrap=True)
        for line in left_out_lines(manifest.left_out, "the run's manifest.json"):
            style = "" if line.startswith(" ") else "yellow"
            self._console.print(escape(line), style=style, highlight=False, soft_wrap=True)

    def plan(self, cells: int, finished: int, others: int = 0, *, without_model: int = 0) -> None:
        """Tell how many cells there are, how many need not be run again, and what else lies there."""
        self._total = cells
        kept = f", {finished} of them finished before" if finished else ""
        self._console.print(f"{counted(cells, 'cell')}{kept}", highlight=False)
        if without_model:
            text = f"{without_model} more had finished without their model being saved; they are run again"
            self._console.print(text, highlight=False)
        if others:
            held = counted(others, "record")
            text = f"the folder also holds {held} of other cells, data or settings; not shown"
            self._console.print(text, highlight=False)
        self._cells = self._bars.add_task("all cells", total=cells, note=f"0/{cells}")

    def started(self, cell: Cell | TimingCell) -> None:
        """Tell which cell runs now."""
        self._cell_began = time.monotonic()
        title = f"{cell.backbone} {cell.label}"
        self._cell = self._bars.add_task(escape(title), total=None, note="starting")
        if not self._console.is_terminal:
            self._console.print(f"started  {cell.name}", highlight=False, soft_wrap=True)

    def progress(self, progress: CellProgress) -> None:
        """Tell how far the current cell is: phase, epoch, images a second, time left of the phase."""
        if self._cell is None:
            return
        rate = self._rate.of(progress)
        left = (progress.epochs - progress.epoch + 1) * progress.all_images - progress.images
        note = f"{progress.phase}"
        if progress.epochs > 1:
            note += f" epoch {progress.epoch}/{progress.epochs}"
        if rate:
            note += f", {rate:.0f} images/s, {_duration(left / rate)} left in this phase"
        done = (progress.epoch - 1) * progress.all_images + progress.images
        self._bars.update(self._cell, completed=done, total=progress.epochs * progress.all_images, note=note)

    def ended(self, record: Record) -> None:
        """Tell how a cell ended, or that it had ended before."""
        self._end(_line(record, again=self._cell is None), ran=record.status != "skipped")

    def timed(self, record: TimingRecord) -> None:
        """Tell how the timing of a cell ended, or that it had ended before."""
        self._end(_timing_line(record, again=self._cell is None), ran=record.status != "skipped")

    def say(self, text: str) -> None:
        """Tell one thing in a line of its own."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def _end(self, line: str, *, ran: bool) -> None:
        self._done += 1
        if self._cell is not None:
            if ran:
                self._run_seconds.append(time.monotonic() - self._cell_began)
            self._bars.remove_task(self._cell)
            self._cell = None
        if self._cells is not None:
            mean = sum(self._run_seconds) / len(self._run_seconds) if self._run_seconds else 0
            left = f", about {_duration(mean * (self._total - self._done))} left" if mean else ""
            self._bars.update(self._cells, completed=self._done, note=f"{self._done}/{self._total}{left}")
        self._console.print(line, highlight=False, soft_wrap=True)


class _Rate:
    """Images a second since the present phase began, validation between epochs included."""

    def __init__(self) -> None:
        self._phase = ""
        self._images = 0
        self._began = 0.0

    def of(self, progress: CellProgress) -> float:
        now = time.monotonic()
        images = (progress.epoch - 1) * progress.all_images + progress.images
        if progress.phase != self._phase or images < self._images:
            self._phase, self._images, self._began = progress.phase, images, now
            return 0.0
        elapsed = now - self._began
        return (images - self._images) / elapsed if elapsed > 0 else 0.0


def _line(record: Record, *, again: bool) -> str:
    measured = record.measured
    name, reason = escape(record.name), record.reason.partition("\n")[0]
    if record.status != "ok" or measured.test_accuracy is None:
        return f"[red]{record.status:<8}[/] {name}: {escape(reason)}"
    cost = "finished before" if again else f"{measured.seconds.cell:.0f} s" if measured.seconds else ""
    return f"[green]ok[/]       {name}: test accuracy {100 * measured.test_accuracy:.1f} % ({cost})"


def _timing_line(record: TimingRecord, *, again: bool) -> str:
    name = f"pass {record.in_pass}  {escape(record.name)}"
    if record.timed is None:
        return f"[red]{record.status:<8}[/] {name}: {escape(record.reason.partition(chr(10))[0])}"
    step = record.timed.step
    told = f"{step.milliseconds:,.1f} ms/step{'' if step.stable else ', not settled'}"
    return f"[green]ok[/]       {name}: {told}{' (timed before)' if again else ''}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
