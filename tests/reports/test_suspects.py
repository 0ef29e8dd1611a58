"""Suspects are images that every confident model contradicts, and no others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import Row, finished_run, row

from harness.data.inspection import Inspection, Seen
from harness.data.manifest import Entry, Manifest
from harness.errors import UserError
from harness.records import Predictions
from harness.reports.inspection import render_inspection
from harness.reports.suspects import Suspects, find_suspects

IDS = ("a", "b", "c")


def says(*second: float) -> Predictions:
    """Predictions for three images of class 0, from the probability of class 1."""
    columns = np.array(second, dtype=np.float32)
    return Predictions(np.array(IDS), np.zeros(3, dtype=np.int64), np.stack([1 - columns, columns], axis=1))


def inspected(ids: tuple[str, ...] = IDS) -> Inspection:
    """A folder that holds these images, under other names than the run knew."""
    files = [Seen(f"new/{name}.jpg", "", "cats", 9, 9, "RGB", "PNG", name * 64, 0) for name in ids]
    return Inspection("pets", "class folders", (), tuple(files), (), ())


def model(number: int, *second: float, **changed: Any) -> Row:
    """What one of several models says."""
    names = ("MobileNet-0.25", "VGG16", "Xception")
    return row(says(*second), backbone=names[number], **changed)


def suspects(tmp_path: Path, *rows: Row, images: tuple[str, ...] = IDS) -> Suspects:
    run = finished_run(tmp_path / "run", list(rows))
    entries = tuple(Entry(name, "test", "cats", f"test/cats/{name}.jpg", name * 64) for name in IDS)
    Manifest("pets", ("cats", "dogs"), entries, ()).save(run.manifest)
    return find_suspects(run, inspected(images))


def test_an_image_that_all_confident_models_contradict_is_one(tmp_path: Path):
    found = suspects(tmp_path, model(0, 0.99, 0.1, 0.1), model(1, 0.95, 0.1, 0.1))
    (image,) = found.images
    assert (image.path, image.label, image.said, image.models) == ("new/a.jpg", "cats", "dogs", 2)
    assert image.confidence == pytest.approx(0.95)


def test_one_confident_model_that_agrees_with_the_label_clears_an_image(tmp_path: Path):
    rows = [model(number, 0.99, 0.1, 0.1) for number in range(2)]
    assert suspects(tmp_path, *rows, model(2, 0.01, 0.1, 0.1)).images == ()


def test_models_that_are_not_sure_have_no_say(tmp_path: Path):
    rows = [model(number, 0.99, 0.6, 0.1) for number in range(2)]
    found = suspects(tmp_path, *rows, model(2, 0.3, 0.6, 0.1))
    assert [image.id for image in found.images] == ["a"]


def test_random_bases_have_no_say(tmp_path: Path):
    rows = [model(number, 0.99, 0.1, 0.1) for number in range(2)]
    found = suspects(tmp_path, *rows, model(2, 0.0, 0.1, 0.1, weights="random"))
    assert [image.id for image in found.images] == ["a"]


def test_cells_on_the_same_features_are_one_model(tmp_path: Path):
    rows = [model(0, 0.99, 0.1, 0.1, seed=seed) for seed in range(3)]
    assert "the run has 1 model of 1 backbone" in suspects(tmp_path, *rows).reason


def test_two_depths_of_one_backbone_are_too_few(tmp_path: Path):
    tuned = {"strategy": "fine-tuning", "depth": "blocks:1"}
    rows = [model(0, 0.99, 0.1, 0.1), model(0, 0.99, 0.1, 0.1, **tuned)]
    assert "the run has 2 models of 1 backbone" in suspects(tmp_path / "alone", *rows).reason
    # Another backbone that is not sure does not agree.
    assert suspects(tmp_path / "unsure", *rows, model(1, 0.6, 0.1, 0.1)).images == ()
    (image,) = suspects(tmp_path / "sure", *rows, model(1, 0.99, 0.1, 0.1)).images
    assert image.models == 3


def test_the_text_says_the_rule_and_rounds_down(tmp_path: Path):
    found = suspects(tmp_path, model(0, 0.9979, 0.1, 0.1), model(1, 0.999, 0.1, 0.1))
    text = render_inspection(inspected(), found)
    assert (
        "every model that is at least 90 % sure, 2 or more of them and of two backbones, says otherwise (1)"
        in text
    )
    assert "new/a.jpg: labelled cats, 2 models say dogs (at least 99.7 %)" in text


def test_a_single_model_is_too_few_and_the_text_says_so(tmp_path: Path):
    found = suspects(tmp_path, model(0, 0.99, 0.1, 0.1))
    assert found.images == ()
    text = render_inspection(inspected(), found)
    assert "mislabelled suspects: they need 2 models of two backbones or more that agree" in text


def test_a_run_on_other_images_is_an_error_that_says_so(tmp_path: Path):
    rows = [model(number, 0.99, 0.1, 0.1) for number in range(2)]
    with pytest.raises(UserError, match="1 of the 3 test images of this run are not in pets"):
        suspects(tmp_path, *rows, images=("a", "b"))
