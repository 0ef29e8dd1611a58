"""Where images come from: a folder of splits and classes, or images drawn by code.

A source lists what it has as a manifest and reads one image at a time; nothing behind it knows
which source it was.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import PIL
from numpy.typing import NDArray

from harness.data import synthetic
from harness.data.decode import UndecodableImageError, decode, read_file
from harness.data.files import has_image_name, is_visible, legible
from harness.data.layouts import class_name
from harness.data.manifest import SPLITS, Entry, LeftOut, Manifest, build_manifest, left_out_by_prepare
from harness.data.threads import in_threads
from harness.errors import UserError, few
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
        """List the folder, decode what was not seen before, and leave out what cannot be used.

        What `prepare` left out when it made the folder is a part of the list.
        """
        self._require_splits()
        files = [path for split in SPLITS for path in self._files_of(split)]
        known = self._verdicts()
        new: dict[str, str] = {}
        found = []
        left_out = [
            LeftOut(left.path, f"left out by prepare: {left.reason}")
            for left in left_out_by_prepare(self.root)
        ]
        for path, (sha256, reason) in zip(files, self._judged(files, known, progress), strict=True):
            name = path.relative_to(self.root).as_posix()
            split, folder = path.relative_to(self.root).parts[:2]
            if sha256 and sha256 not in known:
                new[sha256] = reason
            if reason:
                left_out.append(LeftOut(legible(name), reason))
            else:
                found.append((split, class_name(folder), name, sha256))
        if new:
            write_whole(self._verdict_file, json.dumps(known | new))
        manifest = build_manifest(str(self.root), found, left_out)
        self._require_all_classes(manifest)
        return manifest

    def read(self, entry: Entry) -> NDArray[np.uint8]:
        """Decode one file; raise `UserError` if it is not the one that was listed."""
        try:
            content = read_file(self.root / entry.path)
        except UndecodableImageError as error:
            raise UserError(f"was readable when the images were listed: {error}", where=entry.path) from None
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise UserError(
                "the file has changed since the images were listed",
                where=entry.path,
                hint="Run again once nothing changes the folder any more.",
            )
        return decode(content)

    def _require_splits(self) -> None:
        if not self.root.is_dir():
            raise UserError(
                "no such folder" if not self.root.exists() else "expected a folder, found a file",
                where=str(self.root),
                hint="Expected train/CLASS/*, validation/CLASS/* and test/CLASS/* in it.",
            )
        missing = [split for split in SPLITS if not (self.root / split).is_dir()]
        if not missing:
            return
        there = _visible(self.root)
        folders = [path.name for path in there if path.is_dir()]
        files = f"{len(there) - len(folders):,} files" if len(folders) < len(there) else ""
        found = " and ".join(filter(None, (few(map(legible, folders)), files)))
        inner = next((path for path in there if all((path / split).is_dir() for split in SPLITS)), None)
        todo = f" Make a split with: transferbench prepare {self.root} --out NEW_FOLDER" if there else ""
        todo = f" They are in {inner}: name that folder." if inner else todo
        raise UserError(
            f"no folder {', '.join(missing)}",
            where=str(self.root),
            hint=f"Expected train, validation and test; found {found or 'nothing'}.{todo}",
        )

    def _files_of(self, split: str) -> Iterator[Path]:
        """The files of a split, those among them that cannot be read."""
        for path in _visible(self.root / split):
            if not path.is_dir():
                if path.is_file():
                    raise UserError(
                        f"a file stands where class folders are expected: {legible(path.name)}",
                        where=str(path.parent),
                        hint="Put each image into a folder named after its class, or make a split with "
                        f"`transferbench prepare {self.root} --out NEW_FOLDER`.",
                    )
                yield path
                continue
            above = {self.root.resolve(), path.parent.resolve(), path.resolve()}
            for image in _visible(path):
                if image.is_dir() and not has_image_name(image.name) and image.resolve() not in above:
                    raise UserError(
                        f"a folder stands where images are expected: {legible(image.name)}",
                        where=str(image.parent),
                        hint="Classes are not nested: expected SPLIT/CLASS/IMAGE. `transferbench prepare "
                        f"{self.root} --out NEW_FOLDER --class-depth 2` makes one class of two folders.",
                    )
                yield image

    @staticmethod
    def _judged(files: list[Path], known: dict[str, str], progress: Progress) -> Iterator[tuple[str, str]]:
        """Of each file its hash ("" if it cannot be read) and why it cannot be used ("" if it can)."""

        def judge(path: Path) -> tuple[str, str]:
            name = f"{path.parent.name}/{path.name}"
            if legible(name) != name:
                return "", "its name is not UTF-8: rename it"
            try:
                content = read_file(path)
            except UndecodableImageError as error:
                return "", str(error)
            sha256 = hashlib.sha256(content).hexdigest()
            if sha256 in known:
                return sha256, known[sha256]
            try:
                decode(content)
            except UndecodableImageError as error:
                return sha256, str(error)
            return sha256, ""

        for done, judged in enumerate(in_threads(judge, files), start=1):
            progress(done, len(files))
            yield judged

    def _require_all_classes(self, manifest: Manifest) -> None:
        """A class that lost all its images is an error, not a task with one class less."""
        folders = {
            class_name(path.name)
            for split in SPLITS
            for path in _visible(self.root / split)
            if not has_image_name(path.name)
        }
        lost = sorted(map(legible, folders - set(manifest.classes)))
        if lost:
            raise UserError(
                f"no usable image of {few(lost)} in any split",
                where=str(self.root),
                hint="Put images into the folders of every class, or delete those folders.",
            )

    @property
    def _verdict_file(self) -> Path:
        place = hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()[:16]
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
    return sorted(path for path in folder.iterdir() if is_visible(path.name))
