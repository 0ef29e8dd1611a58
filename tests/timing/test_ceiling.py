"""The ceiling is no wish: a product takes at least as long as it says."""

import timeit

import numpy as np
import pytest
from fakes_training import KERAS_ARRAYS

from harness.timing import ceiling
from harness.timing.ceiling import measure_ceiling

pytestmark = KERAS_ARRAYS


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays that take milliseconds."""
    monkeypatch.setattr(ceiling, "_SMALLEST", 256)
    monkeypatch.setattr(ceiling, "_LARGEST", 512)
    monkeypatch.setattr(ceiling, "_COPIED_BYTES", 1 << 22)


def test_the_rates_are_those_of_a_machine() -> None:
    """Between a slow core and more than any device has: a wrong unit or factor of 1,000 falls out."""
    found = measure_ceiling("float32")

    assert 1e8 < found.flops < 1e16
    assert 1e8 < found.bytes_per_second < 1e14
    assert found.matrix in (256, 512)


def test_the_product_is_no_faster_than_a_large_one_of_numpy_allows() -> None:
    """The same sum by another library: within a factor of ten either way."""
    found = measure_ceiling("float32")
    left = np.ones((512, 512), np.float32)
    seconds = min(timeit.repeat(lambda: left @ left, number=1, repeat=20))

    assert 0.1 < found.flops * seconds / (2 * 512**3) < 10


def test_the_best_of_several_runs_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    monkeypatch.setattr(ceiling.time, "perf_counter", lambda: next(now))

    assert ceiling._best(lambda: None) == 1.0
