"""Own memory against a margin."""

import pytest

from harness.comparison.finding import Finding
from harness.comparison.memory import growth, memory
from harness.records import Memory

INHERITED = 300_000_000


def own(megabytes: float, kind: str = "anonymous") -> Memory:
    return Memory(kind=kind, peak_bytes=INHERITED + int(megabytes * 1e6), inherited_bytes=INHERITED)


def found(before: Memory | None, after: Memory | None, margin: float = 0.5) -> list[Finding]:
    return list(memory("cell", before, after, margin))


@pytest.mark.parametrize(
    ("before", "after", "severities"),
    [
        (100, 200, ["regression"]),
        (100, 151, ["regression"]),
        (100, 150, []),
        (100, 100, []),
        (150, 100, []),
        (151, 100, ["improved"]),
        (200, 100, ["improved"]),
    ],
)
def test_more_than_the_margin_is_a_regression_or_the_other_way_an_improvement(
    before: float, after: float, severities: list[str]
):
    assert [each.severity for each in found(own(before), own(after))] == severities


def test_a_finding_tells_both_in_megabytes_and_the_share():
    (one,) = found(own(100), own(220))
    assert one.message == "own memory 100 to 220 MB: +120 %, margin 50 %"
    assert (one.before, one.after, one.difference) == (100e6, 220e6, pytest.approx(1.2))


def test_what_the_process_began_with_is_no_growth():
    before = Memory(kind="anonymous", peak_bytes=400_000_000, inherited_bytes=300_000_000)
    after = Memory(kind="anonymous", peak_bytes=800_000_000, inherited_bytes=700_000_000)
    assert found(before, after) == []


def test_the_margin_counts():
    assert found(own(100), own(120), margin=0.1)[0].severity == "regression"
    assert found(own(100), own(300), margin=3.0) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, None),
        (own(0), None),
    ],
)
def test_what_cannot_be_compared_is_not(before: Memory | None, after: Memory | None):
    assert found(before, after) == []


@pytest.mark.parametrize("after", [own(500, "resident"), own(0, "resident")])
def test_memory_of_another_kind_is_not_compared_and_that_is_said(after: Memory):
    (one,) = found(own(100), after)
    assert one.severity == "undecided"
    assert one.message == "own memory is resident now and anonymous in the baseline, so it is not compared"


@pytest.mark.parametrize("before", [None, own(0)])
def test_memory_that_the_baseline_does_not_tell_is_held_to_nothing_and_that_is_said(before: Memory | None):
    (one,) = found(before, own(500))
    assert (one.severity, one.field) == ("undecided", "peak_memory_bytes")
    assert one.message == "own memory: not told in the baseline, so it is not compared"


@pytest.mark.parametrize("after", [None, own(0), own(-5)])
def test_memory_that_is_no_longer_told_is_a_regression(after: Memory | None):
    (one,) = found(own(100), after)
    assert (one.kind, one.severity, one.field) == ("memory", "regression", "peak_memory_bytes")
    assert (one.before, one.after) == (100e6, None)
    assert one.message == "own memory is no longer told (100 MB in the baseline)"


def test_memory_that_did_not_grow_is_not_known():
    assert growth(own(0)) is None
    assert growth(None) is None
    assert growth(own(5)) == 5_000_000
