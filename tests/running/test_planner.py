"""The plan, and the input key that resume and caches trust (trap 27)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import matrix, put
from hypothesis import given
from hypothesis import strategies as st

from harness.backbones import backbone
from harness.data.manifest import SPLITS, build_manifest
from harness.errors import UserError
from harness.matrix import Cell
from harness.recipes import RECIPES, Augmentation, Recipe, Schedule
from harness.running import planner
from harness.running.planner import (
    Planned,
    effective_recipe,
    input_key,
    make_plan,
    require_parts,
    without_unsuited,
)
from harness.strategies import STRATEGIES, strategy
from harness.weights import WeightsRef

pytestmark = pytest.mark.usefixtures("empty_keras_home")

MANIFEST = "a" * 64
WEIGHTS = WeightsRef("imagenet", "w.h5", "b" * 64, "weights folder", Path("/somewhere/w.h5"))
CELL = Cell("MobileNet", "imagenet", "fine-tuning", "blocks:1", "default", 160, 0)

TEXT = """\
name = "m"
minutes_per_cell = 5

[[grid]]
backbones = ["MobileNet", "MobileNet-0.25"]
strategies = ["fast-extraction", "fine-tuning"]
depths = ["blocks:1"]
sizes = [160]
seeds = [0, 1]
recipes = ["mine"]

[recipe.mine]
base = "default"
batch = 16
augmentation = { rotation = 5, zoom = 0.2 }
"""

REORDERED = """\
[recipe.mine]
augmentation = { zoom = 0.2, rotation = 5.0 }
batch = 16

[[grid]]
seeds = [1, 0]
recipes = ["mine"]
depths = ["blocks:1"]
strategies = ["fine-tuning", "fast-extraction"]
sizes = [160]
backbones = ["MobileNet-0.25", "MobileNet"]

