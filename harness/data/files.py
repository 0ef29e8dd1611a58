"""The files of a data set, in a folder or a zip archive: which count, and how one is read.

Hidden files and what systems leave behind (`Thumbs.db`, `__MACOSX`) are passed over.  Whatever cannot
be read is a reason to leave that one file out, never to stop.
"""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.data.decode import UndecodableImageError, read_file
from harness.data.manifest import LeftOut
from harness.errors import UserError

__all__ = ["Files", "has_image_name", "is_visible", "legible", "open_files"]

_COMMON = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"}
_RARE = {".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif", ".heic", ".heif"}
_IMAGE_SUFFIXES = frozenset(_COMMON | _RARE)
LARGEST_BYTES = 512 << 20
"""A file in an archive that unpacks to more is left out."""
_CLUTTER = frozenset({"__macosx", "@eadir", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Files:
    """A folder or a zip archive: its visible files in order, a way to read one, and those without.

    Paths are relative and use forward slashes.  `read` raises `UndecodableImageError`.
    """

    paths: tuple[PurePosixPath, ...]
    read: Callable[[str], bytes]
    left_out: tuple[LeftOut, ...] = ()


def has_image_name(name: str) -> bool:
    """Whether a name ends like an image's."""
    return PurePosixPath(name).suffix.casefold() in _IMAGE_SUFFIXES


def is_visible(name: str) -> bool:
    """Whether a file or folder of this name counts."""
    return not name.startswith(".") and name.casefold() not in _CLUTTER


def legible(name: str) -> str:
    """A file's name as text that can be shown and stored; bytes that are no UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def open_files(source: Path) -> Files:
    """List a folder or a zip archive; raise `UserError` if it is neither, or damaged."""
    if source.is_dir():
        names = sorted(PurePosixPath(path.relative_to(source).as_posix()) for path in _walk(source))
        paths = tuple(path for path in names if legible(str(path)) == str(path))
        left_out = [
            LeftOut(legible(str(path)), "its name is not UTF-8: rename it")
            for path in names
            if legible(str(path)) != str(path)
        ]
        return Files(paths, lambda name: read_file(source / name), tuple(left_out))
    if not source.exists():
        raise UserError("no such folder or archive", where=str(source))
    if has_image_name(source.name):
        raise UserError(
            "expected a folder or a zip archive, received a single image",
            where=str(source),
            hint=f"Name a folder of images, for example {source.parent}.",
        )
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError):
        raise UserError(
            "expected a folder or a zip archive, received another file",
            where=str(source),
            hint="Archives of other kinds have to be unpacked. A zip archive that was cut short is none any "
            "longer: get it again.",
        ) from None
    names = sorted(PurePosixPath(info.filename) for info in archive.infolist() if not info.is_dir())
    return Files(
        tuple(path for path in names if all(map(is_visible, path.parts))),
        lambda name: _unpacked(archive, name),
    )


def _walk(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Every visible file; a folder under an image's name, and a link that leads back up, count as one."""
    above |= {folder.resolve()}
    for path in folder.iterdir():
        if not is_visible(path.name):
            continue
        if path.is_dir() and not has_image_name(path.name) and path.resolve() not in above:
            yield from _walk(path, above)
        else:
            yield path


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpack one file, unless it is larger than any image: a few bytes may unpack to all of memory."""
    large = UndecodableImageError(f"unpacks to more than {LARGEST_BYTES >> 20} MB")
    try:
        info = archive.getinfo(name)
        if info.file_size > LARGEST_BYTES:
            raise large
        with archive.open(info) as file:  # the declared size may be wrong
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise large
        return content
    except UndecodableImageError:
        raise
    except Exception as error:  # damaged, encrypted, or packed in a way that Python does not know
        raise UndecodableImageError(f"cannot be unpacked: {error}") from None
