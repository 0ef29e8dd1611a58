"""The ceiling is no wish: a product takes at least as long as it says."""

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
    """Between a slow core and a fast accelerator."""
    found = measure_ceiling("float32")

    assert 1e9 < found.flops < 1e14
    assert 1e9 < found.bytes_per_second < 1e13
    assert found.matrix in (256, 512)


def test_a_product_is_two_operations_a_multiply_add_and_an_addition_moves_three_arrays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ceiling, "_best", lambda _: 0.5)

    found = measure_ceiling("float32")

    assert found.flops == 2 * 256**3 / 0.5
    assert found.bytes_per_second == 3 * (1 << 22) / 0.5


def test_small_products_grow_until_they_take_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceiling, "_LARGEST", 1024)
    monkeypatch.setattr(ceiling, "_best", lambda _: 1e-4)

    assert measure_ceiling("float32").matrix == 1024


def test_the_best_of_several_runs_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    monkeypatch.setattr(ceiling.time, "perf_counter", lambda: next(now))

    assert ceiling._best(lambda: None) == 1.0


def test_work_of_a_moment_is_repeated_until_starting_it_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device that does a piece in 10 microseconds and answers after a millisecond."""
    now, started = 0.0, 0

    def work() -> None:
        nonlocal started
        started += 1

    def wait() -> None:
        nonlocal now, started
        now += 1e-3 + 1e-5 * started
        started = 0

    monkeypatch.setattr(ceiling, "synchronise", wait)
    monkeypatch.setattr(ceiling.time, "perf_counter", lambda: now)

    assert ceiling._best(work) == pytest.approx(1e-5, rel=0.15)
