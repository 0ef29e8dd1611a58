"""Batches: what belongs to one image stays together, and every image comes once an epoch.

Each image tells its own row: all its pixels have the row's number as their value, except for the
left column, which is brighter, so that a mirrored image can be told from one that is not.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from harness.data.augmentation import draw_transforms
from harness.data.batches import feature_batches, image_batches, shuffled
from harness.recipes import Augmentation

COUNT, SIZE, BATCH = 21, 6, 8
ROWS = np.arange(COUNT)
MARK = 100

IDENTITY = np.array([1, 0, 0, 0, 1, 0, 0, 0], np.float32)
MIRROR = np.array([-1, 0, SIZE - 1, 0, 1, 0, 0, 0], np.float32)


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    drawn = np.ones((COUNT, SIZE, SIZE, 3), np.uint8) * ROWS[:, None, None, None].astype(np.uint8)
    drawn[:, :, 0] += MARK
    return drawn


@pytest.fixture
def order() -> NDArray[np.int64]:
    return shuffled(ROWS, seed=3, phase=0, epoch=1)


def mirrored_where_odd() -> NDArray[np.float32]:
    return np.where(ROWS[:, None] % 2 == 1, MIRROR, IDENTITY).astype(np.float32)


def joined(batches: Iterable[Any]) -> list[NDArray[Any]]:
    """The batches' columns, end to end."""
    columns = zip(*(batch if isinstance(batch, tuple) else (batch,) for batch in batches), strict=True)
    return [np.concatenate([np.asarray(part) for part in column]) for column in columns]


# Together -----------------------------------------------------------------------------------


def require_rows_to_stay_together(batches: Iterable[Any]) -> None:
    """Label n comes with image n, and image n has the transform of row n."""
    images, labels = joined(batches)
    assert sorted(labels.tolist()) == ROWS.tolist()
    np.testing.assert_allclose(images[:, 2, 2, 0], labels, atol=1e-3)
    mirrored = images[:, 0, -1, 0] > images[:, 0, 0, 0]
    np.testing.assert_array_equal(mirrored, labels % 2 == 1)


def ours(pixels: NDArray[np.uint8], order: NDArray[np.int64], **changes: Any) -> Any:
    given = {"labels": ROWS, "transforms": mirrored_where_odd()} | changes
    return image_batches(pixels, order, BATCH, **given)


def test_pixels_labels_and_transforms_stay_together_under_shuffle(
    pixels: NDArray[np.uint8], order: NDArray[np.int64]
) -> None:
    require_rows_to_stay_together(ours(pixels, order))


def test_the_check_rejects_labels_shuffled_apart_from_images(
    pixels: NDArray[np.uint8], order: NDArray[np.int64]
) -> None:
    images = ours(pixels, order, labels=None)
    labels = tf.data.Dataset.from_tensor_slices(ROWS).shuffle(COUNT, seed=1).batch(BATCH)

    with pytest.raises(AssertionError):
        require_rows_to_stay_together(tf.data.Dataset.zip((images, labels)))


def test_the_check_rejects_transforms_looked_up_by_position(
    pixels: NDArray[np.uint8], order: NDArray[np.int64]
) -> None:
    by_position = np.empty((COUNT, 8), np.float32)
    by_position[order] = mirrored_where_odd()

    with pytest.raises(AssertionError):
        require_rows_to_stay_together(ours(pixels, order, transforms=by_position))


def test_images_come_in_the_order_asked_for(pixels: NDArray[np.uint8], order: NDArray[np.int64]) -> None:
    assert joined(ours(pixels, order))[1].tolist() == order.tolist()


def test_images_without_labels_are_images_alone(pixels: NDArray[np.uint8]) -> None:
    (images,) = joined(image_batches(pixels, ROWS, BATCH))

    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, pixels)


def test_the_shape_of_images_is_known_before_they_are_read(pixels: NDArray[np.uint8]) -> None:
    images, labels = ours(pixels, ROWS).element_spec

    assert images.shape.as_list() == [None, SIZE, SIZE, 3]
    assert labels.shape.as_list() == [None]


