"""What speaks against the time of a row, in words; a row with doubts is shown and has no rank."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from harness.records import DeviceState, Record, StepTimes
from harness.timing.records import Ceiling, Timed, TimingRecord

__all__ = [
    "CEILING_BELOW",
    "CLOCKS_WITHIN",
    "DRIFT_WITHIN",
    "OTHERS_SHARE",
    "PASSES_DIFFER",
    "PASSES_DIFFER_MOST",
    "Kind",
    "apart",
    "best_ceiling",
    "best_of_run",
    "disturbances",
    "disturbed",
    "doubts",
    "drift",
    "kind_of",
    "misplaced",
    "results",
    "unwatched",
    "usual_products",
]

CLOCKS_WITHIN = 0.05
"""How much clocks may vary during a pass: the step's time follows them one to one."""
OTHERS_SHARE = 0.10
"""What other processes may take of the cores: with 2 cores that is a fifth of one."""
CEILING_BELOW = 0.15
"""How far the matrix product may fall below the run's median: the whole machine was slowed.

Large products on a machine of one's own differ by a few per cent.  On a rented one a quarter of the processes
may be slower than that: then the row is not wrong for sure, and nobody can say that it is right.
"""
DRIFT_WITHIN = 0.20
"""How far the last third of a pass' blocks may lie from the first: beyond it they are of two machines.

A median over both is a time that the step had at no time.
"""
PASSES_DIFFER = 0.10
"""How far passes may lie apart where the machine resolves less: beyond it a mean says little."""
PASSES_DIFFER_MOST = 0.50
"""How far at most, however unsteady the machine: in between they may lie as far apart as it resolves.

The more a machine's passes disagree the wider its ties are; without an end to it no row would have a doubt.
"""

Kind = tuple[str, str, str]
"""A machine's fingerprint, a device and a precision: what one ceiling holds for."""


def doubts(
    records: Sequence[TimingRecord], passes: int, width: float | None, usual: dict[Kind, float]
) -> Iterable[str]:
    """Why a row's time cannot be trusted, in words; nothing where it can."""
    if len(records) < passes:
        yield f"{len(records)} of {passes} passes"
    for record in records:
        for doubt in _doubts_of_one(record, usual.get(kind_of(record))):
            yield f"{doubt} (pass {record.in_pass})"
    medians = [each.step.milliseconds for each in results(records)]
    if apart(medians) > min(max(PASSES_DIFFER, width or 0), PASSES_DIFFER_MOST):
        yield f"passes differ by {100 * apart(medians):.0f} %"
    if len({each.work for each in results(records)}) > 1:
        yield "passes counted different work"


def _doubts_of_one(record: TimingRecord, usual: float | None) -> Iterable[str]:
    timed, cell = record.timed, record.cell
    if timed is None:
        return
    if misplaced(record):
        yield f"asked for {cell.device}, ran on {timed.placed_on}"
    if timed.jit != cell.jit:
        yield f"{'asked for' if cell.jit else 'not asked for'} XLA, ran {'with' if timed.jit else 'without'}"
    if not timed.step.stable:
        yield "warm-up did not settle"
    moved = drift(timed.step)
    if moved > DRIFT_WITHIN:
        yield f"its blocks drifted by {100 * moved:.0f} %"
    yield from disturbances(timed.step.state)
    best = best_ceiling(timed.ceilings)
    if best and usual and best.flops < (1 - CEILING_BELOW) * usual:
        below = 100 * (1 - best.flops / usual)
        yield f"the machine was slowed: matrix product {below:.0f} % below the run's median"


def drift(times: StepTimes) -> float:
    """How far the medians of the first and the last third of a pass' blocks lie apart, as a share."""
    blocks = times.block_seconds
    third = len(blocks) // 3
    return apart([median(blocks[:third]), median(blocks[-third:])]) if third else 0.0


def disturbances(state: DeviceState) -> Iterable[str]:
    """What disturbed the blocks of a step, in words; nothing where nothing is known to have."""
    if state.throttled:
        yield f"the device slowed itself down: {', '.join(state.throttled)}"
    if state.clocks_mhz and apart(state.clocks_mhz) > CLOCKS_WITHIN:
        yield f"clocks varied by {100 * apart(state.clocks_mhz):.0f} %"
    if state.others_share is not None and state.others_share > OTHERS_SHARE:
        yield f"others took {100 * state.others_share:.0f} % of the cores"


def disturbed(record: Record) -> bool:
    """Whether something disturbed the steps that a training's record timed."""
    times = (record.measured.train_step, record.measured.inference_step)
    return any(any(disturbances(each.state)) for each in times if each)


def unwatched(record: Record) -> bool:
    """Whether a step that a training's record timed has no word on what other processes took.

    Older records and some systems do not tell it: such a time is not in doubt, nor known to be undisturbed.
    """
    times = (record.measured.train_step, record.measured.inference_step)
    return any(each.state.others_share is None for each in times if each)


def misplaced(record: TimingRecord) -> bool:
    """Whether the step's result lay on another kind of device than its cell asks for."""
    placed = record.timed.placed_on.upper() if record.timed else ""
    return bool(placed) and record.cell.device.upper() not in placed


def results(records: Iterable[TimingRecord]) -> tuple[Timed, ...]:
    """What those of the records found that have a result."""
    return tuple(record.timed for record in records if record.timed is not None)


def apart(values: Sequence[float]) -> float:
    """How far the largest lies above the smallest, as a share."""
    return max(values) / min(values) - 1


def best_ceiling(ceilings: Iterable[Ceiling]) -> Ceiling | None:
    """The best product and the best copy of several ceilings of one process or cell."""
    known = list(ceilings)
    if not known:
        return None
    fastest = max(known, key=lambda each: each.bytes_per_second)
    return max(known, key=lambda each: each.flops).model_copy(
        update={"bytes_per_second": fastest.bytes_per_second, "copied_bytes": fastest.copied_bytes}
    )


def kind_of(record: TimingRecord) -> Kind:
    """What the ceiling of a record holds for."""
    return record.environment.fingerprint, record.cell.device, record.cell.precision


def best_of_run(records: Iterable[TimingRecord]) -> dict[Kind, Ceiling]:
    """The best product and the best copy by machine, device and precision, over a run's processes."""
    found: dict[Kind, list[Ceiling]] = defaultdict(list)
    for record in records:
        if not misplaced(record):
            found[kind_of(record)] += record.timed.ceilings if record.timed else ()
    return {kind: best for kind, ceilings in found.items() if (best := best_ceiling(ceilings))}


def usual_products(records: Iterable[TimingRecord]) -> dict[Kind, float]:
    """The median speed of the matrix product by machine, device and precision, over a run's processes."""
    found: dict[Kind, list[float]] = defaultdict(list)
    for record in records:
        best = best_ceiling(record.timed.ceilings if record.timed else ())
        if best and not misplaced(record):
            found[kind_of(record)].append(best.flops)
    return {kind: median(values) for kind, values in found.items()}
