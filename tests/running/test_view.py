"""What a person sees of a run, on a terminal and in a log."""

import io
from dataclasses import replace

import pytest
from fakes import failed_record, record
from rich.console import Console

from harness.data.manifest import Entry, LeftOut, Manifest
from harness.running import view as view_module
from harness.running.job import Progress
from harness.running.view import RunView

CELL = record().cell


class Shown:
    """A view and what it has written."""

    def __init__(self, *, terminal: bool = False) -> None:
        self._file = io.StringIO()
        console = Console(file=self._file, width=200, force_terminal=terminal, color_system=None)
        self.view = RunView(console)

    @property
    def text(self) -> str:
        return self._file.getvalue()


def manifest(left_out: int) -> Manifest:
    entries = tuple(Entry(split, split, "cats", split, split) for split in ("train", "validation", "test"))
    left = tuple(LeftOut(f"train/cats/{number}[red].jpg", "the file is empty") for number in range(left_out))
    return Manifest("here", ("cats", "dogs"), entries, left)


def test_images_are_counted_by_split():
    shown = Shown()
    shown.view.images(manifest(0))
    assert shown.text == "2 classes; images: 1 train, 1 validation, 1 test\n"


def test_what_happened_when_the_images_were_listed_is_told():
    shown = Shown()
    shown.view.images(replace(manifest(0), note="made again"))
    assert shown.text.endswith("\nmade again\n")


def test_files_that_are_left_out_are_named_with_their_reasons():
    shown = Shown()
    shown.view.images(manifest(2))
    assert "2 files left out:\n  train/cats/0[red].jpg: the file is empty\n" in shown.text


def test_of_many_files_left_out_five_are_named_and_the_rest_counted():
    shown = Shown()
    shown.view.images(manifest(8))
    assert shown.text.count("the file is empty") == 5
    assert "and 3 more; all stand in the run's manifest.json" in shown.text


def test_a_step_is_told_when_it_ended():
    shown = Shown()
    with shown.view.step("listing images") as progress:
        progress(1, 2)
        assert shown.text == ""
    assert shown.text.startswith("listing images: 0.0 s")


def test_in_a_log_a_cell_is_a_line_when_it_starts_and_one_when_it_ends():
    shown = Shown()
    with shown.view as view:
        view.plan(2, 0)
        view.started(CELL)
        view.progress(Progress("head", 1, 20, 32, 100))
        view.ended(record())
    assert shown.text.splitlines() == [
        "2 cells",
        f"started  {CELL.name}",
        f"ok       {CELL.name}: test accuracy 90.0 % (12 s)",
    ]


def test_a_cell_that_was_finished_before_says_so():
    shown = Shown()
    shown.view.plan(1, 1)
    shown.view.ended(record())
    assert "1 cell, 1 of them finished before" in shown.text
    assert "test accuracy 90.0 % (finished before)" in shown.text


@pytest.mark.parametrize("reason", ["it broke [bold]here[/bold]\nwith a second line", ""])
def test_a_failed_cell_says_its_status_and_the_first_line_of_its_reason(reason: str):
    shown = Shown()
    shown.view.started(CELL)
    shown.view.ended(failed_record("crashed", reason))
    assert (
        shown.text.splitlines()[-1].rstrip()
        == f"crashed  {CELL.name}: {reason.splitlines()[0] if reason else ''}".rstrip()
    )


def test_on_a_terminal_a_cell_shows_phase_epoch_rate_and_time_left(monkeypatch: pytest.MonkeyPatch):
    clock = iter(float(second) for second in range(100))
    monkeypatch.setattr(view_module.time, "monotonic", lambda: next(clock))
    shown = Shown(terminal=True)
    shown.view.plan(3, 0)
    shown.view.started(CELL)
    shown.view.progress(Progress("head", 2, 4, 10, 100))
    shown.view.progress(Progress("head", 2, 4, 60, 100))
    (task,) = [task for task in shown.view._bars.tasks if CELL.backbone in task.description]
    # 50 images in a second; 40 are left of this epoch and 200 of the two after it.
    assert task.fields["note"] == "head epoch 2/4, 50 images/s, 5 s left in this phase"
    assert (task.completed, task.total) == (160, 400)


def test_on_a_terminal_the_time_of_finished_cells_tells_what_is_left(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(view_module.time, "monotonic", lambda: now[0])
    shown = Shown(terminal=True)
    shown.view.plan(4, 0)
    shown.view.started(CELL)
    now[0] = 60.0
    shown.view.ended(record())
    (task,) = shown.view._bars.tasks
    assert task.fields["note"] == "1/4, about 3 min left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h")]
)
def test_durations_are_told_in_the_unit_that_fits(seconds: float, text: str):
    assert view_module._duration(seconds) == text


def test_progress_before_any_cell_is_passed_over():
    shown = Shown()
    shown.view.progress(Progress("head", 1, 1, 1, 1))
    assert shown.text == ""
