"""Decoding and resizing to the very pixel, and whatever damage there is; test_formats.py has the table."""

import warnings

import numpy as np
import pytest
from fakes import encoded, png
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.data.decode import UndecodableImageError, decode, resize
from harness.data.threads import in_threads

RAMP = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3) * 3
"""An image 4 wide and 6 high in which every pixel differs."""


# Kinds of files


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "TGA"])
def test_a_lossless_file_decodes_to_its_very_pixels(kind: str):
    assert np.array_equal(decode(encoded(Image.fromarray(RAMP), kind)), RAMP)


def test_an_image_is_rgb_bytes():
    pixels = decode(png(0, (12, 10)))
    assert (pixels.shape, pixels.dtype) == ((10, 12, 3), np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str):
    sixteen = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    assert decode(encoded(Image.fromarray(sixteen), kind))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_clipping_sixteen_bits_is_what_a_plain_conversion_does():
    # The broken variant: were it to agree, the scaling above would not be needed.
    sixteen = Image.fromarray(np.array([[0, 257, 128 * 257, 65535]], np.uint16))
    assert np.array(sixteen.convert("RGB"))[0, :, 0].tolist() != [0, 1, 128, 255]


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_numbers_without_a_known_range_are_refused(kind: type):
    with pytest.raises(UndecodableImageError, match="32-bit pixels"):
        decode(encoded(Image.fromarray(np.ones((2, 2), kind)), "TIFF"))


# What cannot be decoded


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("limit", [50, 119])
def test_a_decompression_bomb_is_refused_also_where_pillow_only_warns(
    limit: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(UndecodableImageError, match="too many pixels"):
        decode(png(0, (12, 10)))


def test_an_image_just_below_the_limit_is_decoded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 120)
    assert decode(png(0, (12, 10))).shape == (10, 12, 3)


damage = st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), min_size=1, max_size=6)
kinds = {kind: encoded(Image.fromarray(RAMP), kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "DDS")}


@given(st.sampled_from(sorted(kinds)), damage, st.integers(1, 10**4))
def test_damaged_bytes_are_decoded_or_refused_and_nothing_else(
    kind: str, changes: list[tuple[int, int]], length: int
):
    content = bytearray(kinds[kind])
    for place, value in changes:
        content[place % len(content)] = value
    try:
        pixels = decode(bytes(content[: 1 + length % len(content)]))
    except UndecodableImageError:
        return
    assert pixels.ndim == 3


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, AttributeError, ZeroDivisionError])
def test_whatever_a_plugin_of_pillow_raises_is_a_reason(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
):
    # Seen with damaged AVIF, DDS and SPIDER files.
    def broken(_: object) -> None:
        raise error("inside a plugin")

    monkeypatch.setattr(Image, "open", broken)
    with pytest.raises(UndecodableImageError, match="inside a plugin"):
        decode(b"x")


REMARKED = encoded(Image.fromarray(RAMP), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x05")
"""Cut off in its metadata, whole in its pixels: Pillow warns."""


def test_pillow_warns_of_damaged_metadata():
    with pytest.warns(UserWarning, match="EXIF"):
        decode(REMARKED)


def test_a_remark_about_metadata_is_no_error_where_images_are_read_in_threads():
    assert [pixels.shape for pixels in in_threads(decode, [REMARKED] * 4)] == [RAMP.shape] * 4


def test_decoding_leaves_the_warning_filters_alone_for_threads_share_them(monkeypatch: pytest.MonkeyPatch):
    seen = []
    opened = Image.open
    monkeypatch.setattr(Image, "open", lambda file: (seen.append(warnings.filters), opened(file))[1])
    decode(png(0))
    assert seen[0] is warnings.filters


# Resizing


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_constant_image_stays_constant(width: int, height: int, size: int, value: int):
    flat = np.full((height, width, 3), value, np.uint8)
    for method in ("bilinear", "nearest"):
        assert np.array_equal(resize(flat, size, method), np.full((size, size, 3), value, np.uint8))


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_an_image_of_the_right_size_is_left_as_it_is(method: str):
    square = RAMP[:4]
    assert np.array_equal(resize(square, 4, method), square)


def test_half_the_size_is_the_triangle_filters_weighted_mean():
    # Pillow's antialiased bilinear: at half size a triangle of width four, 1:3:3:1 (cut at the edge).
    row = np.array([0, 80, 160, 240, 8, 16, 24, 32], np.uint8)
    image = np.repeat(np.repeat(row[None, :, None], 8, axis=0), 3, axis=2)
    inner = [(1 * a + 3 * b + 3 * c + 1 * d) / 8 for a, b, c, d in [(80, 160, 240, 8), (240, 8, 16, 24)]]
    edges = [(3 * 0 + 3 * 80 + 160) / 7, (16 + 3 * 24 + 3 * 32) / 7]
    expected = np.rint([edges[0], *inner, edges[1]])
    assert resize(image, 4, "bilinear")[2, :, 1].tolist() == expected.tolist()


def test_bilinear_rounds_once():
    # Twice rounded (Pillow's own 8-bit path) some pixels differ from the once rounded result.
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    exact = np.stack(
        [
            np.asarray(Image.fromarray(image[..., channel].astype(np.float32)).resize((20, 20), 2))
            for channel in range(3)
        ],
        axis=-1,
    )
    twice = np.array(Image.fromarray(image).resize((20, 20), 2))
    assert np.abs(resize(image, 20, "bilinear") - exact).max() <= 0.5001
    assert np.abs(twice - exact).max() > 0.5001


def test_nearest_takes_pixels_and_makes_none():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert np.array_equal(resize(image, 20, "nearest"), image[1::2, 1::2])
    assert not np.array_equal(resize(image, 20, "bilinear"), image[1::2, 1::2])


def test_an_image_is_squashed_and_not_cropped():
    wide = np.zeros((4, 40, 3), np.uint8)
    wide[:, :20] = 255
    small = resize(wide, 4, "bilinear")
    assert small[:, 0].min() == 255
    assert small[:, 3].max() == 0


def test_channels_stay_apart():
    image = np.zeros((9, 9, 3), np.uint8)
    image[..., 1] = 200
    assert resize(image, 5, "bilinear").reshape(-1, 3).max(axis=0).tolist() == [0, 200, 0]
