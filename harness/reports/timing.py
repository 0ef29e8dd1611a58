"""The markdown report of one timing run, and its CSV beside it; from records alone.

Rows are ranked only where nothing but the backbone differs.  What speaks against a row is told under
its table and takes its rank; failures stand in a table of their own with their reasons.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import pandas as pd

from harness.analysis.resolution import Resolution, aa_sentence
from harness.analysis.timing_doubts import best_ceiling
from harness.analysis.timing_rows import TimingRow, Timings, read_timings
from harness.files import write_whole
from harness.reports.tables import commits, in_one_cell, machine, markdown, number, significant
from harness.reports.timing_csv import timing_csv
from harness.reports.timing_groups import Group, comparable
from harness.reports.timing_legend import timing_legend, unsettled
from harness.reports.timing_settings import beside_published, correlation, side_by_side
from harness.statistics import FEWEST_ROWS
from harness.text import counted
from harness.timing.cell import INFERENCE
from harness.timing.records import Ceiling, TimingFolder, TimingRecord

__all__ = ["render_timing", "write_timing_report"]

_TEXT = ("backbone", "95 % interval")
"""The columns that stand flush left."""

Columns = dict[str, Callable[[TimingRow], str]]

_TIME: Columns = {
    "ms/step": lambda row: significant(row.milliseconds, 4),
    "95 % interval": lambda row: f"{significant(row.interval.low, 4)} to {significant(row.interval.high, 4)}",
    "p90 (ms)": lambda row: significant(row.p90_milliseconds, 4),
    "images/s": lambda row: significant(row.images_per_second, 3),
    "passes differ (%)": lambda row: number(row.passes_differ, 1, 100),
}
_AROUND: Columns = {
    "build + first step (s)": lambda row: (
        f"{number(row.build_seconds, 1)} + {number(row.first_step_seconds, 1)}"
    ),
    "input (ms)": lambda row: significant(row.input_milliseconds, 3) + unsettled(row.input_settled),
    "end to end (ms)": lambda row: (
        significant(row.end_to_end_milliseconds, 4) + unsettled(row.end_to_end_settled)
    ),
    "host peak (MB)": lambda row: number(row.host_peak_bytes, 0, 1e-6),
    "device peak (MB)": lambda row: number(row.device_peak_bytes, 0, 1e-6),
    "energy (J/step)": lambda row: significant(row.joules_per_step, 3),
    "images/J": lambda row: significant(row.images_per_joule, 3),
}
_WORK: Columns = {
    "multiply-adds (G)": lambda row: significant(row.multiply_adds, 3, 1e-9),
    "GFLOP/s": lambda row: significant(row.flops, 3, 1e-9),
    "of product (%)": lambda row: number(row.product_share, 1, 100),
    "of roofline (%)": lambda row: number(row.roofline_share, 1, 100),
    "parameters (M)": lambda row: number(row.parameters, 2, 1e-6),
    "trainable / all (M)": lambda row: (
        f"{number(row.trainable, 2, 1e-6)} / {number(row.parameters, 2, 1e-6)}"
    ),
}


def write_timing_report(
    folder: TimingFolder, report: Path | None = None, table: Path | None = None
) -> list[Path]:
    """Write a timing run's report and its CSV, by default timing.md and timings.csv of its folder.

    Where only the report is named, the CSV lies beside it under the same name.  Returns both.
    """
    report, table = (
        report or folder.path / "timing.md",
        table or (report.with_suffix(".csv") if report else folder.path / "timings.csv"),
    )
    write_whole(report, render_timing(folder))
    write_whole(table, timing_csv(folder))
    return [report, table]


def render_timing(folder: TimingFolder) -> str:
    """Render a timing run as markdown."""
    timings = read_timings(folder)
    groups = comparable(timings.rows)
    parts = [_header(timings), _ceilings(timings)]
    parts += [part for group in groups for part in _compared(group, timings)]
    parts += [side_by_side(timings.rows), *beside_published(timings.rows), _without_result(timings)]
    parts.append(timing_legend(groups))
    return "\n\n".join(part for part in parts if part) + "\n"


def _header(timings: Timings) -> str:
    facts, records = timings.facts, timings.records
    environments = {record.environment.fingerprint: record.environment for record in records}
    threads = sorted({_threads(record.timed.threads) for record in records if record.timed})
    failed = len(timings.failed) + sum(timings.missing.values())
    lines = [
        f"# Time per step: {facts.matrix}",
        "",
        "Weights are random and calibrated, images are noise: the time of a step does not depend on what "
        "the numbers are. Nothing here says anything about accuracy.",
        "",
        f"- command: `{facts.command}`",
        *(
            f"- machine: {machine(environment)} (environment {fingerprint})"
            + "".join(f"; {name}={value}" for name, value in sorted(environment.settings.items()))
            for fingerprint, environment in environments.items()
        ),
        f"- threads: {'; '.join(threads)}" if any(threads) else "",
        f"- harness commit: {commits(record.commit for record in records)}; {_when(records)}",
        f"- {counted(len(facts.keys), 'cell')}, each timed in {counted(facts.passes, 'pass')} "
        f"(a process of its own each time), the order shuffled with seed {facts.seed}"
        + (f"; {failed} of {facts.passes * len(facts.keys)} timings have no result" if failed else ""),
        *(f"- {_resolution(each, many=len(environments) > 1)}" for each in timings.resolutions),
    ]
    return "\n".join(line for number, line in enumerate(lines) if line or number in {1, 3})


def _when(records: Sequence[TimingRecord]) -> str:
    """When the run was made, and the longest pause in it: before and after one a machine may be another."""
    started = sorted(datetime.fromisoformat(record.started) for record in records)
    told = f"first timing started {started[0]:%Y-%m-%d %H:%M}, the last {started[-1]:%Y-%m-%d %H:%M} (UTC)"
    if len(started) < 2:
        return told
    longest = max(after - before for before, after in pairwise(started)).total_seconds() / 60
    return f"{told}, at most {longest:.0f} minutes between the starts of two"


def _threads(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count or 'automatic'}" for name, count in sorted(found.items()))


def _resolution(each: Resolution, *, many: bool) -> str:
    """What a machine can tell apart, and how that is known."""
    place = each.device + (f" (environment {each.fingerprint})" if many else "")
    told = aa_sentence(each.check) if each.check else "there was no A/A test on this very machine."
    if each.width is None:
        return (
            f"resolution, {place}: {told} Nor are there {FEWEST_ROWS} rows with several passes, so it is "
            "not known which differences are real, and no row is ranked. `transferbench time` takes an A/A "
            "test with its cells."
        )
    sources = []
    if each.from_check is not None:
        sources.append(f"from A/A {_percent(each.from_check)}")
    if each.from_passes is not None:
        sources.append(
            f"from the disagreement of the passes over {each.rows} rows {_percent(each.from_passes)}"
        )
    wider = "; the wider counts" if len(sources) > 1 else ""
    return (
        f"resolution, {place}: {told} With {counted(each.passes, 'pass')} a row this machine resolves "
        f"differences of {_percent(each.width)} ({', '.join(sources)}{wider}); rows that are closer are tied."
    )


def _ceilings(timings: Timings) -> str:
    """What the devices could do at most, as it was measured beside the cells."""
    found: dict[tuple[str, str, str], list[Ceiling]] = defaultdict(list)
    for row in timings.rows:
        for each in row.timed if row.ceiling else ():
            best = best_ceiling(each.ceilings)
            if best:
                found[row.environment.fingerprint, row.cell.device, row.cell.precision].append(best)
    if not found:
        return ""
    lines = []
    for (fingerprint, device, precision), ceilings in found.items():
        flops = [1e-9 * each.flops for each in ceilings]
        moved = [1e-9 * each.bytes_per_second for each in ceilings]
        lines.append(
            {
                "environment": fingerprint,
                "device": device,
                "precision": precision,
                "processes": str(len(ceilings)),
                "matrix product (GFLOP/s)": significant(median(flops), 3),
                "range (GFLOP/s)": f"{significant(min(flops), 3)} to {significant(max(flops), 3)}",
                "copy (GB/s)": significant(median(moved), 3),
                "range (GB/s)": f"{significant(min(moved), 3)} to {significant(max(moved), 3)}",
            }
        )
    frame = pd.DataFrame(lines)
    if frame["environment"].nunique() == 1:
        frame = frame.drop(columns="environment")
    right = ["processes", "matrix product (GFLOP/s)", "copy (GB/s)"]
    return f"## Ceilings\n\n{markdown(frame, right=right)}"


def _compared(group: Group, timings: Timings) -> list[str]:
    """The tables of one group: time with ranks, what is around a step, and its work."""
    title = f"## {group.title}"
    if len({row.environment.fingerprint for row in timings.rows}) > 1:
        title += f", environment {group.first.environment.fingerprint}"
    ranks = ["-" if rank is None else str(rank) for rank in group.ranks]
    notes = [
        _verdict(group),
        *_input_bound(group),
        *_published_order(group),
        *_unsure(group),
        *_roofline(group),
    ]
    lines = [*(f"- {note}" for note in notes), *_unranked(group)]
    time = _frame(group, _TIME)
    time.insert(0, "rank", ranks)
    tables = [_table(time)]
    for name, columns in (("Around the step", _AROUND), ("Work", _WORK)):
        tables.append(f"### {name}\n\n{_table(_frame(group, columns))}")
    return [title, "\n".join(lines), *tables]


def _frame(group: Group, columns: Columns) -> pd.DataFrame:
    """Backbone, size where it differs, and those columns in which some row has something."""
    shown: Columns = {"backbone": lambda row: row.cell.backbone}
    if group.many_sizes:
        shown["size (px)"] = lambda row: str(row.cell.size)
    cells = {name: [render(row) for row in group.rows] for name, render in (shown | columns).items()}
    cells.pop("trainable / all (M)" if group.first.cell.step == INFERENCE else "parameters (M)", None)
    if not _bound_by_memory(group):
        cells.pop("of roofline (%)", None)
    return pd.DataFrame({name: column for name, column in cells.items() if set(column) != {"-"}})


def _bound_by_memory(group: Group) -> bool:
    """Whether for some row the roofline lies below the matrix product: else both shares are one column."""
    return any(row.roofline_share != row.product_share for row in group.rows)


def _table(frame: pd.DataFrame) -> str:
    return markdown(frame, right=[name for name in frame.columns if name not in _TEXT])


def _verdict(group: Group) -> str:
    """How many share the first rank, and with how many blocks that was found."""
    counts = [row.blocks for row in group.rows]
    measured = f"{min(counts)} to {max(counts)}" if len(set(counts)) > 1 else f"{counts[0]}"
    blocks = f"{measured} blocks a row."
    ranked, width = group.ranked, group.width
    if width is None or not ranked:
        return f"No row is ranked. {blocks}"
    first = sum(rank == 1 for rank in group.ranks)
    if first > 1:
        return (
            f"{first} of {len(ranked)} ranked rows share the first rank, within {_percent(width)}. {blocks}"
        )
    if len(ranked) > 1:
        return f"The first is faster than every other ranked row by more than {_percent(width)}. {blocks}"
    return blocks


def _unranked(group: Group) -> list[str]:
    doubted = [row for row in group.rows if row.doubts]
    told = [f"{row.cell.backbone}: {in_one_cell('; '.join(row.doubts))}" for row in doubted]
    if not told:
        return []
    return [f"- Without a rank, {len(doubted)} of {len(group.rows)} rows:", *(f"  - {each}" for each in told)]


def _input_bound(group: Group) -> list[str]:
    """Which rows the input holds back, and of which it cannot be told."""
    fed = [row for row in group.rows if row.end_to_end_milliseconds is not None]
    bound = [row.cell.backbone for row in fed if row.input_bound]
    unknown = [row.cell.backbone for row in fed if row.input_bound is None]
    if not fed:
        return []
    if len(bound) == len(fed):
        return ["Every row is input-bound."]
    told = f"Input-bound, {len(bound)} of {len(fed)} rows: {', '.join(bound)}." if bound else ""
    if unknown:
        told += f" Whether the input holds them back cannot be told at this resolution: {', '.join(unknown)}."
    return [told.strip() or "No row is input-bound."]


def _unsure(group: Group) -> list[str]:
    """Intervals that are not worth 95 %, because a pass has fewer than six blocks."""
    low = min(row.interval.confidence for row in group.rows)
    if low >= 0.95:
        return []
    return [
        f"Some passes have fewer than 6 blocks: their interval of the median is worth {_percent(low)} only."
    ]


def _roofline(group: Group) -> list[str]:
    """Whether memory's speed could bind a row at all."""
    if _bound_by_memory(group) or all(row.roofline_share is None for row in group.rows):
        return []
    return [
        "By the bytes that a step must move at least, the matrix product is the lower roof in every row; "
        "that does not rule out that memory holds one back, since a real step moves more."
    ]


def _published_order(group: Group) -> list[str]:
    """How far the order agrees with the published one, where it is of the same kind: native inference."""
    cell = group.first.cell
    if not group.native or cell.step != INFERENCE:
        return []
    rows = [row for row in group.rows if not row.doubts]
    told = correlation(rows, cell.device, lambda row: row.milliseconds)
    return [told] if told else []


def _without_result(timings: Timings) -> str:
    rows = [
        (record.name, f"pass {record.in_pass}", str(record.status), in_one_cell(record.reason))
        for record in timings.failed
    ]
    rows += [
        (name, counted(count, "pass"), "not run", "the run was interrupted before it")
        for name, count in timings.missing.items()
    ]
    if not rows:
        return ""
    frame = pd.DataFrame(rows, columns=["cell", "pass", "status", "reason"])
    return f"## Without a result\n\n{markdown(frame, right=[])}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
