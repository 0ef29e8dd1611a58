"""Accuracy and loss against a margin, on the same images."""

from collections.abc import Sequence

import numpy as np
import pytest
from fakes_compare import trial
from fakes_judged import kinds, pair, predictions
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.comparison.finding import Finding
from harness.comparison.scores import non_inferiority, scores
from harness.records import Predictions
from harness.statistics import compare

MARGIN = 0.02


def right(count: int, images: int = 1000, *, first: int = 0) -> NDArray[np.bool_]:
    """So many right answers, from image `first` on."""
    return np.roll(np.arange(images) < count, first)


def found(before: Predictions, after: Predictions, kind: str = "accuracy", **margins: float) -> list[Finding]:
    """What is found of a kind."""
    row = trial(900)
    return [each for each in scores(pair(row, row, **margins), before, after) if each.kind == kind]


def severity(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> str:
    (one,) = found(predictions(before), predictions(after))
    return one.severity


# Accuracy


def test_the_same_answers_are_no_finding():
    one = predictions(right(900))
    assert list(scores(pair(trial(900), trial(900)), one, one)) == []


def test_a_loss_of_more_than_the_margin_is_a_regression_with_its_size():
    (one,) = found(predictions(right(950)), predictions(right(920)))
    assert (one.severity, one.field, one.unit, one.margin) == ("regression", "test_accuracy", "0..1", MARGIN)
    assert (one.before, one.after, one.difference) == pytest.approx((0.95, 0.92, -0.03))
    assert one.interval is not None
    assert one.interval.low < -0.03 < one.interval.high
    assert one.message.startswith("test accuracy 95.0 to 92.0 %: -3.00 points, 95 % interval -4.")
    assert one.message.endswith("margin 2 points")


def test_a_loss_of_exactly_the_margin_is_none():
    assert severity(right(930), right(910)) != "regression"
    assert severity(right(930), right(909)) == "regression"


def test_the_margin_of_the_cell_counts():
    assert found(predictions(right(950)), predictions(right(920)), test_accuracy=0.05)[0].severity == "within"
    assert (
        found(predictions(right(950)), predictions(right(945)), test_accuracy=0.0)[0].severity == "regression"
    )


def test_what_the_images_cannot_show_is_undecided():
    """As many images turned either way: no difference, but 40 images could hide one."""
    assert severity(right(30, 40), right(30, 40, first=2)) == "undecided"
    assert severity(right(900), right(900, first=2)) == "within"


def test_more_than_the_margin_and_than_chance_is_improved():
    assert severity(right(900), right(930)) == "improved"
    assert severity(right(36, 40), right(37, 40)) != "improved"


def test_images_are_matched_by_id_and_not_by_place():
    one = predictions(right(900))
    order = np.random.default_rng(0).permutation(1000)
    other = Predictions(one.ids[order], one.labels[order], one.probabilities[order])
    assert list(scores(pair(trial(900), trial(900)), one, other)) == []


def test_predictions_that_are_lost_are_a_regression_and_the_rest_is_compared():
    one = predictions(right(900))
    rest = Predictions(one.ids[:900], one.labels[:900], one.probabilities[:900])
    row = trial(900)
    (lost,) = (each for each in scores(pair(row, row), one, rest) if each.field == "predictions")
    assert (lost.kind, lost.severity, lost.before, lost.after) == ("record", "regression", 1000, 900)
    assert "100 are without a prediction" in lost.message


def test_runs_without_an_image_in_common_have_no_difference():
    one = predictions(right(900))
    other = Predictions(np.char.add("other-", one.ids), one.labels, one.probabilities)
    assert kinds(list(scores(pair(trial(900), trial(900)), one, other))) == [
        ("record", "regression", "predictions")
    ]


def test_another_true_class_is_a_regression():
    one = predictions(right(900))
    other = Predictions(one.ids, np.roll(one.labels, 1), one.probabilities)
    told = [each for each in scores(pair(trial(900), trial(900)), one, other) if each.field == "labels"]
    assert [(each.severity, each.after) for each in told] == [("regression", 1000)]


@pytest.mark.parametrize(
    ("field", "value", "told"), [("test_accuracy", 0.95, "95.0"), ("test_loss", 0.01, "0.010")]
)
def test_a_record_that_says_other_than_its_predictions_is_a_regression(field: str, value: float, told: str):
    one = predictions(right(900))
    loss = float(-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)))
    row = trial(900)[0]
    sound = row.model_copy(update={"measured": row.measured.model_copy(update={"test_loss": loss})})
    wrong = sound.model_copy(update={"measured": sound.measured.model_copy(update={field: value})})
    assert list(scores(pair((sound, one), (sound, one)), one, one)) == []
    (finding,) = scores(pair((sound, one), (wrong, one)), one, one)
    assert (finding.kind, finding.severity, finding.field) == ("record", "regression", field)
    assert f"is recorded as {told}" in finding.message


