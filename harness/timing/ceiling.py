"""What a device can do at most, measured where and when the step is: a matrix product, and a copy.

Both are grown until one takes long enough to be timed, and the best of several is kept: a ceiling is
what was reached, not what is usual.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

from harness.timing.records import Ceiling
from harness.timing.steps import synchronise

__all__ = ["measure_ceiling"]

_LONG_ENOUGH = 0.02
_SMALLEST, _LARGEST = 512, 8192
_REPETITIONS = 3
_COPIED_BYTES = 128 << 20


def measure_ceiling(dtype: str) -> Ceiling:
    """Time a square matrix product in `dtype`, and the addition of one large array to another.

    The addition reads two arrays and writes one in place: a copy to new memory would time the pages
    that the system has to find for it.
    """
    import tensorflow as tf

    size, flops = _SMALLEST, 0.0
    while True:
        left = tf.cast(tf.random.stateless_uniform((size, size), seed=(0, 1)), dtype)
        seconds = _best(functools.partial(tf.linalg.matmul, left, left))
        flops = max(flops, 2 * size**3 / seconds)
        if seconds > _LONG_ENOUGH or size >= _LARGEST:
            break
        size *= 2

    array = tf.Variable(tf.ones((_COPIED_BYTES // 4,)))
    other = tf.ones((_COPIED_BYTES // 4,))

    # Without a traced function, which TensorFlow would keep, and these arrays with it.
    moved = 3 * _COPIED_BYTES
    return Ceiling(
        flops=flops,
        bytes_per_second=moved / _best(functools.partial(array.assign_add, other, read_value=False)),
        matrix=size,
        copied_bytes=_COPIED_BYTES,
    )


def _best(work: Callable[[], Any]) -> float:
    """The shortest of several runs in seconds, after one that is not counted."""
    work()
    times = []
    for _ in range(_REPETITIONS):
        synchronise()
        began = time.perf_counter()
        work()
        synchronise()
        times.append(time.perf_counter() - began)
    return min(times)
