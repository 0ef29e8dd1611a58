"""Writing files so that a reader sees the whole of one or none of it."""

import hashlib
import os
from pathlib import Path

__all__ = ["PARTIAL_SUFFIX", "replace_file", "sha256_of", "write_whole"]

PARTIAL_SUFFIX = ".partial"
"""What the names of unfinished files end in; such a file is never read and may be deleted."""


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one piece: a temporary file, flushed to the disk, then renamed."""
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    replace_file(partial, path)


def replace_file(partial: Path, path: Path) -> None:
    """Flush a finished temporary file to the disk and give it its name."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
