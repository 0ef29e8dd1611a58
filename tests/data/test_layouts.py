"""In which layouts labelled images are found, and that the order of listing has no part in it."""

import random
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from harness.data import files
from harness.data.decode import UndecodableImageError
from harness.data.files import open_files
from harness.data.layouts import Layout, find_layout
from harness.data.manifest import LeftOut
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
    assert found.description == "a split (train, test)"


def test_originals_beside_an_old_split_count_and_the_split_does_not():
    found = layout("train/cats/0.jpg", "test/dogs/1.jpg", "backup/cat.0.jpg", "backup/dog.1.jpg")
    assert labels(found) == {"backup/cat.0.jpg": "cat", "backup/dog.1.jpg": "dog"}
    assert "'backup'" in found.description


SPLIT = ("train/cats/0.jpg", "train/dogs/1.jpg", "validation/cats/2.jpg", "test/dogs/3.jpg")


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        (["figures/plot.png"], "none of its images has a label"),
        (["old/cat.0.jpg", "old/cat.1.jpg", "old/dog.0.jpg"], "1 of 'dog' where the split has 2"),
        (["a/cat.0.jpg", "b/dog.1.jpg"], "2 folders that are no part of it"),
    ],
)
def test_a_folder_beside_a_split_that_need_not_be_its_originals_is_an_error(beside: list[str], reason: str):
    with pytest.raises(UserError, match="cannot tell whether") as caught:
        layout(*SPLIT, *beside)
    assert caught.value.problem.endswith(reason)
    folder = beside[0].split("/")[0]
    assert f"transferbench prepare SOURCE/{folder} ...)" in caught.value.hint
    assert "--data SOURCE)" in caught.value.hint


def test_a_class_named_as_a_split_is_a_class_beside_others():
    assert set(labels(layout("train/0.jpg", "bus/0.jpg")).values()) == {"train", "bus"}


def test_originals_know_the_files_of_the_split_that_are_not_used():
    originals = ["old/Cat/0.jpg", "old/Cat/1.jpg", "old/Dog/0.jpg", "old/Dog/1.jpg"]
    found = layout(*SPLIT, *originals)
    assert sorted(labels(found)) == originals
    assert sorted(found.unused) == sorted(SPLIT)


def test_who_looks_at_a_split_sees_it_whatever_lies_beside_it():
    paths = tuple(PurePosixPath(path) for path in (*SPLIT, "old/cat.0.jpg", "old/dog.0.jpg"))
    found = find_layout(paths, keep_split=True)
    assert sorted(labels(found)) == sorted(SPLIT)
    assert found.doubts == ("2 images beside the split not looked at, in old",)


def test_a_message_about_an_inner_folder_keeps_its_path():
    with pytest.raises(UserError) as caught:
        layout("train/0.jpg", "train/1.jpg", "test/2.jpg")
    assert "found train/0.jpg" in caught.value.hint


def test_classes_that_differ_in_capitals_only_are_pointed_out():
    (doubt,) = layout("Cat/0.jpg", "cat/1.jpg", "Dog/0.jpg").doubts
    assert doubt.startswith("Cat and cat are classes of their own")


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
    reason = "not an image, by its name"
    assert found.left_out == (LeftOut("MSR-LA - 3467.docx", reason), LeftOut("readme[1].txt", reason))


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


def test_a_single_image_is_an_error_that_names_its_folder(tmp_path: Path):
    (tmp_path / "photo.jpg").write_bytes(b"jpeg")
    with pytest.raises(UserError, match="received a single image") as caught:
        open_files(tmp_path / "photo.jpg")
    assert caught.value.hint == f"Name a folder of images, for example {tmp_path}."


def test_archives_inside_an_archive_are_named():
    with pytest.raises(UserError, match="no images in it") as caught:
        layout("train.zip", "test1.zip", "sample.csv")
    assert "name test1.zip or train.zip in it" in caught.value.hint


@pytest.mark.parametrize("declared", [2_000_001, 1000])
def test_a_file_that_unpacks_to_more_than_any_image_is_left_out_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: int
):
    monkeypatch.setattr(files, "LARGEST_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Cat/0.jpg", bytes(2_000_001))
        archive.infolist()[0].file_size = declared
    with pytest.raises(UndecodableImageError, match="more than 1 MB" if declared > 1 << 20 else "unpacked"):
        open_files(tmp_path / "pets.zip").read("Cat/0.jpg")


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="no such folder or archive"):
        open_files(tmp_path / "nothing")


