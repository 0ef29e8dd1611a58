"""Step times beside trainings: told, and no gate."""

import pytest
from fakes_compare import DISTURBED, steps, trial
from fakes_judged import ELSEWHERE, changed, found

from harness.comparison.times import times

ROW = trial(900)


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


def test_times_of_another_machine_batch_or_compilation_are_not_compared():
    slow = steps(200.0)
    assert found(times, ROW, trial(900, train=slow, environment=ELSEWHERE)) == []
    assert found(times, ROW, trial(900, train=steps(200.0, batch=64))) == []
    assert found(times, ROW, changed(trial(900, train=slow), jit=True)) == []


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


def test_a_step_that_is_not_timed_elsewhere_or_was_not_before_is_no_finding():
    without = changed(ROW, train_step=None, inference_step=None)
    assert found(times, ROW, changed(without, environment=ELSEWHERE)) == []
    assert found(times, without, ROW) == []


def test_a_cell_without_a_train_step_is_passed_over():
    assert found(times, changed(ROW, train_step=None), changed(ROW, train_step=None)) == []
