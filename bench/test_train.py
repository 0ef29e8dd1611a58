"""The train step of every cell of the matrix: a strategy's last phase on a resident batch.

For tracking changes of the code on one machine; `test_inference` says what these times are not for.
"""

from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture
from rounds import DEVICE_CLOCK, Least, time_cell

from harness.timing.cell import INFERENCE, TimingCell

pytestmark = DEVICE_CLOCK


def belongs(cell: TimingCell) -> bool:
    """Whether a cell is one of this suite."""
    return cell.step != INFERENCE


def test_train(benchmark: BenchmarkFixture, cell: TimingCell, subject: Any, least: Least) -> None:
    """Take one train step; the weights change, the time does not depend on them."""
    time_cell(benchmark, cell, subject.step, least=least)
