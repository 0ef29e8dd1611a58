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

    On Linux forked processes do it, one for each core but the caller's, which is at work too: they have what
    the caller has read without reading it again, and hand the results back.  What none of them has come to
    when the results are asked for the caller does itself, so what the work reads must stay as it is.
    Elsewhere a fork is not safe, and all is done then.
    """
    if sys.platform != "linux" or not work:
        yield lambda: [each() for each in work]
        return
    # A process copies what it looks at, since Python counts in an object who refers to it: a spare one costs.
    count = min(len(work), max(1, usable_cores() - 1))
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(count, mp_context=fork, initializer=_WORK.extend, initargs=(work,)) as pool:
        with warnings.catch_warnings():
            # Python 3.12 warns of threads, since locks that they hold stay held in the child.  Those here
            # are of numpy's BLAS, which takes care of forks itself.
            warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
            futures = [pool.submit(_do, number) for number in range(len(work))]

        def results() -> list[T]:
            # From the end on, where the processes come last.
            here = {
                number: work[number]() for number in reversed(range(len(work))) if futures[number].cancel()
            }
            return [here[each] if each in here else future.result() for each, future in enumerate(futures)]

        yield results


def _do(number: int) -> Any:
    return _WORK[number]()
