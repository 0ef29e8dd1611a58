"""Step times beside trainings: told, and no gate."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fakes import Row
from fakes_compare import DISTURBED, steps, trial
from fakes_judged import ELSEWHERE, changed, pair
from fakes_judged import found as found_by
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding
from harness.comparison.times import FEWEST_CELLS, spread_of_cells, times
from harness.records import Seconds

ROW = trial(900)


def found(check: Any, before: Row, after: Row, **margins: float) -> list[Finding]:
    return found_by(lambda both: check(both, {}), before, after, **margins)


def test_the_same_times_are_no_finding():
    assert found(times, ROW, ROW) == []


@pytest.mark.parametrize(
    ("milliseconds", "told"), [(25.9, []), (15.5, []), (26.1, ["slower"]), (15.0, ["faster"])]
)
def test_only_more_than_is_usual_is_told(milliseconds: float, told: list[str]):
    named = found(times, ROW, trial(900, train=steps(milliseconds)))
    assert [word for each in named for word in ("slower", "faster") if word in each.message] == told
    assert all(each.severity == "advisory" for each in named)


def test_a_finding_has_both_times_with_their_unit():
    (one,) = found(times, ROW, trial(900, inference=steps(120.0)))
    assert (one.field, one.unit, one.before, one.after) == (
        "inference_ms",
        "ms/step",
        60.0,
        pytest.approx(120.0),
    )
    assert one.message.startswith("inference step 60.0 to 120.0 ms, slower by a factor of 2.00")


def test_the_margin_counts():
    assert found(times, ROW, trial(900, train=steps(26.1)), train_ms=0.5) == []


def test_times_of_another_machine_or_compilation_are_not_compared():
    slow = steps(200.0)
    assert found(times, ROW, trial(900, train=slow, environment=ELSEWHERE)) == []
    assert found(times, ROW, changed(trial(900, train=slow), jit=True)) == []


def test_times_of_another_batch_are_not_compared_and_that_is_said():
    (one,) = found(times, ROW, trial(900, train=steps(200.0, batch=64)))
    assert (one.severity, one.field) == ("advisory", "train_ms")
    assert one.message == "train step not compared: a batch of 32 in the baseline, of 64 now"


def pairs(*milliseconds: float, now: float = 20.0) -> list[Pair]:
    return [pair(trial(900, train=steps(each)), trial(900, train=steps(now))) for each in milliseconds]


def test_the_spread_is_how_far_the_cells_of_two_runs_lie_apart():
    assert set(spread_of_cells(pairs(*[40.0] * 8)).values()) == {1.0}
    assert spread_of_cells(pairs(*[40.0] * 7, 5.0))["train_ms"] == 1.0
    assert 1.2 < spread_of_cells(pairs(16, 18, 20, 22, 25, 20, 20))["train_ms"] < 1.6


def test_too_few_cells_have_no_spread():
    assert spread_of_cells(pairs(*range(10, 10 + FEWEST_CELLS - 1))) == {}


def test_cells_in_doubt_have_no_part_in_the_spread():
    doubted = [pair(ROW, trial(900, train=steps(float(each), state=DISTURBED))) for each in range(1, 20)]
    assert spread_of_cells([*pairs(*[20.0] * 8), *doubted])["train_ms"] == 1.0


@given(st.floats(0.01, 0.4), st.integers(0, 10_000))
def test_the_spread_holds_95_per_cent_of_what_the_machine_does(deviation: float, seed: int):
    ratios = np.exp(np.random.default_rng(seed).normal(0.1, deviation, 400))
    spread = spread_of_cells(pairs(*(20.0 / ratios)))["train_ms"]
    within = np.abs(np.log(ratios) - np.median(np.log(ratios))) <= np.log(spread)
    assert 0.9 < within.mean() < 0.99


@pytest.mark.parametrize("slow", [lambda each: each + 40.0, lambda each: each * (3 if each > 30 else 1)])
def test_a_change_of_many_cells_is_told_however_far_apart_it_sets_them(slow: Callable[[float], float]):
    some = [5.0, 10.0, 20.0, 28.0, 40.0, 50.0, 60.0, 80.0]
    cells = [pair(trial(900, train=steps(each)), trial(900, train=steps(slow(each)))) for each in some]
    spreads = spread_of_cells(cells)
    told = [each for cell in cells for each in times(cell, spreads)]
    assert len(told) == sum(slow(each) > 1.3 * each for each in some)
    assert f"lie within {spreads['train_ms']:.2f} of the usual ratio" in told[0].message


def lasting(seconds: float, first: float = 2.0) -> Row:
    parts = Seconds(decode=0.0, training=seconds)
    return changed(ROW, seconds=parts, train_step=steps(20.0, first_seconds=first))


@pytest.mark.parametrize(
    ("row", "field", "told"),
    [
        (lasting(14.0), "to_result_s", []),
        (lasting(16.0), "to_result_s", ["time to result 10 to 16 s, slower by a factor of 1.60"]),
        (lasting(6.0), "to_result_s", ["time to result 10 to 6 s, faster by a factor of 1.67"]),
        (lasting(10.0, 3.9), "first_step_s", []),
        (
            lasting(10.0, 60.0),
            "first_step_s",
            ["first train step 2.0 to 60.0 s, slower by a factor of 30.00"],
        ),
    ],
)
def test_what_no_step_shows_is_told_too(row: Row, field: str, told: list[str]):
    named = [each for each in found(times, lasting(10.0), row) if each.field == field]
    assert [each.message.partition(" (")[0] for each in named] == told


def test_the_time_of_a_training_on_another_machine_is_not_compared():
    assert found(times, lasting(10.0), changed(lasting(100.0), environment=ELSEWHERE)) == []


def test_a_time_in_doubt_is_not_compared_and_that_is_said():
    (one,) = found(times, ROW, trial(900, train=steps(200.0, state=DISTURBED)))
    assert one.message == "train step not compared: disturbed in the current run"
    (one,) = found(times, trial(900, train=steps(2.0, stable=False)), ROW)
    assert one.message == "train step not compared: unstable in the baseline"


def test_a_step_that_is_no_longer_timed_on_the_same_machine_is_undecided():
    (one,) = found(times, ROW, changed(ROW, inference_step=None))
    assert (one.kind, one.severity, one.field) == ("time", "undecided", "inference_ms")
    assert (one.before, one.after, one.unit) == (60.0, None, "ms/step")
    assert one.message == "inference step is no longer timed (60.0 ms in the baseline)"


def test_a_step_that_the_baseline_did_not_time_is_held_to_nothing_and_that_is_said():
    (one,) = found(times, changed(ROW, train_step=None), ROW)
    assert (one.severity, one.field) == ("undecided", "train_ms")
    assert one.message == "train step: not told in the baseline, so it is not compared"


def test_a_step_that_is_not_timed_elsewhere_is_no_finding():
    without = changed(ROW, train_step=None, inference_step=None)
    assert found(times, ROW, changed(without, environment=ELSEWHERE)) == []
    assert found(times, changed(without, environment=ELSEWHERE), ROW) == []


def test_a_cell_without_a_train_step_is_passed_over():
    assert found(times, changed(ROW, train_step=None), changed(ROW, train_step=None)) == []
