"""Machine against machine: the step times of the same cells in other environments or on other devices.

Times only: which machine is faster says nothing of accuracy.  What is not to be compared (disturbed steps,
other batches, XLA on one side) has a reason in its place.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.analysis.timing_doubts import apart, disturbances
from harness.analysis.timing_rows import TimingRow
from harness.environment import Environment, Machine
from harness.records import DeviceState, Record, StepTimes
from harness.statistics import Interval, median_interval, ratio_interval, spearman
from harness.text import trained_on

__all__ = [
    "Clocked",
    "Duel",
    "EnvironmentChange",
    "Kind",
    "Place",
    "duels",
    "environment_changes",
    "environment_differences",
    "of_records",
    "of_timing_rows",
    "places",
    "same_machine",
]

INFERENCE = "inference step"

EnvironmentPart = Literal["machine", "python", "library", "setting"]

_HEADS: dict[EnvironmentPart, str] = {
    "machine": "",
    "python": "",
    "library": "library versions: ",
    "setting": "settings: ",
}


@dataclass(frozen=True)
class EnvironmentChange:
    """One thing in which two environments differ."""

    kind: EnvironmentPart
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Place:
    """Where something was timed: an environment and a device."""

    environment: Environment
    device: str

    @property
    def key(self) -> tuple[str, str]:
        """What is equal only for the same place."""
        return self.environment.fingerprint, self.device


@dataclass(frozen=True)
class Clocked:
    """One kind of step of one cell at one place.

    `name` is that of the cell on any device, `label` what people read.  `milliseconds` holds a time a step
    for each repeat (seed, or pass) in a process of its own; `interval` is that of the median over the blocks
    of all repeats.  `width` is the smallest difference that the place can tell, as a share, where that is
    known.  `setting` must be equal on both sides.  `doubt` says why the time is not to be compared.
    """

    place: Place
    kind: str
    name: str
    label: str
    milliseconds: tuple[float, ...]
    interval: Interval
    setting: tuple[tuple[str, str], ...] = ()
    width: float | None = None
    doubt: str = ""

    @property
    def typical(self) -> float:
        """Milliseconds a step: the geometric mean over the repeats."""
        return math.exp(float(np.mean(np.log(self.milliseconds))))


@dataclass(frozen=True)
class Duel:
    """One step of one cell at two places; `doubt` is why the two are not compared, "" where they are.

    `ratio` is the second time over the first.
    """

    first: Clocked
    second: Clocked
    doubt: str

    @property
    def ratio(self) -> float:
        """How many times the first one's time the second takes."""
        return self.second.typical / self.first.typical

    @property
    def interval(self) -> tuple[Interval, str]:
        """The interval of the ratio, and what it rests on: "resolution", "repeats" or "blocks".

        From what each machine's passes and A/A test say that it resolves; else by Student's t from the
        repeats; else from the ends of both medians' intervals over blocks, which hold both at least as
        often as two intervals together do (Bonferroni) but nothing of what another process would give.
        """
        one, other = self.first, self.second
        if one.width is not None and other.width is not None:
            # A width is that of a difference of two means on one machine; here one mean comes from each.
            half = math.sqrt((math.log1p(one.width) ** 2 + math.log1p(other.width) ** 2) / 2)
            return Interval(self.ratio * math.exp(-half), self.ratio * math.exp(half), 0.95), "resolution"
        if min(len(one.milliseconds), len(other.milliseconds)) > 1:
            return ratio_interval(other.milliseconds, one.milliseconds), "repeats"
        both = max(0.0, one.interval.confidence + other.interval.confidence - 1)
        ends = other.interval.low / one.interval.high, other.interval.high / one.interval.low
        return Interval(*ends, both), "blocks"


@dataclass(frozen=True)
class Kind:
    """The duels of one kind of step that are compared, and what they amount to.

    `spread` is the factor that one standard deviation of the ratios' logarithms is, None for one.
    `ranks` is the rank correlation of the cells with its p-value, None for fewer than three.
    """

    name: str
    duels: tuple[Duel, ...]

    @property
    def ratio(self) -> float:
        """The geometric mean of the ratios."""
        return math.exp(float(np.mean(self._logs)))

    @property
    def spread(self) -> float | None:
        """How much the ratios differ, as a factor."""
        return math.exp(float(np.std(self._logs, ddof=1))) if len(self.duels) > 1 else None

    @property
    def ranks(self) -> tuple[float, float] | None:
        """Spearman's rank correlation of the cells' times at the two places."""
        return spearman(
            [each.first.typical for each in self.duels], [each.second.typical for each in self.duels]
        )

    @property
    def _logs(self) -> list[float]:
        return [math.log(each.ratio) for each in self.duels]


