"""Where weights are found, and what is said when they are not."""

import hashlib
from pathlib import Path

import pytest
from fakes import put

from harness.backbones import BACKBONES, backbone
from harness.weights import find_weights, keras_home, missing_reason

pytestmark = pytest.mark.usefixtures("empty_keras_home")

FILE = backbone("MobileNet").weights


def test_weights_are_found_in_the_named_folder_with_their_hash(tmp_path: Path):
    path = put(tmp_path / "shelf" / FILE.name, b"weights")
    found = find_weights("MobileNet", "imagenet", tmp_path / "shelf")
    assert found is not None
    assert (found.kind, found.name, found.origin, found.path) == (
        "imagenet",
        FILE.name,
        "weights folder",
        path,
    )
    assert found.sha256 == hashlib.sha256(b"weights").hexdigest()


def test_weights_are_found_in_the_cache_of_keras(empty_keras_home: Path):
    put(empty_keras_home / "models" / FILE.name, b"cached")
    found = find_weights("MobileNet", "imagenet", None)
    assert found is not None
    assert found.origin == "Keras cache"


def test_the_named_folder_comes_before_the_cache_of_keras(tmp_path: Path, empty_keras_home: Path):
    put(empty_keras_home / "models" / FILE.name, b"cached")
    put(tmp_path / "shelf" / FILE.name, b"named")
    found = find_weights("MobileNet", "imagenet", tmp_path / "shelf")
    assert found is not None
    assert found.sha256 == hashlib.sha256(b"named").hexdigest()


def test_weights_of_another_width_are_not_taken(tmp_path: Path):
    put(tmp_path / FILE.name, b"alpha 1.0")
    assert find_weights("MobileNet-0.25", "imagenet", tmp_path) is None


def test_the_origin_tells_no_path_of_the_machine(tmp_path: Path):
    put(tmp_path / FILE.name, b"weights")
    found = find_weights("MobileNet", "imagenet", tmp_path)
    assert found is not None
    assert str(tmp_path) not in found.origin + found.name


def test_weights_on_no_shelf_are_none(tmp_path: Path):
    assert find_weights("MobileNet", "imagenet", tmp_path) is None


def test_random_weights_have_no_file_and_say_that_they_are_random():
    found = find_weights("MobileNet", "random", None)
    assert found is not None
    assert (found.kind, found.origin, found.path) == ("random", "random", None)


def test_the_small_base_is_packaged():
    found = find_weights("MobileNet-0.25", "smoke-base", None)
    assert found is not None
    assert found.origin == "packaged"
    assert found.path is not None
    assert len(found.sha256) == 64


@pytest.mark.parametrize("name", BACKBONES)
def test_a_missing_file_is_named_with_where_it_was_looked_for_and_how_to_get_it(
    name: str, tmp_path: Path, empty_keras_home: Path
):
    reason = missing_reason(name, "imagenet", tmp_path / "shelf")
    file = backbone(name).weights
    assert f"looked for {file.name} in {tmp_path / 'shelf'}, {empty_keras_home / 'models'}" in reason
    assert "without --offline" in reason
    assert f"download {file.url} and name its folder with --weights-dir" in reason


def test_after_a_download_that_failed_nobody_is_told_to_leave_out_offline(tmp_path: Path):
    reason = missing_reason("VGG16", "imagenet", tmp_path, "no route")
    assert "The download failed (no route): try again with a network, or download http" in reason
    assert "--offline" not in reason


def test_without_keras_home_its_folder_is_in_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keras_home() == tmp_path / ".keras"
