"""The contract of every row of the table of backbones, checked against Keras itself.

Every base has calibrated random weights and the smallest legal size; it is built once a row.  The
large relatives of a row that is tested anyway are marked slow.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from fakes_training import (
    KERAS_ARRAYS,
    copies,
    draw_images,
    moved,
    norm_hash,
    prepared,
    quick_recipe,
    relative_gap,
    trained_from,
)
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils
from numpy.typing import NDArray

from harness.backbones import BACKBONES, Backbone, WeightsFile
from harness.depth import parse_depth
from harness.training.base import batch_norms, build_base, calibrate, preprocess
from harness.training.classifier import build_head, loss_name, split_at
from harness.training.cut import Cut, find_cut, without_last_blocks
from harness.training.features import extract
from harness.training.freezing import compile_at_depth

pytestmark = KERAS_ARRAYS

DEPTHS = ("none", "layers", "blocks:1", "blocks:2", "fraction:0.3", "all")
QUICK = (
    *("Xception", "VGG16", "VGG19", "ResNet50", "ResNet50V2", "InceptionV3", "DenseNet121", "NASNetMobile"),
    *("MobileNet", "MobileNet-0.25", "MobileNetV2", "MobileNetV3Small"),
    *("EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny"),
)
EACH = [
    pytest.param(row, id=row.name, marks=[] if row.name in QUICK else pytest.mark.slow)
    for row in BACKBONES.values()
]
each_row = pytest.mark.parametrize("row", EACH)
IMAGES = 12


def cut_at(base: Any, row: Backbone, depth: str) -> Cut:
    """The cut at a depth; "layers" names as many last layers as hold some that train."""
    count = 24 if row.ends else 4
    return find_cut(base, row, parse_depth(f"layers:{count}" if depth == "layers" else depth))


@dataclass(frozen=True)
class Built:
    row: Backbone
    base: Any
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    features: NDArray[np.float32]
    momenta: tuple[list[float], list[float]]


@pytest.fixture(scope="module", params=EACH)
def built(request: pytest.FixtureRequest) -> Iterator[Built]:
    row: Backbone = request.param
    keras.utils.set_random_seed(0)
    pixels, labels = draw_images(IMAGES, row.minimum_size, seed=5)
    base = build_base(row, row.minimum_size, None)
    images = prepared(row, pixels)
    momenta = [layer.momentum for layer in batch_norms(base)]
    calibrate(base, images)
    calibrated = [layer.momentum for layer in batch_norms(base)]
    features = np.asarray(base(images, training=False))
    yield Built(row, base, pixels, labels, features, (momenta, calibrated))
    keras.backend.clear_session()


@pytest.fixture
def untouched(built: Built) -> Iterator[Built]:
    """The same base, whose weights are put back after the test."""
    before = copies(built.base.weights)
    yield built
    for variable, value in zip(built.base.weights, before, strict=True):
        variable.assign(value)


def test_a_base_has_the_parameters_of_its_row(built: Built) -> None:
    assert built.base.count_params() == built.row.parameters


def test_every_block_pattern_finds_layers_and_blocks_follow_one_another(built: Built) -> None:
    starts = [
        find_cut(built.base, built.row, parse_depth(f"blocks:{count}")).index
        for count in range(len(built.row.blocks), 0, -1)
    ]

    assert starts == sorted(set(starts))


def test_a_cut_at_a_block_leaves_no_layer_of_it_in_front(built: Built) -> None:
    names = [operation.name for operation in built.base.operations]
    patterns = [re.compile(pattern) for pattern in built.row.blocks]
    for count in range(1, len(patterns)):
        cut = find_cut(built.base, built.row, parse_depth(f"blocks:{count}")).index
        if built.row.ends:
            assert patterns[-count - 1].match(names[cut - 1])
        else:
            before = [name for name in names[:cut] for pattern in patterns[-count:] if pattern.match(name)]
            assert before == []


# What Keras would download ------------------------------------------------------------------


@each_row
@pytest.mark.parametrize("top", [False, True], ids=["no-top", "top"])
def test_the_weights_file_is_the_one_that_keras_asks_for(
    row: Backbone, top: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def get_file(fname: str, origin: str, file_hash: str | None = None, **_: Any) -> str:
        asked.append(WeightsFile(fname, origin, file_hash))
        raise ConnectionError("captured")

    monkeypatch.setattr(file_utils, "get_file", get_file)
    size = row.native_size

    with pytest.raises(ConnectionError, match="captured"):
        getattr(keras.applications, row.constructor)(
            weights="imagenet", include_top=top, input_shape=(size, size, 3), **row.arguments
        )

    assert asked == [row.top_weights if top else row.weights]


def set_normalization(base: Any, variance: NDArray[np.float64]) -> None:
    """Give a base's own normalisation the statistics of ImageNet, as its weights file would."""
    for layer in base.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            layer.adapt_mean.assign([0.485, 0.456, 0.406])
            layer.adapt_variance.assign(variance)
            layer.finalize_state()