def of_records(records: Iterable[Record]) -> list[Clocked]:
    """The step times of trainings that ended ok.

    An inference step is that of backbone and head, whatever strategy trained them: the cells of one size,
    recipe and number of parameters are repeats of it, and disturbed ones among them are left out.
    """
    steps: dict[tuple[object, ...], list[tuple[Record, StepTimes]]] = defaultdict(list)
    for record in records:
        cell, found = record.cell, record.measured
        if record.status != "ok":
            continue
        here = record.environment.fingerprint, cell.device, cell.precision
        if found.train_step is not None:
            steps["", *here, cell.configuration].append((record, found.train_step))
        if found.inference_step is not None:
            model = cell.backbone, cell.size, cell.recipe, found.parameters
            steps[INFERENCE, *here, *model].append((record, found.inference_step))
    every = [_clocked(str(name[0]), each) for name, each in steps.items()]
    firsts = [each[0][0] for each in steps.values()]
    told = _told_apart(every, [_facts(each.kind, record) for each, record in zip(every, firsts, strict=True)])
    # Inference steps do not tell a strategy; where all else is equal they differ in the size of the head.
    return _told_apart(
        told, [{"head": f"{record.measured.parameters or 0:,} parameters"} for record in firsts]
    )


def of_timing_rows(rows: Iterable[TimingRow]) -> list[Clocked]:
    """The rows of a timing run; their doubts are those of its report."""
    kept = list(rows)
    return _told_apart([_timed(row) for row in kept], [_facts_of_row(row) for row in kept])


def places(clocked: Iterable[Clocked]) -> list[Place]:
    """The places of these times, each once, in their order."""
    return list({each.place.key: each.place for each in clocked}.values())


def duels(first: Sequence[Clocked], second: Sequence[Clocked]) -> tuple[list[Kind], list[Duel]]:
    """What was timed at two places, by kind of step; and the duels with a doubt.

    Each side's times must be of one place.
    """
    there = {(each.kind, each.name): each for each in second}
    pairs = [(each, there[each.kind, each.name]) for each in first if (each.kind, each.name) in there]
    every = [Duel(one, other, _doubt(one, other)) for one, other in pairs]
    kinds: dict[str, list[Duel]] = defaultdict(list)
    for each in every:
        if not each.doubt:
            kinds[each.first.kind].append(each)
    return [Kind(name, tuple(own)) for name, own in kinds.items()], [each for each in every if each.doubt]


def environment_differences(first: Environment, second: Environment) -> list[str]:
    """In what two environments differ, a phrase each: machine, library versions, settings."""
    told: dict[str, list[str]] = defaultdict(list)
    for each in environment_changes(first, second):
        told[_HEADS[each.kind]].append(f"{each.name} {each.before or 'none'} and {each.after or 'none'}")
    return [head + ", ".join(phrases) for head, phrases in told.items()]


def environment_changes(first: Environment, second: Environment) -> list[EnvironmentChange]:
    """In what two environments differ, one by one; "" stands for what one of them does not have."""
    ours, theirs = _parts(first.machine), _parts(second.machine)
    machine = {name: (value, theirs[name]) for name, value in ours.items()}
    told: tuple[tuple[EnvironmentPart, dict[str, tuple[str, str]]], ...] = (
        ("machine", machine),
        ("python", {"python": (first.python, second.python)}),
        ("library", _both(first.libraries, second.libraries)),
        ("library", {"GPU driver": (first.gpu_drivers, second.gpu_drivers)}),
        ("setting", _both(first.settings, second.settings)),
    )
    return [
        EnvironmentChange(kind, name, *both)
        for kind, values in told
        for name, both in values.items()
        if both[0] != both[1]
    ]


def same_machine(first: Environment, second: Environment) -> bool:
    """Whether two environments are of one machine, as far as they tell: their times are comparable."""
    return first.machine == second.machine


def _parts(machine: Machine) -> dict[str, str]:
    return {
        "processor": machine.processor,
        "cores": str(machine.cores),
        "memory": f"{machine.memory_gib} GiB",
        "system": machine.system,
        "GPUs": ", ".join(machine.gpus),
    }


