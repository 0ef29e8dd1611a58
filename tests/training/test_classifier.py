"""Heads, and the three models that share their layers."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from fakes_training import KERAS_ARRAYS, TINY_ROW, TINY_SIZE, draw_images, quick_recipe, tiny_base

from harness.backbones import BACKBONES
from harness.depth import parse_depth
from harness.recipes import HEADS
from harness.training.base import build_base
from harness.training.classifier import Classifier, build_head, loss_name, split_at
from harness.training.cut import find_cut

pytestmark = KERAS_ARRAYS


@pytest.fixture
def mixed_precision() -> Iterator[None]:
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def base() -> Any:
    return tiny_base()


def classifier(base: Any, depth: str = "none", *, classes: int = 2, **changes: Any) -> Classifier:
    recipe = quick_recipe(**changes)
    head = build_head(recipe, classes, base.output)
    return split_at(base, head, TINY_ROW, recipe, find_cut(base, TINY_ROW, parse_depth(depth)))


def images(count: int = 6) -> np.ndarray:
    return draw_images(count, TINY_SIZE, seed=6)[0].astype(np.float32)


# Heads --------------------------------------------------------------------------------------


def test_two_classes_end_in_one_sigmoid(base: Any) -> None:
    output = build_head(quick_recipe(), 2, base.output).layers[-1]

    assert (output.units, output.activation.__name__) == (1, "sigmoid")
    assert loss_name(2) == "binary_crossentropy"


def test_three_classes_end_in_a_softmax(base: Any) -> None:
    output = build_head(quick_recipe(), 3, base.output).layers[-1]

    assert (output.units, output.activation.__name__) == (3, "softmax")
    assert loss_name(3) == "sparse_categorical_crossentropy"


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("head", HEADS)
def test_a_head_has_the_parameters_that_its_name_says(head: str, classes: int) -> None:
    features = keras.Input((3, 3, 10))
    inputs = 10 if head.startswith("gap") else 90
    units = 1 if classes == 2 else classes
    hidden = "dense256" in head
    wanted = (inputs + 1) * 256 + (256 + 1) * units if hidden else (inputs + 1) * units

    assert build_head(quick_recipe(head=head), classes, features).count_params() == wanted


@pytest.mark.parametrize(
    ("name", "size", "head", "wanted"),
    [
        ("VGG16", 150, "flatten-dense256-dropout", 16_812_353),
        ("VGG16", 150, "gap-linear", 14_714_688 + 513),
        ("MobileNet-0.25", 160, "gap-dense256-dropout", 218_544 + 257 * 256 + 257),
    ],
)
def test_base_and_head_together_have_the_published_parameters(
    name: str, size: int, head: str, wanted: int
) -> None:
    row, recipe = BACKBONES[name], quick_recipe(head=head)
    whole = build_base(row, size, None)
    cut = find_cut(whole, row, parse_depth("none"))

    model = split_at(whole, build_head(recipe, 2, whole.output), row, recipe, cut)

    assert model.full.count_params() == wanted


def test_dropout_is_the_recipes_and_only_where_the_head_has_it(base: Any) -> None:
    with_dropout = build_head(quick_recipe(head="gap-dense256-dropout", dropout=0.3), 2, base.output)
    without = build_head(quick_recipe(head="flatten-dense256"), 2, base.output)

    assert with_dropout.get_layer("dropout").rate == 0.3
    assert not [layer for layer in without.layers if isinstance(layer, keras.layers.Dropout)]


@pytest.mark.usefixtures("mixed_precision")
@pytest.mark.parametrize("classes", [2, 3])
def test_the_head_puts_out_float32_under_mixed_precision(classes: int) -> None:
    half = tiny_base(calibrated=False)
    model = classifier(half, classes=classes)

    assert half.output.dtype == "float16"
    assert model.full.output.dtype == "float32"
    assert model.classifier.predict_on_batch(model.trunk.predict_on_batch(images())).dtype == np.float32


@pytest.mark.usefixtures("mixed_precision")
def test_under_mixed_precision_predict_equals_the_call_in_inference_mode() -> None:
    full = classifier(tiny_base(calibrated=False), head="gap-dense256-dropout").full

    called = np.asarray(full(images(), training=False))
    np.testing.assert_allclose(full.predict_on_batch(images()), called, atol=2e-3)


# Trunk, tail and head -----------------------------------------------------------------------


@pytest.mark.parametrize("depth", ["none", "blocks:1", "blocks:2", "layers:4", "from:block2_bn"])
def test_trunk_and_classifier_one_after_the_other_are_the_full_model(base: Any, depth: str) -> None:
    model = classifier(base, depth, classes=3)

    in_parts = model.classifier.predict_on_batch(model.trunk.predict_on_batch(images()))

    np.testing.assert_allclose(in_parts, model.full.predict_on_batch(images()), atol=1e-5)


def test_all_tensors_cross_a_cut_inside_a_residual_block(base: Any) -> None:
    inside, between = classifier(base, "from:block2_bn"), classifier(base, "blocks:1")

    assert len(inside.trunk.outputs) == 2
    assert len(between.trunk.outputs) == 1


def test_a_tensor_taken_twice_behind_the_cut_is_cached_once(base: Any) -> None:
    """block1_relu goes into block2_conv and around it."""
    assert len(classifier(base, "blocks:2").trunk.outputs) == 1


def test_without_a_trunk_the_classifier_takes_pixels(base: Any) -> None:
    model = classifier(base, "all")

    assert model.trunk is None
    assert model.classifier is model.full
    assert model.full.predict_on_batch(images()).shape == (6, 1)


def test_the_three_models_share_their_weights(base: Any) -> None:
    model = classifier(base, "blocks:1")
    parts = {id(variable) for part in (model.trunk, model.classifier) for variable in part.weights}

    assert {id(variable) for variable in model.full.weights} == parts


def test_the_rescale_recipe_divides_by_255_instead_of_preprocessing(base: Any) -> None:
    rescaled = classifier(base, preprocessing="rescale").trunk.predict_on_batch(images())

    np.testing.assert_allclose(rescaled, base.predict_on_batch(images() / 255), atol=1e-5)


@pytest.mark.parametrize("depth", ["none", "blocks:2", "all"])
def test_preprocessing_is_inside_the_model(base: Any, depth: str) -> None:
    model = classifier(base, depth).full
    head = model.get_layer("head")

    by_hand = head(base(images() / 127.5 - 1, training=False))

    np.testing.assert_allclose(model.predict_on_batch(images()), np.asarray(by_hand), atol=1e-5)
