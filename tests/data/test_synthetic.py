"""Images drawn by code: the same everywhere, and no class given away by its colours."""

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.data.synthetic import IMAGE_SIZE, SOURCE_CLASSES, TARGET_CLASSES, draw

GOLDEN = "71dc069eef8dd6535aa811f79ea120a2d09a5d99356fe03ef34bdffbe112cd97"


def images(stream: str, count: int) -> NDArray[np.uint8]:
    return np.stack([draw(TARGET_CLASSES, index % 2, 0, stream, index) for index in range(count)])


def colours(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean and deviation of each channel."""
    return np.concatenate([pixels.mean(axis=(1, 2)), pixels.std(axis=(1, 2))], axis=1)


def thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of 12 x 12 pixels: 8 x 8 thumbnails, as vectors."""
    blocks = pixels.reshape(len(pixels), 8, 12, 8, 12, 3)
    return blocks.mean(axis=(2, 4)).reshape(len(pixels), -1)


def ridge_accuracy(train: NDArray[np.float64], test: NDArray[np.float64], penalty: float = 30.0) -> float:
    """Test accuracy of a linear classifier; the labels alternate."""
    middle, spread = train.mean(axis=0), train.std(axis=0)
    a, b = (train - middle) / spread, (test - middle) / spread
    signs = np.where(np.arange(len(train)) % 2, 1.0, -1.0)
    weights = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ signs)
    return float(np.mean((b @ weights > 0) == (np.arange(len(test)) % 2 == 1)))


@pytest.fixture(scope="module")
def train() -> NDArray[np.uint8]:
    return images("train", 300)


@pytest.fixture(scope="module")
def test() -> NDArray[np.uint8]:
    return images("test", 300)


def test_an_image_is_rgb_of_the_stated_size():
    image = draw(SOURCE_CLASSES, 3, 0, "train", 7)
    assert image.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    assert image.dtype == np.uint8


def test_the_same_arguments_give_the_same_image_whatever_was_drawn_between():
    first = draw(TARGET_CLASSES, 0, 5, "train", 11)
    draw(TARGET_CLASSES, 1, 6, "test", 12)
    np.random.random()
    np.testing.assert_array_equal(draw(TARGET_CLASSES, 0, 5, "train", 11), first)


@pytest.mark.parametrize(
    "other",
    [(1, 5, "train", 11), (0, 6, "train", 11), (0, 5, "validation", 11), (0, 5, "train", 12)],
    ids=["label", "seed", "stream", "index"],
)
def test_each_argument_changes_the_image(other):
    first = draw(TARGET_CLASSES, 0, 5, "train", 11)
    assert np.mean(draw(TARGET_CLASSES, *other) != first) > 0.9


def test_the_pixels_are_the_same_on_every_machine():
    """Committed weights and results were made with these very pixels."""
    digest = hashlib.sha256()
    for classes in (TARGET_CLASSES, SOURCE_CLASSES):
        for label in range(len(classes)):
            digest.update(draw(classes, label, 0, "train", label).tobytes())
    assert digest.hexdigest() == GOLDEN


def test_all_images_differ(train, test):
    assert len({image.tobytes() for image in np.concatenate([train, test])}) == len(train) + len(test)


def test_source_and_target_share_shapes_and_textures_but_no_combination():
    assert not set(SOURCE_CLASSES) & set(TARGET_CLASSES)
    parts = {part for name in SOURCE_CLASSES for part in name.split("-")}
    assert {part for name in TARGET_CLASSES for part in name.split("-")} <= parts


def test_the_two_classes_have_the_same_mean_colour(train, test):
    """The mean grey of the classes differs by less than a fifth of its deviation."""
    grey = np.concatenate([train, test]).mean(axis=(1, 2, 3))
    assert abs(grey[0::2].mean() - grey[1::2].mean()) < 0.2 * grey.std()


@pytest.mark.parametrize("features", [colours, thumbnails])
def test_a_linear_model_on_colours_stays_near_chance(features, train, test):
    assert 0.35 < ridge_accuracy(features(train), features(test)) < 0.65


def test_the_middle_of_the_range_is_used(train):
    """Neither clipped to black and white nor without contrast."""
    assert np.mean((train == 0) | (train == 255)) < 0.2
    assert train.std() > 30
