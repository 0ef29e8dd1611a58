"""Work in processes of its own, beside the caller's: pictures are drawn while tables are written."""

import multiprocessing
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from harness.environment import usable_cores

__all__ = ["beside"]

T = TypeVar("T")

_WORK: list[Callable[[], Any]] = []


@contextmanager
def beside(work: Sequence[Callable[[], T]]) -> Iterator[Callable[[], list[T]]]:
    """Begin some work, and give a function that waits for the results, in order, or raises what was raised.

    On Linux forked processes do it, as many as there are cores: they have what the caller has read without
    reading or copying it, and hand the results back.  Elsewhere a fork is not safe, and the work is done when
    its results are asked for.
    """
    if sys.platform != "linux" or not work:
        yield lambda: [each() for each in work]
        return
    count = min(len(work), usable_cores())
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(count, mp_context=fork, initializer=_WORK.extend, initargs=(work,)) as pool:
        with warnings.catch_warnings():
            # Python 3.12 warns of threads, since locks that they hold stay held in the child.  Those here
            # are of numpy's BLAS, which takes care of forks itself.
            warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
            futures = [pool.submit(_do, number) for number in range(len(work))]
        yield lambda: [future.result() for future in futures]


def _do(number: int) -> Any:
    return _WORK[number]()
