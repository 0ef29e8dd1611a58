"""A timing run as CSV: every cell, every figure, unrounded; units stand in the columns' names."""

import csv
import io
from collections.abc import Callable
from typing import Any

from harness.analysis.timing_rows import TimingRow, Timings, read_timings
from harness.reports.timing_groups import comparable
from harness.timing.cell import TimingCell
from harness.timing.records import TimingFolder

__all__ = ["timing_csv"]

_CELL: dict[str, Callable[[TimingCell], Any]] = {
    "backbone": lambda cell: cell.backbone,
    "step": lambda cell: cell.step,
    "depth": lambda cell: cell.depth,
    "size_px": lambda cell: cell.size,
    "batch_images": lambda cell: cell.batch,
    "device": lambda cell: cell.device,
    "precision": lambda cell: cell.precision,
    "jit": lambda cell: cell.jit,
    "protocol": lambda cell: cell.protocol,
}
_FIGURES: dict[str, Callable[[TimingRow], Any]] = {
    "environment": lambda row: row.environment.fingerprint,
    "commit": lambda row: " ".join(sorted({record.commit for record in row.records})),
    "passes_measured": lambda row: len(row.records),
    "passes_planned": lambda row: row.passes,
    "doubts": lambda row: "; ".join(row.doubts),
    "ms_per_step": lambda row: row.milliseconds,
    "interval_low_ms": lambda row: row.interval.low,
    "interval_high_ms": lambda row: row.interval.high,
    "interval_confidence_share": lambda row: row.interval.confidence,
    "p90_ms": lambda row: row.p90_milliseconds,
    "mean_ms": lambda row: row.mean_milliseconds,
    "blocks": lambda row: row.blocks,
    "pass_medians_ms": lambda row: " ".join(map(repr, row.pass_milliseconds)),
    "passes_differ_share": lambda row: row.passes_differ,
    "tie_width_share": lambda row: row.tie_width,
    "images_per_second": lambda row: row.images_per_second,
    "build_s": lambda row: row.build_seconds,
    "first_step_s": lambda row: row.first_step_seconds,
    "input_ms_per_batch": lambda row: row.input_milliseconds,
    "end_to_end_ms_per_step": lambda row: row.end_to_end_milliseconds,
    "input_bound": lambda row: row.input_bound,
    "multiply_adds": lambda row: row.multiply_adds,
    "moved_bytes": lambda row: row.moved_bytes,
    "flop_per_second": lambda row: row.flops,
    "ceiling_flop_per_second": lambda row: row.ceiling.flops if row.ceiling else None,
    "ceiling_bytes_per_second": lambda row: row.ceiling.bytes_per_second if row.ceiling else None,
    "matrix_product_share": lambda row: row.product_share,
    "roofline_share": lambda row: row.roofline_share,
    "parameters": lambda row: row.parameters,
    "trainable_parameters": lambda row: row.trainable,
    "host_peak_bytes": lambda row: row.host_peak_bytes,
    "host_inherited_bytes": lambda row: row.inherited_bytes,
    "device_peak_bytes": lambda row: row.device_peak_bytes,
    "joules_per_step": lambda row: row.joules_per_step,
    "images_per_joule": lambda row: row.images_per_joule,
    "others_share": lambda row: row.others_share,
    "clock_mhz": lambda row: row.clock_mhz,
    "temperature_c": lambda row: row.temperature_c,
    "published_cpu_ms": lambda row: row.published.cpu_ms if row.published else None,
    "published_gpu_ms": lambda row: row.published.gpu_ms if row.published else None,
}


def timing_csv(folder: TimingFolder) -> str:
    """A line for each row of a timing run, and one for each cell without any; "" where there is no figure.

    A rank is among those of the same size, or among native sizes; a row may have both.
    """
    timings = read_timings(folder)
    ranks: dict[tuple[int, bool], int | None] = {}
    for group in comparable(timings.rows):
        for row, rank in zip(group.rows, group.ranks, strict=True):
            ranks[id(row), group.native] = rank
    columns = ["cell", "status", "reason", *_CELL, "rank_at_size", "rank_at_native_size", *_FIGURES]
    written = io.StringIO()
    table = csv.DictWriter(written, columns, lineterminator="\n")
    table.writeheader()
    for row in timings.rows:
        line: dict[str, Any] = {"cell": row.cell.name, "status": "ok"}
        line |= {name: figure(row.cell) for name, figure in _CELL.items()}
        line |= {
            "rank_at_size": ranks.get((id(row), False)),
            "rank_at_native_size": ranks.get((id(row), True)),
        }
        table.writerow(line | {name: figure(row) for name, figure in _FIGURES.items()})
    table.writerows(_without_figures(timings))
    return written.getvalue()


def _without_figures(timings: Timings) -> list[dict[str, Any]]:
    """The cells without a row: what their first record says, or that they were not run."""
    done = {row.cell.name for row in timings.rows}
    found: dict[str, dict[str, Any]] = {
        name: {"cell": name, "status": "not run"} for name in timings.facts.keys if name not in done
    }
    for record in reversed(timings.records):
        if record.name in found:
            found[record.name] |= {"status": record.status, "reason": " ".join(record.reason.split())}
            found[record.name] |= {name: figure(record.cell) for name, figure in _CELL.items()}
    return list(found.values())