def _both(first: dict[str, str], second: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {name: (first.get(name, ""), second.get(name, "")) for name in sorted({*first, *second})}


def _clocked(kind: str, steps: Sequence[tuple[Record, StepTimes]]) -> Clocked:
    cell = steps[0][0].cell
    sound = [each for each in steps if not _disturbance([each[1]])]
    used = sound or steps
    trained = "" if kind == INFERENCE else f", {cell.label}"
    several = kind != INFERENCE and cell.train_images is not None
    part = f", {trained_on(cell.train_images)}" if several else ""
    name = f"{cell.backbone}/{cell.size}px/{cell.recipe}/{cell.precision}/{steps[0][0].measured.parameters}"
    blocks = [1000 * seconds for _, step in used for seconds in step.block_seconds]
    return Clocked(
        place=Place(steps[0][0].environment, cell.device),
        kind=kind or f"train step of {cell.strategy}",
        name=name if kind == INFERENCE else replace(cell, device="", seed=0).name,
        label=f"{cell.backbone} at {cell.size} px{trained}{part}",
        milliseconds=tuple(step.milliseconds for _, step in used),
        interval=median_interval(blocks),
        setting=(
            ("batch", ", ".join(sorted({str(step.batch) for _, step in used}))),
            ("XLA", ", ".join(sorted({_jit(record.measured.jit) for record, _ in used}))),
        ),
        doubt="" if sound else _disturbance([step for _, step in steps]),
    )


def _timed(row: TimingRow) -> Clocked:
    return Clocked(
        place=Place(row.environment, row.cell.device),
        kind=f"{row.cell.label} step",
        name=replace(row.cell, device="").name,
        label=f"{row.cell.backbone} at {row.cell.size} px, batch {row.cell.batch}",
        milliseconds=row.pass_milliseconds,
        interval=row.interval,
        width=row.tie_width,
        doubt="; ".join(row.doubts),
    )


def _facts(kind: str, record: Record) -> dict[str, str]:
    """What may tell a time from another of the same label; an inference step is that of any weights."""
    weights = {} if kind == INFERENCE else {"weights": f"weights {record.weights.kind}"}
    recipe = {"recipe": f"recipe {record.cell.recipe}", "precision": record.cell.precision}
    return recipe | weights


def _facts_of_row(row: TimingRow) -> dict[str, str]:
    return {
        "precision": row.cell.precision,
        "jit": "with XLA" if row.cell.jit else "without XLA",
        "protocol": f"protocol {row.cell.protocol}",
    }


def _told_apart(found: Sequence[Clocked], facts: Sequence[dict[str, str]]) -> list[Clocked]:
    """Times under labels that say in which of their facts those of one label differ."""
    alike: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for each, own in zip(found, facts, strict=True):
        alike[each.kind, each.label].append(own)
    told = []
    for each, own in zip(found, facts, strict=True):
        others = alike[each.kind, each.label]
        differing = [text for name, text in own.items() if len({other[name] for other in others}) > 1]
        told.append(replace(each, label=", ".join([each.label, *differing])))
    return told


def _disturbance(steps: Sequence[StepTimes]) -> str:
    """What disturbed repeats of a step, each kind of disturbance once, as it was at its worst; "" if none."""
    states = [step.state for step in steps]
    shares = [state.others_share for state in states if state.others_share is not None]
    clocks = [state.clocks_mhz for state in states if state.clocks_mhz]
    worst = DeviceState(
        others_share=max(shares, default=None),
        clocks_mhz=max(clocks, key=apart, default=()),
        throttled=tuple(dict.fromkeys(reason for state in states for reason in state.throttled)),
    )
    told = list(disturbances(worst))
    told += [] if all(step.stable for step in steps) else ["warm-up did not settle"]
    several = f" (the worst of {len(steps)})" if told and len(steps) > 1 else ""
    return f"{'; '.join(told)}{several}"


def _jit(jit: bool | None) -> str:
    return {True: "on", False: "off", None: "not known"}[jit]


def _doubt(one: Clocked, other: Clocked) -> str:
    doubts = [f"first: {one.doubt}"] if one.doubt else []
    doubts += [f"second: {other.doubt}"] if other.doubt else []
    theirs = dict(other.setting)
    doubts += [
        f"{what} {own} against {theirs[what]}" for what, own in one.setting if theirs.get(what, own) != own
    ]
    return "; ".join(doubts)
