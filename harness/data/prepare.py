"""Making a split out of full data: stratified, deterministic, disjoint by content.

Which image goes where depends on the seed and the images' content alone: within a class, images are
ordered by the hash of both.  So the same data give the same manifest on every machine, and adding an
image moves few others.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from harness.data.decode import UndecodableImageError, decode
from harness.data.files import Files, open_files
from harness.data.layouts import Found, Layout, find_layout
from harness.data.manifest import PREPARED_NAME, SPLITS, LeftOut, Manifest, build_manifest, left_out_note
from harness.data.sources import Progress
from harness.data.threads import in_threads
from harness.errors import UserError, few
from harness.files import whole_folder

__all__ = ["Prepared", "prepare"]

_LONGEST_STEM = 200
"""Bytes of a file's name that are kept: most file systems take 255 in all."""


@dataclass(frozen=True)
class Prepared:
    """A finished split: how the source was read, what is in doubt, the manifest, images unused."""

    layout: str
    doubts: tuple[str, ...]
    seed: int
    manifest: Manifest
    unused: int


@dataclass(frozen=True)
class _Image:
    path: str
    label: str
    sha256: str


def prepare(
    source: Path,
    out: Path,
    counts: dict[str, int],
    *,
    seed: int,
    class_depth: int,
    how: Literal["copy", "link"],
    progress: Progress,
) -> Prepared:
    """Write `out/train|validation|test/<class>/*` with that many images of each split.

    Classes keep their shares in every split, and no class is missing from one.  Files that cannot be
    decoded, second copies, and content under two classes are left out.  The folder appears whole or
    not at all.  `progress` counts files read, then files written.

    Raises `UserError` if the source has no known layout or too few images, or `out` is in the way.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError("the output is already there", where=str(out), hint="Name a new folder with --out.")
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UserError("the output lies inside the source", where=str(out), hint="Name a folder elsewhere.")
    files = open_files(source)
    if how == "link" and not source.is_dir():
        raise UserError("images inside an archive cannot be linked", where=str(source), hint="Use --copy.")
    layout = find_layout(files.paths, class_depth, source=str(source))
    steps = len(layout.files) + sum(counts.values())
    images, left_out = _usable(files, layout, lambda done: progress(done, steps))
    left_out += [*files.left_out, *layout.left_out]
    labels = {found.label for found in layout.files}  # those too that lost all their images
    _require_enough(labels, images, counts, str(source), left_out)
    chosen = _split(images, counts, seed)
    placed = [(split, images[path]) for split in SPLITS for path in chosen[split]]
    with whole_folder(out) as partial:
        rows = []
        for split, image in placed:
            place = f"{split}/{image.label}/{_name(image)}"
            _put(files, source, image, partial / place, how)
            rows.append((split, image.label, place, image.sha256))
            progress(len(layout.files) + len(rows), steps)
        manifest = build_manifest(str(source), rows, left_out)
        described = layout.description
        if any(found.split for found in layout.files):
            described += ", pooled and split anew"
        prepared = Prepared(described, layout.doubts, seed, manifest, len(images) - len(rows))
        facts = {
            "layout": described,
            "seed": seed,
            "counts": counts,
            "manifest_sha256": manifest.sha256,
            "unused": prepared.unused,
            "left_out": [asdict(left) for left in manifest.left_out],
        }
        (partial / PREPARED_NAME).write_text(
            json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8"
        )
    return prepared


def _usable(
    files: Files, layout: Layout, progress: Callable[[int], None]
) -> tuple[dict[str, _Image], list[LeftOut]]:
    """The decodable images by path, each content once, and what was left out."""
    found = layout.files

    def judge(one: Found) -> tuple[str, str]:
        sha256 = ""
        try:
            content = files.read(one.path)
            sha256 = hashlib.sha256(content).hexdigest()
            decode(content)
        except UndecodableImageError as error:
            return sha256, str(error)
        return sha256, ""

    left_out: list[LeftOut] = []
    seen = set()
    by_content: dict[str, list[Found]] = defaultdict(list)
    for done, (one, (sha256, reason)) in enumerate(
        zip(found, in_threads(judge, found), strict=True), start=1
    ):
        progress(done)
        seen.add(sha256)
        if reason:
            left_out.append(LeftOut(one.path, reason))
        else:
            by_content[sha256].append(one)
    images = {}
    for sha256, copies in by_content.items():
        labels = sorted({copy.label for copy in copies})
        if len(labels) > 1:
            reason = f"the same content stands under {' and '.join(labels)}"
            left_out += [LeftOut(copy.path, reason) for copy in copies]
            continue
        first, *others = copies
        images[first.path] = _Image(first.path, first.label, sha256)
        left_out += [LeftOut(copy.path, f"the same content as {first.path}") for copy in others]
    return images, left_out + _only_in_split(files, layout.unused, seen)


def _only_in_split(files: Files, unused: tuple[str, ...], originals: set[str]) -> list[LeftOut]:
    """Files of an old split that are not among the originals used instead of it."""

    def hashed(path: str) -> str:
        try:
            return hashlib.sha256(files.read(path)).hexdigest()
        except UndecodableImageError:
            return ""

    reason = "lies only in the old split, which is not used"
    hashes = zip(unused, in_threads(hashed, unused), strict=True)
    return [LeftOut(path, reason) for path, sha256 in hashes if sha256 not in originals]


def _split(images: dict[str, _Image], counts: dict[str, int], seed: int) -> dict[str, list[str]]:
    """Choose the paths of each split, class by class, in shares that follow the classes' sizes."""
    by_label: dict[str, list[_Image]] = defaultdict(list)
    for image in images.values():
        by_label[image.label].append(image)
    waiting = {
        label: sorted(members, key=lambda image: _draw(seed, image.sha256))
        for label, members in sorted(by_label.items())
    }
    chosen: dict[str, list[str]] = {}
    # Test first: asking for more training images later leaves the test images as they are.
    for later, split in reversed(list(enumerate(SPLITS))):
        sizes = {label: len(members) for label, members in waiting.items()}
        shares = _shares(counts[split], sizes, later)
        chosen[split] = [
            image.path for label, members in waiting.items() for image in members[: shares[label]]
        ]
        waiting = {label: members[shares[label] :] for label, members in waiting.items()}
    return chosen


