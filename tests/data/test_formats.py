"""The table of formats: what each kind of file comes to, in a run's folder, in prepare and in inspect.

Every file is made here.  It is put among the training images of a class, and either all three decode
it, upright and in its colours, or all three leave it out for the same reason, or none of them sees it.
"""

import hashlib
import os
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fakes import encoded, image_folder, nothing, put
from PIL import Image

from harness.data.decode import decode
from harness.data.files import legible
from harness.data.inspection import inspect
from harness.data.manifest import Entry, LeftOut
from harness.data.prepare import prepare
from harness.data.sources import FolderSource
from harness.data.threads import in_threads
from harness.errors import UserError

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
BLACK, DARK, LIGHT, WHITE = (0, 0, 0), (60, 60, 60), (180, 180, 180), (255, 255, 255)
WIDTH, HEIGHT = 32, 48

Colours = tuple[tuple[int, int, int], ...]
COLOURED: Colours = (RED, GREEN, BLUE, YELLOW)
GREYS: Colours = (BLACK, DARK, LIGHT, WHITE)
BLACK_WHITE: Colours = (BLACK, WHITE, WHITE, BLACK)

LOSSLESS, LOSSY = 0, 25
PASSED_OVER = "passed over"


def picture(colours: Colours = COLOURED) -> Image.Image:
    """Four quarters, each of one colour: top left, top right, bottom left, bottom right."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for number, colour in enumerate(colours):
        top, left = HEIGHT // 2 * (number // 2), WIDTH // 2 * (number % 2)
        pixels[top : top + HEIGHT // 2, left : left + WIDTH // 2] = colour
    return Image.fromarray(pixels)


Make = Callable[[Path], object]
"""Makes the file at a path inside a class folder that is there."""


def content(made: bytes) -> Make:
    return lambda path: put(path, made)


def saved(kind: str, mode: str = "RGB", colours: Colours = COLOURED, **options: object) -> Make:
    return content(encoded(picture(colours).convert(mode), kind, **options))


JPEG = encoded(picture(), "JPEG", quality=95)
PNG = encoded(picture(), "PNG")


def png(bits: int, kind: int, width: int, height: int, rows: bytes) -> bytes:
    """A PNG made by hand, for what Pillow does not write: bits a channel, and PNG's kind of colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def sixteen_bit_colour() -> bytes:
    deep = np.asarray(picture(), np.uint16) * 257
    return png(16, 2, WIDTH, HEIGHT, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep))


def sixteen_bit_grey() -> bytes:
    # A little above each level, as no conversion but the right one takes away.
    grey = np.asarray(picture(GREYS).convert("L"), np.int64)
    deep = np.minimum(grey * 257 + 90, 65535).astype(np.uint16)
    return encoded(Image.fromarray(deep), "PNG")


def animated(kind: str) -> bytes:
    others = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in (BLACK, WHITE)]
    return encoded(picture(), kind, save_all=True, append_images=others)


def see_through(mode: str, colours: Colours) -> Image.Image:
    image = picture(colours).convert(mode)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def palette_with_alpha() -> bytes:
    return encoded(
        picture().quantize(4, dither=Image.Dither.NONE), "PNG", transparency=bytes([0, 90, 180, 255])
    )


TURNED_BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored under each EXIF orientation."""


def stored(orientation: int, kind: str, **options: object) -> Make:
    turn = TURNED_BACK[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = picture() if turn is None else picture().transpose(turn)
    return content(encoded(image, kind, exif=exif, **options))


def link_to_an_image(path: Path) -> None:
    path.symlink_to(put(path.parents[3] / "elsewhere" / "original.png", PNG))


def image_in_a_linked_class_folder(path: Path) -> None:
    path.parent.rename(path.parents[3] / "elsewhere")
    path.parent.symlink_to(path.parents[3] / "elsewhere")
    put(path, PNG)


@dataclass(frozen=True)
class Row:
    """A file's name, how it is made, and what it comes to: colours of its quarters, or a reason."""

    name: str
    make: Make
    expected: Colours | str
    tolerance: int = LOSSLESS


