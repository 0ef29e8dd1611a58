"""The ImageNet head as a classifier of cats and dogs (random weights: only what it computes)."""

import keras
import numpy as np
import pytest
from fakes_training import KERAS_ARRAYS, draw_images, prepared

from harness.backbones import backbone
from harness.strategies.zero_shot import imagenet_classes
from harness.training.base import build_top, calibrate
from harness.training.scoring import predict
from harness.training.zero_shot import build_zero_shot

pytestmark = KERAS_ARRAYS

ROW = backbone("MobileNet-0.25")
GROUPS = imagenet_classes(("cat", "dog"))


@pytest.fixture
def weights(tmp_path):
    keras.utils.set_random_seed(3)
    top = build_top(ROW, 32, None)
    calibrate(top, prepared(ROW, draw_images(32, 32, seed=2)[0]))
    path = tmp_path / "top.weights.h5"
    top.save_weights(path)
    return path


def test_a_probability_is_that_of_its_classes_among_those_of_all_groups(weights) -> None:
    pixels, _ = draw_images(5, 32, seed=1)
    logits = np.asarray(build_top(ROW, 32, weights)(prepared(ROW, pixels)), np.float64)
    powers = np.exp(logits)
    cats, dogs = (powers[:, list(group)].sum(axis=1) for group in GROUPS)

    found = predict(build_zero_shot(ROW, 32, weights, GROUPS).full, [pixels.astype(np.float32)], 2)

    np.testing.assert_allclose(found, np.stack([cats, dogs], axis=1) / (cats + dogs)[:, None], rtol=1e-4)
    assert found.std(axis=0).max() > 1e-3


def test_the_order_of_groups_is_the_order_of_probabilities(weights) -> None:
    pixels = draw_images(3, 32, seed=1)[0].astype(np.float32)
    one, other = (build_zero_shot(ROW, 32, weights, groups).full for groups in (GROUPS, GROUPS[::-1]))

    np.testing.assert_allclose(predict(one, [pixels], 3), predict(other, [pixels], 3)[:, ::-1], rtol=1e-5)


def test_nothing_of_it_trains(weights) -> None:
    assert build_zero_shot(ROW, 32, weights, GROUPS).full.trainable_variables == []
