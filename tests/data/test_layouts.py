"""In which layouts labelled images are found, and that the order of listing has no part in it."""

import random
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from harness.data.layouts import Layout, find_layout, open_files
from harness.errors import UserError


def layout(*paths: str, depth: int = 1) -> Layout:
    return find_layout(tuple(PurePosixPath(path) for path in sorted(paths)), depth)


def labels(found: Layout) -> dict[str, str]:
    return {each.path: each.label for each in found.files}


def test_flat_files_are_labelled_by_what_stands_before_the_first_dot():
    assert labels(layout("cat.0.jpg", "dog.12.JPG")) == {"cat.0.jpg": "cat", "dog.12.JPG": "dog"}


def test_flat_files_are_found_inside_a_wrapping_folder():
    assert labels(layout("train/cat.0.jpg", "train/dog.0.jpg")) == {
        "train/cat.0.jpg": "cat",
        "train/dog.0.jpg": "dog",
    }


def test_class_folders_are_labels():
    assert labels(layout("Cat/0.jpg", "Dog/0.jpg")) == {"Cat/0.jpg": "Cat", "Dog/0.jpg": "Dog"}


def test_a_folder_around_the_class_folders_is_stepped_through():
    found = layout("PetImages/Cat/0.jpg", "PetImages/Dog/0.jpg")
    assert labels(found) == {"PetImages/Cat/0.jpg": "Cat", "PetImages/Dog/0.jpg": "Dog"}


def test_nested_folders_are_one_label_at_their_depth():
    found = layout("tomato/blight/0.jpg", "tomato/rust/0.jpg", "corn/rust/0.jpg", depth=2)
    assert sorted(labels(found).values()) == ["corn--rust", "tomato--blight", "tomato--rust"]


def test_an_old_split_is_pooled():
    found = layout("train/cats/0.jpg", "train/dogs/1.jpg", "test/cats/2.jpg", "test/dogs/3.jpg")
    assert labels(found)["test/dogs/3.jpg"] == "dogs"
    assert len(found.files) == 4
    assert "pooled" in found.description


def test_originals_beside_an_old_split_count_and_the_split_does_not():
    found = layout("train/cats/0.jpg", "test/dogs/1.jpg", "backup/cat.0.jpg", "backup/dog.1.jpg")
    assert labels(found) == {"backup/cat.0.jpg": "cat", "backup/dog.1.jpg": "dog"}
    assert "'backup'" in found.description


def test_files_at_another_depth_are_an_error_that_names_the_depths():
    with pytest.raises(UserError, match="depth 2") as caught:
        layout("a/b/0.jpg", "c/d/0.jpg")
    assert "--class-depth" in caught.value.hint


def test_an_empty_source_is_an_error():
    with pytest.raises(UserError, match="no images"):
        layout()


def test_files_that_are_no_images_by_their_names_are_told_and_in_nobodys_way():
    found = layout("PetImages/Cat/0.jpg", "PetImages/Dog/0.JPG", "readme[1].txt", "MSR-LA - 3467.docx")
    assert labels(found) == {"PetImages/Cat/0.jpg": "Cat", "PetImages/Dog/0.JPG": "Dog"}
    assert found.ignored == ("MSR-LA - 3467.docx", "readme[1].txt")


def test_a_folder_is_listed_by_name_without_hidden_files_and_clutter(tmp_path: Path):
    names = ["b/2.jpg", "a/1.jpg", ".hidden/0.jpg", "a/.DS_Store", "__MACOSX/a/1.jpg", "a/Thumbs.db"]
    random.Random(0).shuffle(names)
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [str(path) for path in open_files(tmp_path).paths] == ["a/1.jpg", "b/2.jpg"]


def test_a_zip_archive_reads_like_the_folder_it_holds(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("PetImages/Dog/0.jpg", b"dog")
        archive.writestr("PetImages/Cat/0.jpg", b"cat")
    files = open_files(tmp_path / "pets.zip")
    assert [str(path) for path in files.paths] == ["PetImages/Cat/0.jpg", "PetImages/Dog/0.jpg"]
    assert files.read("PetImages/Dog/0.jpg") == b"dog"


def test_a_damaged_archive_is_an_error_that_says_what_to_do(tmp_path: Path):
    (tmp_path / "pets.zip").write_bytes(b"PK cut short")
    with pytest.raises(UserError, match="zip archive") as caught:
        open_files(tmp_path / "pets.zip")
    assert "again" in caught.value.hint


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="no such folder or archive"):
        open_files(tmp_path / "nothing")
