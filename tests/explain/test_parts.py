"""Where a cell's model is cut: at what goes into pooling, for every backbone and every strategy's graph.

Weights are random and calibrated, so that there is something to see; the large relatives of a backbone that
is looked at anyway are marked slow.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fakes import model_facts
from fakes_training import KERAS_ARRAYS, TINY_ROW, TINY_SIZE, draw_images, prepared, quick_recipe, tiny_base
from numpy.typing import NDArray

from harness.backbones import BACKBONES, Backbone
from harness.depth import parse_depth
from harness.explain.gradcam import Seen, see
from harness.explain.parts import Parts, find_parts
from harness.export.builder import keep_model
from harness.export.model_file import Keep
from harness.training.base import build_base, calibrate
from harness.training.classifier import build_head, split_at
from harness.training.cut import find_cut, without_last_blocks
from harness.training.scoring import predict
from harness.training.zero_shot import build_zero_shot

pytestmark = KERAS_ARRAYS

QUICK = ("VGG16", "MobileNet-0.25", "MobileNetV3Small")
QUICK_TOPS = ("MobileNet-0.25", "MobileNetV3Small")
EACH = [
    pytest.param(row, id=row.name, marks=[] if row.name in QUICK else pytest.mark.slow)
    for row in BACKBONES.values()
]
EACH_TOP = [
    pytest.param(row, id=row.name, marks=[] if row.name in QUICK_TOPS else pytest.mark.slow)
    for row in BACKBONES.values()
]
GROUPS = ((1, 2), (3, 4, 5))


@pytest.fixture(autouse=True)
def _cleared() -> Iterator[None]:
    yield
    keras.backend.clear_session()


def cell_on(base: Any, row: Backbone, depth: str, *, head: str = "gap-linear", classes: int = 3) -> Any:
    recipe = quick_recipe(head=head)
    top = build_head(recipe, classes, base.output)
    return split_at(base, top, row, recipe, find_cut(base, row, parse_depth(depth))).full


def asked(parts: Parts, pixels: NDArray[np.uint8], classes: int) -> Seen:
    return see(parts, pixels, np.tile(np.arange(classes), (len(pixels), 1)))


def require_maps(seen: Seen, whole: NDArray[np.float32], shape: tuple[int, int]) -> None:
    """The contract: the model's own probabilities, maps of the right shape, finite, and not flat."""
    np.testing.assert_allclose(seen.probabilities, whole, atol=1e-4)
    assert seen.maps.shape == (*whole.shape, *shape)
    assert np.isfinite(seen.maps).all()
    assert (seen.maps >= 0).all()
    drawn = [heat for heat in seen.maps.reshape(-1, *shape) if heat.any()]
    assert drawn, "nothing speaks for anything"
    assert all(heat.std() > 1e-3 * heat.max() for heat in drawn), "a map is flat"


# Every backbone


@pytest.mark.parametrize("row", EACH)
def test_it_is_the_output_of_the_base_for_every_backbone(row: Backbone):
    size = 128  # at 96 the Inceptions have one place only
    keras.utils.set_random_seed(0)
    base = build_base(row, size, None)
    calibrate(base, prepared(row, draw_images(6, size, seed=1)[0]))
    pixels = draw_images(3, size, seed=5)[0]
    cell = cell_on(base, row, "blocks:1")
    parts = find_parts(cell)
    assert parts.layer == base.operations[-1].name
    assert parts.features.output.shape == base.output.shape
    features = np.asarray(base(prepared(row, pixels), training=False))
    found = np.asarray(parts.features(pixels.astype(np.float32), training=False))
    np.testing.assert_allclose(found, features, atol=1e-3 * np.abs(features).max())
    require_maps(asked(parts, pixels, 3), predict(cell, [pixels], 3), base.output.shape[1:3])


