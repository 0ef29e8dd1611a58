"""Strategies as data: the registry and the phases."""

import pkgutil

import pytest

import harness.strategies
from harness.errors import UserError
from harness.recipes import Recipe, Schedule
from harness.strategies import STRATEGIES, Phase, strategy

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


def test_only_fine_tuning_takes_a_depth():
    assert [name for name, each in STRATEGIES.items() if each.takes_depth] == ["fine-tuning"]


def test_an_unknown_strategy_is_refused_with_near_names():
    with pytest.raises(UserError) as caught:
        strategy("finetuning", where="m.toml:9")
    assert str(caught.value).startswith(
        "m.toml:9: unknown strategy 'finetuning'\nDid you mean fine-tuning? Choices: "
    )
