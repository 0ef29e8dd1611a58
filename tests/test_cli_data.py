"""The commands on data as they are typed: what they print, and what an interruption leaves."""

import json
from pathlib import Path

import pytest
from fakes import MATRIX, image_folder, matrix_file, put

from harness.backbones import backbone

HDF5 = b"\x89HDF\r\n\x1a\n"
PRETRAINED = MATRIX.replace('"random"', '"imagenet"')
FOLDER = MATRIX.replace('data = { source = "synthetic", train = 4, validation = 4, test = 4 }\n', "")

pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize(
    "words", [["prepare", "photos", "--out", "new/split"], ["inspect", "photos", "--plot", "x.png"]]
)
def test_an_interrupted_look_at_a_data_set_exits_with_130_and_has_written_nothing(
    words: list[str], tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(_: bytes) -> None:
        raise KeyboardInterrupt

    image_folder(tmp_path / "photos")
    monkeypatch.setattr("harness.data.prepare.decode", interrupted)
    monkeypatch.setattr("harness.data.inspection.decode", interrupted)
    ended = command(*words)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.endswith("transferbench: interrupted; nothing was written\n")
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("photos", "keras-home")] == []


def test_a_picture_of_an_unknown_kind_is_refused_before_any_image_is_read(
    tmp_path: Path, command, monkeypatch
):
    image_folder(tmp_path / "photos")
    monkeypatch.setattr("harness.data.inspection.decode", lambda _: pytest.fail("an image was read"))
    ended = command("inspect", "photos", "--plot", "seen.bmp")
    assert ended.code == 2
    assert "ends in .png, .svg or .pdf, received 'seen.bmp'" in ended.err


def test_prepare_tells_the_classes_what_was_left_out_and_what_comes_next(tmp_path: Path, command):
    put(image_folder(tmp_path / "photos") / "train" / "cats" / "empty.jpg", b"")
    ended = command("prepare", "photos", "--out", "new", "--train", 6, "--validation", 2, "--test", 2)
    assert ended.code == 0
    assert ended.out.startswith("photos: a split (train, validation, test), pooled and split anew\n")
    for line in ("cats ", "all 2 classes", "1 file left out:\n  train/cats/empty.jpg: the file is empty\n"):
        assert line in ended.out
    assert "2 usable images were not needed\n" in ended.out
    assert "for near duplicates, scaled or saved again: transferbench inspect new\n" in ended.out
    assert ended.out.endswith("next: transferbench run MATRIX --data new\n")


def test_prepare_as_json_lists_every_file_that_was_left_out(tmp_path: Path, command):
    image_folder(tmp_path / "photos")
    for number in range(9):
        put(tmp_path / "photos" / "train" / "cats" / f"empty{number}.jpg", b"")
    words = ["prepare", "photos", "--out", "new", "--train", 6, "--validation", 3, "--test", 3, "--json"]
    facts = json.loads(command(*words).out)
    assert len(facts["left_out"]) == 9
    assert facts["counts"]["train"] == {"cats": 3, "dogs": 3}


def test_a_folder_without_splits_is_sent_to_prepare(tmp_path: Path, command, executor):
    put(tmp_path / "photos" / "cat.0.png", b"x")
    ended = command("run", matrix_file(tmp_path, FOLDER), "--data", "photos")
    assert ended.code == 2
    assert "Make a split with: transferbench prepare photos --out NEW_FOLDER" in ended.err
    assert executor.jobs == []


def test_a_folder_in_place_of_a_matrix_is_refused(tmp_path: Path, command):
    (tmp_path / "photos").mkdir()
    ended = command("plan", "photos")
    assert ended.code == 2
    assert ended.err.startswith("transferbench: photos: expected a matrix file (TOML), found a folder\n")


def test_prefetch_says_of_weights_whether_they_were_there_or_came_now(
    tmp_path: Path, command, executor, empty_keras_home: Path
):
    shelf = tmp_path / "shelf"
    put(shelf / backbone("MobileNet").weights.name, HDF5)
    fetched = backbone("MobileNet-0.25").weights
    executor.fetch = lambda _: put(empty_keras_home / "models" / fetched.name, HDF5 + b"w" * 2_100_000) and ""
    text = PRETRAINED.replace('["MobileNet-0.25"]', '["MobileNet", "MobileNet-0.25"]')
    ended = command("prefetch", matrix_file(tmp_path, text), "--weights-dir", shelf)
    assert ended.code == 0
    assert "images: drawn by code, nothing to download\n" in ended.out
    assert f"weights of MobileNet: was there before, {shelf}" in ended.out
    assert "weights of MobileNet-0.25: downloaded, 2.1 MB to " in ended.out


def test_prefetch_exits_with_1_and_the_reason_where_weights_cannot_be_had(tmp_path: Path, command, executor):
    ended = command("prefetch", matrix_file(tmp_path, PRETRAINED))
    assert ended.code == 1
    assert "weights of MobileNet-0.25: missing\n" in ended.out
    assert "The download failed (no network): try again with a network, or" in ended.err
    assert "--offline" not in ended.err
    assert executor.fetched == [backbone("MobileNet-0.25").weights.name]


def test_prefetch_says_of_a_file_that_holds_no_weights_that_it_is_damaged(tmp_path: Path, command, executor):
    put(tmp_path / "shelf" / backbone("MobileNet-0.25").weights.name, b"<html>")
    ended = command("prefetch", matrix_file(tmp_path, PRETRAINED), "--weights-dir", "shelf")
    assert ended.code == 1
    assert "weights of MobileNet-0.25: damaged, " in ended.out
    assert "is damaged: no HDF5 file" in ended.err
    assert executor.fetched == []


def test_prefetch_goes_on_with_weights_where_the_archive_cannot_be_had(
    tmp_path: Path, command, executor, empty_keras_home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("harness.data.cats_dogs.URL", "http://127.0.0.1:9/pets.zip")
    fetched = backbone("MobileNet-0.25").weights
    executor.fetch = lambda _: put(empty_keras_home / "models" / fetched.name, HDF5) and ""
    text = PRETRAINED.replace('"synthetic", train = 4, validation = 4, test = 4', '"cats_dogs"')
    ended = command("prefetch", matrix_file(tmp_path, text))
    assert ended.code == 1
    assert "images: missing\nweights of MobileNet-0.25: downloaded" in ended.out
    assert "the download of http://127.0.0.1:9/pets.zip failed" in ended.err


def test_an_interrupted_prefetch_says_that_what_came_before_is_kept(tmp_path: Path, command, executor):
    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    executor.fetch = interrupted
    ended = command("prefetch", matrix_file(tmp_path, PRETRAINED))
    assert ended.code == 130
    assert "what was downloaded before is kept" in ended.err
