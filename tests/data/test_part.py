"""Parts of the training images: every class in its share, and the smaller inside the larger."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.data.manifest import Entry
from harness.data.part import draw_part

Draw = Callable[[Sequence[Entry], int, int], NDArray[np.int64]]

CLASSES = st.lists(st.integers(1, 15), min_size=2, max_size=6)
"""How many images each class has."""


def split(*sizes: int) -> list[Entry]:
    """A training split with that many images of each class, in the manifest's order."""
    return [
        Entry(f"{label}-{number}", "train", f"class{label}", f"{label}/{number}.png", f"{label:x}f{number:x}")
        for label, size in enumerate(sizes)
        for number in range(size)
    ]


def contents(draw: Draw, entries: Sequence[Entry], images: int, seed: int = 0) -> set[str]:
    return {entries[number].sha256 for number in draw(entries, images, seed)}


# Broken ways to draw a part


def first_ones(_: Sequence[Entry], images: int, __: int) -> NDArray[np.int64]:
    """Whatever comes first: one class alone, and the same for every seed."""
    return np.arange(images)


def without_classes(entries: Sequence[Entry], images: int, seed: int) -> NDArray[np.int64]:
    """Drawn from all images, whatever their class."""
    return np.sort(np.random.default_rng(seed).permutation(len(entries))[:images])


def by_place(entries: Sequence[Entry], images: int, seed: int) -> NDArray[np.int64]:
    """By where the images lie."""
    return draw_part([replace(entry, sha256=entry.path) for entry in entries], images, seed)


def anew_for_each_size(entries: Sequence[Entry], images: int, seed: int) -> NDArray[np.int64]:
    """Another draw for every size."""
    return draw_part(entries, images, seed + images)


def by_largest_remainders(entries: Sequence[Entry], images: int, _: int) -> NDArray[np.int64]:
    """The largest remainders of each size by itself."""
    sizes = Counter(entry.label for entry in entries)
    exact = {label: images * size / len(entries) for label, size in sizes.items()}
    shares = {label: math.floor(share) for label, share in exact.items()}
    rest = images - sum(shares.values())
    for label in sorted(exact, key=lambda label: shares[label] - exact[label])[:rest]:
        shares[label] += 1
    rows: dict[str, list[int]] = {label: [] for label in sizes}
    for row, entry in enumerate(entries):
        rows[entry.label].append(row)
    return np.sort(np.concatenate([rows[label][: shares[label]] for label in sizes]).astype(np.int64))


# Nested


def check_nested(draw: Draw, entries: Sequence[Entry], sizes: Sequence[int]) -> None:
    """Fail unless each part lies inside the next larger one and has the size that was asked for."""
    parts = [contents(draw, entries, images) for images in sorted(sizes)]
    assert [len(part) for part in parts] == sorted(sizes)
    for smaller, larger in itertools.pairwise(parts):
        assert smaller <= larger, "an image of a smaller part is not in a larger one"


PARADOX = split(15, 15, 9, 5, 2)
"""By largest remainders, 38 images hold 8 of the third class here, and 39 hold 7."""


@pytest.mark.parametrize("broken", [by_largest_remainders, anew_for_each_size])
def test_the_check_refuses_parts_that_are_not_nested(broken: Draw):
    with pytest.raises(AssertionError, match="not in a larger one"):
        check_nested(broken, PARADOX, range(5, 47))


@given(CLASSES)
def test_every_part_lies_inside_all_larger_ones(sizes: list[int]):
    check_nested(draw_part, split(*sizes), range(len(sizes), sum(sizes) + 1))


# Stratified


def check_stratified(draw: Draw, entries: Sequence[Entry], images: int) -> None:
    """Fail unless every class is there, and none has more than one image above its share or the first."""
    sizes = Counter(entry.label for entry in entries)
    found = Counter(entries[number].label for number in draw(entries, images, 0))
    assert found.keys() == sizes.keys(), "a class is missing"
    for label, count in found.items():
        share = images * sizes[label] / len(entries)
        assert count < max(share + 1, 1.5), f"{count} images of {label}, whose share is {share}"


@pytest.mark.parametrize("broken", [first_ones, without_classes])
def test_the_check_refuses_parts_that_are_not_stratified(broken: Draw):
    with pytest.raises(AssertionError, match=r"a class is missing|whose share is"):
        check_stratified(broken, split(40, 40, 3), 20)


@given(CLASSES, st.data())
def test_every_class_is_in_a_part_and_none_is_above_its_share(sizes: list[int], data: st.DataObject):
    images = data.draw(st.integers(len(sizes), sum(sizes)))
    check_stratified(draw_part, split(*sizes), images)


def test_classes_of_one_size_have_as_many_images_each():
    entries = split(1000, 1000)
    for images in (50, 100, 200, 500, 1000):
        labels = Counter(entries[number].label for number in draw_part(entries, images, 0))
        assert set(labels.values()) == {images // 2}


def test_a_rare_class_has_an_image_and_the_others_keep_their_shares():
    entries = split(600, 399, 1)
    labels = Counter(entries[number].label for number in draw_part(entries, 100, 0))
    assert labels == {"class0": 60, "class1": 39, "class2": 1}


# By content and seed


def check_by_content(draw: Draw) -> None:
    """Fail if the order of listing or the files' places change a part, or the seed does not."""
    entries = split(30, 20)
    usual = contents(draw, entries, 15)
    shuffled = random.Random(1).sample(entries, len(entries))
    moved = [replace(entry, path=entry.path[::-1]) for entry in entries]
    assert contents(draw, shuffled, 15) == usual, "the order of listing has a part in it"
    assert [entry.sha256 for entry in (moved[number] for number in draw(moved, 15, 0))] == [
        entries[number].sha256 for number in draw(entries, 15, 0)
    ], "the files' places have a part in it"
    assert len({frozenset(contents(draw, entries, 15, seed)) for seed in range(5)}) == 5, "seeds draw alike"


@pytest.mark.parametrize(
    ("broken", "why"),
    [(without_classes, "order of listing"), (first_ones, "order of listing"), (by_place, "places")],
)
def test_the_check_refuses_parts_by_order_or_place(broken: Draw, why: str):
    with pytest.raises(AssertionError, match=why):
        check_by_content(broken)


def test_a_part_is_drawn_by_content_and_seed_alone():
    check_by_content(draw_part)


def test_a_part_is_in_the_order_of_the_split_and_the_largest_is_the_split():
    entries = split(7, 5, 3)
    rows = draw_part(entries, 9, 0)
    assert rows.tolist() == sorted(rows)
    assert draw_part(entries, 15, 4).tolist() == list(range(15))


def test_copies_of_one_image_are_drawn_the_same_way_in_any_order():
    entries = [replace(entry, sha256="same") for entry in split(6, 6)]
    turned = entries[::-1]
    assert {entries[number].id for number in draw_part(entries, 5, 0)} == {
        turned[number].id for number in draw_part(turned, 5, 0)
    }


@pytest.mark.parametrize("images", [0, 2, 16])
def test_a_part_without_a_class_or_beyond_the_split_is_an_error(images: int):
    with pytest.raises(ValueError, match=f"no part of {images} images of 15 in 3 classes"):
        draw_part(split(5, 5, 5), images, 0)
