"""The manifest: which image is in which split, named by content.

An image's id is the start of the SHA-256 of its content, so it is the same on every machine and
tells nothing of names or folders.  The manifest's own hash covers classes, splits and contents;
two runs are comparable on accuracy only where it is equal.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError, few
from harness.files import write_whole

__all__ = [
    "PREPARED_NAME",
    "SPLITS",
    "Entry",
    "LeftOut",
    "Manifest",
    "build_manifest",
    "left_out_by_prepare",
    "left_out_note",
    "prepared_sha256",
]

SPLITS = ("train", "validation", "test")
PREPARED_NAME = ".transferbench.json"
"""Where a folder that `prepare` made says how."""
_ID_LENGTH = 16


@dataclass(frozen=True)
class Entry:
    """One image: its split, its class's name, where its source finds it, and its content's hash."""

    id: str
    split: str
    label: str
    path: str
    sha256: str


@dataclass(frozen=True)
class LeftOut:
    """One file that takes no part, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """All images of a data set in a fixed order (split, class, content), and those left out.

    `note` is what happened when they were listed that a user should know.
    """

    source: str
    classes: tuple[str, ...]
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    note: str = ""

    @property
    def sha256(self) -> str:
        """The hash of classes, splits and contents; paths have no part in it."""
        lines = ["classes:" + "\0".join(self.classes)]
        lines += [f"{entry.split}\0{entry.label}\0{entry.sha256}" for entry in self.entries]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def split(self, name: str) -> list[Entry]:
        """The images of one split, in order."""
        return [entry for entry in self.entries if entry.split == name]

    def counts(self) -> dict[str, dict[str, int]]:
        """Images by split and class."""
        found = Counter((entry.split, entry.label) for entry in self.entries)
        return {split: {label: found[split, label] for label in self.classes} for split in SPLITS}

    def save(self, path: Path) -> None:
        """Write the manifest as JSON."""
        write_whole(path, json.dumps(asdict(self), indent=1, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Read what `save` wrote; raises `UserError` for a file that is not there or damaged."""
        try:
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                source=document["source"],
                classes=tuple(document["classes"]),
                entries=tuple(Entry(**entry) for entry in document["entries"]),
                left_out=tuple(LeftOut(**left) for left in document["left_out"]),
                note=document.get("note", ""),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"the list of the run's images cannot be read: {type(error).__name__}: {error}",
                where=str(path),
                hint="Run the matrix again on the same images: it writes the list anew; finished cells stay.",
            ) from None


def build_manifest(
    source: str, found: Iterable[tuple[str, str, str, str]], left_out: Iterable[LeftOut]
) -> Manifest:
    """Make a manifest from (split, class, path, sha256) of every decodable image.

    The same content may stand in one split only, under one class only: of copies across splits
    the test image stays (then the validation image) and the others are left out, and content
    under two classes is left out everywhere.  Copies within one split and class all stay.

    Raises `UserError` if a split is empty or a class has no training image.
    """
    rows = sorted(set(found), key=lambda row: (row[3], row[2]))
    dropped = list(left_out)
    labels: dict[str, set[str]] = defaultdict(set)
    home: dict[str, str] = {}
    first_path: dict[str, str] = {}
    for split, label, path, sha256 in rows:
        labels[sha256].add(label)
        if sha256 not in home or SPLITS.index(split) > SPLITS.index(home[sha256]):
            home[sha256], first_path[sha256] = split, path
    kept: list[tuple[str, str, str, str]] = []
    for split, label, path, sha256 in rows:
        if len(labels[sha256]) > 1:
            names = " and ".join(sorted(labels[sha256]))
            dropped.append(LeftOut(path, f"the same content stands under {names}"))
        elif split != home[sha256]:
            dropped.append(LeftOut(path, f"the same content is in {first_path[sha256]}"))
        else:
            kept.append((split, label, path, sha256))
    classes = tuple(sorted({label for _, label, _, _ in kept}))
    manifest = Manifest(
        source=source,
        classes=classes,
        entries=_entries(kept),
        left_out=tuple(sorted(dropped, key=lambda left: left.path)),
    )
    _require_usable(manifest)
    return manifest


def left_out_by_prepare(folder: Path) -> tuple[LeftOut, ...]:
    """What was left out when a folder was prepared, by its path in the source; nothing of any other."""
    path = folder / PREPARED_NAME
    if not path.exists():
        return ()
    try:
        return tuple(LeftOut(**left) for left in _facts_of_prepare(folder)["left_out"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            "what `prepare` wrote here cannot be read",
            where=str(path),
            hint="Prepare the folder again; or delete the file, and what was left out then is forgotten.",
        ) from None


def prepared_sha256(folder: Path) -> str:
    """The hash of the manifest that `prepare` made here; "" if that cannot be read."""
    try:
        return str(_facts_of_prepare(folder)["manifest_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _facts_of_prepare(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / PREPARED_NAME).read_text(encoding="utf-8"))
    return facts


def _entries(kept: list[tuple[str, str, str, str]]) -> tuple[Entry, ...]:
    kept.sort(key=lambda row: (SPLITS.index(row[0]), row[1], row[3], row[2]))
    copies: Counter[str] = Counter()
    entries = []
    for split, label, path, sha256 in kept:
        copies[sha256] += 1
        suffix = f"-{copies[sha256]}" if copies[sha256] > 1 else ""
        entries.append(Entry(sha256[:_ID_LENGTH] + suffix, split, label, path, sha256))
    return tuple(entries)


def _require_usable(manifest: Manifest) -> None:
    counts = manifest.counts()
    if len(manifest.classes) < 2:
        raise UserError(
            f"expected at least two classes, found {len(manifest.classes)}"
            + (f" ({manifest.classes[0]})" if manifest.classes else ""),
            where=manifest.source,
            hint="Each class is a folder: train/CLASS/*, validation/CLASS/*, test/CLASS/*."
            + f" {left_out_note(manifest.left_out)}".rstrip(),
        )
    for split in SPLITS:
        missing = [label for label, count in counts[split].items() if not count]
        if missing:
            raise UserError(
                f"split {split!r} has no usable image of {few(missing)}",
                where=manifest.source,
                hint="Every class needs at least one image in train, validation and test."
                + f" {left_out_note(manifest.left_out)}".rstrip(),
            )


def left_out_note(left_out: Sequence[LeftOut]) -> str:
    """One sentence on the files that were left out, for a message; "" if there are none."""
    if not left_out:
        return ""
    first = left_out[0]
    return f"{len(left_out):,} files were left out, for example {first.path}: {first.reason}."