# Loss


def losses(before: Sequence[float], after: Sequence[float], **margins: float) -> list[Finding]:
    """The finding of a loss, from each run's probabilities of the true classes."""
    sides = [predictions(np.ones(len(each), dtype=bool), np.array(each)) for each in (before, after)]
    return found(*sides, kind="loss", **margins)


def test_a_higher_loss_by_more_than_the_margin_is_a_regression():
    (one,) = losses([0.9] * 100, [0.8] * 100)
    expected = float(np.log(0.9 / 0.8))
    assert (one.severity, one.field, one.unit) == ("regression", "test_loss", "nats")
    assert (one.difference, one.before) == pytest.approx((expected, -np.log(0.9)), rel=1e-5)
    assert "margin 0.05 nats" in one.message


def test_a_lower_loss_is_improved():
    assert [each.severity for each in losses([0.8] * 100, [0.9] * 100)] == ["improved"]


def test_a_small_change_of_all_images_is_within_the_margin():
    assert [each.severity for each in losses([0.9] * 100, [0.89] * 100)] == ["within"]


def test_a_few_images_that_moved_far_leave_it_undecided():
    before, after = [0.9] * 50, [0.9] * 48 + [0.3, 0.99]
    assert [each.severity for each in losses(before, after)] == ["undecided"]


def test_a_probability_of_nothing_counts_as_in_the_records():
    (one,) = losses([0.9] * 10, [0.9] * 9 + [0.0])
    assert one.after == pytest.approx((-9 * np.log(0.9) - np.log(1e-7)) / 10, rel=1e-5)


def test_a_loss_that_changed_for_one_image_alone_has_no_interval():
    (one,) = losses([0.9], [0.89])
    assert (one.severity, one.interval) == ("undecided", None)


# The rule


@pytest.mark.parametrize(
    ("gain", "low", "word"),
    [
        (-0.03, -0.05, "regression"),
        (-0.03, -0.03, "regression"),
        (-0.01, -0.03, "undecided"),
        (0.05, -0.03, "undecided"),
        (-0.01, -0.015, "within"),
        (0.01, 0.005, "within"),
        (0.03, -0.001, "within"),
        (0.03, 0.001, "improved"),
    ],
)
def test_the_difference_fails_and_its_interval_says_what_is_known_of_the_rest(
    gain: float, low: float, word: str
):
    assert non_inferiority(gain, low, MARGIN) == word


@given(*[st.integers(0, 40)] * 4)
def test_swapped_a_regression_that_is_more_than_chance_is_an_improvement(
    both: int, first: int, second: int, none: int
):
    before = np.array([True] * both + [True] * first + [False] * second + [False] * (none + 1))
    after = np.array([True] * both + [False] * first + [True] * second + [False] * (none + 1))
    there, back = compare(after, before), compare(before, after)
    word = non_inferiority(there.difference, there.interval.low, MARGIN)
    swapped = non_inferiority(back.difference, back.interval.low, MARGIN)
    if word == "regression" and there.interval.high < 0:
        assert swapped == "improved"
    if word == "improved":
        assert swapped == "regression"
    assert not (word == swapped == "regression")


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_wider_margin_never_makes_a_regression_of_what_was_none(gain: float, below: float, margin: float):
    strict = non_inferiority(gain, gain - below, margin)
    loose = non_inferiority(gain, gain - below, margin + 0.1)
    assert strict == "regression" or loose != "regression"


def test_runs_that_are_equally_good_seldom_fail_and_a_loss_of_twice_the_margin_seldom_passes():
    """Simulated: two trainings of 95 % that err on different images, 1,000 of them, margin 2 points."""
    random = np.random.default_rng(0)

    def verdicts(after: float) -> list[str]:
        told = []
        for _ in range(300):
            hard = random.random(1000)
            noise = random.random((2, 1000)) * 0.02
            one, other = hard + noise[0] < 0.95, hard + noise[1] < after
            result = compare(other, one)
            told.append(non_inferiority(result.difference, result.interval.low, MARGIN))
        return told

    same, worse = verdicts(0.95), verdicts(0.91)
    assert same.count("regression") == 0
    assert worse.count("regression") >= 295
