"""The decoded-pixel cache: every image decoded and resized once, as memory-mapped uint8.

The file is a plain `.npy` of shape (images, size, size, 3) in the manifest's order.  Its pages
are the kernel's to drop, so training memory does not grow with the number of images.  A cache
is made under a temporary name and renamed when it is whole.
"""

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from harness.data.decode import resize
from harness.data.manifest import Entry, Manifest
from harness.data.sources import Progress, Source
from harness.data.threads import in_threads
from harness.environment import code_sha256, current_environment
from harness.errors import UserError
from harness.files import FACTS, require_space, whole_folder

__all__ = ["PixelCache", "PixelRows", "Pixels", "build_pixels", "find_pixels"]

_SCHEMA = 1


@dataclass(frozen=True)
class PixelRows:
    """Some images of an array, in the order of `rows`, each read only when it is asked for.

    Indexing the array itself would copy them all into memory.
    """

    array: NDArray[np.uint8]
    rows: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """What the array's shape would be with these images alone."""
        return (len(self.rows), *self.array.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, wanted: slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = self.array[self.rows[wanted]]
        return found


Pixels = NDArray[np.uint8] | PixelRows
"""Images as training reads them: shape (images, size, size, 3), rows by slices or by numbers."""


@dataclass(frozen=True)
class PixelCache:
    """A finished cache: where its array is, the seconds that making it took, and the pixels' SHA-256."""

    folder: Path
    seconds: float
    sha256: str = ""

    def open(self) -> NDArray[np.uint8]:
        """The pixels, memory-mapped and read-only; shape (images, size, size, 3)."""
        pixels: NDArray[np.uint8] = np.load(self.folder / "pixels.npy", mmap_mode="r")
        return pixels


def build_pixels(
    manifest: Manifest, source: Source, size: int, method: str, cache: Path, progress: Progress
) -> PixelCache:
    """Return the cache for these images at this size, decoding them if it is not there yet."""
    found = find_pixels(manifest, size, method, cache)
    if found is None:
        folder = _place(manifest, size, method, cache)
        shutil.rmtree(folder, ignore_errors=True)
        _decode_all(manifest, source, size, method, folder, progress)
        found = find_pixels(manifest, size, method, cache)
    if found is None:
        raise UserError(
            "the decoded images cannot be read back",
            where=str(cache / "pixels"),
            hint="The disk may be full or damaged; name another place with --cache DIR.",
        )
    return found


def find_pixels(manifest: Manifest, size: int, method: str, cache: Path) -> PixelCache | None:
    """Return the cache for these images at this size if it is there."""
    return _finished(_place(manifest, size, method, cache), (len(manifest.entries), size, size, 3))


def _place(manifest: Manifest, size: int, method: str, cache: Path) -> Path:
    # The machine has a part in the key because the seconds that decoding took are kept.
    parts = (_SCHEMA, manifest.sha256, size, method, PIL.__version__, code_sha256())
    text = "/".join(str(part) for part in (*parts, current_environment().fingerprint))
    return cache / "pixels" / hashlib.sha256(text.encode()).hexdigest()[:24]


def _finished(folder: Path, shape: tuple[int, ...]) -> PixelCache | None:
    """The cache in a folder; None if there is none, or it was cut or damaged."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        found = PixelCache(folder, facts["seconds"], facts["sha256"])
        return found if found.open().shape == shape else None
    except (OSError, EOFError, ValueError, KeyError):
        return None


def _decode_all(
    manifest: Manifest, source: Source, size: int, method: str, folder: Path, progress: Progress
) -> None:
    shape = (len(manifest.entries), size, size, 3)
    with whole_folder(folder) as partial:
        require_space(partial, int(np.prod(shape)), "the decoded images")
        began = time.perf_counter()
        pixels = np.lib.format.open_memmap(partial / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)

        def fill(numbered: tuple[int, Entry]) -> None:
            row, entry = numbered
            pixels[row] = resize(source.read(entry), size, method)

        for done, _ in enumerate(in_threads(fill, enumerate(manifest.entries)), start=1):
            progress(done, len(manifest.entries))
        pixels.flush()
        seconds = time.perf_counter() - began
        # The array is contiguous, so it is hashed in place; that is no part of decoding.
        sha256 = hashlib.sha256(pixels.data).hexdigest()
        facts = {"seconds": seconds, "sha256": sha256, "manifest": manifest.sha256, "size": size}
        (partial / FACTS).write_text(json.dumps(facts), encoding="utf-8")
