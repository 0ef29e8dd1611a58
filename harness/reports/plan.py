"""A plan as text and as plain values: the cells, what each trains, and what keeps one from running.

What is equal for all cells is said once above the table.  Of more cells than a screen holds, those that
differ in one thing alone share a row.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.backbones import WeightsFile, backbone
from harness.errors import few
from harness.matrix import Cell
from harness.running.planner import Planned
from harness.strategies import AnyPhase, Probe
from harness.text import counted, paragraph, text_table
from harness.weights import searched, weights_file

__all__ = ["plan_facts", "render_plan", "told_epochs"]

_Row = dict[str, str]
_Note = tuple[str, tuple[str, ...]]  # a sentence, and the lines of its list

_ROWS = 48  # every backbone of the table, once
_FILES = 12
_NOTHING = "none"
_TOP_BYTES = 4.0 * 1000 * 1024  # of a thousand classes on a thousand features, where no size is published
_INDENT = "  "


def _with_unit(epochs: str) -> str:
    if epochs == _NOTHING:
        return "no epochs"
    if not epochs[-1].isdigit():
        return epochs
    return f"{epochs} epoch{'' if epochs == '1' else 's'}"


# How a column's value is said where it is the same for all.
_SAID: dict[str, Callable[[str], str]] = {
    "strategy": str,
    "epochs": _with_unit,
    "weights": "{} weights".format,
    "recipe": "recipe {}".format,
    "size": str,
    "training images": "{} training images".format,
    "seed": "seed {}".format,
    "device": str,
    "precision": str,
}
_FOLDED = ("seed", "training images", "strategy", "size", "weights", "recipe", "precision", "device")


def plan_facts(plan: Sequence[Planned]) -> list[dict[str, Any]]:
    """The cells as plain values: name, axes, effective recipe, phases, weights file, why it is skipped."""
    return [
        {
            **each.cell.as_dict(),
            "name": each.cell.name,
            "skip": each.skip or None,
            "download": _file(each).name if _to_download(each) else None,
            "effective_recipe": each.recipe.model_dump(),
            "phases": [asdict(phase) for phase in each.phases],
        }
        for each in plan
    ]


def render_plan(
    name: str, plan: Sequence[Planned], weights_dir: Path | None, *, width: int | None = None
) -> str:
    """A matrix's plan as text, at most `width` characters wide where words allow it."""
    notes = _notes(plan, weights_dir)
    numbers = {note: f"[{number}]" for number, note in enumerate(dict.fromkeys(notes.values()), 1)}
    marks = {cell: numbers[note] for cell, note in notes.items()}
    by_images = any(each.cell.train_images is not None for each in plan)
    every = _folded([_row(each, marks.get(each.cell.name, ""), by_images=by_images) for each in plan])
    rows = [{column: few(value.split(", ")) for column, value in row.items()} for row in every]
    same = {column for column in every[0] if len({row[column] for row in every}) == 1}
    said = [say(rows[0][column]) for column, say in _SAID.items() if column in same & rows[0].keys()]
    shown = [column for column in rows[0] if column == "backbone" or column not in same]
    table = text_table(
        {column: [row[column] for row in rows] for column in shown},
        right=("size", "training images", "seed"),
        width=width,
        wrapped=("strategy", "size", "training images", "seed"),
    )
    note = rows[0]["note"]
    noted = f"; all: {note}" if "note" in same and note.endswith("]") else ""
    folded = f" in {len(rows)} rows (--json lists each)" if len(rows) < len(plan) else ""
    parts = [
        paragraph(f"{name}: {counted(len(plan), 'cell')}{folded}; all with {', '.join(said)}{noted}", width),
        table,
        "\n".join(paragraph(text, width) for text in _remarks(plan)),
        _downloads(plan),
        "\n".join(
            "\n".join([paragraph(text, width, mark=f"{number} "), *lines])
            for (text, lines), number in numbers.items()
        ),
        _summary(plan),
    ]
    return "\n\n".join(part for part in parts if part)


def told_epochs(phases: Sequence[AnyPhase]) -> str:
    """The epochs of the phases in short, "20 + 4"; "17 strengths" of a probe, "none" where nothing trains."""
    return (
        " + ".join(
            f"{len(phase.strengths)} strengths" if isinstance(phase, Probe) else str(phase.epochs)
            for phase in phases
        )
        or _NOTHING
    )


def _row(each: Planned, number: str, *, by_images: bool) -> _Row:
    cell, images = each.cell, each.cell.train_images
    note = "skipped" if each.skip else "download" if _to_download(each) else "other file" if number else ""
    return {
        "backbone": cell.backbone,
        "weights": cell.weights,
        "strategy": cell.label,
        "epochs": told_epochs(each.phases),
        "recipe": cell.recipe,
        "size": f"{cell.size} px",
        **({"training images": "all" if images is None else f"{images:,}"} if by_images else {}),
        "seed": str(cell.seed),
        "device": cell.device,
        "precision": cell.precision,
        "note": " ".join(part for part in (note, number) if part),
    }


