"""What the tests of models and training share: small images, a tiny base, and who moved.

The tiny base is a real Keras model in the shape of a backbone (two blocks with batch
normalisation and a residual connection), so that freezing, cutting and fitting run as they do on
a large one, in a fraction of the time.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backbones import Backbone, WeightsFile
from harness.recipes import Augmentation, Recipe, Schedule
from harness.training.base import batch_norms, calibrate, preprocess
from harness.training.fit import Trainer
from harness.training.splits import Split, TestSplit

KERAS_ARRAYS = pytest.mark.filterwarnings(
    # keras.ops.convert_to_numpy calls np.array on its own variables, whose __array__ has the
    # signature of NumPy 1 (Keras 3.15.1).
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

TINY_SIZE = 16

TINY_ROW = Backbone(
    name="Tiny",
    constructor="none",
    module="mobilenet",
    preprocessing="tf",
    native_size=TINY_SIZE,
    minimum_size=TINY_SIZE,
    parameters=0,
    blocks=("block1_", "block2_", "block3_"),
    weights=WeightsFile("none", "none", None),
    top_weights=WeightsFile("none-top", "none", None),
)


def draw_images(
    count: int, size: int, *, seed: int, classes: int = 2
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Patchwork with noise whose class is the channel that is bright; easy, never two alike.

    Large patches of full contrast, because images that differ only in noise are alike to a
    convolutional base: batch normalisation would then blow up rounding errors, and the features
    of a random VGG19, which has none, would hardly differ.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % classes
    patches = random.integers(0, 2, (count, 4, 4, 3)) * 150
    inside = np.arange(size) * 4 // size
    pixels = patches[:, inside][:, :, inside] + random.integers(0, 40, (count, size, size, 3))
    pixels[np.arange(count), :, :, labels] += 60
    return pixels.astype(np.uint8), labels


def tiny_base(*, seed: int = 0, calibrated: bool = True, size: int = TINY_SIZE) -> Any:
    """A base of three blocks; the second is residual, so two tensors cross a cut inside it."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((size, size, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="block1_conv")(inputs)
    x = layers.BatchNormalization(name="block1_bn")(x)
    shortcut = x = layers.ReLU(name="block1_relu")(x)
    x = layers.Conv2D(8, 3, padding="same", name="block2_conv")(x)
    x = layers.BatchNormalization(name="block2_bn")(x)
    x = layers.Add(name="block2_add")([x, shortcut])
    x = layers.Conv2D(12, 3, strides=2, padding="same", name="block3_conv")(x)
    x = layers.BatchNormalization(name="block3_bn")(x)
    base = keras.Model(inputs, layers.ReLU(name="block3_relu")(x), name="tiny")
    if calibrated:
        calibrate(base, prepared(TINY_ROW, draw_images(32, size, seed=99)[0]))
    return base


def prepared(row: Backbone, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Raw pixels as the base takes them."""
    images = keras.Input(pixels.shape[1:])
    model = keras.Model(images, preprocess(row, "native", images))
    return np.asarray(model(pixels.astype(np.float32), training=False))


def quick_recipe(**changes: Any) -> Recipe:
    """A linear head and schedules of two epochs."""
    schedule = Schedule(epochs=2, learning_rate=1e-2)
    facts: dict[str, Any] = {
        "name": "quick",
        "summary": "for tests",
        "head": "gap-linear",
        "batch": 8,
        "fast_extraction": schedule,
        "augmented_extraction": schedule,
        "fine_tuning": Schedule(epochs=2, learning_rate=1e-3),
        "augmentation": Augmentation(),
    }
    return Recipe(**(facts | changes))


def draw_splits(size: int, *, train: int = 20, classes: int = 2) -> tuple[Split, Split, TestSplit]:
    """Three splits of different images; no count is a multiple of the batch."""
    splits = []
    for name, count, seed in (("train", train, 1), ("validation", 10, 2), ("test", 11, 3)):
        pixels, labels = draw_images(count, size, seed=seed, classes=classes)
        splits.append(Split(pixels, labels, tuple(f"{name}-{number}" for number in range(count))))
    held_out = splits[2]
    return splits[0], splits[1], TestSplit(held_out.pixels, held_out.ids, held_out.labels)


def make_trainer(
    base: Any,
    cache: Path,
    *,
    row: Backbone = TINY_ROW,
    recipe: Recipe | None = None,
    seed: int = 0,
    size: int = TINY_SIZE,
    classes: int = 2,
    splits: tuple[Split, Split, TestSplit] | None = None,
    report: Callable[[str, int, int, int, int], None] = lambda *_: None,
    scratch: bool = False,
    kind: type[Trainer] = Trainer,
) -> Trainer:
    """A trainer on small splits of easy images."""
    train, validation, test = splits or draw_splits(size, classes=classes)
    return kind(
        base=base,
        row=row,
        recipe=recipe or quick_recipe(),
        seed=seed,
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        cache=cache,
        feature_facts={"base": row.name},
        report=report,
        scratch=scratch,
    )


def copies(variables: Iterable[Any]) -> list[NDArray[Any]]:
    """The values of variables now."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def moved(variables: Iterable[Any], before: Iterable[NDArray[Any]]) -> set[str]:
    """The paths of those variables whose value is not what it was."""
    pairs = zip(variables, before, strict=True)
    return {
        variable.path
        for variable, old in pairs
        if not np.array_equal(keras.ops.convert_to_numpy(variable), old)
    }


def trained_from(base: Any, index: int) -> set[str]:
    """What a step may move in a base cut at that operation: all but normalisation by statistics."""
    return {
        variable.path
        for operation in base.operations[index:]
        if isinstance(operation, keras.layers.Layer)
        and not isinstance(operation, keras.layers.BatchNormalization | keras.layers.Normalization)
        for variable in operation.weights
    }


def norm_hash(base: Any) -> str:
    """A hash of every variable of batch normalisation: statistics, gamma and beta."""
    digest = hashlib.sha256()
    for layer in batch_norms(base):
        for value in copies(layer.weights):
            digest.update(value.tobytes())
    return digest.hexdigest()


def relative_gap(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """The largest difference, in standard deviations of what is wanted."""
    return float(np.abs(np.asarray(found, np.float64) - wanted).max() / np.std(wanted))
