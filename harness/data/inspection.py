"""Looking at a data set before training on it: what it holds, and what is wrong with it.

Exact duplicates have the same bytes.  Near duplicates have perceptual hashes (64-bit pHash of the
imagehash library) that differ in few bits: the same photograph scaled, saved again or lightly
changed.  Mirrored, turned and cropped copies have other hashes and are not found; images whose hash
says nothing, because they are of one colour or a smooth gradient, are compared by their bytes alone.
Either is a leak where it stands in two splits, and a contradiction where it stands in two
classes.
"""

import hashlib
import importlib.util
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.decode import UNKNOWN_FORMAT, UndecodableImageError, decode
from harness.data.files import Files, has_image_name, open_files
from harness.data.layouts import Found, find_layout
from harness.data.manifest import LeftOut
from harness.data.sources import Progress
from harness.data.threads import in_threads
from harness.errors import UserError, few

__all__ = ["NEAR_BITS", "Duplicates", "Inspection", "Seen", "inspect"]

NEAR_BITS = 4
"""Hashes that differ in at most this many of 64 bits are near duplicates."""

_BLOCK = 1024


@dataclass(frozen=True)
class Seen:
    """One file: where it stands, and what its content says; `reason` is why it cannot be used."""

    path: str
    split: str
    label: str
    width: int
    height: int
    mode: str
    format: str
    sha256: str
    phash: int
    reason: str = ""


@dataclass(frozen=True)
class Duplicates:
    """Files that show one image; `leak` if in several splits, `conflict` if in several classes."""

    paths: tuple[str, ...]
    exact: bool
    leak: bool
    conflict: bool


