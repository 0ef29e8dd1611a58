"""Writing files and folders so that a reader sees the whole of one or none of it."""

import glob
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from harness.errors import UserError

__all__ = [
    "FACTS",
    "PARTIAL_SUFFIX",
    "is_whole",
    "md5_of",
    "require_space",
    "sha256_of",
    "whole_folder",
    "write_whole",
]

PARTIAL_SUFFIX = ".partial"
"""What the names of unfinished files and folders end in; such a file is never read."""

FACTS = "facts.json"
"""The file of a cache folder that is written last."""

_FREE_MARGIN = 1 << 30


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one piece: a temporary file, flushed to the disk, then renamed."""
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def is_whole(folder: Path) -> bool:
    """Whether a cache folder is there with the facts that are written into it last.

    What is left of one that was half deleted goes, so that it can be made again.
    """
    if (folder / FACTS).is_file():
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `folder` when the block ends well.

    Its name carries this process' id, so that two processes may make the same folder at once
    (the first one wins) and what a dead one left is found and removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    partial = folder.with_name(f"{folder.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    partial.mkdir()
    try:
        yield partial
        try:
            partial.rename(folder)
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove what dead processes left of this very folder; nothing else beside it is touched."""
    for partial in folder.parent.glob(f"{glob.escape(folder.name)}.*{PARTIAL_SUFFIX}"):
        owner = partial.name.removeprefix(f"{folder.name}.").removesuffix(PARTIAL_SUFFIX)
        if owner.isdecimal() and (int(owner) == os.getpid() or not psutil.pid_exists(int(owner))):
            shutil.rmtree(partial, ignore_errors=True)


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise `UserError` unless that many bytes, and a gigabyte more, are free for `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed + _FREE_MARGIN:
        raise UserError(
            f"{what} need {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
            where=str(folder.parent),
            hint="Name another place with --cache DIR, or use smaller images.",
        )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5_of(path: Path) -> str:
    """The MD5 of a file's content, as 32 hex digits; Keras publishes its weights' hashes so."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
