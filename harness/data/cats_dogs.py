"""Cats vs. dogs as a named source: Microsoft's public archive, split here.

The archive is downloaded once, every image in it is really decoded, and the split is made by content
and seed.  Counts of 23,262, 23,410 and 23,422 images are in circulation after "dropping corrupted
images", by different rules: here the manifest's hash says which images took part.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.download import fetch
from harness.data.manifest import Entry, Manifest, left_out_by_prepare
from harness.data.prepare import prepare
from harness.data.sources import FolderSource, Progress
from harness.matrix import DataSpec

__all__ = ["URL", "CatsDogsSource"]

URL = (
    "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/"
    "kagglecatsanddogs_5340.zip"
)


@dataclass(frozen=True)
class CatsDogsSource:
    """`train`, `validation` and `test` images of the archive, kept in the cache."""

    spec: DataSpec
    cache: Path
    offline: bool

    def manifest(self, progress: Progress) -> Manifest:
        """Download and split what is not there yet, and list it with all that was dropped."""
        if not self._split.exists():
            archive = fetch(URL, self._archive, offline=self.offline, progress=progress)
            counts = {
                "train": self.spec.train,
                "validation": self.spec.validation,
                "test": self.spec.test,
            }
            prepare(
                archive,
                self._split,
                counts,
                seed=self.spec.seed,
                class_depth=1,
                how="copy",
                progress=progress,
            )
        listed = self._folder.manifest(progress)
        return Manifest("cats_dogs", listed.classes, listed.entries, left_out_by_prepare(self._split))

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Decode one image."""
        return self._folder.read(entry)

    @property
    def _archive(self) -> Path:
        return self.cache / "cats_dogs" / Path(URL).name

    @property
    def _split(self) -> Path:
        spec = self.spec
        return self.cache / "cats_dogs" / f"{spec.train}-{spec.validation}-{spec.test}-seed{spec.seed}"

    @property
    def _folder(self) -> FolderSource:
        return FolderSource(self._split, self.cache)
