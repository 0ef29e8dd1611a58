"""What a device can do at most, measured where and when the step is: a matrix product, and a copy.

The product is grown and both are repeated until they take long enough to be timed, and the best of
several is kept: a ceiling is what was reached, not what is usual.  The copy is of twice 128 MiB, which
a processor with a larger cache than that would keep in it.
"""

import functools
import math
import time
from collections.abc import Callable
from typing import Any

from harness.timing.records import Ceiling
from harness.timing.steps import synchronise

__all__ = ["measure_ceiling"]

_LONG_ENOUGH = 0.02
_SMALLEST, _LARGEST = 512, 8192
_REPETITIONS = 3
_MOST_RUNS = 1000
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
        if seconds >= _LONG_ENOUGH or size >= _LARGEST:
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
    """The shortest of several times in seconds, each the mean of as many runs as are long enough.

    On a fast device one run takes no longer than starting it and waiting for it.
    """
    work()
    times, runs = [_seconds(work, 1)], 1
    while times[-1] * runs < _LONG_ENOUGH and runs < _MOST_RUNS:
        runs = min(_MOST_RUNS, max(2 * runs, math.ceil(_LONG_ENOUGH / max(times[-1], 1e-9))))
        times = [_seconds(work, runs)]
    return min(times + [_seconds(work, runs) for _ in range(_REPETITIONS - 1)])


def _seconds(work: Callable[[], Any], runs: int) -> float:
    synchronise()
    began = time.perf_counter()
    for _ in range(runs):
        work()
    synchronise()
    return (time.perf_counter() - began) / runs
