"""The same run twice on one machine: every probability and every loss the same to the last bit.

It holds on the CPU with the same threads and the same settings (oneDNN, instructions) alone: on two cores
another number of threads moves the last digits, which is what the margins of the baseline are for.
"""

from pathlib import Path

import numpy as np
import pytest
from fakes import answers, finished_run, row
from rich.console import Console
from subset import MATRIX, part_of

from harness.matrix_file import load_matrix
from harness.running.executor import LocalExecutor
from harness.running.folder import RunFolder
from harness.running.run import Request, run_matrix
from harness.running.view import RunView

EVERY_KIND = (
    "smoke-base/fast-extraction/none/ci/64px/seed0",
    "smoke-base/augmented-extraction/none/ci/",
    "smoke-base/fine-tuning/all",
    "MobileNetV2-0.35/scratch/",
)


def bits(folder: RunFolder) -> dict[str, tuple[bytes, list[float | None]]]:
    """Of each cell the probabilities of the test images, byte by byte, and the losses of its epochs."""
    return {
        record.name: (
            folder.records.predictions(record).probabilities.tobytes(),
            [loss for epoch in record.measured.history for loss in (epoch.loss, epoch.validation_loss)],
        )
        for record in folder.records.load()
    }


def run(folder: Path) -> RunFolder:
    """Run a cell of every kind with caches of its own."""
    request = Request(
        matrix=part_of(load_matrix(MATRIX), EVERY_KIND),
        data=None,
        weights_dir=None,
        out=folder / "run",
        cache=folder / "cache",
        offline=True,
        command="test",
    )
    with RunView(Console(quiet=True)) as view:
        records = run_matrix(request, LocalExecutor(), view)
    assert [(record.status, record.reason) for record in records] == [("ok", "")] * len(EVERY_KIND)
    return RunFolder(request.out)


@pytest.mark.slow
def test_a_run_and_its_repetition_are_the_same_to_the_last_bit(tmp_path: Path):
    assert bits(run(tmp_path / "first")) == bits(run(tmp_path / "second"))


def test_the_check_refuses_a_difference_in_a_single_last_bit(tmp_path: Path):
    sound = answers(90)
    moved = sound.probabilities.copy()
    moved[7, 0] = np.nextafter(moved[7, 0], np.float32(1))
    other = type(sound)(sound.ids, sound.labels, moved)
    first = finished_run(tmp_path / "first", [row(sound)])
    assert bits(first) == bits(finished_run(tmp_path / "same", [row(sound)]))
    assert bits(first) != bits(finished_run(tmp_path / "moved", [row(other)]))
