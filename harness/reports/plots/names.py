"""Short names of configurations in a picture, each with what tells it from the others."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.analysis.rows import Row
from harness.analysis.step_times import STEP_TIMES
from harness.matrix import Cell
from harness.records import Record
from harness.reports.plots.style import readable
from harness.reports.text import counted

__all__ = ["Name", "anywhere", "batches", "group_titles", "names", "run_title", "wrapped"]

Name = tuple[str, str]
"""The backbone, and the strategy with what else is needed to tell the configuration from others."""


def names(cells: Sequence[Cell]) -> list[Name]:
    """The name of each cell: backbone, and strategy with depth; where these are equal, what else differs.

    What differs is found among the parts of the cells' own names, so that a new axis needs nothing here.
    """
    alike: dict[tuple[str, str], list[set[str]]] = defaultdict(list)
    for cell in cells:
        alike[cell.backbone, cell.label].append(set(cell.configuration.split("/")))
    found = []
    for cell in cells:
        same = set.intersection(*alike[cell.backbone, cell.label])
        apart = [part for part in cell.configuration.split("/") if part not in same]
        found.append((readable(cell.backbone), readable(", ".join([cell.label, *apart]))))
    return found


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


def wrapped(rows: Sequence[Row]) -> list[str]:
    """Names for labels inside a picture: the backbone above the strategy."""
    return [f"{backbone}\n{rest}" for backbone, rest in names([row.cell for row in rows])]
