"""What must be exactly the same."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
from fakes import ENVIRONMENT, epoch
from fakes_compare import trial
from fakes_judged import changed, found, kinds

from harness.comparison.structure import _DECIDES, structure
from harness.recipes import RECIPES, Recipe, Schedule, recipe_changes
from harness.records import WeightsFacts

ROW = trial(900, depth="blocks:1")


def test_the_same_structure_is_no_finding():
    assert found(structure, ROW, ROW) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parameters", 1),
        ("parameters_trainable", 1),
        ("boundary", "conv_pw_12"),
        ("boundary", None),
        ("variables_trained", 4),
        ("variables_moved", 3),
        ("frozen_sha256", "e" * 64),
        ("test_images", 999),
        ("jit", True),
    ],
)
def test_whatever_differs_is_a_regression_that_names_both(field: str, value: Any):
    before = changed(ROW, variables_trained=5, variables_moved=5, jit=False)
    (one,) = found(structure, before, changed(before, **{field: value}))
    assert (one.kind, one.severity, one.field, one.cells) == (
        "structure",
        "regression",
        field,
        (ROW[0].name,),
    )
    assert str(one.after)[:12] == str(value)[:12]


def test_numbers_and_names_are_told_as_they_are():
    (one,) = found(structure, ROW, changed(ROW, parameters_trainable=1_234_567))
    assert one.message == "trainable parameters: 100,000 to 1,234,567"
    (one,) = found(structure, ROW, changed(ROW, boundary="a`b"))
    assert one.message == "the first layer that trains: `conv_pw_13` to `a'b`"


@pytest.mark.parametrize(
    "field",
    [
        "parameters",
        "parameters_trainable",
        "boundary",
        "variables_trained",
        "variables_moved",
        "frozen_sha256",
        "test_images",
        "jit",
    ],
)
def test_whatever_is_no_longer_told_is_a_regression(field: str):
    told = {"variables_trained": 4, "variables_moved": 4, "jit": False}
    (one,) = found(structure, changed(ROW, **told), changed(ROW, **(told | {field: None})))
    assert (one.severity, one.field, one.after) == ("regression", field, None)
    assert one.message.startswith("no longer told: ")


def test_a_hash_of_what_is_frozen_is_lost_whatever_the_weights_are():
    random = changed(ROW, weights=WeightsFacts(kind="random", name="", sha256="random", origin="random"))
    (one,) = found(structure, random, changed(random, frozen_sha256=None))
    assert (one.severity, one.field) == ("regression", "frozen_sha256")


def test_the_hash_of_what_is_frozen_counts_only_where_the_weights_are_the_same_file():
    other = WeightsFacts(kind="imagenet", name="w.h5", sha256="c" * 64, origin="")
    assert found(structure, ROW, changed(ROW, frozen_sha256="e" * 64, weights=other)) == []
    random = changed(ROW, weights=WeightsFacts(kind="random", name="", sha256="random", origin="random"))
    assert found(structure, random, changed(random, frozen_sha256="e" * 64)) == []


def test_fewer_images_in_an_epoch_are_a_regression():
    fewer = changed(ROW, history=(epoch(1, images=4), epoch(2, images=3)))
    (one,) = found(structure, ROW, fewer)
    assert (one.field, one.before, one.after) == ("images", "head 4", "head 4; head 3")


def test_another_number_of_epochs_is_a_regression_unless_patience_ends_the_phase():
    longer = changed(ROW, history=tuple(epoch(number) for number in (1, 2, 3)))
    assert kinds(found(structure, ROW, longer)) == [("structure", "regression", "epochs")]
    recipe = ROW[0].recipe
    head = recipe.fast_extraction.model_copy(update={"patience": 2})
    patient = [
        changed(
            row,
            recipe=recipe.model_copy(update={"fast_extraction": head}),
            phases=tuple(phase.__class__(**(vars(phase) | {"patience": 2})) for phase in row[0].phases),
        )
        for row in (ROW, longer)
    ]
    assert found(structure, *patient) == []


SHORTER = changed(ROW, phases=ROW[0].phases[1:])


def test_other_phases_are_a_regression_that_names_them():
    (one,) = found(structure, ROW, SHORTER)
    assert (one.severity, one.field) == ("regression", "phases")
    assert str(one.before).startswith("head (depth none, ")
    assert one.after == "none"


LONGER = changed(ROW, history=tuple(epoch(number) for number in (1, 2, 3)))
LEAKED = changed(ROW, history=(epoch(1, images=7), epoch(2, images=7)))
RATED = (epoch(1, learning_rate=0.001), epoch(2, learning_rate=0.001))
FASTER = changed(ROW, history=(epoch(1, learning_rate=0.01), epoch(2, learning_rate=0.01)))
ANOTHER_SCHEDULE = {"from_scratch": ROW[0].recipe.from_scratch.model_copy(update={"epochs": 3})}
EPOCHS = {"fast_extraction": ROW[0].recipe.fast_extraction.model_copy(update={"epochs": 3})}


@pytest.mark.parametrize(
    ("recipe", "row", "field", "because"),
    [
        (EPOCHS, LONGER, "epochs", "the recipe's `fast_extraction.epochs` decides it"),
        (EPOCHS, SHORTER, "phases", "the recipe's `fast_extraction.epochs` decides it"),
        ({"head": "gap-linear"}, changed(ROW, parameters=1), "parameters", "the recipe's `head` decides it"),
        ({"drop_blocks": 1}, changed(ROW, boundary="x"), "boundary", "the recipe's `drop_blocks` decides it"),
    ],
)
def test_what_a_changed_recipe_decides_is_told_as_its_doing(
    recipe: dict[str, Any], row: Any, field: str, because: str
):
    now = changed(row, recipe=ROW[0].recipe.model_copy(update=recipe))
    (one,) = found(structure, ROW, now)
    assert (one.severity, one.field) == ("changed", field)
    assert one.message.endswith(because)


@pytest.mark.parametrize(
    ("recipe", "row", "field"),
    [
        ({"dropout": 0.1}, SHORTER, "phases"),
        (ANOTHER_SCHEDULE, LONGER, "epochs"),
        (ANOTHER_SCHEDULE, SHORTER, "phases"),
        (EPOCHS, changed(ROW, parameters=1), "parameters"),
        ({"head": "gap-linear"}, LONGER, "epochs"),
        (EPOCHS, LEAKED, "images"),
        (EPOCHS, FASTER, "learning_rate"),
        ({"head": "gap-linear"}, changed(ROW, test_images=999), "test_images"),
        (EPOCHS, changed(ROW, frozen_sha256="e" * 64), "frozen_sha256"),
    ],
)
def test_a_changed_recipe_hides_no_mistake_that_it_does_not_decide(
    recipe: dict[str, Any], row: Any, field: str
):
    usual = changed(ROW, history=RATED) if field == "learning_rate" else ROW
    now = changed(row, recipe=ROW[0].recipe.model_copy(update=recipe))
    (one,) = found(structure, usual, now)
    assert (one.severity, one.field) == ("regression", field)


def test_several_fields_decide_together():
    now = changed(
        ROW, parameters=1, recipe=ROW[0].recipe.model_copy(update={"head": "gap-linear", "drop_blocks": 1})
    )
    (one,) = found(structure, ROW, now)
    assert one.message.endswith("the recipe's `head` and `drop_blocks` decide it")


_ELSE = Schedule(epochs=99, learning_rate=0.5, warm_up_epochs=0.5, patience=9, steps_per_epoch=9)
NOTHING_ALIKE = RECIPES["default"].model_copy(
    update={name: None for name in Recipe.model_fields if name not in ("name", "summary", "base")}
    | dict.fromkeys(("fast_extraction", "augmented_extraction", "fine_tuning", "from_scratch"), _ELSE)
    | {"augmented_head": "gap-linear"}
)
"""A recipe of which nothing is the default's."""


