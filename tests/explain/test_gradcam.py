"""Grad-CAM against what it must be: exact on a linear head, in the right place, empty where nothing is."""

from typing import Any

import keras
import numpy as np
import pytest
from fakes_training import KERAS_ARRAYS
from numpy.typing import NDArray

from harness.explain.gradcam import grad_cam, see
from harness.explain.parts import Parts, find_parts

pytestmark = KERAS_ARRAYS

SIZE = 24
PLACES = 6


def small_cell(*, classes: int = 3, seed: int = 0) -> Any:
    """A strided convolution of four pixels under a linear head over global average pooling."""
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((SIZE, SIZE, 3), name="images")
    base = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Conv2D(5, 4, strides=4, activation="relu", name="last_conv"),
        ],
        name="base",
    )
    features = base(keras.layers.Rescaling(1 / 255)(pixels))
    inside = keras.Input(features.shape[1:])
    pooled = keras.layers.GlobalAveragePooling2D()(inside)
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    outputs = keras.layers.Dense(units, activation=activation, bias_initializer="random_normal")(pooled)
    return keras.Model(pixels, keras.Model(inside, outputs, name="head")(features), name="cell")


def noise(count: int = 3, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def zhou(cell: Any, pixels: NDArray[np.uint8], classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Class activation maps (Zhou et al. 2016), positive part, by NumPy from features and kernel."""
    base, head = cell.get_layer("base"), cell.get_layer("head")
    features = np.asarray(base(pixels.astype(np.float32) / 255), np.float64)
    kernel = np.asarray(head.layers[-1].get_weights()[0], np.float64)
    if kernel.shape[1] == 1:  # a sigmoid's logit z as the logits -z/2 and z/2
        kernel = np.concatenate([-kernel / 2, kernel / 2], axis=1)
    maps = np.einsum("nrck,knm->nmrc", features, kernel[:, classes])
    return np.maximum(maps, 0)


@pytest.mark.parametrize("classes", [2, 3])
def test_on_a_linear_head_it_is_the_class_activation_map_divided_by_the_places(classes: int):
    cell, pixels = small_cell(classes=classes), noise()
    wanted = np.array([[0, 1], [1, 0], [classes - 1, 0]])
    found = see(find_parts(cell), pixels, wanted)
    exact = zhou(cell, pixels, wanted) / PLACES**2
    assert exact.max() > 1e-4
    np.testing.assert_allclose(found.maps, exact, rtol=1e-4, atol=1e-4 * exact.max())


@pytest.mark.parametrize("classes", [2, 3])
def test_the_probabilities_are_those_of_the_whole_model(classes: int):
    cell, pixels = small_cell(classes=classes), noise()
    whole = np.asarray(cell(pixels.astype(np.float32)))
    whole = np.concatenate([1 - whole, whole], axis=1) if classes == 2 else whole
    found = see(find_parts(cell), pixels, np.zeros((3, 1), np.int64)).probabilities
    assert whole.std() > 0.01
    np.testing.assert_allclose(found, whole, atol=1e-6)


# An object in one corner, and a model that looks at objects


def corner_cell() -> Any:
    """Class 1 is a red object, class 2 a green one, class 0 neither: by hand-made weights."""
    cell = small_cell()
    conv, head = cell.get_layer("base").get_layer("last_conv"), cell.get_layer("head")
    kernel = np.zeros((4, 4, 3, 5), np.float32)
    kernel[..., 0, 0] = kernel[..., 1, 1] = 1 / 16
    conv.set_weights([kernel, np.zeros(5, np.float32)])
    weights = np.zeros((5, 3), np.float32)
    weights[0, 1] = weights[1, 2] = 4.0
    weights[:, 0] = -0.1
    head.layers[-1].set_weights([weights, np.zeros(3, np.float32)])
    return cell


def corners() -> NDArray[np.uint8]:
    """A red object at the upper right and a green one at the lower left."""
    image = np.full((1, SIZE, SIZE, 3), 20, np.uint8)
    image[:, 1:7, -7:-1, 0] = 250
    image[:, -7:-1, 1:7, 1] = 250
    return image


def peak(heat: NDArray[np.float64]) -> tuple[str, str]:
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    return ("upper" if row < PLACES / 2 else "lower", "left" if column < PLACES / 2 else "right")


def places(parts: Parts, classes: tuple[int, int] = (1, 2)) -> list[tuple[str, str]]:
    return [peak(heat) for heat in see(parts, corners(), np.array([classes])).maps[0]]


RIGHT = [("upper", "right"), ("lower", "left")]


def test_the_maximum_lies_where_the_class_is():
    assert places(find_parts(corner_cell())) == RIGHT


def test_the_gradient_of_the_wrong_class_is_rejected():
    assert places(find_parts(corner_cell()), (2, 1)) != RIGHT


def test_channels_taken_for_rows_are_rejected():
    parts = find_parts(corner_cell())

    def mixed(tensor: Any) -> Any:
        return keras.ops.transpose(tensor, (0, 2, 1, 3))

    turned = Parts(lambda *given, **options: mixed(parts.features(*given, **options)), parts.score, "")
    assert places(turned) != RIGHT


def test_another_layer_than_the_last_is_rejected_by_the_comparison():
    cell, pixels, wanted = small_cell(), noise(), np.array([[0], [1], [2]])
    parts = find_parts(cell)
    conv = cell.get_layer("base").get_layer("last_conv")
    below = Parts(
        lambda images, **_: keras.ops.convert_to_tensor(images / 255),
        lambda images: parts.score(conv(images)),
        "",
    )
    found = see(below, pixels, wanted).maps
    assert found.shape[2:] != (PLACES, PLACES)
    shrunk = found.reshape(3, 1, PLACES, 4, PLACES, 4).mean(axis=(3, 5))
    exact = zhou(cell, pixels, wanted)
    assert np.abs(shrunk / shrunk.max() - exact / exact.max()).max() > 0.1


def test_a_class_that_nothing_supports_has_an_empty_map():
    empty, full = see(find_parts(corner_cell()), corners(), np.array([[0, 1]])).maps[0]
    assert not empty.any()
    assert full.any()


@pytest.mark.parametrize("scale", [1.0, 1e-12])
def test_rounding_errors_of_a_sum_that_cancels_are_no_map(scale: float):
    random = np.random.default_rng(0)
    one = random.random((2, 3, 3, 1))
    features = np.concatenate([one, -one * (1 + 1e-9 * random.standard_normal(one.shape))], axis=3) * scale
    assert not grad_cam(features, np.ones_like(features)).any()
    features[0, 1, 2] = (scale, scale)
    assert np.argwhere(grad_cam(features, np.ones_like(features))).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_not_finite_is_an_error_and_not_an_empty_map(broken: float):
    features = np.ones((1, 2, 2, 3))
    features[0, 0, 0, 0] = broken
    with pytest.raises(FloatingPointError):
        grad_cam(features, np.ones_like(features))


def test_images_do_not_change_one_another():
    parts, pixels, wanted = find_parts(small_cell()), noise(), np.array([[0, 1], [1, 2], [2, 0]])
    together = see(parts, pixels, wanted).maps
    alone = [see(parts, pixels[[row]], wanted[[row]]).maps[0] for row in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-7)
