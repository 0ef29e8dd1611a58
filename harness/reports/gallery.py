"""The gallery: the images of the errors' lists with their pixels, in a folder that is never committed.

Each list has a folder of thumbnails, named by id, and a contact sheet; `images.csv` says what each shows.
Thumbnails are made anew from the pixels, so nothing that a file says of place or camera comes along.
"""

import csv
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from harness.analysis.changes import Turned, changes
from harness.analysis.errors import Mistake, shared_errors
from harness.analysis.standings import Standings
from harness.data.decode import UndecodableImageError, decode
from harness.data.manifest import Manifest
from harness.data.originals import Original, find_originals
from harness.errors import UserError
from harness.private import private_folder, require_private
from harness.reports.errors import model_noun
from harness.reports.row_names import full_names
from harness.running.folder import RunFolder
from harness.text import counted

__all__ = ["FACTS_FILE", "Gallery", "Shown", "errors_shown", "write_gallery"]

FACTS_FILE: Final = "images.csv"
"""What the pictures show; it also tells that the folder is ours to replace."""
MOST_SHOWN: Final = 48
"""How many images of a list are shown."""

_HEADER = ["list", "id", "caption"]
_SIDE = 320
_COLUMNS = 8


@dataclass(frozen=True)
class Shown:
    """An image of a list: its id, and the lines that stand below it."""

    id: str
    caption: tuple[str, ...]


@dataclass(frozen=True)
class Gallery:
    """What was written: the contact sheets, how many images, and the ids of those that were not found."""

    sheets: tuple[Path, ...]
    images: int
    missing: tuple[str, ...]


def errors_shown(found: Standings) -> dict[str, list[Shown]]:
    """The lists of the report's errors, by a title, whole; empty ones left out."""
    lists: dict[str, list[Shown]] = {}
    for shared in shared_errors(found):
        models = len(shared.models)
        noun = model_noun(shared)
        _add(lists, f"wrong by all {noun}", [_mistake(each, models) for each in shared.by_all])
        _add(lists, f"wrong by most {noun}", [_mistake(each, models) for each in shared.by_most])
    for table in found.tables:
        pairs, _ = changes(table, found.answers)
        for pair, name in zip(pairs, full_names([pair.tuned for pair in pairs]), strict=True):
            _add(lists, f"fixed by {name}", [_turned(each) for each in pair.fixed])
            _add(lists, f"broken by {name}", [_turned(each) for each in pair.broken])
    return lists


def write_gallery(
    found: Standings, folder: RunFolder, out: Path, *, cache: Path, data: Path | None = None
) -> Gallery:
    """Write the images of the report's errors, from the run's images or those of `data`.

    Files are known by their content, so `data` may hold them under any names.  Raises `UserError` where the
    folder is none for images, where none of the images is found, and where there is no error to show.
    """
    require_private(out, _written)
    lists = errors_shown(found)
    if not lists:
        raise UserError(
            "no list of errors to show: they need two models, or fine-tuning beside fast extraction",
            where=str(folder.path),
        )
    chosen = {title: images[:MOST_SHOWN] for title, images in lists.items()}
    ids = list(dict.fromkeys(each.id for images in chosen.values() for each in images))
    originals = _thumbnails(_originals(ids, folder, data, cache))
    missing = tuple(each for each in ids if each not in originals)
    if len(missing) == len(ids):
        raise UserError(
            f"none of the {len(ids):,} images is where the run read them",
            where=str(data or folder.path),
            hint="Name the folder that holds the test images with --data DIR; their names do not matter.",
        )
    sheets = []
    with private_folder(out, _written) as partial:
        for title, images in chosen.items():
            there = [each for each in images if each.id in originals]
            if not there:
                continue
            name = _file_name(title)
            (partial / name).mkdir()
            for each in there:
                originals[each.id].save(partial / name / f"{each.id}.png")
            _draw_sheet(
                _heading(title, len(there), len(lists[title])), there, originals, partial / f"{name}.png"
            )
            sheets.append(out / f"{name}.png")
        (partial / FACTS_FILE).write_text(_facts(chosen), encoding="utf-8")
    return Gallery(tuple(sheets), len(originals), missing)


def _add(lists: dict[str, list[Shown]], title: str, images: Sequence[Shown]) -> None:
    """Add a list if it has images; one of another table may have its title."""
    if images:
        same = sum(each.partition(" #")[0] == title for each in lists)
        lists[f"{title} #{same + 1}" if same else title] = list(images)


