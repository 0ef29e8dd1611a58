"""Work on many images at once; Pillow and hashlib release the interpreter's lock."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_threads"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_threads(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Results in the order of the items; an error or an interruption drops what has not begun."""
    pool = ThreadPoolExecutor()
    with warnings.catch_warnings():
        # Pillow's remarks about metadata and size; set here, once, because threads share filters.
        warnings.filterwarnings("ignore", module=r"PIL\b")
        try:
            yield from pool.map(work, items)
        finally:
            pool.shutdown(cancel_futures=True)
