"""Work beside the caller's: in processes that have what it has read."""

import os
import select
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from harness.reports import beside as module
from harness.reports.beside import beside

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="forks are safe on Linux alone")


class Begun:
    """A word from one process to another."""

    def __init__(self) -> None:
        self.ends = os.pipe()

    def tell(self) -> None:
        os.write(self.ends[1], b"begun")

    def wait(self) -> str:
        """The word, or "" where none comes in ten seconds."""
        there, _, _ = select.select([self.ends[0]], [], [], 10)
        return os.read(self.ends[0], 5).decode() if there else ""


@pytest.fixture
def begun() -> Iterator[Begun]:
    found = Begun()
    yield found
    for end in found.ends:
        os.close(end)


def test_results_come_in_the_order_of_the_work():
    read = {"first": 1, "second": 2, "third": 3}
    with beside([partial(read.__getitem__, name) for name in read]) as results:
        assert results() == [1, 2, 3]


@ON_LINUX
def test_work_needs_no_copy_of_what_was_read_and_goes_on_in_other_processes(begun: Begun):
    unpicklable = [lambda: 1]
    with beside([lambda: (begun.tell(), os.getpid(), len(unpicklable))]) as results:
        begun.wait()
        ((_, process, count),) = results()
    assert process != os.getpid()
    assert count == 1


@ON_LINUX
def test_what_no_process_has_come_to_the_caller_does(begun: Begun, monkeypatch: pytest.MonkeyPatch):
    """The only process waits for the last piece of work, so nobody but the caller can do that."""
    monkeypatch.setattr(module, "usable_cores", lambda: 2)
    work = [begun.wait, *[os.getpid] * 5, lambda: (begun.tell(), os.getpid())]
    with beside(work) as results:
        found = results()
    assert found[0] == "begun"
    assert found[-1] == (None, os.getpid())


def test_what_work_raises_is_raised_where_its_result_is_asked_for():
    with beside([partial(int, "1"), partial(int, "one")]) as results, pytest.raises(ValueError, match="one"):
        results()


def test_elsewhere_the_work_is_done_in_order_and_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module.sys, "platform", "darwin")
    with beside([os.getpid, os.getpid]) as results:
        assert results() == [os.getpid()] * 2


def test_no_work_starts_no_process():
    with beside([]) as results:
        assert results() == []