def require_what_keras_builds(
    row: Backbone, build: Callable[[Backbone, int, Path], Any], folder: Path, patch: pytest.MonkeyPatch
) -> None:
    """From one weights file comes the same base as from `weights="imagenet"`, judged by its output."""
    size = row.native_size if row.name.startswith("NASNet") else row.minimum_size
    keras.utils.set_random_seed(0)
    donor = build_base(row, size, None)
    deviation = np.array([0.229, 0.224, 0.225])
    set_normalization(donor, np.square(deviation) * (row.variance_scale or 1))
    pixels, _ = draw_images(IMAGES, size, seed=6)
    calibrate(donor, prepared(row, pixels))
    set_normalization(donor, np.square(deviation))
    file = folder / row.weights.name
    with h5py.File(file, "w") as group:
        legacy_h5_format.save_weights_to_hdf5_group(group, donor)
    patch.setattr(file_utils, "get_file", lambda *_, **__: str(file))
    wanted = getattr(keras.applications, row.constructor)(
        weights="imagenet", include_top=False, input_shape=(size, size, 3), **row.arguments
    )
    found = build(row, size, file)
    if row.variance_scale is not None:
        # The same function, divided in another order: a random network multiplies the last digit over its
        # layers (15 deviations in EfficientNetB7), so it is judged behind the stem, and the rest by weights.
        for ours, theirs in zip(found.layers[-1:1:-1], wanted.layers[-1:2:-1], strict=True):
            for own, their in zip(copies(ours.weights), copies(theirs.weights), strict=True):
                np.testing.assert_array_equal(own, their)
            if ours.name == "stem_conv":
                break
        found, wanted = (
            keras.Model(base.input, base.get_layer("stem_conv").output) for base in (found, wanted)
        )
    images = prepared(row, pixels)
    outputs = [np.asarray(base(images, training=False)) for base in (found, wanted)]

    assert relative_gap(*outputs) < 1e-4


