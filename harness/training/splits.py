"""The three splits as training sees them; the test labels open once."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.data.manifest import Manifest

__all__ = ["Split", "TestSplit", "open_splits"]


@dataclass(frozen=True)
class Split:
    """Images of one split in the manifest's order: pixels (memory-mapped), class numbers, ids."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: tuple[str, ...]


@dataclass
class TestSplit:
    """The test images.  Their labels can be read once: nothing may be chosen by them."""

    pixels: NDArray[np.uint8]
    ids: tuple[str, ...]
    _labels: NDArray[np.int64] | None = field(repr=False)

    __test__ = False  # not a test case, whatever its name looks like to pytest

    def read_labels(self) -> NDArray[np.int64]:
        """The class numbers; a second call raises RuntimeError."""
        if self._labels is None:
            raise RuntimeError("the test labels were read before; they are read once a cell")
        labels, self._labels = self._labels, None
        return labels


def open_splits(manifest: Manifest, pixels: NDArray[np.uint8]) -> tuple[Split, Split, TestSplit]:
    """Train, validation and test as slices of the decoded pixels, which stay memory-mapped."""
    number = {label: index for index, label in enumerate(manifest.classes)}
    labels = np.array([number[entry.label] for entry in manifest.entries], dtype=np.int64)
    ids = [entry.id for entry in manifest.entries]
    names = np.array([entry.split for entry in manifest.entries])

    def part(name: str) -> Split:
        rows = np.flatnonzero(names == name)
        inside = slice(int(rows[0]), int(rows[-1]) + 1)
        if inside.stop - inside.start != len(rows):
            raise ValueError("the manifest's splits are not contiguous")
        return Split(pixels[inside], labels[inside], tuple(ids[inside]))

    test = part("test")
    return part("train"), part("validation"), TestSplit(test.pixels, test.ids, test.labels)
