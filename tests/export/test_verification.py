"""How far an exported model may be from what was recorded."""

import json
import re

import numpy as np
import pytest

from harness.export.verification import TOLERANCES, compare
from harness.matrix import Grid

RECORDED = np.array([[0.5, 0.5], [0.25, 0.75]], dtype=np.float32)


def moved(by: float) -> np.ndarray:
    """The recorded probabilities with one image's moved by so much."""
    found = RECORDED.copy()
    found[1] += np.array([by, -by], dtype=np.float32)
    return found


@pytest.mark.parametrize(
    ("precision", "by", "fails"),
    [
        ("float32", 0.0005, False),
        ("float32", 0.0015, True),
        ("mixed_float16", 0.0015, False),
        ("mixed_float16", 0.005, True),
        ("mixed_bfloat16", 0.005, False),
        ("mixed_bfloat16", 0.05, True),
    ],
)
def test_a_probability_may_be_as_far_off_as_the_precision_rounds(precision: str, by: float, fails: bool):
    found = compare(moved(by), RECORDED, "files", precision=precision)
    assert found.fails is fails
    assert found.largest == pytest.approx(by, rel=1e-3)


@pytest.mark.parametrize("precision", TOLERANCES)
def test_what_is_no_number_fails_in_every_precision(precision: str):
    assert compare(moved(float("nan")), RECORDED, "files", precision=precision).fails


def test_every_precision_that_a_matrix_takes_has_a_tolerance():
    schema = json.dumps(Grid.model_json_schema()["properties"]["precisions"])
    assert set(re.findall(r"\w*float\d+", schema)) == set(TOLERANCES)
