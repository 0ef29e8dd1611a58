"""Files and folders to predictions, and how they are written; with a stand-in for the model."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from fakes import encoded, model_facts, nothing, png, put
from numpy.typing import NDArray
from PIL import Image

from harness.data.decode import decode, resize
from harness.errors import UserError
from harness.export.prediction import Predicted, find_images, predict_images
from harness.reports.predictions import predictions_csv, predictions_json, predictions_text, unreadable_text

SIZE = 8
FACTS = model_facts(size=SIZE, classes=("cats", "dogs"))


class Brightness:
    """The second class is as probable as the image is bright; keeps the batches that came."""

    def __init__(self) -> None:
        self.batches: list[NDArray[np.uint8]] = []

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(images)
        bright = images.mean(axis=(1, 2, 3)).astype(np.float32) / 255
        return np.stack([1 - bright, bright], axis=1)


def plain(level: int, size: tuple[int, int] = (9, 7)) -> bytes:
    return encoded(Image.new("RGB", size, (level,) * 3), "PNG")


def ask(*paths: Path, batch: int = 32, model: Brightness | None = None) -> Predicted:
    return predict_images(model or Brightness(), FACTS, find_images(paths), batch, nothing)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    put(folder / "b.png", plain(255))
    put(folder / "a.png", plain(0))
    put(folder / "deep" / "er" / "c.png", plain(204))
    put(folder / ".hidden.png", plain(1))
    put(folder / "Thumbs.db", b"clutter")
    return folder


def test_a_folder_is_all_visible_files_below_it_in_order(photos: Path):
    names = [path.relative_to(photos).as_posix() for path in find_images([photos]).paths]
    assert names == ["a.png", "b.png", "deep/er/c.png"]


def test_files_and_folders_come_in_the_order_in_which_they_were_named(photos: Path):
    found = find_images([photos / "deep", photos / "b.png", photos / "a.png"])
    assert [path.name for path in found.paths] == ["c.png", "b.png", "a.png"]


def test_what_is_not_there_is_refused_before_anything_is_predicted(photos: Path):
    with pytest.raises(UserError, match="no such file or folder"):
        find_images([photos, photos / "d.png"])
    (photos / "empty").mkdir()
    with pytest.raises(UserError, match="no files in it"):
        find_images([photos / "empty"])


@pytest.mark.parametrize("batch", [1, 2, 32])
def test_every_image_has_its_class_and_probabilities_whatever_the_batch(photos: Path, batch: int):
    model = Brightness()
    predicted = ask(photos, batch=batch, model=model)
    assert [each.label for each in predicted.predictions] == ["cats", "dogs", "dogs"]
    assert [each.probability for each in predicted.predictions] == pytest.approx([1, 1, 0.8])
    assert predicted.predictions[2].probabilities == pytest.approx({"cats": 0.2, "dogs": 0.8})
    assert max(len(images) for images in model.batches) == min(batch, 3)


def test_images_are_decoded_and_resized_as_for_training(tmp_path: Path):
    turned = Image.fromarray(decode(png(3, (20, 12))))
    turned.getexif()[0x0112] = 6  # to be turned by a quarter
    content = encoded(turned, "PNG", exif=turned.getexif())
    model = Brightness()
    ask(put(tmp_path / "turned.png", content), model=model)
    assert decode(content).shape == (20, 12, 3)
    assert np.array_equal(model.batches[0][0], resize(decode(content), SIZE, "bilinear"))


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_predicted(photos: Path):
    put(photos / "aa.jpg", b"no image")
    put(photos / "ab.png", png(3)[:200])
    predicted = ask(photos, batch=2)
    assert len(predicted.predictions) == 3
    assert [Path(left.path).name for left in predicted.unreadable] == ["aa.jpg", "ab.png"]
    assert unreadable_text(predicted.unreadable, 5).startswith("2 of 5 files could not be read:\n  ")


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_a_name_that_is_no_utf8_is_told_legibly(tmp_path: Path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png")).write_bytes(plain(1))
    predicted = ask(folder)
    assert [left.path for left in predicted.unreadable] == [f"{folder}/\\udcff.png"]


# As text


def test_text_has_a_line_an_image_in_columns(photos: Path):
    put(photos / "名前.png", plain(51))
    lines = predictions_text(ask(photos).predictions).splitlines()
    assert lines[0] == f"{photos}/a.png          cats  1.0000"
    assert lines[3] == f"{photos}/名前.png       cats  0.8000"


def test_json_has_path_class_and_all_probabilities(photos: Path):
    (row,) = json.loads(predictions_json(ask(photos / "deep").predictions))
    assert (row["path"], row["class"]) == (f"{photos}/deep/er/c.png", "dogs")
    assert row["probability"] == row["probabilities"]["dogs"] == pytest.approx(0.8)


def test_csv_has_a_header_and_survives_commas(photos: Path):
    (photos / "a.png").rename(photos / 'a, "b".png')
    text = predictions_csv(ask(photos).predictions, FACTS.classes)
    header, first, *_ = csv.reader(io.StringIO(text))
    assert header == ["path", "class", "probability", "probability of cats", "probability of dogs"]
    assert first == [f'{photos}/a, "b".png', "cats", "1", "1", "0"]


def test_no_predictions_are_no_lines():
    assert predictions_text([]) == ""
    assert json.loads(predictions_json([])) == []
