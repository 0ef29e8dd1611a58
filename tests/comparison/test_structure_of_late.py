"""What only later records hold: the images validated on, and the hash of the decoded pixels."""

from typing import Any

import pytest
from fakes import epoch, record

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding
from harness.comparison.structure import structure
from harness.records import Record


def with_validation(count: int | None) -> Record:
    plain = record()
    history = (epoch(1, validation_images=count), epoch(2, validation_images=count))
    return plain.model_copy(update={"measured": plain.measured.model_copy(update={"history": history})})


def with_pixels(sha256: str) -> Record:
    plain = record()
    return plain.model_copy(update={"data": plain.data.model_copy(update={"pixels_sha256": sha256})})


def found(before: Record, after: Record) -> list[Finding]:
    return list(structure(Pair(before, after, {})))


@pytest.mark.parametrize(
    ("make", "before", "after", "field"),
    [
        (with_validation, 150, 415, "validation_images"),
        (with_pixels, "a" * 64, "b" * 64, "pixels_sha256"),
    ],
    ids=["validation", "pixels"],
)
def test_what_both_hold_must_be_the_same(make: Any, before: Any, after: Any, field: str):
    (one,) = found(make(before), make(after))
    assert (one.kind, one.severity, one.field) == ("structure", "regression", field)
    assert found(make(before), make(before)) == []


@pytest.mark.parametrize(
    ("make", "there", "none"),
    [(with_validation, 150, None), (with_pixels, "a" * 64, "")],
    ids=["validation", "pixels"],
)
def test_a_record_from_before_it_was_kept_is_not_held_against_one_that_has_it(
    make: Any, there: Any, none: Any
):
    assert found(make(none), make(there)) == found(make(there), make(none)) == []
