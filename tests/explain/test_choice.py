"""Which test images are explained, and for which classes."""

import numpy as np
import pytest

from harness.errors import UserError
from harness.explain.choice import choose_images, classes_of_interest
from harness.records import Predictions

RECORDED = Predictions(
    np.array(["a", "b", "c", "d", "e"]),
    np.array([0, 1, 2, 0, 0]),
    np.array(
        [[0.6, 0.3, 0.1], [0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.1, 0.9, 0.0]], np.float32
    ),
)
"""`a` is right; of the wrong ones `e` is the most confident, `b` and `d` are equally so, then `c`."""


def chosen(**options) -> list[str]:
    return RECORDED.ids[choose_images(RECORDED, **({"most": 24} | options))].tolist()


def test_mistakes_come_by_falling_confidence_and_equal_ones_by_id():
    assert chosen() == ["e", "b", "d", "c"]


def test_at_most_so_many_and_those_the_most_confident():
    assert chosen(most=2) == ["e", "b"]


def test_the_right_ones_on_request():
    assert chosen(correct=True) == ["a"]


def test_named_images_come_as_they_were_named_each_once():
    assert chosen(ids=["c", "a", "c"], most=1) == ["c", "a"]


def test_an_id_that_is_none_is_an_error_with_the_choices():
    with pytest.raises(UserError, match=r"unknown test image 'z'(?s:.*)a, b, c"):
        chosen(ids=["z"])


@pytest.mark.parametrize(("row", "kind", "hint"), [(0, "wrong", "--correct"), (1, "right", "Without")])
def test_nothing_to_show_is_said_with_what_else_there_is(row: int, kind: str, hint: str):
    one = Predictions(*(column[[row]] for column in (RECORDED.ids, RECORDED.labels, RECORDED.probabilities)))
    with pytest.raises(UserError, match=rf"none of 1 test images was predicted {kind}\n{hint}"):
        choose_images(one, most=24, correct=kind == "right")


def test_maps_are_asked_for_the_predicted_and_the_true_class():
    rows = np.array([1, 2])
    assert classes_of_interest(RECORDED, rows).tolist() == [[0, 1], [1, 2]]


def test_of_a_right_prediction_the_second_is_the_next_most_probable():
    assert classes_of_interest(RECORDED, np.array([0])).tolist() == [[0, 1]]