# Keras says that the files of MobileNets for 224 px are loaded at other sizes.
@pytest.mark.filterwarnings("ignore:`input_shape` is undefined or non-square")
@each_row
def test_a_weights_file_makes_the_base_that_keras_makes_of_it(
    row: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_what_keras_builds(row, build_base, tmp_path, monkeypatch)


def test_the_check_rejects_loading_the_file_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EfficientNet with `weights=None` and `load_weights` lacks a rescaling of its input."""

    def load_only(row: Backbone, size: int, file: Path) -> Any:
        return build_base(replace(row, variance_scale=None), size, file)

    with pytest.raises(AssertionError):
        require_what_keras_builds(BACKBONES["EfficientNetB0"], load_only, tmp_path, monkeypatch)


@each_row
def test_the_parameters_with_the_top_are_those_published(row: Backbone) -> None:
    if row.published is None:
        pytest.skip("no published row")
    size = row.native_size
    top = getattr(keras.applications, row.constructor)(
        weights=None, include_top=True, input_shape=(size, size, 3), **row.arguments
    )

    # Published to one decimal, and cut off there for some rows, rounded for others.
    assert abs(top.count_params() / 1e6 - row.published.parameters_millions) < 0.1


@each_row
def test_a_base_cannot_be_smaller_than_the_minimum_of_its_row(row: Backbone) -> None:
    with pytest.raises(ValueError, match="size"):
        build_base(row, row.minimum_size - 1, None)


# Preprocessing (trap 8) ---------------------------------------------------------------------


def golden_pixels() -> NDArray[np.float32]:
    """Raw pixels: both ends of the range, the middle, and distinct channels."""
    corners = np.array([[0, 0, 0], [255, 255, 255], [127.5, 127.5, 127.5], [1, 2, 3]])
    random = np.random.default_rng(8).integers(0, 256, (28, 3))
    return np.concatenate([corners, random]).reshape(2, 4, 4, 3).astype(np.float32)


def by_definition(mode: str, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """The modes of `harness.backbones`, written out."""
    raw = pixels.astype(np.float64)
    if mode == "tf":
        return raw / 127.5 - 1
    if mode == "caffe":
        return raw[..., ::-1] - (103.939, 116.779, 123.68)
    if mode == "torch":
        return (raw / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return raw


def require_own_preprocessing(row: Backbone, run: Callable[[NDArray[Any]], Any]) -> None:
    """Twice the same pixels give twice what Keras makes of them, and stay as they were."""
    pixels = golden_pixels()
    wanted = getattr(keras.applications, row.module).preprocess_input(golden_pixels())
    for _ in range(2):
        np.testing.assert_allclose(np.asarray(run(pixels)), wanted, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(pixels, golden_pixels())


def in_a_model(row: Backbone) -> Callable[[NDArray[Any]], Any]:
    images = keras.Input((4, 4, 3))
    return keras.Model(images, preprocess(row, "native", images)).predict_on_batch


@each_row
def test_preprocessing_is_that_of_keras_and_leaves_the_pixels_alone(row: Backbone) -> None:
    require_own_preprocessing(row, in_a_model(row))


@each_row
def test_the_preprocessing_mode_of_a_row_says_what_happens_to_pixels(row: Backbone) -> None:
    found = in_a_model(row)(golden_pixels())

    np.testing.assert_allclose(found, by_definition(row.preprocessing, golden_pixels()), atol=1e-4)


@each_row
def test_the_check_rejects_keras_preprocessing_called_on_the_array_itself(row: Backbone) -> None:
    if row.preprocessing == "none":
        pytest.skip("preprocessing is built into the model")
    in_place = getattr(keras.applications, row.module).preprocess_input

    with pytest.raises(AssertionError):
        require_own_preprocessing(row, in_place)


def test_the_check_rejects_the_preprocessing_of_another_backbone() -> None:
    with pytest.raises(AssertionError):
        require_own_preprocessing(BACKBONES["VGG16"], in_a_model(BACKBONES["DenseNet121"]))


# Random weights (trap 31) -------------------------------------------------------------------


def require_spread(features: NDArray[Any]) -> None:
    """Features differ from one another, and from image to image."""
    assert np.isfinite(features).all()
    assert np.std(features) > 0.01
    assert np.std(features, axis=0).max() > 0.001


def test_a_calibrated_random_base_puts_out_features_with_spread(built: Built) -> None:
    require_spread(built.features)


@pytest.mark.parametrize("name", ["MobileNet", "MobileNet-0.25", "MobileNetV2"])
def test_the_check_rejects_a_random_base_that_is_not_calibrated(name: str) -> None:
    row = BACKBONES[name]
    keras.utils.set_random_seed(0)
    pixels, _ = draw_images(IMAGES, row.minimum_size, seed=5)
    base = build_base(row, row.minimum_size, None)

    with pytest.raises(AssertionError):
        require_spread(np.asarray(base(prepared(row, pixels), training=False)))


def test_calibration_leaves_the_momentum_as_it_was(built: Built) -> None:
    before, after = built.momenta

    assert after == before


# Depths -------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", DEPTHS)
def test_one_step_moves_the_layers_from_the_cut_on_and_no_others(untouched: Built, depth: str) -> None:
    base, row, recipe = untouched.base, untouched.row, quick_recipe()
    head = build_head(recipe, 2, base.output)
    cut = cut_at(base, row, depth)
    full = split_at(base, head, row, recipe, cut).full
    compile_at_depth(full, base, cut, keras.optimizers.Adam(1e-3), loss_name(2))
    full.run_eagerly = True  # the same step without tracing it, which would take most of the time
    variables = [*base.weights, *head.weights]
    before, norms = copies(variables), norm_hash(base)

    full.train_on_batch(untouched.pixels.astype(np.float32), untouched.labels.astype(np.float32))

    head_paths = {variable.path for variable in head.weights}
    assert moved(variables, before) == trained_from(base, cut.index) | head_paths
    assert norm_hash(base) == norms


def cached_output(built: Built, depth: str, folder: Path, *, eager: bool) -> NDArray[Any]:
    """What tail makes of the cached frontier; eager runs save the time of tracing."""
    base, row = built.base, built.row
    features = keras.Input(base.output.shape[1:])
    same = keras.Model(features, keras.layers.Activation("linear")(features), name="same")
    model = split_at(base, same, row, quick_recipe(), cut_at(base, row, depth))
    model.trunk.run_eagerly = model.classifier.run_eagerly = eager
    ids = [str(number) for number in range(IMAGES)]
    cached = extract(model.trunk, built.pixels, ids, folder, batch=8, on_images=lambda _: None)
    arrays = [np.asarray(array) for array in cached.arrays]
    return model.classifier.predict_on_batch(arrays[0] if len(arrays) == 1 else arrays)


@pytest.mark.parametrize("depth", [depth for depth in DEPTHS if depth != "all"])
def test_the_whole_frontier_is_cached(built: Built, depth: str, tmp_path: Path) -> None:
    """The tail makes of the cached tensors what the whole base makes of the images."""
    found = cached_output(built, depth, tmp_path / "cache", eager=True)

    assert relative_gap(found, built.features) < 1e-4


def test_cached_features_equal_those_of_the_live_compiled_base(built: Built, tmp_path: Path) -> None:
    images = keras.Input(built.pixels.shape[1:])
    live = built.base(preprocess(built.row, "native", images), training=False)
    wanted = keras.Model(images, live).predict_on_batch(built.pixels)

    found = cached_output(built, "none", tmp_path / "cache", eager=False)

    assert relative_gap(found, wanted) < 1e-4


def require_same_in_training(base: Any, images: NDArray[Any]) -> None:
    """With batch normalisation frozen, a base does in training what it does in inference.

    Under `fit`, Keras 3.15.1 overrides the `training=False` that the base is called with, so a
    base with dropout or stochastic depth inside would train on other features than are cached.
    """
    compile_at_depth(base, base, Cut(len(base.operations), ""), keras.optimizers.Adam(), "mse")
    caller = keras.Model(base.input, base(base.input, training=False))
    wanted = np.asarray(caller(images, training=False))
    assert relative_gap(np.asarray(caller(images, training=True)), wanted) < 1e-4


def test_a_frozen_base_does_in_training_what_it_does_in_inference(built: Built) -> None:
    require_same_in_training(built.base, prepared(built.row, built.pixels))


def test_the_check_rejects_a_base_with_noise_inside() -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    base = keras.Model(inputs, keras.layers.GaussianNoise(0.5)(keras.layers.Conv2D(4, 3)(inputs)))

    with pytest.raises(AssertionError):
        require_same_in_training(base, draw_images(4, 8, seed=1)[0].astype(np.float32))


def test_the_deeper_the_more_parameters_train(built: Built) -> None:
    counts = {}
    for depth in DEPTHS:
        cut = cut_at(built.base, built.row, depth)
        compile_at_depth(built.base, built.base, cut, keras.optimizers.Adam(), "mse")
        counts[depth] = sum(variable.numpy().size for variable in built.base.trainable_variables)

    assert counts["none"] == 0 < counts["blocks:1"] < counts["blocks:2"] < counts["all"]
    assert 0 < counts["layers"] <= counts["all"]
    assert counts["none"] < counts["fraction:0.3"] < counts["all"]


def test_a_fraction_is_a_share_of_the_parameters(built: Built) -> None:
    cut = find_cut(built.base, built.row, parse_depth("fraction:0.3"))
    sizes = [
        sum(variable.numpy().size for variable in getattr(layer, "weights", ()))
        for layer in built.base.operations
    ]

    assert sum(sizes[cut.index :]) >= 0.3 * built.row.parameters > sum(sizes[cut.index + 1 :])


def test_a_base_without_its_last_blocks_puts_out_features_with_spread(built: Built) -> None:
    lower, row = without_last_blocks(built.base, built.row, 1)
    start = find_cut(built.base, built.row, parse_depth("blocks:1")).index
    kept = {
        variable.path for layer in built.base.operations[:start] for variable in getattr(layer, "weights", ())
    }

    assert {variable.path for variable in lower.weights} <= kept
    assert row.blocks == built.row.blocks[:-1]
    require_spread(np.asarray(lower(prepared(built.row, built.pixels), training=False)))
