"""Finding labelled images in whatever layout a data set comes in.

Known layouts, tried in this order after wrapping folders have been stepped through:

- a backup of originals beside an old split: `train/`, `validation/`, `test/` and one more folder;
  the originals count, the old split does not
- an old split alone: its parts are pooled and split anew
- Kaggle's flat files: `cat.0.jpg`, the label before the first dot
- class folders, such as Microsoft's `PetImages/Cat/0.jpg`; with `depth` 2 nested ones, such as
  `tomato/blight/0.jpg`, whose label is `tomato--blight`

Files are found in the order of their names, whatever order the file system lists, and hidden ones
are passed over.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from harness.errors import UserError

__all__ = ["IMAGE_SUFFIXES", "Found", "Layout", "find_layout", "open_files"]

_SPLIT_NAMES = frozenset({"train", "training", "validation", "valid", "val", "test", "testing"})
_FLAT = re.compile(r"([^.]+)\.\d+\.\w+")
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
_CLUTTER = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Found:
    """One file with its label, by its path inside the source; `path` uses forward slashes."""

    path: str
    label: str


@dataclass(frozen=True)
class Layout:
    """What was found: how the source was read, the labelled files, and those that are no images."""

    description: str
    files: tuple[Found, ...]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Files:
    """A folder or a zip archive as a list of paths and a way to read one."""

    paths: tuple[PurePosixPath, ...]
    read: Callable[[str], bytes]


def open_files(source: Path) -> Files:
    """List a folder or a zip archive; raise `UserError` if it is neither, or damaged."""
    if source.is_dir():
        paths = sorted(PurePosixPath(path.relative_to(source).as_posix()) for path in _walk(source))
        return Files(tuple(path for path in paths if _shown(path)), lambda name: (source / name).read_bytes())
    if not source.exists():
        raise UserError("no such folder or archive", where=str(source))
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError):
        raise UserError(
            "expected a folder or a zip archive",
            where=str(source),
            hint="A download that was cut short is no longer an archive: get it again.",
        ) from None
    names = sorted(PurePosixPath(info.filename) for info in archive.infolist() if not info.is_dir())
    return Files(tuple(path for path in names if _shown(path)), archive.read)


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _shown(path: PurePosixPath) -> bool:
    return not any(part.startswith(".") or part in _CLUTTER for part in path.parts)


def find_layout(paths: tuple[PurePosixPath, ...], depth: int = 1) -> Layout:
    """Label every image, by its name's ending; raise `UserError` if no known layout fits."""
    images = tuple(path for path in paths if path.suffix.casefold() in IMAGE_SUFFIXES)
    if not images:
        raise UserError(f"no images in it, among {len(paths)} files")
    ignored = tuple(str(path) for path in paths if path.suffix.casefold() not in IMAGE_SUFFIXES)
    return replace(_labelled(images, depth), ignored=ignored)


def _labelled(paths: tuple[PurePosixPath, ...], depth: int) -> Layout:
    inner, wrapper = _unwrapped(paths)
    tops = {path.parts[0] for path in inner if len(path.parts) > 1}
    splits = {name for name in tops if name.casefold() in _SPLIT_NAMES}
    originals = sorted(tops - splits)
    if splits and len(originals) == 1:
        chosen = tuple(path for path in inner if path.parts[0] == originals[0])
        below = _labelled(_below(chosen), depth)
        prefix = f"{wrapper}{originals[0]}/"
        text = f"originals in {originals[0]!r} ({below.description}); the old split beside them is not used"
        return Layout(text, tuple(Found(prefix + found.path, found.label) for found in below.files))
    if splits and not originals:
        files = [
            Found(f"{wrapper}{name}/{found.path}", found.label)
            for name in sorted(splits)
            for found in _labelled(
                _below(tuple(path for path in inner if path.parts[0] == name)), depth
            ).files
        ]
        return Layout(f"an old split ({', '.join(sorted(splits))}), pooled", tuple(files))
    flat = [_FLAT.fullmatch(path.name) for path in inner]
    if all(len(path.parts) == 1 for path in inner) and all(flat):
        files = [
            Found(f"{wrapper}{path}", match[1]) for path, match in zip(inner, flat, strict=True) if match
        ]
        return Layout("flat files, the label before the first dot", tuple(files))
    return _class_folders(inner, wrapper, depth)


def _class_folders(inner: tuple[PurePosixPath, ...], wrapper: str, depth: int) -> Layout:
    labelled = [path for path in inner if len(path.parts) == depth + 1]
    if not labelled:
        depths = sorted({len(path.parts) - 1 for path in inner})
        raise UserError(
            f"no image lies {depth} folder{'s' if depth > 1 else ''} deep; found files at depth "
            + ", ".join(str(number) for number in depths),
            hint="Say how many folders make up a class with --class-depth N; flat files are named "
            "LABEL.NUMBER.EXT.",
        )
    files = tuple(Found(f"{wrapper}{path}", "--".join(path.parts[:-1])) for path in labelled)
    described = "class folders" if depth == 1 else f"class folders {depth} deep"
    return Layout(described, files)


def _unwrapped(paths: tuple[PurePosixPath, ...]) -> tuple[tuple[PurePosixPath, ...], str]:
    """Step through folders that hold nothing but one folder, and are no class themselves."""
    wrapper = ""
    while len({path.parts[0] for path in paths}) == 1 and all(len(path.parts) > 2 for path in paths):
        wrapper += f"{paths[0].parts[0]}/"
        paths = _below(paths)
    return paths, wrapper


def _below(paths: tuple[PurePosixPath, ...]) -> tuple[PurePosixPath, ...]:
    return tuple(PurePosixPath(*path.parts[1:]) for path in paths)
