"""Cats vs. dogs as a named source: Microsoft's public archive, split here.

The archive is downloaded once, every image in it is really decoded, and the split is made by content
and seed.  Counts of 23,262, 23,410 and 23,422 images are in circulation after "dropping corrupted
images", by different rules: here the manifest's hash says which images took part.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.download import fetch
from harness.data.manifest import Entry, Manifest, left_out_by_prepare, prepared_sha256
from harness.data.prepare import prepare
from harness.data.sources import FolderSource, Progress
from harness.errors import UserError
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
        """Download and split what is not there yet, and list it with all that was dropped.

        A split that is no longer what was made is made again, for its images are this source's, not the
        user's; raises `UserError` if the archive for that is gone.
        """
        note = ""
        if not self._split.exists():
            self._make(progress)
        listed = self._listed(progress)
        if listed is None:
            if not self._archive.exists():
                raise UserError(
                    "images in the cached split were changed, damaged or removed since it was made, and the "
                    "archive to make it again from is not here",
                    where=str(self._split),
                    hint=f"Delete this folder, and run without --offline or put {URL} at {self._archive}.",
                )
            fetch(URL, self._archive, offline=True, progress=progress)  # checked before anything goes
            shutil.rmtree(self._split)
            self._make(progress)
            note = (
                f"images in {self._split} had changed since it was made; it was made again from the archive"
            )
            listed = self._folder.manifest(progress)
        dropped = left_out_by_prepare(self._split)
        return Manifest("cats_dogs", listed.classes, listed.entries, dropped, note)

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Decode one image."""
        return self._folder.read(entry)

    def _make(self, progress: Progress) -> None:
        spec = self.spec
        archive = fetch(URL, self._archive, offline=self.offline, progress=progress)
        counts = {"train": spec.train, "validation": spec.validation, "test": spec.test}
        prepare(archive, self._split, counts, seed=spec.seed, class_depth=1, how="copy", progress=progress)

    def _listed(self, progress: Progress) -> Manifest | None:
        """What is in the split; None if that is not what was put there."""
        made = prepared_sha256(self._split)
        try:
            listed = self._folder.manifest(progress) if made else None
        except UserError:
            return None
        return listed if listed and listed.sha256 == made else None

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
