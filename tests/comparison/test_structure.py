"""What must be exactly the same."""

from typing import Any

import pytest
from fakes import epoch
from fakes_compare import trial
from fakes_judged import changed, found, kinds

from harness.comparison.structure import structure
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
    (one,) = found(structure, ROW, changed(ROW, **{field: value}))
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


def test_the_hash_of_what_is_frozen_counts_only_where_the_weights_are_the_same_file():
    other = WeightsFacts(kind="imagenet", name="w.h5", sha256="c" * 64, origin="")
    assert found(structure, ROW, changed(ROW, frozen_sha256="e" * 64, weights=other)) == []
    random = changed(ROW, weights=WeightsFacts(kind="random", name="", sha256="random", origin="random"))
    assert found(structure, random, changed(random, frozen_sha256="e" * 64)) == []


def test_fewer_images_in_an_epoch_are_a_regression():
    fewer = changed(ROW, history=(epoch(1, images=4), epoch(2, images=3)))
    (one,) = found(structure, ROW, fewer)
    assert (one.field, one.before, one.after) == ("images", "head 4 in 2 epochs", "head 4, 3 in 2 epochs")


def test_another_number_of_epochs_is_a_regression_unless_patience_ends_the_phase():
    longer = changed(ROW, history=tuple(epoch(number) for number in (1, 2, 3)))
    assert kinds(found(structure, ROW, longer)) == [("structure", "regression", "images")]
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


def test_other_phases_of_the_same_recipe_are_a_regression_and_of_another_are_the_recipes():
    shorter = changed(ROW, phases=ROW[0].phases[1:])
    (one,) = found(structure, ROW, shorter)
    assert one.field == "phases"
    assert str(one.before).startswith("head (depth none, ")
    assert one.after == "none"
    recipe = ROW[0].recipe.model_copy(update={"dropout": 0.1})
    assert found(structure, ROW, changed(shorter, recipe=recipe)) == []


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
def test_what_older_records_do_not_tell_is_compared_where_both_do(
    field: str, first: dict[str, Any], second: dict[str, Any], told: tuple[str, str]
):
    before, after = changed(ROW, **first), changed(ROW, **second)
    assert found(structure, before, ROW) == found(structure, ROW, after) == []
    (one,) = found(structure, before, after)
    assert (one.severity, one.field, (one.before, one.after)) == ("regression", field, told)
