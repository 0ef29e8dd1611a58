"""Finding labelled images in whatever layout a data set comes in.

Known layouts, tried in this order after wrapping folders have been stepped through:

- a backup of originals beside an old split: `train/`, `validation/`, `test/` and one more folder that
  holds at least as many images of each class; the originals count, the old split does not
- an old split alone: its parts are pooled and split anew
- Kaggle's flat files: `cat.0.jpg`, the label before the first dot
- class folders, such as Microsoft's `PetImages/Cat/0.jpg`; with `depth` 2 nested ones, such as
  `tomato/blight/0.jpg`, whose label is `tomato--blight`

Another folder beside a split may be anything, so it is an error that names the choices; who only looks
(`inspect`) is shown the split, as a run reads it.

Files come in the order of their names, whatever order the file system lists.  What finds no label is
left out with a reason.  Labels are Unicode in its composed form (NFC): file systems write one name in
two ways, and a class must not fall apart by that.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from harness.data.files import has_image_name
from harness.data.manifest import LeftOut
from harness.errors import UserError, few

__all__ = ["Found", "Layout", "class_name", "find_layout"]

_SPLIT = re.compile(r"(train|val|test)(id|ing|ation|idation)?[ _-]?(set|data|images)?\d*", re.IGNORECASE)
_SPLIT_NAMES = {"train": "train", "val": "validation", "test": "test"}
_FLAT = re.compile(r"([^.]+)\.\d+\.\w+")

_SOURCE = "\0"
"""Stands for the source in hints, until `find_layout` fills in its name."""

Paths = tuple[PurePosixPath, ...]


@dataclass(frozen=True)
class Found:
    """One file with its label and its old split ("" without), by its path inside the source."""

    path: str
    label: str
    split: str = ""


@dataclass(frozen=True)
class Layout:
    """How the source was read, the labelled files, those without a label, and what is in doubt.

    `unused` are the files of an old split whose originals are used instead.
    """

    description: str
    files: tuple[Found, ...]
    left_out: tuple[LeftOut, ...] = ()
    doubts: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def class_name(folder: str) -> str:
    """The class that a folder's name stands for, the same on every file system."""
    return unicodedata.normalize("NFC", folder)


def find_layout(paths: Paths, depth: int = 1, *, source: str = "SOURCE", keep_split: bool = False) -> Layout:
    """Label every image, by its name's ending; raise `UserError` if no known layout fits.

    A file with another ending that lies among the images of a class belongs to it: its content tells.
    With `keep_split` a split counts, whatever lies beside it.  `source` is its name in messages.
    """
    images = tuple(path for path in paths if has_image_name(path.name))
    try:
        if not images:
            raise _no_images(paths)
        found = _labelled(images, depth, keep_split=keep_split)
    except UserError as error:
        hint = error.hint.replace(_SOURCE, source)
        raise UserError(error.problem, where=source, hint=hint) from None
    labels: dict[PurePosixPath, set[tuple[str, str]]] = defaultdict(set)
    for each in found.files:
        labels[PurePosixPath(each.path).parent].add((each.label, each.split))
    files, left_out = list(found.files), list(found.left_out)
    for path in paths:
        if has_image_name(path.name):
            continue
        around = labels[path.parent]
        if len(around) == 1:
            [(label, split)] = around
            files.append(Found(str(path), label, split))
        else:
            left_out.append(LeftOut(str(path), "not an image, by its name"))
    files.sort(key=lambda each: PurePosixPath(each.path))
    doubts = (*found.doubts, *_look_alikes({each.label for each in files}))
    return replace(found, files=tuple(files), left_out=tuple(left_out), doubts=doubts)


def _no_images(paths: Paths) -> UserError:
    archives = [str(path) for path in paths if path.suffix.casefold() == ".zip"]
    hint = f"It holds archives: unpack it, and name {' or '.join(archives[:3])} in it." if archives else ""
    return UserError(f"no images in it, among {len(paths)} files", hint=hint)


