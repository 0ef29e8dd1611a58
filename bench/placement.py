"""Where a benchmark runs: on the processor or on a GPU, side by side in one process."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = ["gpus", "on", "place_of"]


@functools.cache
def gpus() -> int:
    """The number of GPUs that TensorFlow sees; each takes memory only as it needs it."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    for gpu in found:
        tf.config.experimental.set_memory_growth(gpu, enable=True)
    return len(found)


@contextmanager
def on(device: str) -> Iterator[None]:
    """Run what is inside on "cpu" or "gpu"; skip the test, with the reason, where there is no GPU."""
    if device == "gpu" and not gpus():
        pytest.skip("no GPU is visible to TensorFlow; `transferbench doctor` tells what it sees")
    if device == "cpu" and gpus():
        import tensorflow as tf

        # Beside a GPU everything that can goes there, unless told otherwise.
        with tf.device("/CPU:0"):
            yield
    else:
        yield


def place_of(result: Any, device: str) -> str:
    """The device that the result of a step lay on; fails the test if it is not of that kind.

    The result is a tensor, or a dictionary of them as a train step returns it.
    """
    tensor = next(iter(result.values())) if isinstance(result, dict) else result
    place: str = tensor.device
    if f"device:{device}:" not in place.casefold():
        pytest.fail(f"the cell asks for {device!r}, and its result lay on {place!r}")
    return place
