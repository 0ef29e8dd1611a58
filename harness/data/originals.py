"""Finding the images that ids mean.

An id is the start of a content's hash, so any copy of the file will do, under any name.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.data.decode import UndecodableImageError
from harness.data.files import Files, open_files
from harness.data.threads import in_threads

__all__ = ["Original", "find_originals"]


@dataclass(frozen=True)
class Original:
    """An image's file: its path inside the source, and its bytes."""

    path: str
    content: bytes


def find_originals(
    ids: Iterable[str], source: Path, *, paths: Mapping[str, str] | None = None
) -> dict[str, Original]:
    """The files of images by id, in a folder or a zip archive; those that are not there are left out.

    `paths` says by id where a file was when the images were listed.  A file that is not there any more, or
    has another content, is looked for among all others.  Raises `UserError` if there is no such source.
    """
    files = open_files(source)
    wanted: dict[str, list[str]] = {}
    for each in ids:
        # Copies of one content are told apart by a number behind their id.
        wanted.setdefault(each.partition("-")[0], []).append(each)
    known = [PurePosixPath(path) for each, path in (paths or {}).items() if each.partition("-")[0] in wanted]
    there = set(files.paths)
    found: dict[str, Original] = {}
    first = [path for path in known if path in there]
    for some in (first, [path for path in files.paths if path not in set(first)]):
        missing = {short for short, names in wanted.items() if names[0] not in found}
        if missing:
            for short, original in _matching(files, some, missing):
                found |= dict.fromkeys(wanted[short], original)
    return found


def _matching(
    files: Files, paths: Iterable[PurePosixPath], wanted: set[str]
) -> Iterable[tuple[str, Original]]:
    length = len(next(iter(wanted)))

    def look(path: PurePosixPath) -> tuple[str, Original] | None:
        try:
            content = files.read(str(path))
        except UndecodableImageError:
            return None
        short = hashlib.sha256(content).hexdigest()[:length]
        return (short, Original(str(path), content)) if short in wanted else None

    return (each for each in in_threads(look, paths) if each is not None)