def _labelled(paths: Paths, depth: int, above: str = "", *, keep_split: bool = False) -> Layout:
    """The layout of a folder that lies at `above` in the source."""
    inner, wrapper = _unwrapped(paths, depth)
    tops = {path.parts[0] for path in inner if len(path.parts) > 1}
    splits = sorted(filter(_split_of, tops))
    others = sorted(tops - set(splits))
    loose = [path for path in inner if len(path.parts) == 1]
    split = _split_beside(inner, splits, others, depth, above + wrapper) if splits else None
    if split:
        if others and keep_split:
            split = replace(split, doubts=(*split.doubts, _beside(inner, others)))
        elif others:
            split = _originals(inner, others, split, depth, above + wrapper)
        beside = _left_out(loose, "lies beside the folders of a split")
        return _under(wrapper, replace(split, left_out=(*split.left_out, *beside)))
    flat = {path: match[1] for path in loose if (match := _FLAT.fullmatch(path.name))}
    if flat and len(loose) == len(inner):
        files = tuple(Found(str(path), class_name(label)) for path, label in flat.items())
        misnamed = _left_out((path for path in inner if path not in flat), "is not named LABEL.NUMBER.EXT")
        return _under(wrapper, Layout("flat files, the label before the first dot", files, misnamed))
    return _under(wrapper, _class_folders(inner, depth, above + wrapper))


def _split_of(folder: str) -> str:
    """The split that a folder's name stands for, "" if none."""
    match = _SPLIT.fullmatch(folder)
    return _SPLIT_NAMES[match[1].casefold()] if match else ""


def _split_beside(
    inner: Paths, splits: list[str], others: list[str], depth: int, above: str
) -> Layout | None:
    """The split in folders of such names; None if those are classes as the other folders are."""
    if not others:
        return _pooled(inner, splits, depth, above)
    try:
        found = _pooled(inner, splits, depth, above)
    except UserError:
        return None
    labels = {each.label for each in found.files}
    deep = any(len(PurePosixPath(each.path).parts) > depth + 1 for each in found.files)
    return found if deep or len(labels) > 1 else None


def _beside(inner: Paths, others: list[str]) -> str:
    images = sum(path.parts[0] in others for path in inner if len(path.parts) > 1)
    return f"{images:,} image{'' if images == 1 else 's'} beside the split not looked at, in {few(others)}"


def _originals(inner: Paths, others: list[str], split: Layout, depth: int, above: str) -> Layout:
    """The originals beside an old split, if there is one folder and it proves to be that."""
    folder = others[0]
    below, doubt = None, f"{len(others)} folders that are no part of it"
    if len(others) == 1:
        try:
            below = _labelled(_below(inner, folder), depth, f"{above}{folder}/")
            doubt = _fewer(below, split)
        except UserError:
            doubt = "none of its images has a label"
    if below is None or doubt:
        raise UserError(
            f"cannot tell whether {few(above + other for other in others)} beside a split "
            f"holds its originals: expected at least as many images of each class, found {doubt}",
            hint="Choose: prepare from the originals alone "
            f"(transferbench prepare {_SOURCE}/{above}{folder} ...), or use the split as it is "
            f"(transferbench run MATRIX --data {_SOURCE}{'/' + above if above else ''}); "
            "to pool the split and make it anew, move what lies beside it elsewhere.",
        )
    text = f"originals in {folder!r} ({below.description}); the old split beside them is not used"
    originals = _under(f"{folder}/", replace(below, description=text))
    return replace(originals, unused=tuple(each.path for each in split.files))


def _fewer(originals: Layout, split: Layout) -> str:
    """A class of which there are fewer than in the split, in words; cats, Cats and cat are one."""

    def counts(layout: Layout) -> Counter[str]:
        return Counter(each.label.casefold().removesuffix("s") for each in layout.files)

    there, needed = counts(originals), counts(split)
    short = (label for label in sorted(needed) if there[label] < needed[label])
    return next(
        (f"{there[label]:,} of {label!r} where the split has {needed[label]:,}" for label in short), ""
    )


def _pooled(inner: Paths, splits: list[str], depth: int, above: str) -> Layout:
    """The parts of an old split; one without labels, such as Kaggle's `test1`, is left out."""
    parts: dict[str, Layout] = {}
    unlabelled: list[LeftOut] = []
    for name in splits:
        below = _below(inner, name)
        try:
            parts[name] = _under(f"{name}/", _labelled(below, depth, f"{above}{name}/"))
        except UserError:
            if name == splits[-1] and not parts:
                raise
            reason = "has no label: no class folder, and no name like LABEL.NUMBER.EXT"
            unlabelled += _left_out((name / path for path in below), reason)
    files = [replace(found, split=_split_of(name)) for name, part in parts.items() for found in part.files]
    left_out = [left for part in parts.values() for left in part.left_out] + unlabelled
    doubts = tuple(dict.fromkeys(doubt for part in parts.values() for doubt in part.doubts))
    order = {split: number for number, split in enumerate(_SPLIT_NAMES.values())}
    names = sorted(parts, key=lambda name: order[_split_of(name)])
    return Layout(f"a split ({', '.join(names)})", tuple(files), tuple(left_out), doubts)


