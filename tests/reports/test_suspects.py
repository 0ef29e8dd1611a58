"""Suspects are images that every confident model contradicts, and no others."""

from pathlib import Path

import numpy as np
import pytest
from fakes import Row, finished_run, row

from harness.data.manifest import Entry, Manifest
from harness.errors import UserError
from harness.records import Predictions
from harness.reports.suspects import Suspect, find_suspects

IDS = ("a", "b", "c")


def says(*second: float) -> Predictions:
    """Predictions for three images of class 0, from the probability of class 1."""
    columns = np.array(second, dtype=np.float32)
    return Predictions(np.array(IDS), np.zeros(3, dtype=np.int64), np.stack([1 - columns, columns], axis=1))


def suspects(tmp_path: Path, *rows: Row) -> list[Suspect]:
    run = finished_run(tmp_path / "run", list(rows))
    entries = tuple(Entry(name, "test", "cats", f"test/cats/{name}.jpg", name * 64) for name in IDS)
    Manifest("pets", ("cats", "dogs"), entries, ()).save(run.manifest)
    return find_suspects(run)


def test_an_image_that_all_confident_models_contradict_is_one(tmp_path: Path):
    (found,) = suspects(tmp_path, row(says(0.99, 0.1, 0.1)), row(says(0.95, 0.1, 0.1), seed=1))
    assert (found.path, found.label, found.said, found.models) == ("test/cats/a.jpg", "cats", "dogs", 2)
    assert found.confidence == pytest.approx(0.95)


def test_one_confident_model_that_agrees_with_the_label_clears_an_image(tmp_path: Path):
    rows = [row(says(0.99, 0.1, 0.1), seed=seed) for seed in range(2)]
    assert suspects(tmp_path, *rows, row(says(0.01, 0.1, 0.1), seed=2)) == []


def test_models_that_are_not_sure_have_no_say(tmp_path: Path):
    rows = [row(says(0.99, 0.6, 0.1), seed=seed) for seed in range(2)]
    assert [found.id for found in suspects(tmp_path, *rows, row(says(0.3, 0.6, 0.1), seed=2))] == ["a"]


def test_random_bases_have_no_say(tmp_path: Path):
    rows = [row(says(0.99, 0.1, 0.1), seed=seed) for seed in range(2)]
    cleared = row(says(0.0, 0.1, 0.1), seed=2, weights="random")
    assert [found.id for found in suspects(tmp_path, *rows, cleared)] == ["a"]


def test_a_single_model_is_too_few(tmp_path: Path):
    with pytest.raises(UserError, match="need 2 models"):
        suspects(tmp_path, row(says(0.99, 0.1, 0.1)))