def test_cached_features_and_labels_stay_together_under_shuffle(order: NDArray[np.int64]) -> None:
    features = [ROWS[:, None].astype(np.float32), ROWS[:, None, None] * np.ones((1, 2, 2), np.float32)]
    first, second, labels = [], [], []

    for (one, two), three in feature_batches(features, order, BATCH, labels=ROWS):
        first += one[:, 0].numpy().tolist()
        second += two[:, 1, 1].numpy().tolist()
        labels += three.numpy().tolist()

    assert first == second == labels == order.tolist()


def test_a_frontier_of_one_tensor_is_not_wrapped() -> None:
    features, labels = next(iter(feature_batches([np.ones((COUNT, 4), np.float32)], ROWS, 8, labels=ROWS)))

    assert (features.shape, labels.shape) == ((8, 4), (8,))


# Once each ----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [4, 8, 21, 50])
def test_the_last_batch_is_kept_though_it_is_smaller(
    pixels: NDArray[np.uint8], order: NDArray[np.int64], batch: int
) -> None:
    features = [ROWS[:, None].astype(np.float32)]
    for batches in (
        image_batches(pixels, order, batch, labels=ROWS),
        feature_batches(features, order, batch, labels=ROWS),
    ):
        sizes = [len(labels) for _, labels in batches]
        assert sum(sizes) == COUNT
        assert sizes[:-1] == [batch] * (len(sizes) - 1)


def test_the_rows_read_are_counted(pixels: NDArray[np.uint8], order: NDArray[np.int64]) -> None:
    counted: list[int] = []

    for _ in ours(pixels, order, on_rows=counted.append):
        pass

    assert sorted(counted) == [5, 8, 8]


# Orders and augmentation of each epoch ------------------------------------------------------


def test_an_order_holds_every_row_once(order: NDArray[np.int64]) -> None:
    assert sorted(order.tolist()) == ROWS.tolist()


@pytest.mark.parametrize("changed", ["seed", "phase", "epoch"])
def test_orders_differ_by_seed_phase_and_epoch(changed: str) -> None:
    place = {"seed": 0, "phase": 0, "epoch": 1}

    assert shuffled(ROWS, **place).tolist() != shuffled(ROWS, **(place | {changed: 2})).tolist()


def test_an_order_is_the_same_when_drawn_again(order: NDArray[np.int64]) -> None:
    assert shuffled(ROWS, seed=3, phase=0, epoch=1).tolist() == order.tolist()


Epochs = Callable[[int], NDArray[Any]]


def require_new_augmentation_each_epoch(epochs: Epochs) -> None:
    """The same images look different in the next epoch."""
    first, second = epochs(1), epochs(2)
    differs = np.abs(first - second).max(axis=(1, 2, 3)) > 1
    assert differs.mean() > 0.8


def texture() -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 256, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)


def drawn_by_epoch(epoch: int) -> NDArray[Any]:
    place = {"images": COUNT, "size": SIZE, "seed": 0, "phase": 0, "epoch": epoch}
    transforms = draw_transforms(Augmentation(), **place)
    return joined(image_batches(texture(), ROWS, BATCH, transforms=transforms))[0]


def cached_after_augmentation() -> Epochs:
    """The order of steps of many guides: map(augment).cache()."""
    turn = tf.random.Generator.from_seed(0)

    def augment(image: Any) -> Any:
        return tf.roll(tf.cast(image, tf.float32), turn.uniform([], 1, SIZE, tf.int32), axis=0)

    data = tf.data.Dataset.from_tensor_slices(texture()).map(augment).cache().batch(BATCH)
    return lambda _: joined(data)[0]


def test_augmentation_differs_in_each_epoch() -> None:
    require_new_augmentation_each_epoch(drawn_by_epoch)


def test_the_check_rejects_a_cache_behind_the_augmentation() -> None:
    with pytest.raises(AssertionError):
        require_new_augmentation_each_epoch(cached_after_augmentation())


def test_augmentation_is_the_same_when_the_epoch_is_drawn_again() -> None:
    np.testing.assert_array_equal(drawn_by_epoch(1), drawn_by_epoch(1))


def test_augmented_pixels_stay_in_the_range_of_raw_pixels() -> None:
    images = drawn_by_epoch(1)

    assert images.min() >= 0
    assert images.max() <= 255
    assert images.max() > 1
