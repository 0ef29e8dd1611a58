"""Images are found by content, wherever their files are now."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from fakes import png, put

from harness.data.originals import find_originals
from harness.errors import UserError


def id_of(content: bytes) -> str:
    """The id of an image."""
    return hashlib.sha256(content).hexdigest()[:16]


def test_an_image_is_found_under_another_name(tmp_path: Path):
    put(tmp_path / "new" / "name.png", png(1))
    put(tmp_path / "other.png", png(2))
    found = find_originals([id_of(png(1))], tmp_path, paths={id_of(png(1)): "test/cats/0.png"})
    assert {each: original.path for each, original in found.items()} == {id_of(png(1)): "new/name.png"}
    assert found[id_of(png(1))].content == png(1)


def test_another_image_at_the_old_path_is_not_taken_for_it(tmp_path: Path):
    put(tmp_path / "test" / "0.png", png(2))
    assert find_originals([id_of(png(1))], tmp_path, paths={id_of(png(1)): "test/0.png"}) == {}


def test_the_old_path_is_enough(tmp_path: Path):
    put(tmp_path / "0.png", png(1))
    put(tmp_path / "a-copy.png", png(1))
    found = find_originals([id_of(png(1))], tmp_path, paths={id_of(png(1)): "a-copy.png"})
    assert found[id_of(png(1))].path == "a-copy.png"


def test_copies_of_one_content_have_one_file(tmp_path: Path):
    put(tmp_path / "0.png", png(1))
    first, second = id_of(png(1)), f"{id_of(png(1))}-2"
    found = find_originals([first, second], tmp_path)
    assert found[first] == found[second]


def test_they_may_be_in_an_archive(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("deep/0.png", png(1))
    assert list(find_originals([id_of(png(1))], tmp_path / "images.zip")) == [id_of(png(1))]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="no such folder"):
        find_originals(["a"], tmp_path / "nowhere")
