"""Augmentation: each kind of change by itself, against its definition written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.data.augmentation import draw_transforms
from harness.recipes import Augmentation

NONE = Augmentation(rotation=0, shift=0, shear=0, zoom=0, flip=False)
FULL = Augmentation()
PLACE = {"images": 16, "size": 9, "seed": 1, "phase": 0, "epoch": 1}


def draw(augmentation: Augmentation, **changed: int) -> NDArray[np.float32]:
    return draw_transforms(augmentation, **(PLACE | changed))


def only(**kinds: float | bool) -> Augmentation:
    """An augmentation of these kinds alone."""
    return Augmentation.model_validate(NONE.model_dump() | kinds)


def source(row: NDArray, x: float, y: float) -> tuple[float, float]:
    """Where the output pixel (x, y) is sampled in the input, written out."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (float(value) for value in row)
    assert (c0, c1) == (0, 0)
    return a0 * x + a1 * y + a2, b0 * x + b1 * y + b2


def warp(image: NDArray, row: NDArray) -> NDArray:
    """Sample an image by the nearest pixel, edges repeated: a reference, pixel by pixel."""
    height, width = image.shape
    result = np.empty_like(image)
    for y in range(height):
        for x in range(width):
            from_x, from_y = source(row, x, y)
            result[y, x] = image[
                int(np.clip(round(from_y), 0, height - 1)), int(np.clip(round(from_x), 0, width - 1))
            ]
    return result


def linear(row: NDArray) -> NDArray:
    return np.array([[row[0], row[1]], [row[3], row[4]]], float)


def test_there_is_one_float32_row_an_image():
    rows = draw(FULL, images=5)
    assert (rows.shape, rows.dtype) == ((5, 8), np.float32)


def test_nothing_asked_for_is_the_identity():
    assert np.array_equal(draw(NONE), np.tile(np.float32([1, 0, 0, 0, 1, 0, 0, 0]), (16, 1)))


@given(st.integers(1, 300))
def test_everything_but_a_shift_keeps_the_centre(size: int):
    middle = (size - 1) / 2
    for row in draw(only(rotation=90, shear=20, zoom=0.5, flip=True), size=size):
        assert source(row, middle, middle) == pytest.approx((middle, middle), abs=1e-3)


def test_a_flip_mirrors_left_and_right_exactly_and_about_half_of_the_images():
    image = np.arange(81).reshape(9, 9)
    warped = [warp(image, row) for row in draw(only(flip=True), images=100)]
    mirrored = sum(np.array_equal(each, image[:, ::-1]) for each in warped)
    kept = sum(np.array_equal(each, image) for each in warped)
    assert mirrored + kept == 100
    assert 30 < mirrored < 70


def test_a_rotation_turns_each_pixel_about_the_centre_by_an_angle_within_the_range():
    angles = []
    for row in draw(only(rotation=30), images=200):
        angle = np.arctan2(row[3], row[0])
        angles.append(np.rad2deg(angle))
        for x, y in [(0, 0), (8, 3), (4, 7)]:
            # Turned by hand: away from the centre, as a complex number.
            turned = complex(x - 4, y - 4) * complex(np.cos(angle), np.sin(angle))
            assert source(row, x, y) == pytest.approx((4 + turned.real, 4 + turned.imag), abs=1e-4)
    assert max(np.abs(angles)) <= 30
    assert min(angles) < -20
    assert max(angles) > 20


def test_a_quarter_turn_of_an_image_is_that_of_numpy():
    image = np.arange(81).reshape(9, 9)
    row = np.float32([0, -1, 8, 1, 0, 0, 0, 0])
    assert np.array_equal(warp(image, row), np.rot90(image))
    steepest = max(draw(only(rotation=90), images=2000), key=lambda each: each[3])
    assert np.allclose(steepest, row, atol=0.05)


def test_a_shift_moves_every_pixel_by_as_much_and_no_farther_than_its_share():
    rows = draw(only(shift=0.25), images=200, size=100)
    assert np.allclose(rows[:, [0, 1, 3, 4]], [1, 0, 0, 1])
    assert np.abs(rows[:, [2, 5]]).max() <= 25
    assert np.abs(rows[:, 2]).max() > 20
    assert np.abs(rows[:, 5]).max() > 20
    assert not np.allclose(rows[:, 2], rows[:, 5])


def test_a_shift_of_whole_pixels_is_a_slice_with_the_edge_repeated():
    image = np.arange(81).reshape(9, 9)
    row = draw(only(shift=0.9), images=1)[0].round()
    across, down = int(row[2]), int(row[5])
    padded = np.pad(image, 9, mode="edge")
    assert (across, down) != (0, 0)
    assert np.array_equal(warp(image, row), padded[9 + down : 18 + down, 9 + across : 18 + across])


def test_a_zoom_scales_each_axis_within_its_share():
    rows = draw(only(zoom=0.2), images=200)
    assert np.allclose(rows[:, [1, 3]], 0)
    assert rows[:, [0, 4]].min() >= 0.8 - 1e-6
    assert rows[:, [0, 4]].max() <= 1.2 + 1e-6
    assert np.ptp(rows[:, 0] - rows[:, 4]) > 0.1


def test_a_shear_leans_by_an_angle_within_the_range():
    rows = draw(only(shear=10), images=200)
    assert np.allclose(rows[:, [0, 3]], [1, 0])
    angles = np.rad2deg(np.arcsin(-rows[:, 1]))
    assert np.abs(angles).max() <= 10
    assert np.allclose(rows[:, 4], np.cos(np.deg2rad(angles)), atol=1e-6)


def test_all_kinds_together_never_fold_an_image():
    for row in draw(FULL, images=500):
        assert 0.7 < abs(np.linalg.det(linear(row))) < 1.3


def test_the_same_seed_phase_and_epoch_draw_the_same():
    assert np.array_equal(draw(FULL), draw(FULL))


@pytest.mark.parametrize("changed", [{"seed": 2}, {"phase": 1}, {"epoch": 2}])
def test_another_seed_phase_or_epoch_draws_otherwise(changed: dict[str, int]):
    assert not np.isclose(draw(FULL), draw(FULL, **changed))[:, :6].all(axis=1).any()


def test_images_are_changed_independently():
    rows = draw(FULL, images=100)
    assert len(np.unique(rows, axis=0)) == 100
