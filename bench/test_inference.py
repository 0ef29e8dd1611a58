"""The inference step of every cell of the matrix: base and head on a resident batch.

For tracking changes of the code on one machine, with pytest-benchmark's `--benchmark-save` and
`--benchmark-compare`.  Publishable times come from `transferbench time`, which runs each cell in a process
of its own, in shuffled order, twice.  Here all cells share one process, and what a model leaves behind in
it (its memory is never all given back) the next ones find.
"""

from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture
from rounds import DEVICE_CLOCK, Least, time_cell

from harness.timing.cell import INFERENCE, TimingCell

pytestmark = DEVICE_CLOCK


def belongs(cell: TimingCell) -> bool:
    """Whether a cell is one of this suite."""
    return cell.step == INFERENCE


def test_inference(benchmark: BenchmarkFixture, cell: TimingCell, subject: Any, least: Least) -> None:
    """Pass one batch through base and head."""
    time_cell(benchmark, cell, subject.step, least=least)