def _require_enough(
    labels: set[str],
    images: dict[str, _Image],
    counts: dict[str, int],
    where: str,
    left_out: list[LeftOut],
) -> None:
    """Refuse what cannot be split so that every class is in every split."""
    found = Counter(image.label for image in images.values())
    sizes = {label: found[label] for label in labels}
    note = f" {left_out_note(left_out)}".rstrip()
    small = [f"{label} ({size})" for label, size in sorted(sizes.items()) if size < len(SPLITS)]
    if small:
        raise UserError(
            f"{len(small):,} of {len(sizes):,} classes have fewer images than there are splits: {few(small)}",
            where=where,
            hint=f"Every class needs {len(SPLITS)} different usable images, one for each split: "
            f"add some, or take these classes out of the source.{note}",
        )
    short = [split for split in SPLITS if counts[split] < len(sizes)]
    if short:
        asked = ", ".join(f"{counts[split]:,} {split}" for split in short)
        raise UserError(
            f"asked for {asked} images, fewer than there are classes ({len(sizes):,})",
            where=where,
            hint="Every class needs an image in each split: ask for more with "
            + ", ".join(f"--{split} {len(sizes)}" for split in short)
            + ".",
        )
    usable = sum(sizes.values())
    if sum(counts.values()) > usable:
        quarter = max(usable // 4, len(sizes))
        raise UserError(
            f"asked for {sum(counts.values()):,} images "
            f"({', '.join(f'{counts[split]:,} {split}' for split in SPLITS)}), and {usable:,} can be used",
            where=where,
            hint=f"Ask for fewer, for example --train {usable - 2 * quarter} --validation {quarter} "
            f"--test {quarter}.{note}",
        )


def _shares(count: int, sizes: dict[str, int], later: int) -> dict[str, int]:
    """Divide a count among classes by size: largest remainders, ties by name.

    Every class gets one at least, and keeps one for each of the `later` splits.
    """
    total = sum(sizes.values())
    exact = {label: count * size / total for label, size in sizes.items()}
    most = {label: size - later for label, size in sizes.items()}
    shares = {label: min(max(int(exact[label]), 1), most[label]) for label in sizes}
    while (rest := count - sum(shares.values())) > 0:
        open_ones = [label for label in shares if shares[label] < most[label]]
        for label in sorted(open_ones, key=lambda label: (shares[label] - exact[label], label))[:rest]:
            shares[label] += 1
    while (over := sum(shares.values()) - count) > 0:
        large_ones = [label for label in shares if shares[label] > 1]
        for label in sorted(large_ones, key=lambda label: (exact[label] - shares[label], label))[:over]:
            shares[label] -= 1
    return shares


def _draw(seed: int, sha256: str) -> str:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).hexdigest()


def _name(image: _Image) -> str:
    """A name that is unique in the split and keeps the original's: files of two folders may share one."""
    path = PurePosixPath(image.path)
    stem = path.stem.encode()[:_LONGEST_STEM].decode(errors="ignore")
    return f"{stem}.{image.sha256[:8]}{path.suffix}"


def _put(files: Files, source: Path, image: _Image, place: Path, how: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if how == "link":
        place.symlink_to((source / image.path).resolve())
        return
    try:
        content = files.read(image.path)
    except UndecodableImageError as error:
        raise UserError(f"the file was readable before: {error}", where=image.path) from None
    if hashlib.sha256(content).hexdigest() != image.sha256:
        raise UserError(
            "the file has changed since it was read",
            where=image.path,
            hint="Prepare again once nothing changes the source any more.",
        )
    place.write_bytes(content)
