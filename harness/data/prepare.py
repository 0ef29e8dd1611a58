"""Making a split out of full data: stratified, deterministic, disjoint by content.

Which image goes where depends on the seed and the images' content alone: within a class, images are
ordered by the hash of both.  So the same data give the same manifest on every machine, and adding an
image moves few others.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from harness.data.decode import UndecodableImageError, decode
from harness.data.layouts import Files, Found, find_layout, open_files
from harness.data.manifest import SPLITS, LeftOut, Manifest, build_manifest
from harness.data.sources import Progress
from harness.data.threads import in_threads
from harness.errors import UserError
from harness.files import whole_folder

__all__ = ["FACTS_NAME", "Prepared", "left_out_of", "prepare"]

FACTS_NAME = ".transferbench.json"
"""Where a prepared folder says how it was made."""


@dataclass(frozen=True)
class Prepared:
    """A finished split: how the source was read, the manifest, and what was left out and why."""

    layout: str
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

    Classes keep their shares in every split.  Files that cannot be decoded, second copies, and
    content under two classes are left out.  The folder appears whole or not at all.

    Raises `UserError` if the source has no known layout or too few images, or `out` is in the way.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError("the output is already there", where=str(out), hint="Name a new folder with --out.")
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UserError("the output lies inside the source", where=str(out), hint="Name a folder elsewhere.")
    files = open_files(source)
    if how == "link" and not source.is_dir():
        raise UserError("images inside an archive cannot be linked", where=str(source), hint="Use --copy.")
    try:
        layout = find_layout(files.paths, class_depth)
    except UserError as error:
        raise UserError(error.problem, where=str(source), hint=error.hint) from None
    images, left_out = _usable(files, layout.files, progress)
    left_out += [LeftOut(path, "not an image, by its name") for path in layout.ignored]
    chosen = _split(images, counts, seed, str(source))
    taken = {path for paths in chosen.values() for path in paths}
    if out.is_dir():
        out.rmdir()
    with whole_folder(out) as partial:
        rows = []
        for split in SPLITS:
            for path in chosen[split]:
                image = images[path]
                place = f"{split}/{image.label}/{_name(image)}"
                _put(files, source, image.path, partial / place, how)
                rows.append((split, image.label, place, image.sha256))
        manifest = build_manifest(str(source), rows, left_out)
        prepared = Prepared(layout.description, seed, manifest, len(images) - len(taken))
        facts = {
            "layout": layout.description,
            "seed": seed,
            "counts": counts,
            "manifest_sha256": manifest.sha256,
            "unused": prepared.unused,
            "left_out": [asdict(left) for left in manifest.left_out],
        }
        (partial / FACTS_NAME).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    return prepared


def left_out_of(prepared: Path) -> tuple[LeftOut, ...]:
    """What was left out when a folder was prepared."""
    facts = json.loads((prepared / FACTS_NAME).read_text(encoding="utf-8"))
    return tuple(LeftOut(**left) for left in facts["left_out"])


def _usable(
    files: Files, found: tuple[Found, ...], progress: Progress
) -> tuple[dict[str, _Image], list[LeftOut]]:
    """The decodable images by path, each content once, and what was left out."""

    def judge(one: Found) -> tuple[str, str]:
        content = files.read(one.path)
        try:
            decode(content)
        except UndecodableImageError as error:
            return "", str(error)
        return hashlib.sha256(content).hexdigest(), ""

    left_out: list[LeftOut] = []
    by_content: dict[str, list[Found]] = defaultdict(list)
    for done, (one, (sha256, reason)) in enumerate(
        zip(found, in_threads(judge, found), strict=True), start=1
    ):
        progress(done, len(found))
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
    return images, left_out


def _split(images: dict[str, _Image], counts: dict[str, int], seed: int, where: str) -> dict[str, list[str]]:
    """Choose the paths of each split, class by class, in shares that follow the classes' sizes."""
    by_label: dict[str, list[_Image]] = defaultdict(list)
    for image in images.values():
        by_label[image.label].append(image)
    wanted = sum(counts.values())
    if wanted > len(images):
        raise UserError(
            f"asked for {wanted} images ({', '.join(f'{counts[split]} {split}' for split in SPLITS)}), "
            f"and {len(images)} can be used",
            where=where,
            hint="Ask for fewer with --train, --validation and --test.",
        )
    waiting = {
        label: sorted(members, key=lambda image: _draw(seed, image.sha256))
        for label, members in sorted(by_label.items())
    }
    chosen: dict[str, list[str]] = {}
    # Test first: asking for more training images later leaves the test images as they are.
    for split in reversed(SPLITS):
        shares = _shares(counts[split], {label: len(members) for label, members in waiting.items()})
        chosen[split] = [
            image.path for label, members in waiting.items() for image in members[: shares[label]]
        ]
        waiting = {label: members[shares[label] :] for label, members in waiting.items()}
    return chosen


def _shares(count: int, sizes: dict[str, int]) -> dict[str, int]:
    """Divide a count among classes by size (largest remainders, ties by name), none above its size."""
    total = sum(sizes.values())
    exact = {label: count * size / total for label, size in sizes.items()}
    shares = {label: int(value) for label, value in exact.items()}
    rest = count - sum(shares.values())
    for label in sorted(exact, key=lambda label: (shares[label] - exact[label], label))[:rest]:
        shares[label] += 1
    return shares


def _draw(seed: int, sha256: str) -> str:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).hexdigest()


def _name(image: _Image) -> str:
    """A name that is unique in the split and keeps the original's: files of two folders may share one."""
    path = PurePosixPath(image.path)
    return f"{path.stem}.{image.sha256[:8]}{path.suffix}"


def _put(files: Files, source: Path, path: str, place: Path, how: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if how == "link":
        place.symlink_to((source / path).resolve())
    else:
        place.write_bytes(files.read(path))
