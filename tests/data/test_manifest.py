"""The manifest, and trap 10: no content in two splits or under two classes."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.manifest import SPLITS, Entry, LeftOut, Manifest, build_manifest
from harness.errors import UserError

Found = tuple[str, str, str, str]
Builder = Callable[[str, Iterable[Found], Iterable[LeftOut]], Manifest]

BASE: list[Found] = [
    (split, label, f"{split}/{label}/0.png", f"{split}-{label}")
    for split in SPLITS
    for label in ("cats", "dogs")
]
"""One image of its own in every split and class."""

images = st.lists(
    st.tuples(
        st.sampled_from(SPLITS),
        st.sampled_from(["cats", "dogs"]),
        st.integers(1, 6),
        st.sampled_from([f"content{number}" for number in range(5)]),
    ).map(lambda row: (row[0], row[1], f"{row[0]}/{row[1]}/{row[2]}.png", row[3])),
    max_size=14,
    unique_by=lambda row: row[2],
)
"""More images, with copies across splits and classes."""


def build(found: Iterable[Found]) -> Manifest:
    return build_manifest("here", found, ())


def image(split: str, label: str, name: str, content: str) -> Found:
    return (split, label, f"{split}/{label}/{name}", content)


def check_no_leak(builder: Builder, found: list[Found]) -> None:
    """Fail if a content of `builder`'s manifest is in two splits or under two classes."""
    places: dict[str, tuple[str, str]] = {}
    for entry in builder("here", found, ()).entries:
        place = places.setdefault(entry.sha256, (entry.split, entry.label))
        assert place == (entry.split, entry.label), f"{entry.sha256} is in {place} and in {entry.path}"


def trusts_folders(source: str, found: Iterable[Found], left_out: Iterable[LeftOut]) -> Manifest:
    """A broken builder: every file stands where its folder says, whatever is in it."""
    entries = tuple(Entry(path, split, label, path, sha256) for split, label, path, sha256 in found)
    return Manifest(source, ("cats", "dogs"), entries, tuple(left_out))


def first_come(source: str, found: Iterable[Found], left_out: Iterable[LeftOut]) -> Manifest:
    """A broken builder: copies are dropped within a split only."""
    seen: dict[tuple[str, str, str], Found] = {}
    for row in found:
        seen.setdefault((row[0], row[1], row[3]), row)
    return trusts_folders(source, seen.values(), left_out)


ACROSS_SPLITS = [image("train", "cats", "copy.png", "test-cats")]
ACROSS_CLASSES = [image("train", "dogs", "copy.png", "train-cats")]


@pytest.mark.parametrize("broken", [trusts_folders, first_come])
@pytest.mark.parametrize("copies", [ACROSS_SPLITS, ACROSS_CLASSES], ids=["splits", "classes"])
def test_the_check_refuses_a_builder_that_leaks(broken: Builder, copies: list[Found]):
    with pytest.raises(AssertionError, match="is in"):
        check_no_leak(broken, BASE + copies)


@given(images)
def test_no_content_is_in_two_splits_or_under_two_classes(more: list[Found]):
    check_no_leak(build_manifest, BASE + more)


@given(images)
def test_every_file_is_either_in_the_manifest_or_left_out_with_a_reason(more: list[Found]):
    manifest = build(BASE + more)
    paths = [entry.path for entry in manifest.entries] + [left.path for left in manifest.left_out]
    assert sorted(paths) == sorted(path for _, _, path, _ in BASE + more)
    assert all(left.reason for left in manifest.left_out)


@given(images.flatmap(lambda more: st.tuples(st.just(BASE + more), st.permutations(BASE + more))))
def test_the_manifest_does_not_depend_on_the_order_of_listing(case: tuple[list[Found], list[Found]]):
    listed, turned = case
    assert build(turned) == build(listed)


@given(images)
def test_ids_are_unique(more: list[Found]):
    ids = [entry.id for entry in build(BASE + more).entries]
    assert len(set(ids)) == len(ids)


# Copies


