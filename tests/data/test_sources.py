"""Folders of images, usable and not, and which source a matrix asks for."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import encoded, image_folder, nothing, png, put
from PIL import Image

from harness.data import sources
from harness.data.manifest import PREPARED_NAME, LeftOut, Manifest
from harness.data.sources import FolderSource, SyntheticSource, open_source
from harness.data.synthetic import TARGET_CLASSES
from harness.errors import UserError
from harness.matrix import DataSpec


def listed(root: Path) -> Manifest:
    return FolderSource(root, root.parent / "cache").manifest(nothing)


def refused(root: Path) -> str:
    """The message for a folder that cannot be used, without the path before it."""
    with pytest.raises(UserError) as caught:
        listed(root)
    assert caught.value.hint
    return str(caught.value).replace(f"{root.parent}/", "")


# A folder that can be used


def test_a_folder_is_listed_by_split_and_class(data: Path):
    manifest = listed(data)
    assert manifest.classes == ("cats", "dogs")
    assert manifest.counts() == {split: {"cats": 2, "dogs": 2} for split in ("train", "validation", "test")}
    assert manifest.left_out == ()


def test_any_number_of_classes_is_listed(tmp_path: Path):
    assert listed(image_folder(tmp_path / "images", ("a", "b", "c", "d"))).classes == ("a", "b", "c", "d")


def test_an_image_is_read_as_it_was_written(data: Path):
    source = FolderSource(data, data.parent / "cache")
    for entry in source.manifest(nothing).entries:
        with Image.open(data / entry.path) as image:
            assert np.array_equal(source.read(entry), np.asarray(image))


def test_paths_in_a_manifest_are_relative_to_the_folder(data: Path):
    assert {entry.path.split("/")[0] for entry in listed(data).entries} == {"train", "validation", "test"}


def test_the_same_images_elsewhere_have_the_same_hash(data: Path, tmp_path: Path):
    shutil.copytree(data, tmp_path / "elsewhere" / "images")
    assert listed(tmp_path / "elsewhere" / "images").sha256 == listed(data).sha256


def test_hidden_files_are_passed_over(data: Path):
    put(data / ".DS_Store", b"x")
    put(data / "train" / ".DS_Store", b"x")
    put(data / "train" / "cats" / ".DS_Store", b"x")
    assert listed(data).left_out == ()


# Images that cannot be used


def test_images_that_cannot_be_decoded_are_listed_and_left_out(data: Path):
    cats = data / "train" / "cats"
    put(cats / "empty.jpg", b"")
    put(cats / "page.jpg", b"<html>not found</html>")
    put(cats / "short.png", png(99)[:-30])
    manifest = listed(data)
    assert [left.path for left in manifest.left_out] == [
        "train/cats/empty.jpg",
        "train/cats/page.jpg",
        "train/cats/short.png",
    ]
    assert manifest.left_out[0].reason == "the file is empty"
    assert manifest.left_out[1].reason == "not an image in a known format"
    assert manifest.left_out[2].reason
    assert manifest.counts()["train"] == {"cats": 2, "dogs": 2}


def test_an_image_under_a_wrong_ending_is_used(data: Path):
    put(data / "train" / "cats" / "really-a-png.jpg", png(99))
    assert listed(data).counts()["train"]["cats"] == 3


def test_a_copy_of_a_test_image_is_left_out_of_training(data: Path):
    shutil.copy(data / "test" / "cats" / "0.png", data / "train" / "cats" / "copy.png")
    assert listed(data).left_out == (
        LeftOut("train/cats/copy.png", "the same content is in test/cats/0.png"),
    )


def test_a_class_without_a_usable_image_in_a_split_is_refused(data: Path):
    for path in (data / "validation" / "dogs").iterdir():
        path.write_bytes(b"")
    assert refused(data).startswith("images: split 'validation' has no usable image of dogs\n")


@pytest.mark.parametrize("content", [None, b"broken"], ids=["empty folders", "broken images"])
def test_a_class_that_lost_all_its_images_is_refused_and_not_forgotten(data: Path, content: bytes | None):
    for split in ("train", "validation", "test"):
        (data / split / "birds").mkdir()
        if content:
            put(data / split / "birds" / "0.png", content)
    assert refused(data).startswith("images: no usable image of birds in any split\n")


# A folder that cannot be used


def test_a_missing_folder_is_refused(tmp_path: Path):
    assert refused(tmp_path / "images").startswith("images: no such folder\nExpected train/CLASS/*, ")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path):
    assert refused(put(tmp_path / "images", b"")).startswith("images: expected a folder, found a file\n")


def test_an_empty_folder_is_refused(tmp_path: Path):
    (tmp_path / "images").mkdir()
    assert refused(tmp_path / "images") == (
        "images: no folder train, validation, test\nExpected train, validation and test; found nothing."
    )


def test_a_folder_of_classes_without_splits_is_refused_and_told_what_is_there(tmp_path: Path):
    for label in ("cats", "dogs"):
        put(tmp_path / "images" / label / "0.png", png(0))
    assert refused(tmp_path / "images").endswith(
        "Expected train, validation and test; found cats, dogs. "
        "Make a split with: transferbench prepare images --out NEW_FOLDER"
    )


def test_a_flat_folder_of_many_images_is_told_how_to_split_them(tmp_path: Path):
    for number in range(3):
        put(tmp_path / "images" / f"cat.{number}.png", png(number))
    assert "found 3 files. Make a split with: transferbench prepare images" in refused(tmp_path / "images")


def test_a_missing_split_is_named(data: Path):
    (data / "validation").rename(data / "val")
    assert refused(data) == (
        "images: no folder validation\nExpected train, validation and test; found test, train, val. "
        "Make a split with: transferbench prepare images --out NEW_FOLDER"
    )


def test_empty_splits_are_refused(tmp_path: Path):
    for split in ("train", "validation", "test"):
        (tmp_path / "images" / split).mkdir(parents=True)
    assert refused(tmp_path / "images").startswith("images: expected at least two classes, found 0\n")


def test_one_class_is_refused(tmp_path: Path):
    folder = image_folder(tmp_path / "images", ("cats",))
    assert refused(folder).startswith(
        "images: expected at least two classes, found 1 (cats)\nEach class is a folder"
    )


def test_images_outside_a_class_are_refused(data: Path):
    put(data / "train" / "loose.png", png(50))
    assert refused(data).startswith(
        "images/train: a file stands where class folders are expected: loose.png\n"
    )


def test_nested_classes_are_refused(data: Path):
    put(data / "train" / "cats" / "persian" / "0.png", png(50))
    assert refused(data).startswith("images/train/cats: a folder stands where images are expected: persian\n")


def test_one_folder_too_many_around_the_splits_is_refused(tmp_path: Path):
    image_folder(tmp_path / "images" / "unpacked")
    assert refused(tmp_path / "images").endswith(
        "found unpacked. They are in images/unpacked: name that folder."
    )


# What is known already


def test_only_new_content_is_decoded_when_a_folder_is_listed_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    listed(data)
    decoded = []
    monkeypatch.setattr(sources, "decode", decoded.append)
    shutil.copy(data / "train" / "cats" / "0.png", data / "train" / "cats" / "copy.png")
    put(data / "train" / "cats" / "new.png", png(99))
    manifest = listed(data)
    assert decoded == [png(99)]
    assert manifest.counts()["train"]["cats"] == 4


def test_a_reason_is_remembered(data: Path):
    put(data / "train" / "cats" / "broken.png", b"broken")
    assert listed(data) == listed(data)
    assert len(listed(data).left_out) == 1


def test_an_image_that_was_mended_is_used(data: Path):
    path = put(data / "train" / "cats" / "mended.png", png(99)[:-30])
    assert len(listed(data).left_out) == 1
    path.write_bytes(png(99))
    assert listed(data).left_out == ()


def test_a_damaged_memory_is_made_again(data: Path):
    listed(data)
    (remembered,) = (data.parent / "cache" / "verdicts").iterdir()
    remembered.write_bytes(b"{")
    assert len(listed(data).entries) == 12


def test_progress_counts_up_to_all_images(data: Path):
    seen: list[tuple[int, int]] = []
    FolderSource(data, data.parent / "cache").manifest(lambda done, total: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(1, 13)]


# Synthetic images and the choice


def test_synthetic_images_are_as_many_as_asked_for_and_balanced():
    spec = DataSpec(source="synthetic", train=6, validation=4, test=2)
    manifest = SyntheticSource(spec).manifest(nothing)
    assert [list(counts.values()) for counts in manifest.counts().values()] == [[3, 3], [2, 2], [1, 1]]
    assert set(manifest.classes) == set(TARGET_CLASSES)


def test_a_synthetic_image_is_drawn_the_same_each_time():
    source = SyntheticSource(DataSpec(source="synthetic", train=2, validation=2, test=2))
    entry = source.manifest(nothing).entries[0]
    assert np.array_equal(source.read(entry), source.read(entry))


def test_synthetic_images_of_another_seed_are_others():
    specs = [DataSpec(source="synthetic", train=2, validation=2, test=2, seed=seed) for seed in (0, 1)]
    hashes = [{entry.sha256 for entry in SyntheticSource(spec).manifest(nothing).entries} for spec in specs]
    assert not hashes[0] & hashes[1]


def test_the_named_folder_goes_before_that_of_the_matrix(tmp_path: Path):
    spec = DataSpec(path="in-matrix")
    assert open_source(spec, Path("named"), tmp_path) == FolderSource(Path("named"), tmp_path)
    assert open_source(spec, None, tmp_path) == FolderSource(Path("in-matrix"), tmp_path)


def test_a_synthetic_matrix_needs_no_folder(tmp_path: Path):
    assert isinstance(open_source(DataSpec(source="synthetic"), None, tmp_path), SyntheticSource)


def test_a_folder_that_nobody_named_is_asked_for(tmp_path: Path):
    with pytest.raises(UserError, match="no folder was named") as caught:
        open_source(DataSpec(), None, tmp_path)
    assert "--data DIR" in caught.value.hint
    assert "TRANSFERBENCH_DATA" in caught.value.hint


def test_sixteen_bit_images_take_part(data: Path):
    ramp = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)
    put(data / "train" / "cats" / "deep.png", encoded(Image.fromarray(ramp), "PNG"))
    source = FolderSource(data, data.parent / "cache")
    entry = next(each for each in source.manifest(nothing).entries if each.path.endswith("deep.png"))
    assert source.read(entry)[..., 0].ravel().tolist() == np.rint(ramp.ravel() / 257).tolist()


def test_a_file_that_changed_after_it_was_listed_is_not_read(data: Path):
    source = FolderSource(data, data.parent / "cache")
    entry = source.manifest(nothing).entries[0]
    (data / entry.path).write_bytes(b"other content")
    with pytest.raises(UserError, match="has changed since the images were listed"):
        source.read(entry)


def test_a_file_that_vanished_after_it_was_listed_is_an_error_that_names_it(data: Path):
    source = FolderSource(data, data.parent / "cache")
    entry = source.manifest(nothing).entries[0]
    (data / entry.path).unlink()
    with pytest.raises(UserError, match="cannot be read") as caught:
        source.read(entry)
    assert caught.value.where == entry.path


def test_what_prepare_wrote_is_an_error_where_it_cannot_be_read(data: Path):
    put(data / PREPARED_NAME, b"{")
    assert "what `prepare` wrote here cannot be read" in refused(data)


def test_progress_is_told_also_where_everything_is_known(data: Path):
    listed(data)
    seen: list[tuple[int, int]] = []
    FolderSource(data, data.parent / "cache").manifest(lambda done, total: seen.append((done, total)))
    assert seen == [(done, 12) for done in range(1, 13)]


def test_many_classes_that_lost_their_images_are_told_in_a_few_names(data: Path):
    for number in range(100):
        (data / "train" / f"empty{number:02}").mkdir()
    assert "no usable image of empty00, empty01, empty02, empty03, empty04 and 95 more in any" in refused(
        data
    )
