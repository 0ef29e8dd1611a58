"""What the suites share: the matrix that they are made from, the model of a cell, and what the JSON tells.

Options: `--matrix FILE`, and `--backbones PATTERN` and `--devices cpu|gpu` that narrow it, each as
often as needed.  The JSON of pytest-benchmark lists under "cells" all that were asked for: one without a
benchmark was skipped or failed.  (Its own comparison passes over a benchmark that has gone.)  Times of
another environment are not compared with.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from graphs import let_go
from placement import on
from pytest_benchmark.fixture import BenchmarkFixture
from rounds import Least

from harness.environment import commit, current_environment
from harness.errors import UserError
from harness.matrix_file import load_matrix
from harness.timing.cell import KERAS_TABLE, TimingCell

TINY = Path(__file__).parent / "matrices" / "tiny.toml"


@dataclass(frozen=True)
class Asked:
    """The matrix's name, its cells by name, and the names of those that the collected suites hold."""

    matrix: str
    cells: dict[str, TimingCell]
    collected: set[str]


ASKED = pytest.StashKey[Asked]()


# Options and cells --------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what chooses the cells."""
    group = parser.getgroup("transferbench")
    group.addoption(
        "--matrix", type=Path, default=TINY, metavar="FILE", help=f"the cells to time (default: {TINY.name})"
    )
    group.addoption(
        "--backbones",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only these of the matrix: a name, a pattern or a group; may be repeated",
    )
    group.addoption(
        "--devices",
        action="append",
        default=[],
        choices=("cpu", "gpu"),
        help="only these of the matrix; may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what others warn of; every other warning is an error, here as in the tests."""
    # keras.ops.convert_to_numpy calls np.array on its own variables (Keras 3.15.1).
    keras_arrays = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    config.addinivalue_line("filterwarnings", keras_arrays)
    # pytest-benchmark gives these outside of any test.  As errors they would be a traceback, and hide the
    # failure or the skip that left nothing to save; a baseline that must be there has its own exit code.
    for told in ("Not saving anything, no benchmarks have been run", "Can't compare. No benchmark files"):
        warnings.filterwarnings("default", re.escape(told))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Read the matrix; a mistake in it ends the session with its message."""
    config = session.config
    try:
        matrix = load_matrix(config.getoption("--matrix")).only(
            backbones=config.getoption("--backbones"), devices=config.getoption("--devices")
        )
    except UserError as error:
        raise pytest.UsageError(str(error)) from None
    # The protocol of Keras' table is its own; `transferbench time` follows it.
    cells = {cell.name: cell for cell in matrix.timing_cells() if cell.protocol != KERAS_TABLE}
    if not cells:
        raise pytest.UsageError(
            f"matrix {matrix.name!r} has no [[timing]] cells for the suites (those of the protocol "
            f"{KERAS_TABLE!r} are not for them)\n`transferbench time` takes them."
        )
    config.stash[ASKED] = Asked(matrix.name, cells, set())


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where every benchmark was skipped, nothing was timed: that is no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    nothing = not reporter.stats.get("passed") and not session.config.option.collectonly
    if nothing and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a benchmark of each cell that `belongs` to the module, or of each size and batch of the matrix."""
    asked = metafunc.config.stash[ASKED]
    wanted = metafunc.fixturenames
    if "cell" in wanted:
        names = [name for name, cell in asked.cells.items() if metafunc.module.belongs(cell)]
        asked.collected.update(names)
        # By name: parameters go into the JSON, which has no place for objects.
        metafunc.parametrize("cell", names, indirect=True)
    elif "batch" in wanted:
        shapes = sorted({(cell.size, cell.batch) for cell in asked.cells.values()})
        ids = [f"{size}px/batch{batch}" for size, batch in shapes]
        metafunc.parametrize(("size", "batch"), shapes, ids=ids)
    elif "size" in wanted:
        sizes = sorted({cell.size for cell in asked.cells.values()})
        metafunc.parametrize("size", sizes, ids=[f"{size}px" for size in sizes])


# Fixtures -----------------------------------------------------------------------------------


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> TimingCell:
    """A cell of the matrix."""
    return request.config.stash[ASKED].cells[request.param]


@pytest.fixture
def subject(cell: TimingCell) -> Iterator[Any]:
    """What the cell times; skips where its device is not there."""
    with on(cell.device):
        from harness.timing.subject import build_subject

        # Now that pytest has let go of the last cell's model.
        let_go()
        yield build_subject(cell)


@pytest.fixture
def least(request: pytest.FixtureRequest) -> Least:
    """How long to measure, by pytest-benchmark's own options."""
    option = request.config.getoption
    return Least(rounds=option("benchmark_min_rounds"), seconds=float(option("benchmark_max_time")))


@pytest.fixture(autouse=True)
def _here(benchmark: BenchmarkFixture) -> None:
    """Add to every benchmark where it was taken; what is no cell's runs on the processor."""
    here = {"device": "cpu", "fingerprint": current_environment().fingerprint, "commit": commit()}
    benchmark.extra_info |= here


# The JSON of pytest-benchmark ---------------------------------------------------------------


def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    """Describe the machine as records do: two that differ in it cannot be compared.

    Its own description holds the processor's momentary clock, which differs on every run.
    """
    here = current_environment()
    return {"fingerprint": here.fingerprint, **here.model_dump()}


def pytest_benchmark_compare_machine_info(
    machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> None:
    """Refuse to compare with the times of another environment; by itself pytest-benchmark only warns."""
    saved = compared_benchmark["machine_info"]
    if saved.get("fingerprint") != machine_info["fingerprint"]:
        other = [name for name, value in machine_info.items() if saved.get(name) != value]
        raise pytest.UsageError(
            "the saved times are from another environment and cannot be compared; it differs in "
            f"{', '.join(name for name in other if name != 'fingerprint')}\n"
            "`pytest-benchmark compare` shows files side by side, whatever made them."
        )


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Name the matrix and the cells that were asked for, so that a missing one can be seen."""
    asked = config.stash[ASKED]
    output_json |= {"matrix": asked.matrix, "cells": sorted(asked.collected)}
