"""Strategies as data: the registry and the phases."""

import pkgutil

import pytest

import harness.strategies
from harness.errors import UserError
from harness.recipes import Recipe, Schedule
from harness.strategies import STRATEGIES, Phase, strategy
from harness.strategies.zero_shot import imagenet_classes

RECIPE = Recipe(
    name="x",
    summary="",
    fast_extraction=Schedule(epochs=7, learning_rate=0.7),
    augmented_extraction=Schedule(epochs=5, learning_rate=0.5),
    fine_tuning=Schedule(epochs=3, learning_rate=0.3),
)


def test_every_module_of_the_package_but_the_type_is_a_strategy():
    modules = {found.name for found in pkgutil.iter_modules(harness.strategies.__path__)} - {"strategy"}
    assert {name.replace("-", "_") for name in STRATEGIES} == modules


def test_strategies_come_in_the_order_of_their_names():
    assert list(STRATEGIES) == sorted(STRATEGIES)


def test_every_strategy_says_in_a_line_what_it_is():
    assert all(each.summary and "\n" not in each.summary for each in STRATEGIES.values())


def test_fast_extraction_trains_the_head_on_plain_images():
    assert strategy("fast-extraction").phases(RECIPE, "none") == (Phase("head", "none", False, 7, 0.7),)


def test_augmented_extraction_trains_the_head_on_augmented_images():
    assert strategy("augmented-extraction").phases(RECIPE, "none") == (Phase("head", "none", True, 5, 0.5),)


def test_fine_tuning_trains_the_head_first_and_then_unfreezes():
    assert strategy("fine-tuning").phases(RECIPE, "blocks:2") == (
        Phase("head", "none", False, 7, 0.7),
        Phase("fine-tuning", "blocks:2", True, 3, 0.3),
    )


@pytest.mark.parametrize(
    ("start", "phases"),
    [
        (
            "augmented-extraction",
            (Phase("head", "none", True, 5, 0.5), Phase("fine-tuning", "all", True, 3, 0.3)),
        ),
        ("random-head", (Phase("fine-tuning", "all", True, 3, 0.3),)),
    ],
)
def test_a_recipe_says_what_fine_tuning_starts_from(start: str, phases: tuple[Phase, ...]):
    recipe = RECIPE.model_copy(update={"fine_tuning_start": start})
    assert strategy("fine-tuning").phases(recipe, "all") == phases


@pytest.mark.parametrize(
    ("name", "start", "head"),
    [
        ("fast-extraction", "fast-extraction", "flatten-dense256-dropout"),
        ("augmented-extraction", "fast-extraction", "flatten-dense256"),
        ("fine-tuning", "fast-extraction", "flatten-dense256-dropout"),
        ("fine-tuning", "augmented-extraction", "flatten-dense256"),
        ("linear-probe", "fast-extraction", "gap-linear"),
    ],
)
def test_the_head_that_takes_effect(name: str, start: str, head: str):
    heads = {"head": "flatten-dense256-dropout", "augmented_head": "flatten-dense256"}
    recipe = RECIPE.model_copy(update={**heads, "fine_tuning_start": start})
    assert strategy(name).adapt(recipe).head == head


def test_from_scratch_trains_everything_from_weights_of_its_own():
    recipe = RECIPE.model_copy(update={"from_scratch": Schedule(epochs=9, learning_rate=0.9)})
    assert strategy("from-scratch").phases(recipe, "none") == (Phase("from-scratch", "all", True, 9, 0.9),)
    assert strategy("from-scratch").weights == "scratch"


def test_a_phase_has_its_schedules_options():
    schedule = Schedule(epochs=7, learning_rate=0.7, warm_up_epochs=0.5, patience=2, steps_per_epoch=10)
    recipe = RECIPE.model_copy(update={"fast_extraction": schedule})
    (phase,) = strategy("fast-extraction").phases(recipe, "none")
    assert (phase.warm_up_epochs, phase.patience, phase.steps_per_epoch) == (0.5, 2, 10)


@pytest.mark.parametrize("classes", [("cat", "dog"), ("cats", "dogs"), ("Dog", "Cat")])
def test_zero_shot_takes_cats_and_dogs(classes: tuple[str, ...]):
    assert strategy("zero-shot").unsuited(classes) == ""
    groups = imagenet_classes(classes)
    assert groups is not None
    cats = classes.index(next(name for name in classes if "cat" in name.lower()))
    assert groups[cats] == (281, 282, 283, 284, 285)
    assert (groups[1 - cats][0], groups[1 - cats][-1], len(groups[1 - cats])) == (151, 268, 118)


@pytest.mark.parametrize("classes", [("cat", "lynx"), ("cat", "dog", "fox"), ("dog", "dogs")])
def test_zero_shot_refuses_other_classes_with_a_reason(classes: tuple[str, ...]):
    assert "these classes are others" in strategy("zero-shot").unsuited(classes)


def test_only_fine_tuning_takes_a_depth():
    assert [name for name, each in STRATEGIES.items() if each.takes_depth] == ["fine-tuning"]


def test_the_training_images_have_a_part_in_whatever_has_phases():
    for each in STRATEGIES.values():
        assert each.trains is bool(each.phases(RECIPE, "blocks:1")), each.name


def test_an_unknown_strategy_is_refused_with_near_names():
    with pytest.raises(UserError) as caught:
        strategy("finetuning", where="m.toml:9")
    assert str(caught.value).startswith(
        "m.toml:9: unknown strategy 'finetuning'\nDid you mean fine-tuning? Choices: "
    )
