"""Which rows of a timing report are compared: ranks within a group, other settings side by side.

A rank is given only among rows of the same machine and versions, device, precision, XLA setting,
protocol, batch, step, and size: one common size, or each backbone's native one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.timing_rows import TimingRow
from harness.backbones import BACKBONES
from harness.statistics import tie_ranks
from harness.timing.cell import INFERENCE, KERAS_TABLE, TimingCell

__all__ = ["Group", "comparable", "setting", "settings"]


@dataclass(frozen=True)
class Group:
    """Rows that may be compared, fastest first, with the rank of each; None for a row with doubts.

    `native` is whether each backbone has its own size here.
    """

    rows: tuple[TimingRow, ...]
    ranks: tuple[int | None, ...]
    native: bool

    @property
    def first(self) -> TimingRow:
        """The fastest row, for what all have in common."""
        return self.rows[0]

    @property
    def width(self) -> float | None:
        """The width of a tie, as a share."""
        return self.first.tie_width

    @property
    def ranked(self) -> list[TimingRow]:
        """The rows that have a rank."""
        return [row for row, rank in zip(self.rows, self.ranks, strict=True) if rank is not None]

    @property
    def many_sizes(self) -> bool:
        """Whether the rows differ in size."""
        return len({row.cell.size for row in self.rows}) > 1

    @property
    def title(self) -> str:
        """Step, size, batch and setting in words."""
        cell = self.first.cell
        step = "Inference" if cell.step == INFERENCE else f"Train step of {cell.label}"
        size = "native size" if self.many_sizes else f"{cell.size} px"
        return f"{step} at {size}, batch {cell.batch}, {setting(cell)}"


def comparable(rows: Iterable[TimingRow]) -> list[Group]:
    """The groups of a run's rows, in the order in which each first appears.

    A row stands in two groups where its backbone's native size is also the one that others share.  Rows
    under the protocol of the published table are in none: their times are means.
    """
    settings: dict[tuple[object, ...], list[TimingRow]] = defaultdict(list)
    for row in rows:
        cell = row.cell
        if cell.protocol != KERAS_TABLE:
            kind = row.environment.fingerprint, cell.device, cell.precision, cell.jit, cell.protocol
            settings[*kind, cell.batch, cell.step, cell.depth].append(row)
    return [group for each in settings.values() for group in _by_size(each)]


def setting(cell: TimingCell) -> str:
    """Device, precision and XLA in words."""
    return f"{cell.device}, {cell.precision}" + (", jit" if cell.jit else "")


def settings(rows: Sequence[TimingRow]) -> dict[str, Callable[[TimingRow], bool]]:
    """What tells which rows are of one setting, by the setting's name; with the machine where they differ."""
    machines = {row.environment.fingerprint for row in rows}

    def name(row: TimingRow) -> str:
        return setting(row.cell) + (f", {row.environment.fingerprint}" if len(machines) > 1 else "")

    def is_one(wanted: str) -> Callable[[TimingRow], bool]:
        return lambda row: name(row) == wanted

    return {wanted: is_one(wanted) for wanted in sorted({name(row) for row in rows})}


def _by_size(rows: Sequence[TimingRow]) -> list[Group]:
    """One group for each size that is not its backbone's native one, and one for the native sizes.

    The native ones are left out where all of them stand in other groups already.
    """
    shared = list(Counter(row.cell.size for row in rows if not _is_native(row.cell)))
    groups = [_group([row for row in rows if row.cell.size == size], native=False) for size in shared]
    native = [row for row in rows if _is_native(row.cell)]
    if any(row.cell.size not in shared for row in native):
        groups.append(_group(native, native=True))
    return groups


def _is_native(cell: TimingCell) -> bool:
    known = BACKBONES.get(cell.backbone)
    return known is not None and known.native_size == cell.size


def _group(rows: Sequence[TimingRow], *, native: bool) -> Group:
    ordered = sorted(rows, key=lambda row: (row.milliseconds, row.cell.name))
    ranked = [row for row in ordered if not row.doubts]
    width = ordered[0].tie_width
    ranks: dict[str, int] = {}
    if width is not None:
        places = tie_ranks([row.milliseconds for row in ranked], width, [row.interval for row in ranked])
        ranks = {row.cell.name: rank for row, rank in zip(ranked, places, strict=True)}
    return Group(tuple(ordered), tuple(ranks.get(row.cell.name) for row in ordered), native)
