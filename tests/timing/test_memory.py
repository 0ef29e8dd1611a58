"""The memory that a process holds, without what the kernel can drop (trap 33)."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from harness.timing.memory import MEMORY_KIND, held_bytes

SIZE = 64 << 20
SLACK = 8 << 20

linux = pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is told by Linux alone")


def mine() -> int:
    return held_bytes(os.getpid()) or 0


def resident() -> int:
    return psutil.Process().memory_info().rss


def require_mapped_pages_left_out(read: Callable[[], int], path: Path) -> None:
    """A file that is mapped and read through does not count."""
    np.save(path, np.ones(SIZE, np.uint8))
    before = read()
    mapped = np.load(path, mmap_mode="r")
    assert int(mapped.sum(dtype=np.int64)) == SIZE
    assert read() - before < SLACK


@linux
def test_pages_of_a_mapped_file_are_not_held(tmp_path: Path) -> None:
    require_mapped_pages_left_out(mine, tmp_path / "pixels.npy")


@linux
def test_the_check_rejects_resident_memory(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        require_mapped_pages_left_out(resident, tmp_path / "pixels.npy")


def test_memory_of_ones_own_is_held_until_it_is_given_back() -> None:
    before = mine()

    own = np.ones(SIZE, np.uint8)
    holding = mine()
    del own

    assert holding - before == pytest.approx(SIZE, abs=SLACK)
    assert mine() - before < SLACK


def test_a_process_that_has_ended_holds_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()

    assert held_bytes(process.pid) is None


@linux
def test_a_process_that_waits_to_be_collected_holds_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()  # its end closes the pipe
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

        assert held_bytes(process.pid) is None


def test_the_kind_of_memory_is_named() -> None:
    wanted = "anonymous" if sys.platform == "linux" else "resident"

    assert wanted == MEMORY_KIND