ROWS = {
    # JPEG
    "jpeg": Row("a.jpg", content(JPEG), COLOURED, LOSSY),
    "jpeg, grey": Row("a.jpg", saved("JPEG", "L", GREYS), GREYS, LOSSY),
    "jpeg, cmyk": Row("a.jpg", saved("JPEG", "CMYK", quality=95), COLOURED, LOSSY),
    "jpeg, progressive": Row("a.jpg", saved("JPEG", progressive=True, quality=95), COLOURED, LOSSY),
    **{
        f"jpeg, exif orientation {number}": Row("a.jpg", stored(number, "JPEG", quality=95), COLOURED, LOSSY)
        for number in TURNED_BACK
    },
    "jpeg, of several pictures": Row("a.jpg", content(animated("MPO")), COLOURED, LOSSY),
    # PNG
    "png": Row("a.png", content(PNG), COLOURED),
    "png, grey": Row("a.png", saved("PNG", "L", GREYS), GREYS),
    "png, grey with alpha": Row("a.png", content(encoded(see_through("L", GREYS), "PNG")), GREYS),
    "png, palette": Row("a.png", saved("PNG", "P"), COLOURED),
    "png, palette with transparency": Row("a.png", content(palette_with_alpha()), COLOURED),
    "png, alpha": Row("a.png", content(encoded(see_through("RGB", COLOURED), "PNG")), COLOURED),
    "png, 1 bit": Row("a.png", saved("PNG", "1", BLACK_WHITE), BLACK_WHITE),
    "png, 16 bit grey": Row("a.png", content(sixteen_bit_grey()), GREYS),
    "png, 16 bit colour": Row("a.png", content(sixteen_bit_colour()), COLOURED),
    "png, exif orientation 6": Row("a.png", stored(6, "PNG"), COLOURED),
    "png, animated": Row("a.png", content(animated("PNG")), COLOURED),
    # GIF, BMP, WebP, TIFF
    "gif": Row("a.gif", saved("GIF", "P"), COLOURED),
    "gif, animated": Row("a.gif", content(animated("GIF")), COLOURED),
    "bmp": Row("a.bmp", saved("BMP"), COLOURED),
    "bmp, palette": Row("a.bmp", saved("BMP", "P"), COLOURED),
    "webp": Row("a.webp", saved("WEBP", quality=95), COLOURED, LOSSY),
    "webp, lossless with alpha": Row(
        "a.webp", content(encoded(see_through("RGB", COLOURED), "WEBP", lossless=True, exact=True)), COLOURED
    ),
    "webp, animated": Row("a.webp", content(animated("WEBP")), COLOURED, LOSSY),
    "webp, exif orientation 8": Row("a.webp", stored(8, "WEBP", quality=95), COLOURED, LOSSY),
    "tiff": Row("a.tif", saved("TIFF"), COLOURED),
    # Names and links
    "a png named .jpg": Row("a.jpg", content(PNG), COLOURED),
    "a jpeg named .png": Row("a.png", content(JPEG), COLOURED, LOSSY),
    "a png named .txt": Row("a.txt", content(PNG), COLOURED),
    "a png without an ending": Row("a", content(PNG), COLOURED),
    "an upper-case ending": Row("A.JPEG", content(JPEG), COLOURED, LOSSY),
    "a name with spaces": Row(" my  cat (1).png", content(PNG), COLOURED),
    "a name with dots": Row("cat.v1.2.png", content(PNG), COLOURED),
    "a name in Cyrillic": Row("кошка.png", content(PNG), COLOURED),
    "a name in Chinese": Row("猫.png", content(PNG), COLOURED),
    "a name with an emoji": Row("🐈.png", content(PNG), COLOURED),
    "a composed accent": Row(unicodedata.normalize("NFC", "é.png"), content(PNG), COLOURED),
    "a decomposed accent": Row(unicodedata.normalize("NFD", "é.png"), content(PNG), COLOURED),
    "a long name": Row("n" * 250 + ".png", content(PNG), COLOURED),
    "a link to an image": Row("a.png", link_to_an_image, COLOURED),
    "an image in a linked class folder": Row("a.png", image_in_a_linked_class_folder, COLOURED),
    # What no one sees
    "a hidden file": Row(".a.png", content(PNG), PASSED_OVER),
    "a file in a hidden folder": Row(".trash/a.png", content(PNG), PASSED_OVER),
    "macOS' .DS_Store": Row(".DS_Store", content(b"Bud1"), PASSED_OVER),
    "Windows' Thumbs.db": Row("Thumbs.db", content(b"thumbs"), PASSED_OVER),
    # What is left out
    "no bytes": Row("a.jpg", content(b""), "the file is empty"),
    "a truncated jpeg": Row("a.jpg", content(JPEG[: len(JPEG) // 2]), "cut short"),
    "a truncated png": Row("a.png", content(PNG[:-30]), "cut short"),
    "half a file's zeros": Row("a.png", content(bytes(4096)), "not an image in a known format"),
    "text": Row("a.jpg", content(b"<html>not found</html>"), "not an image in a known format"),
    "a drawing": Row("a.svg", content(b"<svg/>"), "not an image in a known format"),
    "heic": Row("a.heic", content(b"\0\0\0\x18ftypheic" + bytes(64)), "HEIC is not supported"),
    "tiff, 32 bit": Row(
        "a.tif", content(encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF")), "32-bit pixels"
    ),
    "a bomb": Row("a.png", content(png(1, 0, 50_000, 50_000, b"")), "too many pixels"),
    "a small bomb": Row("a.png", content(png(1, 0, 9_500, 9_500, b"")), "too many pixels"),
    "a link to nothing": Row(
        "a.png", lambda path: path.symlink_to("nothing.png"), "a link to a file that is not there"
    ),
    "a link to itself": Row("a.png", lambda path: path.symlink_to("a.png"), "a link that leads back"),
    "a link to its own folder": Row("loop", lambda path: path.symlink_to("."), "a folder, not a file"),
    "a link to a folder above": Row("loop", lambda path: path.symlink_to("../.."), "a folder, not a file"),
    "a folder named like an image": Row("a.png", lambda path: path.mkdir(), "a folder, not a file"),
    "a pipe": Row("a.png", os.mkfifo, "not a regular file"),
    "a name that is not UTF-8": Row(
        os.fsdecode(b"caf\xe9.png"), content(PNG), r"its name is not UTF-8: rename it"
    ),
}


USED = "used"


@pytest.fixture(params=ROWS.values(), ids=ROWS)
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture
def folder(row: Row, tmp_path: Path) -> Path:
    """Twelve usable images, and the row's file among them."""
    root = image_folder(tmp_path / "images")
    row.make(root / "train" / "cats" / row.name)
    return root


def check(row: Row, path: str, used: set[str], left_out: dict[str, str]) -> None:
    """That a file was used, left out for the right reason, or passed over, as its row says."""
    seen = USED if path in used else left_out.get(path, PASSED_OVER)
    assert re.search(row.expected if isinstance(row.expected, str) else USED, seen)
    assert len(left_out) == (seen not in (USED, PASSED_OVER))


def check_colours(row: Row, source: FolderSource, entry: Entry) -> None:
    """That a file is decoded upright and in its colours."""
    (pixels,) = in_threads(source.read, [entry])
    middles = pixels[HEIGHT // 4 :: HEIGHT // 2, WIDTH // 4 :: WIDTH // 2].reshape(-1, 3).astype(int)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(middles - row.expected).max() <= row.tolerance


def test_in_a_runs_folder(row: Row, folder: Path, tmp_path: Path):
    source = FolderSource(folder, tmp_path / "cache")
    manifest = source.manifest(nothing)
    path = f"train/cats/{row.name}"
    entries = {entry.path: entry for entry in manifest.entries}
    check(row, legible(path), set(entries), {left.path: left.reason for left in manifest.left_out})
    if path in entries:
        check_colours(row, source, entries[path])


def test_in_prepare(row: Row, folder: Path, tmp_path: Path):
    path = f"train/cats/{row.name}"
    counts = {"train": 6 if isinstance(row.expected, str) else 7, "validation": 3, "test": 3}
    prepared = prepare(folder, tmp_path / "out", counts, seed=0, class_depth=1, how="copy", progress=nothing)
    left_out = {left.path: left.reason for left in prepared.manifest.left_out}
    if isinstance(row.expected, str):
        assert prepared.unused == 0
        check(row, legible(path), set(), left_out)
        return
    sha256 = hashlib.sha256((folder / path).read_bytes()).hexdigest()
    entries = [entry for entry in prepared.manifest.entries if entry.sha256 == sha256]
    check(row, path, {path} if entries else set(), left_out)
    check_colours(row, FolderSource(tmp_path / "out", tmp_path / "cache"), entries[0])


def test_in_inspect(row: Row, folder: Path):
    found = inspect(folder, class_depth=1, progress=nothing)
    seen = {file.path: file for file in found.files}
    path = legible(f"train/cats/{row.name}")
    left_out = {file.path: file.reason for file in (*found.damaged, *found.others)}
    check(row, path, seen.keys() - left_out, left_out)
    if path in seen.keys() - left_out:
        assert (seen[path].width, seen[path].height) == (WIDTH, HEIGHT)


def test_in_an_archive_a_file_that_cannot_be_unpacked_is_left_out(tmp_path: Path):
    root = image_folder(tmp_path / "images")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, path.relative_to(root))
        archive.writestr("train/cats/damaged.png", PNG)
    packed = bytearray((tmp_path / "images.zip").read_bytes())
    packed[packed.index(PNG) + 60] ^= 1
    put(tmp_path / "images.zip", bytes(packed))
    seen = inspect(tmp_path / "images.zip", class_depth=1, progress=nothing)
    left_out = [(file.path, file.reason) for file in seen.files if file.reason]
    assert [path for path, _ in left_out] == ["train/cats/damaged.png"]
    assert "cannot be unpacked: Bad CRC-32" in left_out[0][1]


# Files that may not be read; a superuser may read every file, so the refusal is played


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images with one more, which may not be read."""
    root = image_folder(tmp_path / "images")
    secret = put(root / "train" / "cats" / "secret.png", PNG)
    read = Path.read_bytes

    def unless_secret(path: Path) -> bytes:
        if path == secret:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", unless_secret)
    return root


REFUSED = LeftOut("train/cats/secret.png", "cannot be read: Permission denied")


def test_a_file_that_may_not_be_read_is_left_out_of_a_run(refused: Path, tmp_path: Path):
    assert FolderSource(refused, tmp_path / "cache").manifest(nothing).left_out == (REFUSED,)


def test_a_file_that_may_not_be_read_is_left_out_by_prepare(refused: Path, tmp_path: Path):
    counts = {"train": 6, "validation": 3, "test": 3}
    prepared = prepare(refused, tmp_path / "out", counts, seed=0, class_depth=1, how="copy", progress=nothing)
    assert prepared.manifest.left_out == (REFUSED,)


def test_a_file_that_may_not_be_read_is_damaged_to_inspect(refused: Path):
    seen = inspect(refused, class_depth=1, progress=nothing)
    assert [LeftOut(file.path, file.reason) for file in seen.files if file.reason] == [REFUSED]


# Classes


def test_a_class_whose_name_is_written_in_two_ways_is_one(tmp_path: Path):
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    root = image_folder(tmp_path / "images", (composed, "thé"))
    (root / "train" / composed).rename(root / "train" / decomposed)
    manifest = FolderSource(root, tmp_path / "cache").manifest(nothing)
    assert manifest.classes == (composed, unicodedata.normalize("NFC", "thé"))
    assert set(inspect(root, class_depth=1, progress=nothing).counts()["train"]) == set(manifest.classes)
    counts = {"train": 6, "validation": 3, "test": 3}
    prepared = prepare(root, tmp_path / "out", counts, seed=0, class_depth=1, how="copy", progress=nothing)
    assert prepared.manifest.classes == manifest.classes


def test_a_linked_class_folder_that_leads_nowhere_is_listed_and_its_class_missed(tmp_path: Path):
    root = image_folder(tmp_path / "images")
    (root / "train" / "birds").symlink_to("nowhere")
    with pytest.raises(UserError, match="no usable image of birds in any split"):
        FolderSource(root, tmp_path / "cache").manifest(nothing)


def test_the_table_can_fail():
    # An image that is not turned, and one whose colours are swapped, are not what a row expects.
    sideways = decode(encoded(picture().transpose(Image.Transpose.ROTATE_90), "PNG"))
    swapped = decode(PNG)[..., ::-1]
    assert sideways.shape != (HEIGHT, WIDTH, 3)
    assert np.abs(swapped[HEIGHT // 4, WIDTH // 4].astype(int) - RED).max() > LOSSY
