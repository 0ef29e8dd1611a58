"""The three splits as training sees them; the test labels open once."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.data.manifest import Manifest
from harness.data.part import draw_part
from harness.data.pixels import PixelRows, Pixels

__all__ = ["Split", "TestSplit", "open_splits"]


@dataclass(frozen=True)
class Split:
    """Images of one split in the manifest's order: pixels (memory-mapped), class numbers, ids."""

    pixels: Pixels
    labels: NDArray[np.int64]
    ids: tuple[str, ...]


@dataclass
class TestSplit:
    """The test images.  Their labels can be read once: nothing may be chosen by them."""

    pixels: Pixels
    ids: tuple[str, ...]
    _labels: NDArray[np.int64] | None = field(repr=False)

    __test__ = False  # not a test case, whatever its name looks like to pytest

    def read_labels(self) -> NDArray[np.int64]:
        """The class numbers; a second call raises RuntimeError."""
        if self._labels is None:
            raise RuntimeError("the test labels were read before; they are read once a cell")
        labels, self._labels = self._labels, None
        return labels


def open_splits(
    manifest: Manifest, pixels: NDArray[np.uint8], *, train_images: int | None = None, seed: int = 0
) -> tuple[Split, Split, TestSplit]:
    """Train, validation and test as parts of the decoded pixels, which stay memory-mapped.

    With `train_images` the training split is the part of that many images that the seed draws;
    validation and test stay whole.
    """
    number = {label: index for index, label in enumerate(manifest.classes)}
    labels = np.array([number[entry.label] for entry in manifest.entries], dtype=np.int64)
    ids = [entry.id for entry in manifest.entries]
    names = np.array([entry.split for entry in manifest.entries])

    def part(name: str, chosen: NDArray[np.int64] | None = None) -> Split:
        rows = np.flatnonzero(names == name)
        inside = slice(int(rows[0]), int(rows[-1]) + 1)
        if inside.stop - inside.start != len(rows):
            raise ValueError("the manifest's splits are not contiguous")
        if chosen is None:
            return Split(pixels[inside], labels[inside], tuple(ids[inside]))
        taken = rows[chosen]
        return Split(PixelRows(pixels, taken), labels[taken], tuple(ids[row] for row in taken))

    chosen = None if train_images is None else draw_part(manifest.split("train"), train_images, seed)
    test = part("test")
    return part("train", chosen), part("validation"), TestSplit(test.pixels, test.ids, test.labels)