# What finds no label, and what makes one doubtful


def test_nested_classes_inside_one_wrapping_folder_keep_all_their_folders():
    found = layout("photos/tomato/blight/0.jpg", "photos/tomato/rust/0.jpg", depth=2)
    assert sorted(labels(found).values()) == ["tomato--blight", "tomato--rust"]


def test_a_wrapping_folder_that_becomes_a_part_of_every_class_is_pointed_out():
    found = layout("PetImages/Cat/0.jpg", "PetImages/Dog/0.jpg", depth=2)
    assert found.doubts == ("all classes lie in 'PetImages'; --class-depth 1 names them without it",)


def test_flat_files_in_several_folders_are_pointed_out():
    found = layout("a/cat.0.jpg", "a/dog.0.jpg", "b/cat.1.jpg", "b/dog.1.jpg")
    assert set(labels(found).values()) == {"a", "b"}
    assert found.doubts[0].startswith("the files are named after cat, dog and their folders are not")


@pytest.mark.parametrize(
    "paths",
    [("Cat/0.jpg", "Dog/0.jpg"), ("cats/cat.0.jpg", "dogs/dog.0.jpg"), ("a/IMG.0.jpg", "b/IMG.1.jpg")],
)
def test_class_folders_as_usual_leave_no_doubt(paths: tuple[str, ...]):
    assert layout(*paths).doubts == ()


def test_images_outside_the_class_folders_are_told():
    found = layout("Cat/0.jpg", "Dog/0.jpg", "Dog/more/1.jpg", "loose.jpg")
    assert {left.path: left.reason for left in found.left_out} == {
        "Dog/more/1.jpg": "lies 2 folders deep, classes lie 1 deep",
        "loose.jpg": "lies 0 folders deep, classes lie 1 deep",
    }


def test_images_beside_an_old_split_are_told():
    found = layout("train/cats/0.jpg", "test/dogs/1.jpg", "sample.jpg")
    assert found.left_out == (LeftOut("sample.jpg", "lies beside the folders of a split"),)


def test_flat_files_of_another_name_are_told():
    found = layout("cat.0.jpg", "dog.0.jpg", "sample.jpg")
    assert found.left_out == (LeftOut("sample.jpg", "is not named LABEL.NUMBER.EXT"),)


def test_a_part_of_a_split_without_labels_is_told_and_the_rest_used():
    # What Kaggle's two archives unpack to: the test images' labels are not given away.
    found = layout("train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg", "test1/2.jpg")
    assert set(labels(found)) == {"train/cat.0.jpg", "train/dog.0.jpg"}
    assert [left.path for left in found.left_out] == ["test1/1.jpg", "test1/2.jpg"]
    assert found.description == "a split (train)"


def test_no_label_anywhere_is_an_error_that_says_how_files_are_named():
    with pytest.raises(UserError, match="no image lies 1 folder deep") as caught:
        layout("train/0.jpg", "test/1.jpg")
    assert "LABEL.NUMBER.EXT" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("training_set", "train"),
        ("val", "validation"),
        ("Valid", "validation"),
        ("validation", "validation"),
        ("test", "test"),
        ("testing", "test"),
        ("test1", "test"),
    ],
)
def test_a_part_of_an_old_split_has_many_names(name: str, split: str):
    other = "test" if split == "train" else "train"
    found = layout(f"{name}/cats/0.jpg", f"{name}/dogs/0.jpg", f"{other}/cats/1.jpg", f"{other}/dogs/1.jpg")
    assert {each.split for each in found.files if each.path.startswith(name)} == {split}


def test_the_depth_that_would_fit_is_named_with_an_example():
    with pytest.raises(UserError) as caught:
        layout("a/b/0.jpg", "c/d/0.jpg")
    assert "--class-depth 2: a/b/0.jpg would be of class a--b." in caught.value.hint


def test_a_file_with_another_ending_among_images_is_left_to_its_content():
    found = layout("Cat/0.jpg", "Cat/notes.txt", "Dog/0.jpg", "notes.txt")
    assert labels(found)["Cat/notes.txt"] == "Cat"
    assert [left.path for left in found.left_out] == ["notes.txt"]
