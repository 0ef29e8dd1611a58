"""Work beside the caller's: in processes that have what it has read."""

import os
import sys
from functools import partial

import pytest

from harness.reports import beside as module
from harness.reports.beside import beside


def test_results_come_in_the_order_of_the_work():
    read = {"first": 1, "second": 2, "third": 3}
    with beside([partial(read.__getitem__, name) for name in read]) as results:
        read["first"] = 100  # the work began before
        assert results()[1:] == [2, 3]


@pytest.mark.skipif(sys.platform != "linux", reason="forks are safe on Linux alone")
def test_work_needs_no_copy_of_what_was_read_and_goes_on_in_other_processes():
    unpicklable = [lambda: 1]
    with beside([lambda: (os.getpid(), len(unpicklable))] * 2) as results:
        assert all(process != os.getpid() and count == 1 for process, count in results())


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
