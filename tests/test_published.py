"""Published trainings: the facts, and which record each can be read beside."""

import csv
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import matrix, record

from harness import published
from harness.published import PUBLISHED, published_phases, published_training
from harness.recipes import RECIPES
from harness.records import Record
from harness.strategies import strategy

EXERCISE: dict[str, Any] = {
    "recipe": "dog-cat-exercise-01",
    "backbone": "VGG16",
    "size": 150,
    "strategy": "fine-tuning",
    "depth": "from:block5_conv1",
}
SLIDES: dict[str, Any] = {
    "recipe": "vgg19-fine-tuning-slides",
    "backbone": "VGG19",
    "size": 224,
    "strategy": "fine-tuning",
    "depth": "layers:4",
}
FROZEN = {"strategy": "augmented-extraction", "depth": "none"}


def found(**cell: Any) -> tuple[str, str] | None:
    training = published_training(record(**cell))
    return (training.recipe, training.strategy) if training else None


# The facts


def test_the_curves_have_all_epochs_in_order():
    lengths = {(each.recipe, each.strategy): len(each.curve) for each in PUBLISHED}
    assert lengths == {
        ("dog-cat-exercise-01", "fast-extraction"): 30,
        ("dog-cat-exercise-01", "augmented-extraction"): 30,
        ("dog-cat-exercise-01", "fine-tuning"): 100,
        ("vgg19-fine-tuning-slides", "augmented-extraction"): 0,
        ("vgg19-fine-tuning-slides", "fine-tuning"): 100,
    }
    for each in PUBLISHED:
        assert [point.epoch for point in each.curve] == list(range(1, len(each.curve) + 1))


def test_a_curve_holds_what_was_published():
    first = PUBLISHED[0].curve[0]
    assert (first.accuracy, first.loss) == (0.6515, 0.6165)
    assert (first.validation_accuracy, first.validation_loss) == (0.8260, 0.4434)
    assert PUBLISHED[0].last_validation_accuracy == 0.9070


def test_every_published_training_has_a_recipe_of_its_name():
    assert {each.recipe for each in PUBLISHED} <= set(RECIPES)


REFERENCE = "TRANSFERBENCH_REFERENCE"


@pytest.mark.skipif(REFERENCE not in os.environ, reason=f"{REFERENCE} names no folder of published tables")
def test_the_packaged_curves_are_those_of_the_reference():
    theirs = (Path(os.environ[REFERENCE]) / "published_curves.csv").read_text().splitlines()
    ours = [line for line in published._CURVES.read_text().splitlines() if not line.startswith("#")]
    assert list(csv.reader(ours)) == list(csv.reader(theirs))


# Which record


@pytest.mark.parametrize("cell", [EXERCISE, EXERCISE | {"depth": "blocks:1"}, SLIDES, SLIDES | FROZEN])
def test_a_cell_of_a_published_recipe_finds_its_training(cell: dict[str, Any]):
    assert found(**cell) == (cell["recipe"], cell["strategy"])


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": "default"},
        {"recipe": "leaf-disease-40"},
        {"backbone": "VGG19"},
        {"size": 160},
        {"depth": "blocks:2"},
        {"strategy": "linear-probe", "depth": "none"},
        {"weights": "random"},
        {"train_images": 500},
    ],
)
def test_a_cell_that_differs_finds_none(other: dict[str, Any]):
    assert found(**(EXERCISE | other)) is None


def test_other_classes_find_none():
    each = record(**EXERCISE)
    leaves = each.data.model_copy(update={"classes": ("healthy", "rust")})
    assert published_training(each.model_copy(update={"data": leaves})) is None


def test_a_recipe_that_a_matrix_derives_finds_the_training_of_its_base(tmp_path: Path):
    text = """
name = "x"
[recipe.short]
base = "dog-cat-exercise-01"
fine_tuning = { epochs = 2 }
[recipe.shorter]
base = "short"
[[grid]]
backbones = ["VGG16"]
strategies = ["fine-tuning"]
depths = ["from:block5_conv1"]
recipes = ["shorter"]
"""
    recipe = matrix(tmp_path, text).recipes["shorter"]
    each = record(**EXERCISE)
    assert recipe.base == "dog-cat-exercise-01"
    derived = each.model_copy(
        update={"recipe": recipe, "cell": replace(each.cell, recipe="shorter"), "name": "x"}
    )
    assert published_training(derived) is not None


# Phase by phase


def phases(each: Record) -> dict[str, str]:
    return {name: training.strategy for name, training in published_phases(each).items()}


def test_fine_tuning_goes_on_from_the_curve_of_augmented_extraction():
    assert phases(record(**EXERCISE)) == {"head": "augmented-extraction", "fine-tuning": "fine-tuning"}


def test_a_head_on_features_has_no_curve_of_augmented_extraction():
    recipe = RECIPES["dog-cat-exercise-01"].model_copy(update={"fine_tuning_start": "fast-extraction"})
    each = record(**EXERCISE).model_copy(
        update={"phases": strategy("fine-tuning").phases(recipe, EXERCISE["depth"])}
    )
    assert phases(each) == {"fine-tuning": "fine-tuning"}


def test_one_phase_has_one_curve():
    assert phases(record(**SLIDES)) == {"fine-tuning": "fine-tuning"}
    fast = EXERCISE | {"strategy": "fast-extraction", "depth": "none"}
    assert phases(record(**fast)) == {"head": "fast-extraction"}


def test_a_record_without_a_published_training_has_no_phases():
    assert phases(record()) == {}
