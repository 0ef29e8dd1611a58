"""Cats vs. dogs from an archive laid out as the public one, with what is wrong in it."""

import zipfile
from pathlib import Path

import pytest
from fakes import encoded, nothing
from PIL import Image

from harness.data import cats_dogs
from harness.data.cats_dogs import CatsDogsSource
from harness.data.sources import open_source
from harness.errors import UserError
from harness.matrix import DataSpec

SPEC = DataSpec(source="cats_dogs", train=4, validation=2, test=2)


def archive(cache: Path) -> None:
    """An archive where a download would have put it."""
    place = cache / "cats_dogs" / Path(cats_dogs.URL).name
    place.parent.mkdir(parents=True)
    with zipfile.ZipFile(place, "w") as file:
        for number in range(6):
            picture = encoded(Image.new("RGB", (9, 9), (number, 2 * number, 9)), "PNG")
            file.writestr(f"PetImages/Cat/{number}.jpg", picture)
            file.writestr(f"PetImages/Dog/{number}.jpg", picture[:-1] + bytes([number]))
        file.writestr("PetImages/Cat/666.jpg", b"")
        file.writestr("PetImages/Dog/Thumbs.db", b"thumbs")
        file.writestr("readme[1].txt", b"read me")


def source(tmp_path: Path, *, offline: bool = True) -> CatsDogsSource:
    return CatsDogsSource(SPEC, tmp_path, offline)


def test_a_matrix_names_it_with_the_usual_counts(tmp_path: Path):
    spec = DataSpec(source="cats_dogs")
    assert (spec.train, spec.validation, spec.test) == (2000, 1000, 1000)
    assert open_source(spec, None, tmp_path, offline=True) == CatsDogsSource(spec, tmp_path, True)


def test_the_archive_is_split_and_what_was_dropped_is_kept(tmp_path: Path):
    archive(tmp_path)
    manifest = source(tmp_path).manifest(nothing)
    assert {split: sum(labels.values()) for split, labels in manifest.counts().items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }
    assert manifest.classes == ("Cat", "Dog")
    dropped = {left.path: left.reason for left in manifest.left_out}
    assert dropped == {
        "PetImages/Cat/666.jpg": "the file is empty",
        "readme[1].txt": "not an image, by its name",
    }


def test_listing_it_again_gives_the_same_manifest_and_reads_the_split(tmp_path: Path):
    archive(tmp_path)
    first = source(tmp_path).manifest(nothing)
    assert source(tmp_path).manifest(nothing) == first
    assert source(tmp_path).read(first.entries[0]).shape == (9, 9, 3)


def test_offline_without_the_archive_the_message_says_where_it_belongs(tmp_path: Path):
    with pytest.raises(UserError, match="--offline downloads nothing") as caught:
        source(tmp_path).manifest(nothing)
    assert cats_dogs.URL in caught.value.hint


def test_a_cached_split_that_was_damaged_is_made_again_and_that_is_told(tmp_path: Path):
    archive(tmp_path)
    first = source(tmp_path).manifest(nothing)
    split = tmp_path / "cats_dogs" / "4-2-2-seed0"
    (split / first.entries[0].path).write_bytes(b"damaged")
    again = source(tmp_path).manifest(nothing)
    assert (again.sha256, again.entries) == (first.sha256, first.entries)
    assert "had changed since it was made; it was made again" in again.note


def test_a_damaged_split_stays_where_the_archive_is_not_the_pinned_one(tmp_path: Path):
    archive(tmp_path)
    first = source(tmp_path).manifest(nothing)
    split = tmp_path / "cats_dogs" / "4-2-2-seed0"
    (split / first.entries[0].path).write_bytes(b"damaged")
    (tmp_path / "cats_dogs" / Path(cats_dogs.URL).name).write_bytes(b"another")
    with pytest.raises(UserError, match="was pinned on first use"):
        source(tmp_path).manifest(nothing)
    assert (split / first.entries[1].path).exists()


def test_a_damaged_split_without_its_archive_is_an_error(tmp_path: Path):
    archive(tmp_path)
    first = source(tmp_path).manifest(nothing)
    (tmp_path / "cats_dogs" / "4-2-2-seed0" / first.entries[0].path).unlink()
    (tmp_path / "cats_dogs" / Path(cats_dogs.URL).name).unlink()
    with pytest.raises(UserError, match="changed, damaged or removed") as caught:
        source(tmp_path).manifest(nothing)
    assert "Delete this folder" in caught.value.hint
