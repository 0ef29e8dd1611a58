"""Silence for libraries that write to standard error behind Python's back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what TensorFlow prints while it is imported off the terminal.

    A process that is started inside, such as the executor's server, inherits the silence; its
    workers write to logs of their own.
    """
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