def _class_folders(inner: Paths, depth: int, above: str) -> Layout:
    labelled = [path for path in inner if len(path.parts) == depth + 1]
    others = [path for path in inner if len(path.parts) != depth + 1]
    if not labelled:
        raise _other_depth(inner, depth, above)
    files = tuple(Found(str(path), class_name("--".join(path.parts[:-1]))) for path in labelled)
    left_out = [
        LeftOut(str(path), f"lies {_folders(len(path.parts) - 1)} deep, classes lie {depth} deep")
        for path in others
    ]
    described = "class folders" if depth == 1 else f"class folders {depth} deep"
    return Layout(described, files, tuple(left_out), tuple(filter(None, [_doubt(labelled, depth)])))


def _other_depth(inner: Paths, depth: int, above: str) -> UserError:
    depths = Counter(len(path.parts) - 1 for path in inner)
    (usual, _), *_ = depths.most_common(1)
    example = next(path for path in inner if len(path.parts) - 1 == usual)
    hint = f"Say how many folders make up a class with --class-depth {usual}: {above}{example} would be of "
    hint += f"class {'--'.join(example.parts[:-1])}."
    if usual == 0:
        hint = f"Images in one folder are named LABEL.NUMBER.EXT, such as cat.0.jpg; found {above}{example}."
    return UserError(
        f"no image lies {_folders(depth)} deep; found images at depth "
        + ", ".join(str(number) for number in sorted(depths)),
        hint=hint,
    )


def _doubt(labelled: list[PurePosixPath], depth: int) -> str:
    """What makes it likely that these folders are not the classes, and what to do then."""
    tops = {path.parts[0] for path in labelled}
    if depth > 1 and len(tops) == 1:
        return f"all classes lie in {tops.pop()!r}; --class-depth {depth - 1} names them without it"
    matches = [(path.parent, _FLAT.fullmatch(path.name)) for path in labelled]
    named = sorted({(str(folder), match[1]) for folder, match in matches if match})
    labels = sorted({label for _, label in named})
    if all(match for _, match in matches) and 1 < len(labels) < len(named):
        return (
            f"the files are named after {few(labels)} and their folders are not: if those are the classes, "
            "put all files into one folder"
        )
    return ""


def _look_alikes(labels: set[str]) -> Iterator[str]:
    """Classes that differ in capitals only: some file systems make one folder of them."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        groups[label.casefold()].append(label)
    alike = [" and ".join(group) for group in groups.values() if len(group) > 1]
    if alike:
        yield f"{few(alike)} are classes of their own, and their names differ in capitals only"


def _unwrapped(paths: Paths, depth: int) -> tuple[Paths, str]:
    """Step through folders that hold nothing but one folder, and are no part of a class."""
    wrapper = ""
    while len({path.parts[0] for path in paths}) == 1 and all(len(path.parts) > depth + 1 for path in paths):
        wrapper += f"{paths[0].parts[0]}/"
        paths = _below(paths, paths[0].parts[0])
    return paths, wrapper


def _below(paths: Paths, folder: str) -> Paths:
    return tuple(
        PurePosixPath(*path.parts[1:]) for path in paths if len(path.parts) > 1 and path.parts[0] == folder
    )


def _under(prefix: str, layout: Layout) -> Layout:
    """The layout as seen from a folder above."""
    return replace(
        layout,
        files=tuple(replace(found, path=prefix + found.path) for found in layout.files),
        left_out=tuple(replace(left, path=prefix + left.path) for left in layout.left_out),
        unused=tuple(prefix + path for path in layout.unused),
    )


def _left_out(paths: Iterable[PurePosixPath], reason: str) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(str(path), reason) for path in paths)


def _folders(count: int) -> str:
    return f"{count} folder{'' if count == 1 else 's'}"
