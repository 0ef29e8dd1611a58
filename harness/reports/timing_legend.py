"""What a timing report's columns and rows mean, said only of what it has."""

from collections.abc import Callable, Sequence

from harness.analysis.timing_doubts import (
    CEILING_BELOW,
    CLOCKS_WITHIN,
    DRIFT_WITHIN,
    OTHERS_SHARE,
    PASSES_DIFFER,
    PASSES_DIFFER_MOST,
)
from harness.analysis.timing_rows import INPUT_BOUND, TimingRow
from harness.reports.timing_groups import Group

__all__ = ["timing_legend", "unsettled"]

UNSETTLED = "~"
"""Behind a time that did not settle."""

# Sentences for rows of one kind, and what tells such a row.
_KINDS: tuple[tuple[Callable[[TimingRow], bool], str], ...] = (
    (
        lambda row: row.input_milliseconds is not None,
        "Input is the pipeline alone, milliseconds a batch: from decoded pixels in memory, with augmentation "
        "where the strategy augments, or from cached features where it trains on them. End to end is the "
        "step fed by it. "
        f"A row is input-bound where end to end is more than {100 * INPUT_BOUND:.0f} % slower than the "
        "resident step, which a pipeline that alone takes less than half of that cannot make it, and unknown "
        "where that is nearer to it than the resolution. A fed step that is faster than the resident one "
        "shows what the machine's noise does.",
    ),
    (
        lambda row: False in (row.input_settled, row.end_to_end_settled),
        f"{UNSETTLED} marks an input or end-to-end time that did not settle in some pass: about so much.",
    ),
    (
        lambda row: row.multiply_adds is not None,
        "Multiply-adds are those of the step's convolutions and matrix products, counted in its graph, "
        "forward and backward; GFLOP/s counts two operations for each.",
    ),
    (
        lambda row: row.product_share is not None,
        "Of product: GFLOP/s against the best large matrix product of the run, in the same precision. The "
        "ceilings above are the medians over the processes, with their range.",
    ),
    (
        lambda row: row.roofline_share != row.product_share,
        "Of roofline: GFLOP/s against the lower of the product and what the best copy's speed allows for the "
        "bytes that the step must move at least; above 100 % where they stay in a cache.",
    ),
    (
        lambda row: row.host_peak_bytes is not None,
        "Host peak: anonymous memory (resident where the system does not tell it) of the cell's process "
        "while the step ran on a resident batch{}.",
    ),
    (
        lambda row: row.device_peak_bytes is not None,
        "Device peak is what TensorFlow's allocator needed on the device at most, not what it reserved.",
    ),
    (
        lambda row: row.joules_per_step is not None,
        "Energy is the whole device's while the blocks ran.",
    ),
    (
        lambda row: row.cell.jit,
        "Rows with jit are compiled by XLA; the first step holds that.",
    ),
)


def unsettled(settled: bool | None) -> str:
    """What stands behind a time around a step: a mark where it was taken and did not settle."""
    return f" {UNSETTLED}" if settled is False else ""


def timing_legend(groups: Sequence[Group]) -> str:
    """How to read a timing report of these rows."""
    rows = [row for group in groups for row in group.rows]
    notes: list[str] = []
    if groups:
        notes += [
            "Milliseconds a step: the mean of the passes' medians over blocks of steps. The batch is "
            "resident and its shape static, the device is waited for before and after each block, and "
            "blocks begin when the times have settled. Loading and augmentation are not in it.",
            "The 95 % interval is from the lowest to the highest end of the passes' own intervals of the "
            "median (order statistics), so it covers what the passes disagree on. p90: nine of ten blocks "
            "of all passes are below; a block is several steps where they are short.",
            "A row's rank is one plus the number of rows that are faster by more than the resolution and "
            "whose intervals lie wholly below. Each pair is judged by itself: of many equal pairs one in "
            "twenty is told apart by chance. The resolution is measured on one step (the A/A test's), and "
            "taken for all of its device, shorter ones too.",
            "A row has no rank where a pass is missing, warm-up did not settle, the last third of a pass' "
            f"blocks lies more than {100 * DRIFT_WITHIN:.0f} % from the first, the device slowed itself down,"
            f" clocks varied by more than {100 * CLOCKS_WITHIN:.0f} %, other processes took more than "
            f"{100 * OTHERS_SHARE:.0f} % of the cores, the matrix product in its process was more than "
            f"{100 * CEILING_BELOW:.0f} % below the run's median, or passes differ (slowest over fastest) by "
            f"more than {100 * PASSES_DIFFER:.0f} % and the resolution, or by more than "
            f"{100 * PASSES_DIFFER_MOST:.0f} %.",
            "First step: tracing and compiling with it; build: making and calibrating the model. Both are "
            "the median of the passes.",
        ]
    inherited = max((row.inherited_bytes or 0 for row in rows), default=0)
    before = f", {inherited / 1e6:,.0f} MB of which it held before it began" if inherited else ""
    notes += [text.format(before) for is_one, text in _KINDS if any(map(is_one, rows))]
    if not notes:
        return ""
    return "\n".join(["## How to read this", "", *(f"- {note}" for note in notes)])
