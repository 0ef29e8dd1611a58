"""Settings side by side in a timing report: CPU beside GPU, and ours beside the published table.

Nothing here is ranked: the columns come from different devices, or from different machines.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import pandas as pd

from harness.analysis.timing_doubts import apart
from harness.analysis.timing_rows import TimingRow
from harness.backbones import Published
from harness.reports.tables import markdown, number, significant
from harness.reports.timing_groups import setting, settings
from harness.statistics import spearman
from harness.text import counted
from harness.timing.cell import KERAS_TABLE

__all__ = ["beside_published", "correlation", "side_by_side"]

_INCONSISTENT = (
    "The published absolute values do not agree with themselves (VGG16 at 4.2 ms for 32 images would be "
    "236 TFLOP/s), so only the order is compared."
)


def side_by_side(rows: Iterable[TimingRow]) -> str:
    """What was timed on more than one device: a column for each setting, milliseconds a step."""
    wanted = [row for row in rows if row.cell.protocol != KERAS_TABLE]
    joined: dict[tuple[str, str, int, int], list[TimingRow]] = defaultdict(list)
    for row in wanted:
        joined[row.cell.label, row.cell.backbone, row.cell.size, row.cell.batch].append(row)
    both = {key: found for key, found in joined.items() if len({row.cell.device for row in found}) > 1}
    if not both:
        return ""
    shown = settings([row for found in both.values() for row in found])
    lines = []
    for (label, backbone, size, batch), found in both.items():
        line = {"step": label, "backbone": backbone, "size (px)": str(size), "batch": str(batch)}
        for name, is_one in shown.items():
            line[f"{name} (ms)"] = _time(found, is_one, lambda row: row.milliseconds)
        lines.append(line | _ratios(found))
    frame = pd.DataFrame(lines).fillna("-")
    right = [name for name in frame.columns if name not in {"step", "backbone"}]
    return "\n\n".join(
        [
            "## CPU beside GPU",
            "Milliseconds a step, not ranked; a ratio is of the same precision without XLA on both.",
            markdown(frame, right=right),
        ]
    )


def beside_published(rows: Iterable[TimingRow]) -> list[str]:
    """What was timed under the published table's protocol, beside its columns; a part for each precision."""
    groups: dict[tuple[str, bool, int], list[TimingRow]] = defaultdict(list)
    for row in rows:
        if row.cell.protocol == KERAS_TABLE:
            groups[row.cell.precision, row.cell.jit, row.cell.batch].append(row)
    return [_beside_published(found) for found in groups.values()]


def correlation(rows: Sequence[TimingRow], device: str, time: Callable[[TimingRow], float]) -> str:
    """How far the order of rows agrees with the published column of their device; "" below three pairs."""
    pairs = [(time(row), value) for row in rows if (value := _published(row, device)) is not None]
    found = spearman([ours for ours, _ in pairs], [theirs for _, theirs in pairs])
    if found is None:
        return ""
    return (
        f"Spearman's rank correlation with the published {device.upper()} column: {found[0]:.2f} over "
        f"{len(pairs)} backbones (permutation test, p = {found[1]:.2g})."
    )


def _beside_published(rows: Sequence[TimingRow]) -> str:
    """One row a backbone and size: every setting measured, and both published columns."""
    shown = settings(rows)
    joined: dict[tuple[str, int], list[TimingRow]] = defaultdict(list)
    for row in rows:
        joined[row.cell.backbone, row.cell.size].append(row)
    lines = []
    for (backbone, size), found in joined.items():
        line = {"backbone": backbone, "size (px)": str(size)}
        for name, is_one in shown.items():
            line[f"{name} (ms/step)"] = _time(found, is_one, lambda row: row.mean_milliseconds)
        line |= {
            f"published {device.upper()} (ms)": number(_published(found[0], device), 1)
            for device in ("cpu", "gpu")
        }
        lines.append(line)
    frame = pd.DataFrame(lines)
    first = rows[0]
    repetitions = sorted({len(each.step.block_seconds) for row in rows for each in row.timed})
    batches = sorted({each.step.steps_per_block for row in rows for each in row.timed})
    notes = [
        f"The mean over {_either(repetitions)} repetitions of {_either(batches)} batches of "
        f"{first.cell.batch} images, as published, and over the passes; ImageNet head included.",
        _INCONSISTENT,
    ]
    for name, is_one in shown.items():
        sound = [row for row in rows if is_one(row) and not row.doubts]
        if sound:
            told = correlation(sound, sound[0].cell.device, lambda row: row.mean_milliseconds)
            notes.append(f"{name}: {told}" if told else f"{name}: too few rows for a rank correlation.")
            notes += [f"{name}: {told}" for told in _open_pairs(sound)]
    notes += [
        f"{row.cell.backbone}, {setting(row.cell)}: {'; '.join(row.doubts)}" for row in rows if row.doubts
    ]
    title = f"## Beside the published table: batch {first.cell.batch}, {first.cell.precision}"
    return "\n\n".join(
        [
            title + (", jit" if first.cell.jit else ""),
            "\n".join(f"- {note}" for note in notes),
            markdown(frame, right=[name for name in frame.columns if name != "backbone"]),
        ]
    )


def _open_pairs(rows: Sequence[TimingRow]) -> list[str]:
    """How many pairs of rows are closer than their machine resolves: their order is chance's."""
    width = rows[0].tie_width
    pairs = list(combinations([row.mean_milliseconds for row in rows], 2))
    if not pairs:
        return []
    if width is None:
        return ["what the machine resolves is not known, and so neither is which rows differ."]
    closer = sum(apart(pair) <= width for pair in pairs)
    if not closer:
        return []
    return [
        f"{closer} of {counted(len(pairs), 'pair')} of rows are closer than the {100 * width:.1f} % that the "
        "machine resolves; their order is open."
    ]


def _time(
    rows: Sequence[TimingRow], is_one: Callable[[TimingRow], bool], time: Callable[[TimingRow], float]
) -> str:
    """The time of the one row of that setting, marked where something speaks against it."""
    found = [row for row in rows if is_one(row)]
    if not found:
        return "-"
    return significant(time(found[0]), 4) + (" (unstable)" if found[0].doubts else "")


def _ratios(rows: Sequence[TimingRow]) -> dict[str, str]:
    """How many times as long the CPU takes as the GPU, for each precision that both were timed in."""
    plain = [row for row in rows if not row.cell.jit and not row.doubts]
    on = {
        device: {row.cell.precision: row for row in plain if row.cell.device == device}
        for device in ("cpu", "gpu")
    }
    return {
        f"cpu / gpu, {precision}": significant(row.milliseconds / on["gpu"][precision].milliseconds, 3)
        for precision, row in on["cpu"].items()
        if precision in on["gpu"]
    }


def _published(row: TimingRow, device: str) -> float | None:
    published: Published | None = row.published
    if published is None:
        return None
    return published.cpu_ms if device == "cpu" else published.gpu_ms


def _either(values: Sequence[int]) -> str:
    return " or ".join(str(value) for value in values)
