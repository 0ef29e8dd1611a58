"""The history of cells over many runs: every value in the order of time, and where a metric moved.

A history is of one cell on one machine and one set of images: another processor moves the last digits of
an accuracy as it moves a time, and other images are another question.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, Literal

from harness.analysis.history_entries import Entry, Reading, Unread, find_runs, read_entries
from harness.environment import Machine
from harness.errors import UserError, few
from harness.metrics import Metric, metric
from harness.running.folder import named_cells
from harness.statistics import FEWEST_VALUES, Levels, exact_levels, find_levels

__all__ = [
    "LEAST_OF_MEMORY",
    "METRICS_SHOWN",
    "CellHistory",
    "History",
    "Kind",
    "Series",
    "Step",
    "changed",
    "read_history",
]

METRICS_SHOWN: Final = (
    "test_accuracy",
    "test_loss",
    "train_ms",
    "inference_ms",
    "peak_memory_bytes",
    "to_result_s",
)
"""The metrics of a history unless others are named."""
LEAST_OF_MEMORY = 0.01
"""The least noise of memory, as a share: it is sampled while a cell runs, so a peak is met by chance."""

Kind = Literal["exact", "noisy", "few"]
"""How steps are looked for: every change is one; by `find_levels`; or not, for want of values that count."""

_MOST_NAMED = 5
_TIMES = ("ms/step", "s")
_MEASURED = (*_TIMES, "bytes")


@dataclass(frozen=True)
class Step:
    """A metric's move from one level to the next.

    `before` and `after` are the places (in the entries) of the last value before it and the first after it,
    `from_value` and `to_value` the medians of both levels, in the unit of the exports.  `changed` says what
    differs between those two runs other than the commit.
    """

    before: int
    after: int
    from_value: float
    to_value: float
    changed: tuple[str, ...]

    @property
    def difference(self) -> float:
        """The size of the step in the unit of the exports."""
        return self.to_value - self.from_value

    @property
    def share(self) -> float | None:
        """The size of the step as a share of the value before it; None where that is 0."""
        return self.difference / abs(self.from_value) if self.from_value else None


@dataclass(frozen=True)
class Series:
    """A metric of a cell over its runs.

    `readings` has one for each entry, None where the run has no value.  `used` are the places of the values
    that steps are looked for in: those without a doubt.  `levels` holds (first place, last place, median) of
    each, nothing where there are too few.  `noise` is the standard deviation of a value, as a share where
    `relative`, else in the unit of the exports.  `outliers` are places of values far off their level;
    `unsettled` those of them that are the newest values, on one side: outliers or a step, as more runs will
    tell.
    """

    metric: Metric
    kind: Kind
    relative: bool
    noise: float
    readings: tuple[Reading | None, ...]
    used: tuple[int, ...]
    levels: tuple[tuple[int, int, float], ...]
    steps: tuple[Step, ...]
    outliers: tuple[int, ...]
    unsettled: tuple[int, ...]


@dataclass(frozen=True)
class CellHistory:
    """A cell's runs on one machine and one set of images, in the order of time."""

    cell: str
    machine: Machine
    manifest: str
    entries: tuple[Entry, ...]
    series: tuple[Series, ...]

    @property
    def steps(self) -> int:
        """How many steps its metrics have."""
        return sum(len(each.steps) for each in self.series)

    @property
    def tied(self) -> int:
        """How many entries started when the one before them did, so that their order is not known."""
        starts = [entry.started for entry in self.entries]
        return sum(one == other for one, other in pairwise(starts))


@dataclass(frozen=True)
class History:
    """The histories of all cells, by machine (the one with most entries first), then by cell.

    A cell has several: one for each machine and set of images.  `runs` is the number of runs that these are
    of; `unread` are the runs, or parts of them, that have no part in it; `doubled` counts the records that
    were found more than once, as a run and its published copy are.
    """

    cells: tuple[CellHistory, ...]
    runs: int
    unread: tuple[Unread, ...]
    doubled: int

    @property
    def machines(self) -> list[Machine]:
        """The machines, each once, in the order of the cells."""
        return list(dict.fromkeys(each.machine for each in self.cells))

    @property
    def series(self) -> list[Series]:
        """The metrics of all cells."""
        return [series for cell in self.cells for series in cell.series]