def test_every_field_that_decides_something_is_a_recipes():
    known = {name for name, _, _ in recipe_changes(ROW[0].recipe, NOTHING_ALIKE)}
    for patterns in _DECIDES.values():
        for pattern in patterns:
            assert any(fnmatchcase(name, pattern) for name in known), pattern


def test_other_pixels_of_another_decoder_are_told_and_of_the_same_one_fail():
    decoders = [
        {"environment": ENVIRONMENT.model_copy(update={"libraries": {"pillow": each}})} for each in "12"
    ]
    before, after = (changed(ROW, **pixels(each * 64), **decoders[0]) for each in "ab")
    (one,) = found(structure, before, after)
    assert (one.severity, one.field) == ("regression", "pixels_sha256")
    (one,) = found(structure, before, changed(after, **decoders[1]))
    assert (one.severity, one.field) == ("changed", "pixels_sha256")
    assert one.message.endswith("the version of `pillow` decides it")


def pixels(sha256: str) -> dict[str, Any]:
    return {"data": ROW[0].data.model_copy(update={"pixels_sha256": sha256})}


def validated(images: int) -> dict[str, Any]:
    return {"history": tuple(epoch(number, validation_images=images) for number in (1, 2))}


@pytest.mark.parametrize(
    ("field", "first", "second", "told"),
    [
        ("train_traces", {"train_traces": {"head": 1}}, {"train_traces": {"head": 3}}, ("head 1", "head 3")),
        ("validation_images", validated(50), validated(48), ("head 50", "head 48")),
        ("pixels_sha256", pixels("a" * 64), pixels("b" * 64), ("a" * 12, "b" * 12)),
    ],
)
def test_what_older_records_do_not_tell_is_compared_where_the_baseline_tells_it(
    field: str, first: dict[str, Any], second: dict[str, Any], told: tuple[str, str]
):
    before, after = changed(ROW, **first), changed(ROW, **second)
    (one,) = found(structure, ROW, after)
    assert (one.severity, one.field) == ("undecided", field)
    assert one.message.endswith("not told in the baseline, so it is not compared")
    (one,) = found(structure, before, after)
    assert (one.severity, one.field, (one.before, one.after)) == ("regression", field, told)


