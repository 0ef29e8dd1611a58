"""The exported model: loaded where this package is not, it gives what the cell's own model gave.

One backbone of each family with random weights (calibrated, so that there is something to see); images
of another size than the cell's, so that all of the file takes part.
"""

import os
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fakes import model_facts
from fakes_training import KERAS_ARRAYS, draw_images, prepared, quick_recipe, tiny_base
from numpy.typing import NDArray

from harness.backbones import Backbone, backbone
from harness.data.decode import resize
from harness.depth import parse_depth
from harness.export.builder import build_exported, keep_model
from harness.export.model_file import Keep, read_facts
from harness.training.base import build_base, calibrate
from harness.training.classifier import Classifier, build_head, split_at
from harness.training.cut import find_cut
from harness.training.scoring import predict
from harness.training.zero_shot import build_zero_shot

pytestmark = KERAS_ARRAYS

FAMILIES = [
    "VGG16",  # caffe: channels are turned round by slicing
    "Xception",
    "MobileNet-0.25",
    "MobileNetV3Small",
    "EfficientNetB0",
    "ConvNeXtTiny",  # a layer class of its own module: LayerScale
]
SLOW_FAMILIES = [
    "DenseNet121",  # torch
    "EfficientNetV2B0",
    "InceptionResNetV2",  # CustomScaleLayer
    "NASNetMobile",
]
RAW = draw_images(4, 48, seed=5)[0][:, :40]
"""Images 48 wide and 40 high."""
LOAD = """
import sys
sys.modules["harness"] = None  # importing it is an error from here on
import warnings
import keras
import numpy as np
images = np.load("images.npy")
found = {}
with warnings.catch_warnings():
    warnings.simplefilter("error")
    for name in sys.argv[1:]:
        found[name] = keras.models.load_model(name + ".keras").predict(images, verbose=0)
np.savez("found.npz", **found)
"""


def classifier(row: Backbone, base: Any, depth: str, classes: int) -> Classifier:
    recipe = quick_recipe()
    head = build_head(recipe, classes, base.output)
    return split_at(base, head, row, recipe, find_cut(base, row, parse_depth(depth)))


def expected(full: Any, size: int) -> NDArray[np.float32]:
    """What a cell would record for the images, after the decoded cache's resizing."""
    return predict(full, [np.stack([resize(each, size, "bilinear") for each in RAW])], batch=2)


def keep_family(folder: Path, name: str) -> NDArray[np.float32]:
    """Build a cell's model on a backbone and keep it; returns what it says itself."""
    row = backbone(name)
    size = max(row.minimum_size, 32)
    keras.utils.set_random_seed(0)
    base = build_base(row, size, None)
    calibrate(base, prepared(row, draw_images(6, size, seed=1)[0]))
    full = classifier(row, base, "blocks:1", 3).full
    keep_model(full, Keep(folder / f"{name}.keras", model_facts(classes=("a", "b", "c"), size=size)))
    return expected(full, size)


def loaded_elsewhere(folder: Path, *names: str) -> dict[str, NDArray[np.float32]]:
    """What the files say in a process that cannot import this package."""
    np.save(folder / "images.npy", RAW)
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    script = [sys.executable, "-c", LOAD, *names]
    done = subprocess.run(
        script,
        cwd=folder,
        capture_output=True,
        text=True,
        env=quiet,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "found.npz") as found:
        return dict(found)


def keep_zero_shot(folder: Path) -> NDArray[np.float32]:
    keras.utils.set_random_seed(0)
    full = build_zero_shot(backbone("MobileNet-0.25"), 32, None, ((1, 2), (3, 4, 5))).full
    keep_model(full, Keep(folder / "zero-shot.keras", model_facts(size=32)))
    return expected(full, 32)


def check(folder: Path, wanted: dict[str, NDArray[np.float32]]) -> None:
    found = loaded_elsewhere(folder, *wanted)
    for name, probabilities in wanted.items():
        assert name == "zero-shot" or probabilities.std() > 0.01, name
        np.testing.assert_allclose(found[name], probabilities, atol=1e-4, err_msg=name)


def test_one_backbone_of_each_family_and_zero_shot_load_without_this_package(tmp_path: Path):
    wanted = {name: keep_family(tmp_path, name) for name in FAMILIES}
    check(tmp_path, wanted | {"zero-shot": keep_zero_shot(tmp_path)})


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_FAMILIES)
def test_the_large_families_load_without_this_package(tmp_path: Path, name: str):
    check(tmp_path, {name: keep_family(tmp_path, name)})


# Without files


def tiny(classes: int, row: Backbone | None = None) -> Any:
    base = tiny_base()
    return classifier(row or backbone("MobileNet-0.25"), base, "none", classes).full


@pytest.mark.parametrize("classes", [2, 3])
def test_there_is_a_probability_for_each_class_and_they_sum_to_one(classes: int):
    full = tiny(classes)
    found = build_exported(full, 16, "bilinear").predict_on_batch(RAW)
    assert (found.shape, found.dtype) == ((4, classes), np.float32)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found, expected(full, 16), atol=1e-6)


def test_a_model_in_half_precision_loads_without_a_warning(tmp_path: Path):
    """Compiled as Keras would, it has an optimizer that scales losses and was never used."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        keep_model(tiny(3), Keep(tmp_path / "half.keras", model_facts(classes=("a", "b", "c"), size=16)))
    finally:
        keras.config.set_dtype_policy("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras.models.load_model(tmp_path / "half.keras")


def test_whole_and_float_images_are_the_same():
    exported = build_exported(tiny(3), 16, "bilinear")
    assert np.array_equal(exported.predict_on_batch(RAW), exported.predict_on_batch(RAW.astype(np.float32)))


def swapped(full: Any) -> Any:
    images = keras.Input(full.input_shape[1:])
    return keras.Model(images, full(images[..., ::-1]))


def unprepared(full: Any) -> Any:
    images = keras.Input(full.input_shape[1:])
    return keras.Model(images, full((images + 1) * 127.5))


@pytest.mark.parametrize("broken", [swapped, unprepared])
def test_the_comparison_rejects_another_preprocessing(broken: Callable[[Any], Any]):
    full = tiny(3)
    found = build_exported(broken(full), 16, "bilinear").predict_on_batch(RAW)
    assert np.abs(found - expected(full, 16)).max() > 1e-3


def test_the_file_carries_its_facts_and_no_path_of_this_machine(tmp_path: Path):
    keep = Keep(tmp_path / "models" / "m.keras", model_facts())
    keep_model(tiny(2), keep)
    assert read_facts(keep.path) == keep.facts
    with zipfile.ZipFile(keep.path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    for private in (str(tmp_path), str(Path.home()), str(Path(__file__).parents[2])):
        assert len(private) < 6 or private.encode() not in content