def read_history(paths: Sequence[Path], *, metrics: Sequence[str] = (), cells: str | None = None) -> History:
    """Read the runs that these folders are or hold, and find the steps of their cells' metrics.

    `metrics` are names of `harness.metrics`, by default `METRICS_SHOWN`; `cells` is a cell's name, a part of
    it or a pattern.  What is damaged is left out and told.  Raises `UserError` where nothing is left, for a
    path that does not exist, and for names that mean nothing.
    """
    wanted = [metric(name) for name in dict.fromkeys(metrics or METRICS_SHOWN)]
    entries: list[Entry] = []
    unread: list[Unread] = []
    run_of: dict[int, Path] = {}
    for run in find_runs(paths):
        found, left = read_entries(run)
        entries += found
        unread += left
        run_of |= {id(entry): run for entry in found}
    if not entries:
        raise _nothing_left(unread, paths)
    if cells is not None:
        meant = set(named_cells(cells, sorted({entry.cell for entry in entries})))
        entries = [entry for entry in entries if entry.cell in meant]
    once = list({_identity(entry): entry for entry in sorted(entries, key=_order, reverse=True)}.values())
    resolved = _resolved(once)
    groups: dict[tuple[Machine, str, str], list[Entry]] = defaultdict(list)
    for entry in sorted(once, key=_order):
        groups[entry.machine, entry.cell, entry.manifest].append(entry)
    sizes: dict[Machine, int] = defaultdict(int)
    for entry in once:
        sizes[entry.machine] += 1
    ordered = sorted(groups, key=lambda key: (-sizes[key[0]], key[0].name, key[1], key[2]))
    histories = [_cell_history(groups[key], wanted, resolved) for key in ordered]
    if metrics and not any(each.series for each in histories):
        known = sorted({name for entry in entries for name in entry.readings})
        raise UserError(
            f"no run has a value of {few(each.name for each in wanted)}",
            where=", ".join(str(path) for path in paths),
            hint=f"They have {', '.join(known)}." if known else "None of their cells has a result.",
        )
    left_out = tuple(sorted(unread, key=lambda each: (each.run, each.file, each.reason)))
    runs = len({run_of[id(entry)] for entry in once})
    return History(tuple(histories), runs, left_out, len(entries) - len(once))


def changed(before: Entry, after: Entry) -> tuple[str, ...]:
    """What differs between two runs of a cell other than the commit, a phrase each: "keras 3.14 to 3.15".

    Of a cell that failed, some facts are not known: they have no part in it.
    """
    names = dict.fromkeys([*before.facts, *after.facts])
    if before.failure or after.failure:
        names = dict.fromkeys(name for name in names if name in before.facts and name in after.facts)
    both = [(name, before.facts.get(name, ""), after.facts.get(name, "")) for name in names]
    return tuple(f"{name} {one or 'none'} to {other or 'none'}" for name, one, other in both if one != other)


def _nothing_left(unread: Sequence[Unread], paths: Sequence[Path]) -> UserError:
    if len(unread) == 1:
        (one,) = unread
        hint = one.hint or "Run its matrix again, or name other runs."
        return UserError(one.reason, where=one.where, hint=hint)
    told = [f"{each.name}: {each.reason}" for each in unread[:_MOST_NAMED]]
    told += [f"and {len(unread) - _MOST_NAMED:,} more"] if len(unread) > _MOST_NAMED else []
    where = ", ".join(str(path) for path in paths)
    return UserError("expected runs with records, found none", where=where, hint="\n".join(told))


def _order(entry: Entry) -> tuple[object, ...]:
    """By time; where that is the same by what was found, so that the order of the arguments has no part."""
    return entry.started, entry.commit, entry.key, repr(sorted(entry.readings.items())), entry.run


def _identity(entry: Entry) -> tuple[object, ...]:
    """What is equal only for the same record, wherever it was found."""
    readings = repr(sorted(entry.readings.items()))
    return entry.cell, entry.manifest, entry.machine, entry.key, entry.started, entry.commit, readings