@pytest.mark.parametrize(
    ("splits", "home"),
    [
        (("train", "test"), "test"),
        (("train", "validation"), "validation"),
        (("validation", "test"), "test"),
        (SPLITS, "test"),
    ],
)
def test_of_copies_across_splits_the_one_nearest_to_the_test_stays(splits: tuple[str, ...], home: str):
    manifest = build(BASE + [image(split, "cats", "copy.png", "copied") for split in splits])
    assert [entry.split for entry in manifest.entries if entry.sha256 == "copied"] == [home]
    assert manifest.left_out == tuple(
        LeftOut(f"{split}/cats/copy.png", f"the same content is in {home}/cats/copy.png")
        for split in sorted(set(splits) - {home})
    )


def test_a_content_under_two_classes_is_left_out_everywhere():
    manifest = build([*BASE, image("train", "cats", "a.png", "both"), image("test", "dogs", "a.png", "both")])
    assert "both" not in {entry.sha256 for entry in manifest.entries}
    assert manifest.left_out == (
        LeftOut("test/dogs/a.png", "the same content stands under cats and dogs"),
        LeftOut("train/cats/a.png", "the same content stands under cats and dogs"),
    )


def test_copies_within_one_split_and_class_stay_under_ids_of_their_own():
    manifest = build([*BASE, image("train", "cats", "a.png", "x"), image("train", "cats", "b.png", "x")])
    assert [entry.id for entry in manifest.entries if entry.sha256 == "x"] == ["x", "x-2"]


# Hash, order, counts


def test_images_stand_in_the_order_of_split_class_and_content():
    order = [
        (SPLITS.index(entry.split), entry.label, entry.sha256) for entry in build(reversed(BASE)).entries
    ]
    assert order == sorted(order)


def test_the_hash_does_not_depend_on_the_names_of_files():
    renamed = [(split, label, f"{split}/{label}/other.jpg", sha256) for split, label, _, sha256 in BASE]
    assert build(renamed).sha256 == build(BASE).sha256


@pytest.mark.parametrize(
    "changed",
    [
        [*BASE, image("train", "cats", "new.png", "new")],
        [*BASE[:-1], image("test", "dogs", "0.png", "other content")],
        [*BASE, *(image(split, "birds", "0.png", f"{split}-birds") for split in SPLITS)],
        [
            (split, {"cats": "lions", "dogs": "wolves"}[label], path, sha256)
            for split, label, path, sha256 in BASE
        ],
    ],
    ids=["one more", "another content", "one more class", "other class names"],
)
def test_the_hash_differs_when_images_or_classes_do(changed: list[Found]):
    assert build(changed).sha256 != build(BASE).sha256


def test_counts_are_by_split_and_class():
    manifest = build([*BASE, image("train", "cats", "1.png", "one more")])
    assert manifest.counts() == {
        "train": {"cats": 2, "dogs": 1},
        "validation": {"cats": 1, "dogs": 1},
        "test": {"cats": 1, "dogs": 1},
    }
    assert [entry.label for entry in manifest.split("train")] == ["cats", "cats", "dogs"]


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path):
    manifest = build_manifest("hier, à côté", BASE, [LeftOut("train/cats/bad.png", "the file is empty")])
    manifest.save(tmp_path / "manifest.json")
    assert Manifest.load(tmp_path / "manifest.json") == manifest


# What cannot be used


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([], "here: expected at least two classes, found 0"),
        ([row for row in BASE if row[1] == "cats"], "here: expected at least two classes, found 1 (cats)"),
        (BASE[1:], "here: split 'train' has no usable image of cats"),
        (BASE[:-1], "here: split 'test' has no usable image of dogs"),
        (
            [row for row in BASE if row[0] != "validation"],
            "here: split 'validation' has no usable image of cats, dogs",
        ),
        (
            [*BASE[1:], image("train", "cats", "copy.png", "test-cats")],
            "here: split 'train' has no usable image of cats",
        ),
    ],
    ids=["nothing", "one class", "class not trained", "class not tested", "empty split", "only a copy"],
)
def test_a_data_set_that_cannot_be_used_is_refused(found: list[Found], message: str):
    with pytest.raises(UserError) as caught:
        build(found)
    assert str(caught.value).startswith(message)
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b"{}", b'{"source": "folder", "classes": 3}', b"\xff"]
)
def test_a_manifest_that_cannot_be_read_is_told_with_what_to_do(tmp_path: Path, content: bytes | None):
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="the list of the run's images cannot be read") as caught:
        Manifest.load(path)
    assert caught.value.where == str(path)
