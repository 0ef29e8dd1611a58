"""Probabilities, accuracy and loss, with every image counted once."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from harness.training.scoring import cross_entropies, predict, score

IMAGES = 21

Predict = Callable[[Any, Sequence[NDArray[Any]], int], NDArray[Any]]


class Echo:
    """A classifier of one sigmoid that puts out its input, and remembers the sizes of batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict_on_batch(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        self.batches.append(len(rows))
        return rows.astype(np.float32)


class Sum:
    """A classifier that takes two tensors."""

    def predict_on_batch(self, rows: list[NDArray[Any]]) -> NDArray[np.float32]:
        first, second = rows
        return (first + second).astype(np.float32)


def own_probabilities() -> NDArray[np.float32]:
    """A different probability for each image."""
    return np.linspace(0.01, 0.99, IMAGES, dtype=np.float32)[:, None]


# Every image once ---------------------------------------------------------------------------


def require_every_image_once(run: Predict, batch: int) -> None:
    found = run(Echo(), [own_probabilities()], batch)

    assert found.shape == (IMAGES, 2)
    np.testing.assert_array_equal(found[:, 1], own_probabilities()[:, 0])


def without_the_last_batch(classifier: Any, features: Sequence[NDArray[Any]], batch: int) -> NDArray[Any]:
    """What `drop_remainder=True` does to an evaluation."""
    whole = len(features[0]) // batch * batch
    return predict(classifier, [array[:whole] for array in features], batch)


@pytest.mark.parametrize("batch", [1, 8, 20, 21, 64])
def test_every_image_is_predicted_once_and_in_order(batch: int) -> None:
    require_every_image_once(predict, batch)


@pytest.mark.parametrize("batch", [8, 20, 64])
def test_the_check_rejects_a_prediction_that_drops_the_last_batch(batch: int) -> None:
    with pytest.raises((AssertionError, ValueError)):
        require_every_image_once(without_the_last_batch, batch)


def test_the_last_batch_is_the_partial_one() -> None:
    classifier = Echo()

    predict(classifier, [own_probabilities()], 8)

    assert classifier.batches == [8, 8, 5]


def test_a_sigmoid_becomes_two_columns_that_sum_to_one() -> None:
    np.testing.assert_allclose(predict(Echo(), [own_probabilities()], 8).sum(axis=1), 1, rtol=1e-6)


def test_a_softmax_stays_as_it_is() -> None:
    softmax = np.full((IMAGES, 3), 1 / 3, np.float32)

    np.testing.assert_array_equal(predict(Echo(), [softmax], 8), softmax)


def test_all_tensors_of_a_frontier_are_given_row_by_row() -> None:
    first, second = own_probabilities() / 2, own_probabilities() / 4

    found = predict(Sum(), [first, second], 8)

    np.testing.assert_allclose(found[:, 1], (first + second)[:, 0], rtol=1e-6)


# Dropout ------------------------------------------------------------------------------------


def with_dropout() -> Any:
    """A head whose answers another dropout mask would change: 64 units, of which training drops half."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(64, activation="relu")(inputs)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


@pytest.fixture
def rows() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(IMAGES, 4)).astype(np.float32)


def test_dropout_is_off_so_that_predicting_twice_gives_the_same_probabilities(
    rows: NDArray[np.float32],
) -> None:
    model = with_dropout()

    np.testing.assert_array_equal(predict(model, [rows], 8), predict(model, [rows], 8))


def test_the_probabilities_are_those_of_inference_and_not_of_training(rows: NDArray[np.float32]) -> None:
    model = with_dropout()
    inference, training = (np.asarray(model(rows, training=on))[:, 0] for on in (False, True))

    assert np.abs(inference - training).max() > 0.01
    np.testing.assert_allclose(predict(model, [rows], 8)[:, 1], inference, rtol=1e-5)


# Scores -------------------------------------------------------------------------------------


def drawn(classes: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(classes)
    probabilities = random.dirichlet(np.full(classes, 0.3), IMAGES).astype(np.float32)
    if classes == 2:
        probabilities[:, 0] = 1 - probabilities[:, 1]  # as a sigmoid's output is completed
    return probabilities, random.integers(0, classes, IMAGES)


def test_the_loss_of_two_classes_is_keras_binary_crossentropy() -> None:
    probabilities, labels = drawn(2)

    wanted = float(keras.losses.BinaryCrossentropy()(labels[:, None].astype("float32"), probabilities[:, 1:]))

    assert score(probabilities, labels).loss == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("classes", [3, 5])
def test_the_loss_of_more_classes_is_keras_categorical_crossentropy(classes: int) -> None:
    probabilities, labels = drawn(classes)

    wanted = float(keras.losses.SparseCategoricalCrossentropy()(labels, probabilities))

    assert score(probabilities, labels).loss == pytest.approx(wanted, rel=1e-5)


def test_a_certain_and_wrong_answer_has_keras_finite_loss() -> None:
    wrong = np.array([[1.0, 0.0]], np.float32)

    wanted = float(keras.losses.BinaryCrossentropy()(np.ones((1, 1), "float32"), wrong[:, 1:]))

    assert score(wrong, np.array([1])).loss == pytest.approx(wanted, rel=1e-5)


def test_the_accuracy_is_the_share_of_right_answers() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32)

    assert score(probabilities, np.array([0, 1, 1])).accuracy == pytest.approx(2 / 3)


def test_a_probability_that_is_not_a_number_makes_the_loss_not_a_number() -> None:
    probabilities = np.array([[0.5, 0.5], [np.nan, np.nan]], np.float32)

    assert np.isnan(score(probabilities, np.array([0, 1])).loss)


def test_the_cross_entropy_of_each_image_is_that_of_its_own_class_and_never_infinite():
    probabilities = np.array([[0.25, 0.75], [1.0, 0.0]], dtype=np.float32)
    found = cross_entropies(probabilities, np.array([1, 1]))
    assert found == pytest.approx([-np.log(0.75), -np.log(1e-7)])
    assert score(probabilities, np.array([1, 1])).loss == pytest.approx(found.mean())