def _resolved(entries: Sequence[Entry]) -> Mapping[tuple[Machine, str], float]:
    """What timing runs say that a machine and device resolve: the median deviation of a time's logarithm."""
    found: dict[tuple[Machine, str], list[float]] = defaultdict(list)
    for entry in entries:
        if entry.of_timing:
            found[entry.machine, entry.device] += [each.resolved for each in _times(entry)]
    return {place: median(values) for place, values in found.items() if values}


def _times(entry: Entry) -> list[Reading]:
    return [reading for name, reading in entry.readings.items() if name.endswith("_ms") and not reading.doubt]


def _cell_history(
    entries: Sequence[Entry], wanted: Sequence[Metric], resolved: Mapping[tuple[Machine, str], float]
) -> CellHistory:
    first = entries[0]
    floor = resolved.get((first.machine, first.device), 0.0)
    series = [
        _series(entries, each, floor) for each in wanted if any(each.name in at.readings for at in entries)
    ]
    return CellHistory(first.cell, first.machine, first.manifest, tuple(entries), tuple(series))


def _series(entries: Sequence[Entry], wanted: Metric, floor: float) -> Series:
    readings = [entry.readings.get(wanted.name) for entry in entries]
    counting = [(place, each) for place, each in enumerate(readings) if each is not None and not each.doubt]
    used = [place for place, _ in counting]
    values = [each.value for _, each in counting]
    time = wanted.export_unit in _TIMES
    relative = wanted.export_unit in _MEASURED and all(value > 0 for value in values)
    least = 0.0
    if relative:
        own = median(each.resolved for _, each in counting) if counting else 0.0
        least = max(own, floor) if time else LEAST_OF_MEMORY
    kind = _kind(wanted, [entries[place] for place in used])
    levels = Levels((), (), (), 0.0)
    if kind == "exact":
        levels = exact_levels(values)
    elif kind == "noisy":
        levels = find_levels([math.log(each) for each in values] if relative else values, least_noise=least)
    # Of logarithms back to the unit; the median of an even number of values is only nearly that of theirs.
    medians = [math.exp(level) if relative and kind == "noisy" else level for level in levels.medians]
    stretches = [
        (used[first], used[last], level)
        for first, last, level in zip(levels.firsts, levels.lasts, medians, strict=True)
    ]
    return Series(
        metric=wanted,
        kind=kind,
        relative=relative,
        noise=levels.noise,
        readings=tuple(readings),
        used=tuple(used),
        levels=tuple(stretches),
        steps=tuple(
            Step(one[1], other[0], one[2], other[2], changed(entries[one[1]], entries[other[0]]))
            for one, other in pairwise(stretches)
        ),
        outliers=tuple(used[place] for place in levels.outliers),
        unsettled=tuple(used[place] for place in _unsettled(values, levels)),
    )


def _kind(wanted: Metric, entries: Sequence[Entry]) -> Kind:
    """Whether a series has noise, from the entries whose values count.

    It has none where runs agree bit for bit: at least as many successive ones do as differ, and none of the
    same inputs (key) differ.  Accuracy and loss together say so, since accuracies alone agree by chance too.
    """
    if wanted.export_unit == "count":
        return "exact" if len(entries) > 1 else "few"
    if wanted.export_unit not in _MEASURED:
        pairs = list(pairwise(entries))
        same = sum(one.results == other.results for one, other in pairs)
        of_key: dict[str, set[tuple[float | None, ...]]] = defaultdict(set)
        for entry in entries:
            of_key[entry.key].add(entry.results)
        if same and 2 * same >= len(pairs) and all(len(results) == 1 for results in of_key.values()):
            return "exact"
    return "noisy" if len(entries) >= FEWEST_VALUES else "few"


def _unsettled(values: Sequence[float], levels: Levels) -> tuple[int, ...]:
    """The places behind the last level, where all of these values lie on one side of its own last one."""
    if not levels.lasts:
        return ()
    last = levels.lasts[-1]
    found = tuple(range(last + 1, len(values)))
    return found if len({values[place] > values[last] for place in found}) == 1 else ()