[data]
source = "folder"
"""


def plan(
    cell: Cell = CELL, recipe: Recipe = RECIPES["default"], weights: WeightsRef | None = WEIGHTS
) -> Planned:
    return Planned(cell, recipe, strategy(cell.strategy).phases(recipe, cell.depth), weights)


def keys(folder: Path, text: str) -> dict[str, str]:
    return {
        each.cell.name: input_key(each, MANIFEST)
        for each in make_plan(matrix(folder, text), None, offline=False)
    }


def changed_recipe(**changes: object) -> Recipe:
    return Recipe.model_validate(RECIPES["default"].model_dump() | changes)


# The key


def check_key(key: Callable[[Planned, str], str]) -> None:
    """Fail if `key` overlooks an input of a cell, or sees what is none."""
    usual = key(plan(), MANIFEST)
    moved = replace(WEIGHTS, path=Path("/elsewhere/w.h5"), origin="Keras cache")
    assert key(plan(recipe=changed_recipe(name="renamed", summary="other words")), MANIFEST) == usual
    assert key(plan(weights=moved), MANIFEST) == usual
    for changed in (
        key(plan(replace(CELL, seed=1)), MANIFEST),
        key(plan(recipe=changed_recipe(batch=31)), MANIFEST),
        key(plan(weights=replace(WEIGHTS, sha256="c" * 64)), MANIFEST),
        key(plan(), "c" * 64),
    ):
        assert changed != usual, "an input has no part in the key"


def by_name(planned: Planned, _: str) -> str:
    """A broken key: the cell's name, which holds the recipe's name and not its content."""
    return planned.cell.name


def by_everything(planned: Planned, manifest: str) -> str:
    """A broken key: all there is, with names and paths that change no number."""
    return f"{planned}{manifest}"


@pytest.mark.parametrize("broken", [by_name, by_everything])
def test_the_check_refuses_a_key_that_overlooks_an_input_or_sees_too_much(
    broken: Callable[[Planned, str], str],
):
    with pytest.raises(AssertionError):
        check_key(broken)


def test_the_key_sees_every_input_and_nothing_else():
    check_key(input_key)


def test_the_key_does_not_depend_on_the_order_of_the_file(tmp_path: Path):
    assert keys(tmp_path, TEXT) == keys(tmp_path, 'name = "m"\n' + REORDERED)


def test_the_key_does_not_depend_on_the_matrix_name_or_its_time_limit(tmp_path: Path):
    other = TEXT.replace('"m"', '"other"').replace("= 5\n", "= 500\n", 1)
    assert keys(tmp_path, TEXT) == keys(tmp_path, other)


def test_the_key_does_not_depend_on_the_order_in_which_versions_are_listed(monkeypatch: pytest.MonkeyPatch):
    before, versions = input_key(plan(), MANIFEST), planner.library_versions()
    monkeypatch.setattr(planner, "library_versions", lambda: dict(reversed(versions.items())))
    assert input_key(plan(), MANIFEST) == before


def test_cells_of_one_matrix_have_keys_of_their_own(tmp_path: Path):
    found = keys(tmp_path, TEXT)
    assert len(set(found.values())) == len(found) == 8


def test_a_key_is_the_same_in_another_process():
    # Python's own hash() would differ: it is salted anew in each process.
    planned = plan()
    assert input_key(planned, MANIFEST) == input_key(replace(planned), MANIFEST)
    assert len(input_key(planned, MANIFEST)) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"backbone": "MobileNet-0.25"},
        {"weights": "random"},
        {"strategy": "augmented-extraction"},
        {"depth": "blocks:2"},
        {"size": 161},
        {"seed": 1},
        {"device": "gpu"},
        {"precision": "mixed_float16"},
        {"learning_rate": 1e-4},
        {"train_images": 50},
    ],
)
def test_the_key_differs_when_the_cell_does(changed: dict):
    assert input_key(plan(replace(CELL, **changed)), MANIFEST) != input_key(plan(), MANIFEST)


def test_a_cell_on_all_images_has_the_key_that_it_had_before_there_were_parts(
    monkeypatch: pytest.MonkeyPatch,
):
    key = input_key(plan(), MANIFEST)
    before = {name: value for name, value in CELL.as_dict().items() if name != "train_images"}
    monkeypatch.setattr(Cell, "as_dict", lambda _: dict(before))
    assert input_key(plan(), MANIFEST) == key


CHANGES = [
    {"preprocessing": "rescale"},
    {"resize": "nearest"},
    {"head": "gap-linear"},
    {"dropout": 0.4},
    {"optimizer": "rmsprop"},
    {"batch": 31},
    {"fast_extraction": Schedule(epochs=21, learning_rate=3e-4).model_dump()},
    {"augmented_extraction": Schedule(epochs=6, learning_rate=2e-4).model_dump()},
    {"fine_tuning": Schedule(epochs=6, learning_rate=2.1e-5).model_dump()},
    {"augmentation": Augmentation(rotation=19).model_dump()},
    {"select": "last"},
    {"augmented_head": "gap-linear"},
    {"fine_tuning_start": "random-head"},
    {"from_scratch": Schedule(epochs=15, learning_rate=1e-3, patience=3).model_dump()},
    {"drop_blocks": 1},
]


@pytest.mark.parametrize("changed", CHANGES, ids=[next(iter(each)) for each in CHANGES])
def test_the_key_differs_when_the_recipe_does(changed: dict):
    assert input_key(plan(recipe=changed_recipe(**changed)), MANIFEST) != input_key(plan(), MANIFEST)


def test_the_key_differs_where_the_step_times_are_a_sketch():
    assert input_key(replace(plan(), brief=True), MANIFEST) != input_key(plan(), MANIFEST)


def test_every_field_of_a_recipe_is_tried_above():
    tried = {name for each in CHANGES for name in each}
    assert tried | {"name", "summary", "base"} == set(Recipe.model_fields)


@pytest.mark.parametrize("changed", [{"name": "renamed"}, {"summary": "in other words"}, {"base": "x"}])
def test_the_key_does_not_depend_on_what_a_recipe_is_called(changed: dict):
    cell = replace(CELL, recipe=changed.get("name", CELL.recipe))
    assert input_key(plan(cell, changed_recipe(**changed)), MANIFEST) == input_key(plan(), MANIFEST)


def test_the_key_differs_when_the_images_do():
    assert input_key(plan(), "c" * 64) != input_key(plan(), MANIFEST)


def test_the_key_differs_when_the_weights_do_and_not_when_they_lie_elsewhere():
    moved = replace(WEIGHTS, path=Path("/elsewhere/w.h5"), origin="Keras cache", name="renamed.h5")
    assert input_key(plan(weights=moved), MANIFEST) == input_key(plan(), MANIFEST)
    assert input_key(plan(weights=replace(WEIGHTS, sha256="c" * 64)), MANIFEST) != input_key(plan(), MANIFEST)
    assert input_key(plan(weights=None), MANIFEST) != input_key(plan(), MANIFEST)


@pytest.mark.parametrize("library", ["keras", "tensorflow", "numpy", "pillow", "transferbench"])
def test_the_key_differs_when_a_library_does(library: str, monkeypatch: pytest.MonkeyPatch):
    before, versions = input_key(plan(), MANIFEST), planner.library_versions()
    monkeypatch.setattr(planner, "library_versions", lambda: versions | {library: "0.0.0"})
    assert input_key(plan(), MANIFEST) != before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCHEMA_VERSION", 2),
        ("settings", lambda: {"TF_ENABLE_ONEDNN_OPTS": "0"}),
        ("usable_cores", lambda: 999),
    ],
)
def test_the_key_differs_when_schema_settings_or_cores_do(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    before = input_key(plan(), MANIFEST)
    monkeypatch.setattr(planner, name, value)
    assert input_key(plan(), MANIFEST) != before


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(32, 1024), st.integers(32, 1024))
def test_keys_are_equal_only_for_equal_cells(seed: int, other_seed: int, size: int, other_size: int):
    one, other = replace(CELL, seed=seed, size=size), replace(CELL, seed=other_seed, size=other_size)
    assert (input_key(plan(one), MANIFEST) == input_key(plan(other), MANIFEST)) == (one == other)


# The plan


def test_a_plan_has_the_cells_of_the_matrix_in_order(tmp_path: Path):
    loaded = matrix(tmp_path, TEXT)
    assert [each.cell for each in make_plan(loaded, None, offline=False)] == list(loaded.cells())


@pytest.mark.parametrize(("line", "brief"), [("", False), ('step_times = "brief"\n', True)])
def test_the_matrix_says_whether_step_times_are_a_sketch(tmp_path: Path, line: str, brief: bool):
    planned = make_plan(matrix(tmp_path, line + TEXT), None, offline=False)
    assert {each.brief for each in planned} == {brief}


def test_a_planned_cell_carries_its_effective_recipe_and_phases(tmp_path: Path):
    last = make_plan(matrix(tmp_path, TEXT), None, offline=False)[-1]
    assert (last.recipe.name, last.recipe.batch) == ("mine", 16)
    assert [phase.name for phase in last.phases] == ["head", "fine-tuning"]
    assert last.phases[1].depth == "blocks:1"


def test_offline_a_cell_without_weights_is_skipped_for_a_reason(tmp_path: Path):
    put(tmp_path / "shelf" / backbone("MobileNet").weights.name, b"weights")
    planned = make_plan(matrix(tmp_path, TEXT), tmp_path / "shelf", offline=True)
    assert {each.cell.backbone: bool(each.skip) for each in planned} == {
        "MobileNet": False,
        "MobileNet-0.25": True,
    }
    reason = next(each.skip for each in planned if each.skip)
    assert backbone("MobileNet-0.25").weights.name in reason
    assert str(tmp_path / "shelf") in reason
    assert "--weights-dir" in reason


def test_online_a_cell_without_weights_is_not_skipped(tmp_path: Path):
    planned = make_plan(matrix(tmp_path, TEXT), None, offline=False)
    assert {(each.skip, each.weights) for each in planned} == {("", None)}


def test_random_weights_are_never_missing(tmp_path: Path):
    text = TEXT.replace("sizes", 'weights = ["random"]\nsizes')
    assert not any(each.skip for each in make_plan(matrix(tmp_path, text), None, offline=True))


def test_each_weights_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr(planner, "find_weights", lambda name, *_: asked.append(name))
    make_plan(matrix(tmp_path, TEXT), None, offline=False)
    assert asked == ["MobileNet", "MobileNet-0.25"]


# Parts of the training images

ANIMALS = build_manifest(
    "photos",
    [
        (split, label, f"{split}/{label}/{number}", f"{split}{label}{number}")
        for split in SPLITS
        for label in ("cats", "dogs", "foxes")
        for number in range(5)
    ],
    (),
)


def of_sizes(*sizes: int | None) -> list[Planned]:
    return [plan(replace(CELL, train_images=images)) for images in sizes]


def test_parts_from_an_image_of_each_class_up_to_the_whole_split_are_planned():
    require_parts(of_sizes(None, 3, 15), ANIMALS)


@pytest.mark.parametrize(
    ("sizes", "asked"),
    [((2,), "2"), ((16,), "16"), ((None, 2, 10, 16, 5000, 16), "2 and for 16 and for 5,000")],
)
def test_parts_that_the_split_cannot_give_are_refused_with_what_there_is(
    sizes: tuple[int | None, ...], asked: str
):
    with pytest.raises(UserError) as caught:
        require_parts(of_sizes(*sizes), ANIMALS)
    assert str(caught.value) == (
        f"photos: train_images asks for {asked}; the training split has 15 images of 3 classes\n"
        'Choose numbers from 3 (one image of each class) to 15, or "all".'
    )


# What takes effect


def test_the_learning_rate_of_a_cell_is_that_of_its_strategy_and_of_nothing_else():
    recipe = effective_recipe(RECIPES["default"], replace(CELL, learning_rate=0.5))
    assert recipe.fine_tuning == RECIPES["default"].fine_tuning.model_copy(update={"learning_rate": 0.5})
    assert recipe.fast_extraction == RECIPES["default"].fast_extraction


@pytest.mark.parametrize("name", [name for name, each in STRATEGIES.items() if each.schedule])
def test_a_learning_rate_reaches_the_last_phase(name: str):
    cell = replace(CELL, strategy=name, learning_rate=0.5)
    recipe = effective_recipe(RECIPES["default"], cell)
    assert strategy(name).phases(recipe, "blocks:1")[-1].learning_rate == 0.5


def test_the_plan_holds_the_recipe_as_the_strategy_changes_it(tmp_path: Path):
    text = TEXT.replace('["fast-extraction", "fine-tuning"]', '["linear-probe"]')
    planned = make_plan(matrix(tmp_path, text), None, offline=False)[0]
    assert planned.recipe.head == "gap-linear"


def test_cells_whose_strategy_does_not_suit_the_classes_are_skipped_with_the_reason(tmp_path: Path):
    text = TEXT.replace('["fast-extraction", "fine-tuning"]', '["zero-shot", "linear-probe"]')
    made = make_plan(matrix(tmp_path, text), None, offline=False)
    suited, unsuited = (without_unsuited(made, classes) for classes in (("cat", "dog"), ("rust", "scab")))
    assert [each.skip for each in suited] == [""] * 4
    assert {each.cell.strategy for each in unsuited if "classes are others" in each.skip} == {"zero-shot"}


def test_zero_shot_asks_for_the_file_with_the_top(tmp_path: Path):
    text = TEXT.replace('["fast-extraction", "fine-tuning"]', '["zero-shot"]')
    planned = make_plan(matrix(tmp_path, text), None, offline=True)[0]
    assert "mobilenet_1_0_224_tf.h5" in planned.skip