@pytest.mark.parametrize("row", EACH_TOP)
def test_it_is_the_same_place_inside_the_classifier_that_zero_shot_reads(row: Backbone):
    keras.utils.set_random_seed(0)
    cell = build_zero_shot(row, row.native_size, None, GROUPS).full
    parts = find_parts(cell)
    below = build_base(row, row.native_size, None)
    assert parts.features.output.shape == below.output.shape
    pixels = draw_images(2, row.native_size, seed=5)[0]
    # A random classifier is dead (trap 31), so its maps mean nothing; that both halves are the whole does.
    features = parts.features(pixels.astype(np.float32), training=False)
    found = np.asarray(keras.ops.softmax(parts.score(features)))
    np.testing.assert_allclose(found, predict(cell, [pixels], 2), atol=1e-5)


# Every graph that training makes, and the same from its file


@pytest.mark.parametrize("depth", ["none", "blocks:1", "blocks:2", "all"])
@pytest.mark.parametrize("head", ["gap-linear", "gap-dense256-dropout", "flatten-dense256-dropout"])
def test_it_is_the_same_wherever_the_base_was_cut_and_whatever_the_head(depth: str, head: str):
    base = tiny_base()
    pixels = draw_images(3, TINY_SIZE, seed=5)[0]
    cell = cell_on(base, TINY_ROW, depth, head=head)
    parts = find_parts(cell)
    assert parts.layer == "block3_relu"
    require_maps(asked(parts, pixels, 3), predict(cell, [pixels], 3), (4, 4))


def test_of_a_base_without_its_last_blocks_it_is_the_last_that_is_left():
    base, row = without_last_blocks(tiny_base(), TINY_ROW, 1)
    pixels = draw_images(3, TINY_SIZE, seed=5)[0]
    cell = cell_on(base, row, "blocks:1")
    parts = find_parts(cell)
    assert parts.layer == "block2_add"
    require_maps(asked(parts, pixels, 3), predict(cell, [pixels], 3), (8, 8))


def test_a_base_that_trains_from_scratch_is_asked_as_for_prediction():
    base = tiny_base()
    recipe, pixels = quick_recipe(), draw_images(3, TINY_SIZE, seed=5)[0]
    cut = find_cut(base, TINY_ROW, parse_depth("all"))
    cell = split_at(base, build_head(recipe, 2, base.output), TINY_ROW, recipe, cut, scratch=True).full
    require_maps(asked(find_parts(cell), pixels, 2), predict(cell, [pixels], 3), (4, 4))


@pytest.mark.parametrize(("depth", "classes"), [("none", 2), ("blocks:2", 3), ("all", 2)])
def test_a_model_from_its_file_has_the_same_maps(tmp_path: Path, depth: str, classes: int):
    pixels = draw_images(3, TINY_SIZE, seed=5)[0]
    cell = cell_on(tiny_base(), TINY_ROW, depth, classes=classes)
    keep_model(cell, Keep(tmp_path / "m.keras", model_facts(size=TINY_SIZE)))
    loaded = keras.models.load_model(tmp_path / "m.keras").get_layer("cell")
    before, after = (asked(find_parts(each), pixels, classes) for each in (cell, loaded))
    assert before.maps.any()
    np.testing.assert_allclose(after.maps, before.maps, rtol=1e-3, atol=1e-5 * before.maps.max())


def test_zero_shot_from_its_file_is_cut_too(tmp_path: Path):
    keras.utils.set_random_seed(0)
    cell = build_zero_shot(BACKBONES["MobileNet-0.25"], 64, None, GROUPS).full
    keep_model(cell, Keep(tmp_path / "m.keras", model_facts(size=64)))
    parts = find_parts(keras.models.load_model(tmp_path / "m.keras").get_layer("cell"))
    assert parts.layer == "conv_pw_13_relu"
    pixels = draw_images(2, 64, seed=5)[0]
    np.testing.assert_allclose(asked(parts, pixels, 2).probabilities, predict(cell, [pixels], 2), atol=1e-5)


def test_features_without_places_are_refused():
    pixels = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(pixels)
    inside = keras.Input((3,))
    head = keras.Model(inside, keras.layers.Dense(2, activation="softmax")(inside))
    with pytest.raises(ValueError, match="expected features"):
        find_parts(keras.Model(pixels, head(pooled)))
