"""Short names of configurations in a picture, each with what tells it from the others."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from harness.analysis.rows import Row
from harness.analysis.step_times import STEP_TIMES
from harness.analysis.timing_doubts import unwatched
from harness.matrix import Cell
from harness.records import Record
from harness.reports.plots.style import readable
from harness.text import counted, trained_on

__all__ = [
    "Name",
    "anywhere",
    "batches",
    "broken",
    "group_titles",
    "names",
    "run_title",
    "unwatched_note",
    "wrapped",
]

_WIDTH = 26  # characters of a label's line, enough for any strategy with its depth

Name = tuple[str, str]
"""The backbone, and the strategy with what else is needed to tell the configuration from others."""


def names(cells: Sequence[Cell]) -> list[Name]:
    """The name of each cell: backbone, and strategy with depth; where these are equal, what else differs.

    What differs is found among the parts of the cells' own names, so that a new axis needs nothing here.
    """
    kinds = [(cell.backbone, cell.label) for cell in cells]
    alike: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for kind, cell in zip(kinds, cells, strict=True):
        alike[kind].append(cell)
    common = {kind: set.intersection(*map(_parts, each)) for kind, each in alike.items() if len(each) > 1}
    found = []
    for (backbone, label), cell in zip(kinds, cells, strict=True):
        # Of thousands of configurations most have a kind of their own.
        same = common.get((backbone, label))
        apart = [] if same is None else [part for part in cell.configuration.split("/") if part not in same]
        told = ", ".join([label, *(_said(part, cell) for part in apart)])
        found.append((readable(backbone), readable(told)))
    return found


def _said(part: str, cell: Cell) -> str:
    """A part of a cell's name as people say it."""
    return trained_on(cell.train_images) if part == f"train{cell.train_images}" else part


def _parts(cell: Cell) -> set[str]:
    return set(cell.configuration.split("/"))


@lru_cache(maxsize=2**16)  # each picture of thousands of rows asks for all of them
def anywhere(cell: Cell) -> Cell:
    """The configuration of a cell, on whatever device and in whatever precision."""
    return replace(cell, seed=0, device="", precision="")


def group_titles(firsts: Sequence[Record]) -> list[str]:
    """A title for each group of rows that are compared, from a record of each: device, precision, machine.

    The machine is named where the groups are of several.
    """
    machines = {record.environment.fingerprint for record in firsts}
    manifests = {record.data.manifest_sha256 for record in firsts}
    titles = []
    for record in firsts:
        parts = [record.cell.device, record.cell.precision]
        parts += [f"environment {record.environment.fingerprint}"] if len(machines) > 1 else []
        parts += [f"images {record.data.manifest_sha256[:12]}"] if len(manifests) > 1 else []
        titles.append(", ".join(parts))
    return titles


def run_title(what: str, run: str, shown: Sequence[tuple[Record, int]]) -> str:
    """The title of a picture: what it shows, of which run, and of how many rows.

    `shown` has a record and the number of rows of each group that is in it; of one group the device is told.
    """
    rows = sum(count for _, count in shown)
    where = f" ({group_titles([shown[0][0]])[0]})" if len(shown) == 1 else ""
    return readable(f"{what}: {run}, {counted(rows, 'row')}{where}")


def batches(records: Iterable[Record], name: str) -> str:
    """How many images a step is, as a sentence; steps of other batches are no cheaper or dearer by that."""
    times = [getattr(record.measured, STEP_TIMES[name]) for record in records]
    sizes = sorted({each.batch for each in times if each is not None})
    if len(sizes) == 1:
        return f"A step is a batch of {sizes[0]:,} images."
    told = ", ".join(f"{size:,}" for size in sizes)
    return f"Steps are of different batches here ({told} images), so not all of them compare."


def unwatched_note(rows: Iterable[Row]) -> list[str]:
    """A note for a picture of times, where it is not known whether some of them were disturbed."""
    told = [any(map(unwatched, row.records)) for row in rows]
    whose = "these rows" if all(told) else f"{sum(told):,} of {len(told):,} rows"
    note = f"What other processes took is not recorded for {whose}: unmarked times may be disturbed too."
    return [note] if any(told) else []


def wrapped(rows: Sequence[Row], places: Sequence[int]) -> list[str]:
    """Names for labels of some rows of a picture, by their places: the backbone above the strategy.

    They tell each of them from all rows; a long one is broken once more.
    """
    kinds = {(rows[place].cell.backbone, rows[place].cell.label) for place in places}
    alike = [n for n, row in enumerate(rows) if (row.cell.backbone, row.cell.label) in kinds]
    named = dict(zip(alike, names([rows[n].cell for n in alike]), strict=True))
    return [f"{backbone}\n{broken(rest, _WIDTH)}" for backbone, rest in (named[place] for place in places)]


def broken(text: str, width: int) -> str:
    """A name in lines of that many characters where they suffice, broken behind its commas alone."""
    lines: list[str] = []
    for part in text.split(", "):
        if lines and len(f"{lines[-1]}, {part}") <= width:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return ",\n".join(lines)
