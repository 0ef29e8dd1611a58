"""The ranges of hyperparameters."""

import pytest
from pydantic import ValidationError

from harness.recipes import HEADS, RECIPES, Augmentation, Recipe, Schedule, recipe_changes


def test_a_recipe_is_found_under_its_own_name():
    assert {name: recipe.name for name, recipe in RECIPES.items()} == {name: name for name in RECIPES}


def test_there_is_a_default():
    assert "default" in RECIPES


def test_fine_tuning_has_the_lowest_learning_rate_of_its_recipe():
    for recipe in RECIPES.values():
        assert recipe.fine_tuning.learning_rate < recipe.fast_extraction.learning_rate


def test_every_head_can_be_chosen():
    assert [Recipe(name="x", summary="", head=head).head for head in HEADS] == list(HEADS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"head": "mlp"},
        {"dropout": 1.0},
        {"dropout": float("nan")},
        {"batch": 0},
        {"select": "first"},
        {"epochs": 3},
        {"preprocessing": "caffe"},
    ],
)
def test_a_value_out_of_its_range_is_refused(wrong: dict):
    with pytest.raises(ValidationError):
        Recipe(name="x", summary="", **wrong)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": 0}, {"learning_rate": float("inf")}])
def test_a_schedule_that_trains_nothing_is_refused(wrong: dict):
    with pytest.raises(ValidationError):
        Schedule(**({"epochs": 1, "learning_rate": 0.1} | wrong))


@pytest.mark.parametrize(
    "wrong", [{"rotation": 181}, {"shift": 1}, {"zoom": 1}, {"shear": 90}, {"zoom": -0.1}]
)
def test_an_augmentation_that_loses_the_image_is_refused(wrong: dict):
    with pytest.raises(ValidationError):
        Augmentation(**wrong)


def test_a_recipe_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        RECIPES["default"].batch = 1


@pytest.mark.parametrize("name", ["dog-cat-exercise-01", "vgg19-fine-tuning-slides", "leaf-disease-40"])
def test_a_published_recipe_does_what_was_published(name: str):
    recipe = RECIPES[name]
    assert (recipe.preprocessing, recipe.resize, recipe.select) == ("rescale", "nearest", "last")
    assert recipe.optimizer == "rmsprop"


def test_the_slides_train_one_phase_from_a_random_head():
    assert RECIPES["vgg19-fine-tuning-slides"].fine_tuning_start == "random-head"


def test_an_epoch_of_the_exercise_is_the_whole_training_split():
    schedule = RECIPES["dog-cat-exercise-01"].fine_tuning
    assert schedule.steps_per_epoch * RECIPES["dog-cat-exercise-01"].batch == 2000


def test_what_two_recipes_say_otherwise_is_named_by_field():
    recipe = RECIPES["default"]
    slower = recipe.fine_tuning.model_copy(update={"learning_rate": 1e-6, "patience": 2})
    other = recipe.model_copy(update={"name": "slow", "summary": "x", "batch": 16, "fine_tuning": slower})
    assert recipe_changes(recipe, other) == [
        ("batch", 32, 16),
        ("fine_tuning.learning_rate", 5e-5, 1e-6),
        ("fine_tuning.patience", None, 2),
    ]
    assert recipe_changes(recipe, recipe.model_copy(update={"name": "again"})) == []
