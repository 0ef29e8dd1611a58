"""The gap between training and validation, either way."""

import pytest
from fakes import record
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding
from harness.comparison.gap import gap


def found(before: float | None, after: float | None, margin: float = 0.1) -> list[Finding]:
    return list(gap(Pair(record(gap=before), record(gap=after), {"gap": margin})))


@pytest.mark.parametrize(("before", "after"), [(-0.1, 0.05), (0.05, -0.1), (0.0, 0.11)])
def test_a_gap_beyond_the_margin_is_a_regression_whichever_way_it_went(before: float, after: float):
    (one,) = found(before, after)
    assert (one.kind, one.severity, one.before, one.after) == ("gap", "regression", before, after)
    assert one.difference == pytest.approx(after - before)


def test_the_message_has_both_gaps_in_points():
    (one,) = found(-0.1, 0.05)
    assert one.message.startswith(
        "training minus validation accuracy -10.0 to 5.0 points, margin 10 points either way"
    )


@given(st.floats(-1, 1), st.floats(0, 0.1))
def test_a_gap_within_the_margin_is_no_finding_whichever_way_it_went(before: float, change: float):
    assert found(before, before + change) == found(before, before - change) == []


def test_a_gap_that_is_no_longer_told_is_a_regression():
    (one,) = found(0.05, None)
    assert (one.severity, one.field, one.before, one.after) == ("regression", "gap", 0.05, None)
    assert one.message == (
        "training minus validation accuracy is no longer told (5.0 points in the baseline)"
    )


def test_a_gap_that_the_baseline_does_not_tell_is_held_to_nothing_and_that_is_said():
    (one,) = found(None, 0.5)
    assert (one.severity, one.field) == ("undecided", "gap")
    assert one.message == (
        "training minus validation accuracy: not told in the baseline, so it is not compared"
    )
    assert found(None, None) == []