@pytest.mark.parametrize(
    ("field", "first", "was"),
    [
        ("train_traces", {"train_traces": {"head": 1}}, "head 1"),
        ("validation_images", validated(50), "head 50"),
        ("pixels_sha256", pixels("a" * 64), "a" * 12),
    ],
)
def test_what_the_baseline_tells_and_the_current_record_does_not_is_a_regression(
    field: str, first: dict[str, Any], was: str
):
    (one,) = found(structure, changed(ROW, **first), ROW)
    assert (one.severity, one.field, one.before, one.after) == ("regression", field, was, None)
    assert one.message.startswith("no longer told: ")
    assert one.message.endswith(f"(`{was}` in the baseline)")


def test_a_count_of_validation_images_that_one_epoch_lost_is_a_regression():
    part = changed(ROW, history=(epoch(1, validation_images=50), epoch(2)))
    (one,) = found(structure, changed(ROW, **validated(50)), part)
    assert (one.field, one.after) == ("validation_images", "head 50; head none")


def test_a_history_that_is_lost_is_a_regression_in_all_that_it_told():
    lost = found(structure, changed(ROW, **validated(50)), changed(ROW, history=()))
    assert kinds(lost) == [
        ("structure", "regression", each) for each in ("images", "epochs", "validation_images")
    ]


@pytest.mark.parametrize(
    ("first", "recipe", "pillow"),
    [
        ({"train_traces": {"head": 1}}, {"batch": 7}, "1"),
        (pixels("a" * 64), {"resize": "nearest"}, "1"),
        (pixels("a" * 64), {}, "2"),
    ],
)
def test_no_change_of_recipe_or_version_decides_that_a_value_is_lost(
    first: dict[str, Any], recipe: dict[str, Any], pillow: str
):
    def with_pillow(row: Any, version: str) -> Any:
        libraries = {"pillow": version}
        return changed(row, environment=ENVIRONMENT.model_copy(update={"libraries": libraries}))

    before = with_pillow(changed(ROW, **first), "1")
    after = with_pillow(changed(ROW, recipe=ROW[0].recipe.model_copy(update=recipe)), pillow)
    (one,) = found(structure, before, after)
    assert (one.severity, one.after) == ("regression", None)
