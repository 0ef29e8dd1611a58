"""Where a base is cut, and that exactly what should train does (traps 1 and 2)."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from fakes_training import (
    KERAS_ARRAYS,
    TINY_ROW,
    TINY_SIZE,
    copies,
    draw_images,
    moved,
    norm_hash,
    quick_recipe,
    tiny_base,
    trained_from,
)

from harness.depth import parse_depth
from harness.errors import UserError
from harness.training.base import batch_norms
from harness.training.classifier import build_head, split_at
from harness.training.cut import Cut, find_cut
from harness.training.freezing import compile_at_depth, frozen_hash

pytestmark = KERAS_ARRAYS

LOSS = "binary_crossentropy"

SetDepth = Callable[[Any, Any, Cut], None]


def cut_at(base: Any, depth: str) -> Cut:
    return find_cut(base, TINY_ROW, parse_depth(depth))


def full_model(base: Any, depth: str) -> Any:
    recipe = quick_recipe()
    return split_at(base, build_head(recipe, 2, base.output), TINY_ROW, recipe, cut_at(base, depth)).full


def one_epoch(model: Any) -> None:
    pixels, labels = draw_images(16, TINY_SIZE, seed=4)
    model.fit(pixels.astype(np.float32), labels.astype(np.float32), batch_size=8, verbose=0)


# The cut ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base() -> Any:
    return tiny_base(calibrated=False)


@pytest.mark.parametrize(
    ("depth", "boundary"),
    [
        ("none", ""),
        ("all", "block1_conv"),
        ("blocks:1", "block3_conv"),
        ("blocks:2", "block2_conv"),
        ("blocks:3", "block1_conv"),
        ("layers:3", "block3_conv"),
        ("layers:4", "block2_add"),
        ("layers:9", "block1_conv"),
        ("from:block2_bn", "block2_bn"),
    ],
)
def test_a_depth_names_the_first_layer_that_trains(base: Any, depth: str, boundary: str) -> None:
    cut = cut_at(base, depth)

    assert cut.boundary == boundary
    assert boundary in ("", base.operations[min(cut.index, len(base.operations) - 1)].name)


def test_nothing_lies_behind_the_cut_of_a_frozen_base(base: Any) -> None:
    assert cut_at(base, "none").index == len(base.operations)


@pytest.mark.parametrize(
    ("depth", "everything"), [("none", False), ("blocks:1", False), ("blocks:3", True), ("all", True)]
)
def test_a_base_that_trains_whole_has_no_trunk(base: Any, depth: str, everything: bool) -> None:
    assert cut_at(base, depth).everything is everything


def test_an_unknown_layer_is_answered_with_near_names_and_choices(base: Any) -> None:
    with pytest.raises(UserError) as raised:
        cut_at(base, "from:block3_cnv")

    assert "'block3_cnv'" in raised.value.problem
    assert "Did you mean block3_conv" in raised.value.hint
    assert "block1_relu" in raised.value.hint


def test_more_layers_than_the_base_has_are_refused(base: Any) -> None:
    with pytest.raises(UserError, match="'layers:10' is deeper than Tiny, which has 9 layers"):
        cut_at(base, "layers:10")


@pytest.mark.parametrize("depth", ["layers:1", "from:block3_bn"])
def test_a_depth_at_which_nothing_would_train_is_refused(base: Any, depth: str) -> None:
    with pytest.raises(UserError, match="trains nothing of Tiny: from block3_"):
        cut_at(base, depth)


@pytest.mark.parametrize(("share", "boundary"), [("0.01", "block3_conv"), ("1", "block1_conv")])
def test_a_fraction_is_the_shortest_tail_with_that_share(base: Any, share: str, boundary: str) -> None:
    assert cut_at(base, f"fraction:{share}").boundary == boundary


@pytest.mark.parametrize("scratch", [False, True])
def test_dropout_inside_a_base_drops_only_from_scratch(scratch: bool) -> None:
    inputs = keras.Input((8,))
    base = keras.Model(inputs, keras.layers.Dropout(0.5)(keras.layers.Dense(64)(inputs)))
    compile_at_depth(base, base, Cut(1, "dense"), keras.optimizers.Adam(), LOSS, scratch=scratch)

    dropped = np.asarray(base(np.ones((4, 8), np.float32), training=True)) == 0

    assert dropped.any() == scratch


def test_from_scratch_batch_norm_trains() -> None:
    base = tiny_base()
    model = full_model(base, "all")
    compile_at_depth(model, base, cut_at(base, "all"), keras.optimizers.Adam(), LOSS, scratch=True)

    assert all(layer.trainable for layer in batch_norms(base))


def test_the_input_is_no_layer_to_train_from(base: Any) -> None:
    with pytest.raises(UserError) as raised:
        cut_at(base, "from:conv")

    assert base.operations[0].name not in raised.value.hint


# Recompiling (trap 2) -----------------------------------------------------------------------


def require_new_depth_to_train(set_depth: SetDepth) -> None:
    """After a fit with the base frozen, a fit at a new depth moves that depth and nothing else."""
    base = tiny_base()
    model = full_model(base, "none")
    compile_at_depth(model, base, cut_at(base, "none"), keras.optimizers.Adam(1e-2), LOSS)
    before = copies(base.weights)
    one_epoch(model)
    assert moved(base.weights, before) == set()

    cut = cut_at(base, "blocks:1")
    set_depth(model, base, cut)
    one_epoch(model)

    assert moved(base.weights, before) == trained_from(base, cut.index)


def compiled(model: Any, base: Any, cut: Cut) -> None:
    compile_at_depth(model, base, cut, keras.optimizers.Adam(1e-2), LOSS)


def set_without_compiling(_: Any, base: Any, cut: Cut) -> None:
    base.trainable = True
    for index, operation in enumerate(base.operations):
        norm = isinstance(operation, keras.layers.BatchNormalization)
        operation.trainable = index >= cut.index and not norm


def test_a_new_depth_trains_after_a_first_fit() -> None:
    require_new_depth_to_train(compiled)


def test_the_check_rejects_trainable_set_without_compiling_again() -> None:
    with pytest.raises(AssertionError):
        require_new_depth_to_train(set_without_compiling)


def test_trainable_set_without_compiling_again_moves_nothing_in_the_base() -> None:
    """Why depth and compiling are one step: Keras neither trains what was unfrozen nor warns."""
    base = tiny_base()
    model = full_model(base, "none")
    compiled(model, base, cut_at(base, "none"))
    one_epoch(model)
    before = copies(base.weights)

    set_without_compiling(model, base, cut_at(base, "blocks:1"))
    one_epoch(model)

    assert moved(base.weights, before) == set()


@pytest.mark.parametrize("deeper", ["none", "blocks:1", "layers:4", "all"])
def test_depths_follow_one_another_in_any_order(deeper: str) -> None:
    base = tiny_base()
    for depth in ("all", deeper, "blocks:2"):
        cut = cut_at(base, depth)
        compiled(base, base, cut)
        assert {variable.path for variable in base.trainable_variables} == trained_from(base, cut.index)


def test_compiling_takes_the_fresh_optimizer_and_sets_jit_off() -> None:
    base = tiny_base(calibrated=False)
    model = full_model(base, "none")
    compiled(model, base, cut_at(base, "none"))
    one_epoch(model)
    fresh = keras.optimizers.Adam(1e-4)

    compile_at_depth(model, base, cut_at(base, "blocks:1"), fresh, LOSS)

    assert model.optimizer is fresh
    assert int(fresh.iterations) == 0
    assert model.jit_compile is False


# Batch normalisation (trap 1) ---------------------------------------------------------------


def require_norms_to_stay(set_depth: SetDepth, depth: str) -> None:
    """Statistics, gamma and beta of every batch normalisation are the same after a fit."""
    base = tiny_base()
    model = full_model(base, depth)
    set_depth(model, base, cut_at(base, depth))
    before = norm_hash(base)

    one_epoch(model)

    assert norm_hash(base) == before


def whole_base_trainable(model: Any, base: Any, _: Cut) -> None:
    """What tutorials do: the base is called with training=False, and that is thought enough."""
    base.trainable = True
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=LOSS, jit_compile=False)


def norms_left_trainable(model: Any, base: Any, cut: Cut) -> None:
    base.trainable = True
    for index, operation in enumerate(base.operations):
        operation.trainable = index >= cut.index
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=LOSS, jit_compile=False)


@pytest.mark.parametrize("depth", ["none", "blocks:1", "layers:4", "all"])
def test_batch_normalisation_stays_frozen_at_every_depth(depth: str) -> None:
    require_norms_to_stay(compiled, depth)


@pytest.mark.parametrize("set_depth", [whole_base_trainable, norms_left_trainable])
@pytest.mark.parametrize("depth", ["blocks:1", "all"])
def test_the_check_rejects_batch_normalisation_left_trainable(set_depth: SetDepth, depth: str) -> None:
    with pytest.raises(AssertionError):
        require_norms_to_stay(set_depth, depth)


def test_training_false_alone_does_not_protect_the_moving_statistics() -> None:
    """keras#20285, which the policy exists for: not gamma and beta alone, the statistics move."""
    base = tiny_base()
    model = full_model(base, "all")
    whole_base_trainable(model, base, cut_at(base, "all"))
    statistics = [variable for layer in batch_norms(base) for variable in layer.non_trainable_variables]
    before = copies(statistics)

    one_epoch(model)

    assert moved(statistics, before)


def test_the_hash_of_what_is_frozen_sees_a_moving_statistic_change() -> None:
    base = tiny_base(calibrated=False)
    compiled(base, base, cut_at(base, "all"))
    before = frozen_hash(base)

    batch_norms(base)[0].moving_mean.assign_add([0, 0, 0, 0, 0, 0, 0, 1e-6])

    assert frozen_hash(base) != before


def test_the_hash_of_what_is_frozen_does_not_see_what_trains() -> None:
    base = tiny_base(calibrated=False)
    compiled(base, base, cut_at(base, "blocks:1"))
    before = frozen_hash(base)

    base.get_layer("block3_conv").bias.assign_add(np.ones(12))

    assert frozen_hash(base) == before