def _mistake(each: Mistake, models: int) -> Shown:
    says = f"{each.wrong} of {models} models: {each.said} ({100 * each.confidence:.1f} %)"
    return Shown(each.id, (f"label {each.label}", says))


def _turned(each: Turned) -> Shown:
    before = f"before {each.before} ({100 * each.before_confidence:.1f} %)"
    after = f"after {each.after} ({100 * each.after_confidence:.1f} %)"
    return Shown(each.id, (f"label {each.label}", before, after))


def _written(out: Path) -> set[str]:
    """The names of what an earlier call wrote to a folder."""
    try:
        rows = list(csv.reader(io.StringIO((out / FACTS_FILE).read_text(encoding="utf-8"))))
    except (OSError, ValueError, csv.Error):
        return set()
    if not rows or rows[0] != _HEADER:
        return set()
    names = {_file_name(row[0]) for row in rows[1:] if row}
    return {FACTS_FILE, *names, *(f"{name}.png" for name in names)}


def _originals(
    ids: Sequence[str], folder: RunFolder, data: Path | None, cache: Path
) -> Mapping[str, Original]:
    """The files, at the paths of the run's manifest first; a published run has none, and ids are enough."""
    manifest = Manifest.load(folder.manifest) if folder.manifest.is_file() else None
    paths = {entry.id: entry.path for entry in manifest.entries} if manifest else {}
    kind = folder.facts().data
    if data is None and kind == "synthetic":
        raise UserError(
            "the images of this run were drawn by code: there are no files", where=str(folder.path)
        )
    places = [data] if data else []
    if not data and manifest and kind == "folder":
        places.append(Path(manifest.source))
    if not data and kind == "cats_dogs":
        places += sorted((cache / "cats_dogs").glob("*/"))
    found: dict[str, Original] = {}
    for place in places:
        lacking = [each for each in ids if each not in found]
        if lacking and (place == data or place.exists()):
            found |= find_originals(lacking, place, paths=paths)
    return found


def _thumbnails(originals: Mapping[str, Original]) -> dict[str, Image.Image]:
    made = {}
    for each, original in originals.items():
        try:
            image = Image.fromarray(decode(original.content))
        except UndecodableImageError:
            continue
        image.thumbnail((_SIDE, _SIDE))
        made[each] = image
    return made


def _heading(title: str, shown: int, images: int) -> str:
    """The title of a sheet, which says so where it is not the whole list."""
    part = f"{shown:,} of " if shown < images else ""
    return f"{title}: {part}{counted(images, 'image')}"


def _draw_sheet(
    heading: str, images: Sequence[Shown], thumbnails: Mapping[str, Image.Image], path: Path
) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, max(4, len(images)))
    rows = -(-len(images) // columns)
    # Names of classes are no formulas.
    with rc_context({"font.size": 7.5, "text.parse_math": False}), warnings.catch_warnings():
        # A class may be named in a script that the font lacks; the CSV has it.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        # Laid out by hand: to let matplotlib do it takes a second a sheet.
        width, height = 1.75 * columns, 2.3 * rows + 0.3
        figure = Figure(figsize=(width, height))
        figure.suptitle(heading, x=0.06 / width, y=1 - 0.06 / height, ha="left")
        axes = figure.subplots(rows, columns, squeeze=False)
        figure.subplots_adjust(
            left=0.06 / width,
            right=1 - 0.06 / width,
            bottom=0,
            top=1 - 0.85 / height,
            wspace=0.06,
            hspace=0.4,
        )
        for place in axes.flat:
            place.axis("off")
        for place, each in zip(axes.flat, images, strict=False):
            # On a square, so that captions stand in line.
            place.imshow(ImageOps.pad(thumbnails[each.id], (_SIDE, _SIDE), color="white", centering=(0.5, 0)))
            place.set_anchor("N")
            place.set_title("\n".join([each.id, *each.caption]), fontsize=6.5, loc="left")
        figure.savefig(path, dpi=110, metadata={"Software": None, "Title": heading})


def _facts(lists: Mapping[str, Iterable[Shown]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for title, images in lists.items():
        writer.writerows([title, each.id, "; ".join(each.caption)] for each in images)
    return text.getvalue()


def _file_name(title: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title).split())
