"""Where images come from: a folder of splits and classes, or images drawn by code.

A source lists what it has as a manifest and reads one image at a time; nothing behind it knows
which source it was.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import PIL
from numpy.typing import NDArray

from harness.data import synthetic
from harness.data.decode import UndecodableImageError, decode
from harness.data.manifest import SPLITS, Entry, LeftOut, Manifest, build_manifest
from harness.data.threads import in_threads
from harness.errors import UserError
from harness.files import write_whole
from harness.matrix import DataSpec

__all__ = ["FolderSource", "Source", "SyntheticSource", "open_source"]

Progress = Callable[[int, int], None]
"""Called with (done, all) while a long step goes on."""


class Source(Protocol):
    """What the rest of the harness asks of a source."""

    def manifest(self, progress: Progress) -> Manifest:
        """List every image; raise `UserError` if the source cannot be used."""
        ...

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Return one image's pixels, shape (height, width, 3)."""
        ...


def open_source(spec: DataSpec, data: Path | None, cache: Path, *, offline: bool = False) -> Source:
    """Return the source that a matrix asks for; `data` (from `--data`) overrides its path."""
    if spec.source == "cats_dogs":
        from harness.data.cats_dogs import CatsDogsSource

        return CatsDogsSource(spec, cache, offline)
    if spec.source == "synthetic":
        return SyntheticSource(spec)
    path = data or (Path(spec.path) if spec.path else None)
    if path is None:
        raise UserError(
            "the matrix reads a folder of images, and no folder was named",
            hint="Name it with --data DIR or the environment variable TRANSFERBENCH_DATA.",
        )
    return FolderSource(path, cache)


@dataclass(frozen=True)
class FolderSource:
    """`root/train|validation|test/<class>/*`.

    Whether a file can be decoded is kept in `cache` by content, so that only new content is
    decoded when the folder is listed again.
    """

    root: Path
    cache: Path

    def manifest(self, progress: Progress) -> Manifest:
        """List the folder, decode what was not seen before, and leave out what cannot be used."""
        files = list(self._files())
        hashes = dict(zip(files, in_threads(self._hash, files), strict=True))
        known = self._verdicts()
        unknown = sorted({sha256: path for path, sha256 in hashes.items() if sha256 not in known}.items())
        for done, (sha256, verdict) in enumerate(in_threads(self._judge, unknown), start=1):
            known[sha256] = verdict
            progress(done, len(unknown))
        if unknown:
            write_whole(self._verdict_file, json.dumps(known))
        found, left_out = [], []
        for path, sha256 in hashes.items():
            name = path.relative_to(self.root).as_posix()
            split, label = path.relative_to(self.root).parts[:2]
            if known[sha256]:
                left_out.append(LeftOut(name, known[sha256]))
            else:
                found.append((split, label, name, sha256))
        manifest = build_manifest(str(self.root), found, left_out)
        self._require_all_classes(manifest)
        return manifest

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Decode one file; raise `UserError` if it is not the one that was listed."""
        try:
            content = (self.root / entry.path).read_bytes()
        except OSError as error:
            raise UserError(f"cannot be read: {error.strerror}", where=entry.path) from None
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise UserError(
                "the file has changed since the images were listed",
                where=entry.path,
                hint="Run again once nothing changes the folder any more.",
            )
        return decode(content)

    def _files(self) -> Iterator[Path]:
        if not self.root.is_dir():
            raise UserError(
                "no such folder" if not self.root.exists() else "expected a folder, found a file",
                where=str(self.root),
                hint="Expected train/CLASS/*, validation/CLASS/* and test/CLASS/* in it.",
            )
        missing = [split for split in SPLITS if not (self.root / split).is_dir()]
        if missing:
            there = sorted(path.name for path in self.root.iterdir() if path.is_dir())
            raise UserError(
                f"no folder {', '.join(missing)}",
                where=str(self.root),
                hint=f"Expected train, validation and test; found {', '.join(there) or 'nothing'}.",
            )
        for split in SPLITS:
            yield from self._files_of(split)

    def _files_of(self, split: str) -> Iterator[Path]:
        for path in _visible(self.root / split):
            if not path.is_dir():
                raise UserError(
                    f"a file stands where class folders are expected: {path.name}",
                    where=str(path.parent),
                    hint="Put each image into a folder named after its class.",
                )
            for image in _visible(path):
                if image.is_dir():
                    raise UserError(
                        f"a folder stands where images are expected: {image.name}",
                        where=str(image.parent),
                        hint="Classes are not nested: expected SPLIT/CLASS/IMAGE.",
                    )
                yield image

    def _require_all_classes(self, manifest: Manifest) -> None:
        """A class that lost all its images is an error, not a task with one class less."""
        folders = {path.name for split in SPLITS for path in _visible(self.root / split)}
        lost = sorted(folders - set(manifest.classes))
        if lost:
            raise UserError(
                f"no usable image of {', '.join(lost)} in any split",
                where=str(self.root),
                hint="Put images into the folders of every class, or delete those folders.",
            )

    @staticmethod
    def _hash(path: Path) -> str:
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None

    @staticmethod
    def _judge(item: tuple[str, Path]) -> tuple[str, str]:
        sha256, path = item
        try:
            decode(path.read_bytes())
        except UndecodableImageError as error:
            return sha256, str(error)
        return sha256, ""

    @property
    def _verdict_file(self) -> Path:
        place = hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:16]
        return self.cache / "verdicts" / f"{place}-pillow-{PIL.__version__}.json"

    def _verdicts(self) -> dict[str, str]:
        """What is known: content hash to the reason it cannot be decoded, "" if it can."""
        try:
            verdicts: dict[str, str] = json.loads(self._verdict_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return verdicts


@dataclass(frozen=True)
class SyntheticSource:
    """Images of `harness.data.synthetic`, drawn anew whenever they are read."""

    spec: DataSpec

    def manifest(self, progress: Progress) -> Manifest:
        """Draw every image once to hash its pixels."""
        classes = synthetic.TARGET_CLASSES
        names = [
            (split, classes[index % len(classes)], f"{split}/{index}")
            for split in SPLITS
            for index in range(getattr(self.spec, split))
        ]
        found = []
        for done, (split, label, path) in enumerate(names, start=1):
            found.append((split, label, path, hashlib.sha256(self._draw(path).tobytes()).hexdigest()))
            progress(done, len(names))
        return build_manifest(f"synthetic, seed {self.spec.seed}", found, ())

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Draw one image."""
        return self._draw(entry.path)

    def _draw(self, path: str) -> NDArray[np.uint8]:
        split, index = path.split("/")
        classes = synthetic.TARGET_CLASSES
        return synthetic.draw(classes, int(index) % len(classes), self.spec.seed, split, int(index))


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
