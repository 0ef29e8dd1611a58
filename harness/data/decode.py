"""One image file to RGB pixels, and RGB pixels to the size that a cell asks for.

Decoding and resizing are Pillow's, so that data can be prepared without TensorFlow.  Bilinear
resizing is done in 32-bit float for each channel and rounded once at the end: Pillow's 8-bit
path rounds twice, which no other library repeats, while the float path agrees with
`tf.image.resize(..., antialias=True)` and so can be rebuilt inside an exported model.  Images are
squashed to a square, as Keras' own loaders do.
"""

import errno
import io
import stat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["UNKNOWN_FORMAT", "UndecodableImageError", "decode", "read_file", "resize"]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "nearest": Image.Resampling.NEAREST}


_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")


UNKNOWN_FORMAT = "not an image in a known format"
"""Why a file cannot be decoded that nothing in it says is an image."""


class UndecodableImageError(Exception):
    """The file cannot be read, or its bytes are not an image that can be used; the text says why."""


def read_file(path: Path) -> bytes:
    """Read an image file whole; raise `UndecodableImageError` for what cannot be read."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UndecodableImageError("a folder, not a file")
        if not stat.S_ISREG(mode):  # reading a pipe would wait for ever
            raise UndecodableImageError("not a regular file")
        return path.read_bytes()
    except OSError as error:
        if error.errno == errno.ELOOP:
            reason = "a link that leads back to itself"
        elif isinstance(error, FileNotFoundError) and path.is_symlink():
            reason = "a link to a file that is not there"
        else:
            reason = f"cannot be read: {error.strerror}"
        raise UndecodableImageError(reason) from None


def decode(content: bytes) -> NDArray[np.uint8]:
    """Decode a file's bytes to RGB in its right orientation; shape (height, width, 3).

    Raises `UndecodableImageError` for everything that is not a whole image.
    """
    if not content:
        raise UndecodableImageError("the file is empty")
    try:
        with Image.open(io.BytesIO(content)) as image:
            # Pillow only warns up to twice this; warning filters are no help, threads share them.
            if Image.MAX_IMAGE_PIXELS and image.width * image.height > Image.MAX_IMAGE_PIXELS:
                raise Image.DecompressionBombError
            return _rgb(ImageOps.exif_transpose(image), image.format)
    except UndecodableImageError:
        raise
    except UnidentifiedImageError:
        if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS:
            raise UndecodableImageError("HEIC is not supported: save it as JPEG or PNG") from None
        raise UndecodableImageError(UNKNOWN_FORMAT) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UndecodableImageError("too many pixels (a decompression bomb?)") from None
    except Exception as error:  # Pillow's plugins raise almost anything for damaged bytes
        reason = str(error) or type(error).__name__
        kind = "cut short" if "truncated" in reason.casefold() else "damaged"
        raise UndecodableImageError(f"{kind}: {reason}") from None


def _rgb(image: Image.Image, kind: str | None) -> NDArray[np.uint8]:
    """Convert any mode to RGB; 16-bit grey is scaled, for Pillow would clip it at 255."""
    if image.mode.startswith("I;16") or (image.mode == "I" and kind in ("PNG", "PPM")):
        grey = np.rint(np.asarray(image, np.float64) / 257).astype(np.uint8)
        return np.stack([grey] * 3, axis=-1)
    if image.mode in ("I", "F"):
        raise UndecodableImageError(f"32-bit pixels (mode {image.mode}) have no known range")
    return np.array(image.convert("RGB"))


def resize(pixels: NDArray[np.uint8], size: int, method: str) -> NDArray[np.uint8]:
    """Squash an image to `size` x `size` pixels by "bilinear" (antialiased) or "nearest"."""
    if pixels.shape[:2] == (size, size):
        return pixels
    if method == "nearest":
        return np.array(Image.fromarray(pixels).resize((size, size), _FILTERS[method]))
    planes = [
        np.asarray(
            Image.fromarray(pixels[..., channel].astype(np.float32)).resize((size, size), _FILTERS[method])
        )
        for channel in range(3)
    ]
    resized: NDArray[np.uint8] = np.clip(np.rint(np.stack(planes, axis=-1)), 0, 255).astype(np.uint8)
    return resized