def _folded(rows: list[_Row]) -> list[_Row]:
    """The rows, of too many those in one that differ in one column alone, axis after axis."""
    for axis in _FOLDED:
        if len(rows) <= _ROWS:
            break
        if axis not in rows[0]:
            continue
        if axis == "strategy":
            # The epochs are those of a strategy and go where it goes.
            rows = [
                {name: value for name, value in row.items() if name != "epochs"}
                | {"strategy": f"{row['strategy']} ({_with_unit(row['epochs'])})"}
                for row in rows
            ]
        found: dict[tuple[str, ...], list[_Row]] = {}
        for row in rows:
            found.setdefault(tuple(value for name, value in row.items() if name != axis), []).append(row)
        rows = [
            group[0] | {axis: ", ".join(dict.fromkeys(row[axis] for row in group))}
            for group in found.values()
        ]
    return rows


def _notes(plan: Sequence[Planned], weights_dir: Path | None) -> dict[str, _Note]:
    """What is to say of a cell below the table, by the cell's name; many cells share a note."""
    missing = [each for each in plan if each.skip and each.weights is None]
    absent = _absent(missing, weights_dir) if missing else ("", ())
    notes: dict[str, _Note] = {}
    for each in plan:
        if each.skip:
            notes[each.cell.name] = absent if each.weights is None else (f"skipped: {each.skip}", ())
        elif each.weights is not None and each.weights.published is False:
            text = f"{each.weights.name} is not the file that Keras publishes: it has another hash"
            notes[each.cell.name] = (text, ())
    return notes


def _remarks(plan: Sequence[Planned]) -> list[str]:
    """What is to know of some cells before they run."""
    remarks = []
    if any(each.cell.weights == "imagenet-top" for each in plan):
        remarks.append(
            "Zero-shot is at the native size, whatever sizes says: ImageNet's own head knows no other."
        )
    if any(each.cell.device == "gpu" and not each.skip for each in plan):
        remarks.append(
            "Cells on a GPU are skipped where TensorFlow sees none; "
            "`transferbench doctor --require-gpu` tells whether it does."
        )
    return remarks


def _absent(missing: Sequence[Planned], weights_dir: Path | None) -> _Note:
    files = _files(missing)
    places = " nor in ".join(str(place) for _, place in searched(weights_dir))
    text = (
        f"skipped: {counted(len(files), 'weights file')} not in {places}. Run once without --offline, or "
        "download what is missing (--json gives the addresses) and name the folder with --weights-dir:"
    )
    return text, tuple(_listed({who: file.name for who, file in files.items()}))


def _downloads(plan: Sequence[Planned]) -> str:
    files = _files([each for each in plan if _to_download(each)])
    if not files:
        return ""
    head = f"download: {counted(len(files), 'weights file')}, about {_size(plan)}"
    return "\n".join([head, *_listed({who: file.name for who, file in files.items()})])


def _listed(files: dict[str, str]) -> list[str]:
    longest = max(map(len, files))
    lines = [f"{_INDENT}{who:{longest}}  {file}" for who, file in files.items()]
    if len(lines) > _FILES + 1:
        lines[_FILES:] = [f"{_INDENT}and {len(lines) - _FILES} more; --json names all"]
    return lines


def _summary(plan: Sequence[Planned]) -> str:
    skipped = sum(bool(each.skip) for each in plan)
    fetched = sum(_to_download(each) for each in plan)
    ready = [each for each in plan if not each.skip and not _to_download(each)]
    on_gpu = sum(each.cell.device == "gpu" for each in ready)
    counts = {
        "ready": len(ready) - on_gpu,
        "ready if there is a GPU": on_gpu,
        "after a download": fetched,
        "skipped": skipped,
    }
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{counted(len(plan), 'cell')}: {told}"


def _to_download(each: Planned) -> bool:
    return each.weights is None and not each.skip


def _file(each: Planned) -> WeightsFile:
    return weights_file(each.cell.backbone, each.cell.weights)


def _files(plan: Sequence[Planned]) -> dict[str, WeightsFile]:
    """The weights files of these cells, by the backbone that each is for."""
    return {_owner(each.cell): _file(each) for each in plan}


def _owner(cell: Cell) -> str:
    return f"{cell.backbone} with top" if cell.weights == "imagenet-top" else cell.backbone


def _size(plan: Sequence[Planned]) -> str:
    """About how much there is to download: four bytes a parameter, or what is published with the top."""
    sizes = {}
    for each in plan:
        if _to_download(each):
            row = backbone(each.cell.backbone)
            size = 4.0 * row.parameters
            if each.cell.weights == "imagenet-top":
                size = 1e6 * row.published.size_mb if row.published else size + _TOP_BYTES
            sizes[_owner(each.cell)] = size
    total = sum(sizes.values())
    return f"{total / 1e9:.1f} GB" if total >= 1e9 else f"{total / 1e6:.0f} MB"