@dataclass(frozen=True)
class Inspection:
    """What was found, file by file and in groups; `others` are files that are no labelled images."""

    root: str
    layout: str
    doubts: tuple[str, ...]
    files: tuple[Seen, ...]
    others: tuple[LeftOut, ...]
    duplicates: tuple[Duplicates, ...]

    @property
    def usable(self) -> list[Seen]:
        """The files that can be decoded."""
        return [file for file in self.files if not file.reason]

    @property
    def damaged(self) -> list[Seen]:
        """The files that should be images and cannot be decoded."""
        return [file for file in self.files if file.reason]

    @property
    def flat(self) -> list[Seen]:
        """The images whose perceptual hash says nothing: at most the bit of their brightness is set."""
        return [file for file in self.usable if not _tells(file)]

    @property
    def leaks(self) -> list[Duplicates]:
        """Images that stand in several splits, those among them that stand in several classes too."""
        return [group for group in self.duplicates if group.leak]

    @property
    def contradictions(self) -> list[Duplicates]:
        """Images that stand in several classes of one split."""
        return [group for group in self.duplicates if group.conflict and not group.leak]

    @property
    def copies(self) -> list[Duplicates]:
        """Images that stand several times in one class of one split."""
        return [group for group in self.duplicates if not group.conflict and not group.leak]

    @property
    def classes(self) -> list[str]:
        """The classes that have a usable image, by name."""
        return sorted({file.label for file in self.usable})

    def counts(self) -> dict[str, dict[str, int]]:
        """Usable images by split ("" without splits) and class."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for file in self.usable:
            found[file.split][file.label] += 1
        return {split: dict(sorted(labels.items())) for split, labels in sorted(found.items())}

    def imbalance(self) -> dict[str, float]:
        """By split ("" without splits) how many times larger the largest class is than the smallest."""
        return {split: max(sizes.values()) / min(sizes.values()) for split, sizes in self.counts().items()}

    def gaps(self) -> tuple[str, ...]:
        """What keeps a run from using it: classes without an image in a split, a single class."""
        labels = {file.label for file in self.files if file.label}
        if not labels:
            return ()
        found = [f"only one class: {', '.join(labels)}"] if len(labels) == 1 else []
        for split, sizes in self.counts().items():
            if missing := sorted(labels - set(sizes)):
                found.append(f"no usable image of {few(missing)}" + (f" in {split}" if split else ""))
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """The findings as plain values; hashes as hex digits."""
        files = [asdict(file) | {"phash": f"{file.phash:016x}"} for file in self.files]
        return {
            "root": self.root,
            "layout": self.layout,
            "doubts": list(self.doubts),
            "counts": self.counts(),
            "imbalance": self.imbalance(),
            "gaps": list(self.gaps()),
            "damaged": [{"path": file.path, "reason": file.reason} for file in self.damaged],
            "others": [asdict(left) for left in self.others],
            "duplicates": [asdict(group) for group in self.duplicates],
            "files": files,
        }


def inspect(root: Path, *, class_depth: int, progress: Progress) -> Inspection:
    """Read every image of a folder or an archive; raise `UserError` if no layout fits."""
    _require_imagehash()
    files = open_files(root)
    layout = find_layout(files.paths, class_depth, source=str(root), keep_split=True)

    seen = []
    others = list(layout.left_out)
    for done, one in enumerate(in_threads(lambda found: _look(files, found), layout.files), start=1):
        progress(done, len(layout.files))
        # A note among images is no damaged image; a cut JPEG under any name is one.
        if one.reason == UNKNOWN_FORMAT and not has_image_name(one.path):
            others.append(LeftOut(one.path, one.reason))
        else:
            seen.append(one)
    seen += [Seen(left.path, "", "", 0, 0, "", "", "", 0, left.reason) for left in files.left_out]
    groups = tuple(_duplicates([file for file in seen if not file.reason]))
    return Inspection(str(root), layout.description, layout.doubts, tuple(seen), tuple(others), groups)


def _require_imagehash() -> None:
    if importlib.util.find_spec("imagehash") is None:
        raise UserError(
            "near duplicates need the imagehash library",
            hint="Install it with: pip install 'transferbench[inspect]'",
        )


def _look(files: Files, found: Found) -> Seen:
    path, split, label = found.path, found.split, found.label
    sha256 = ""
    try:
        content = files.read(path)
        sha256 = hashlib.sha256(content).hexdigest()
        pixels = decode(content)
    except UndecodableImageError as error:
        return Seen(path, split, label, 0, 0, "", "", sha256, 0, str(error))
    with Image.open(io.BytesIO(content)) as image:
        mode, kind = image.mode, image.format or ""
    import imagehash

    phash = int(str(imagehash.phash(Image.fromarray(pixels))), 16)
    height, width = pixels.shape[:2]
    return Seen(path, split, label, width, height, mode, kind, sha256, phash)


def _duplicates(files: Sequence[Seen]) -> Iterable[Duplicates]:
    """Groups of exact duplicates, then groups of near ones (an exact group counts as one there)."""
    by_content: dict[str, list[Seen]] = defaultdict(list)
    for file in files:
        by_content[file.sha256].append(file)
    for group in by_content.values():
        if len(group) > 1:
            yield _group(group, exact=True)
    different = [group[0] for group in by_content.values() if _tells(group[0])]
    for rows in _near(np.array([file.phash for file in different], dtype=np.uint64)):
        yield _group([copy for row in rows for copy in by_content[different[row].sha256]], exact=False)


def _tells(file: Seen) -> bool:
    return file.phash.bit_count() > 1


def _group(files: Sequence[Seen], *, exact: bool) -> Duplicates:
    return Duplicates(
        paths=tuple(file.path for file in files),
        exact=exact,
        leak=len({file.split for file in files}) > 1,
        conflict=len({file.label for file in files}) > 1,
    )


def _near(hashes: NDArray[np.uint64]) -> list[list[int]]:
    """Rows whose hashes are within `NEAR_BITS` of each other, directly or through others."""
    parent = np.arange(len(hashes))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = int(parent[row])
        return row

    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        bits = np.bitwise_count(block[:, None] ^ hashes[None, start:])
        for above, below in np.argwhere(bits <= NEAR_BITS):
            if above < below:
                parent[root(start + int(below))] = root(start + int(above))
    groups: dict[int, list[int]] = defaultdict(list)
    for row in range(len(hashes)):
        groups[root(row)].append(row)
    return [rows for rows in groups.values() if len(rows) > 1]
