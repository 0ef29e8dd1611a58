"""The splits as training sees them."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.data.manifest import Entry, Manifest
from harness.training.splits import TestSplit, open_splits

SPLITS = ("train", "train", "train", "validation", "validation", "test", "test")
LABELS = ("cat", "cat", "dog", "cat", "dog", "cat", "dog")


def manifest(splits: Sequence[str] = SPLITS) -> Manifest:
    entries = tuple(
        Entry(f"id-{row}", split, label, f"{row}.png", f"{row:064}")
        for row, (split, label) in enumerate(zip(splits, LABELS, strict=True))
    )
    return Manifest("by hand", ("cat", "dog"), entries, ())


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """Every pixel of an image is its row."""
    return np.arange(len(LABELS), dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)


def test_each_split_has_its_own_images_labels_and_ids_in_the_manifests_order(
    pixels: NDArray[np.uint8],
) -> None:
    train, validation, test = open_splits(manifest(), pixels)

    assert train.pixels[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert train.labels.tolist() == [0, 0, 1]
    assert train.ids == ("id-0", "id-1", "id-2")
    assert validation.pixels[:, 0, 0, 0].tolist() == [3, 4]
    assert validation.labels.tolist() == [0, 1]
    assert test.pixels[:, 0, 0, 0].tolist() == [5, 6]
    assert test.ids == ("id-5", "id-6")


def test_splits_are_views_of_the_pixels(pixels: NDArray[np.uint8]) -> None:
    for split in open_splits(manifest(), pixels):
        assert np.shares_memory(split.pixels, pixels)


def test_a_part_of_the_training_split_has_its_own_rows_and_the_others_stay_whole(
    pixels: NDArray[np.uint8],
) -> None:
    parts = [open_splits(manifest(), pixels, train_images=2, seed=seed) for seed in range(8)]

    for train, validation, test in parts:
        (rows,) = {(0, 2), (1, 2)} & {tuple(train.pixels[:][:, 0, 0, 0].tolist())}
        assert train.labels.tolist() == [0, 1]
        assert train.ids == tuple(f"id-{row}" for row in rows)
        assert len(train.pixels) == 2
        assert (validation.ids, test.ids) == (("id-3", "id-4"), ("id-5", "id-6"))
    assert len({train.ids for train, _, _ in parts}) == 2


def test_a_part_is_read_from_the_file_when_it_is_asked_for_and_not_before(
    pixels: NDArray[np.uint8],
) -> None:
    changing = pixels.copy()
    train, _, _ = open_splits(manifest(), changing, train_images=2)

    changing[:] = 77

    assert train.pixels.shape == (2, 2, 2, 3)
    assert train.pixels[np.array([1, 0, 1])].shape == (3, 2, 2, 3)
    assert set(train.pixels[0:1].ravel().tolist()) == {77}


def test_class_numbers_follow_the_manifests_order_of_classes(pixels: NDArray[np.uint8]) -> None:
    turned = Manifest("by hand", ("dog", "cat"), manifest().entries, ())

    train, _, _ = open_splits(turned, pixels)

    assert train.labels.tolist() == [1, 1, 0]


def test_splits_that_are_not_contiguous_are_refused(pixels: NDArray[np.uint8]) -> None:
    mixed = ("train", "validation", "train", "train", "validation", "test", "test")

    with pytest.raises(ValueError, match="contiguous"):
        open_splits(manifest(mixed), pixels)


def test_test_labels_are_read_once(pixels: NDArray[np.uint8]) -> None:
    _, _, test = open_splits(manifest(), pixels)

    assert test.read_labels().tolist() == [0, 1]
    with pytest.raises(RuntimeError, match="once"):
        test.read_labels()


def test_test_labels_do_not_show_when_the_split_is_printed(pixels: NDArray[np.uint8]) -> None:
    test = TestSplit(pixels[:1], ("a",), np.array([123456]))

    assert "123456" not in repr(test)
