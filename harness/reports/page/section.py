"""A section of the page: one table, with what its filters ask of a row and what a chosen row shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.analysis.device_times import other_devices
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.analysis.timing_rows import TimingRow
from harness.reports.columns import Column, Devices, detailed, numeric
from harness.reports.leaderboard import against_random
from harness.reports.legend import shortened_epochs, title
from harness.reports.page.curve import curves_of
from harness.reports.row_names import apart
from harness.text import sentences

__all__ = ["Section", "sections"]


@dataclass(frozen=True)
class Section:
    """One table of the page, in the order that its rows have without being sorted.

    `names`, `backbones`, `strategies`, `labels` and `tied` hold one entry a row, and so does `curves`;
    `head` is the heading of the column that names a row.
    """

    key: str
    title: str
    notes: tuple[str, ...]
    head: str
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    backbones: tuple[str, ...]
    strategies: tuple[str, ...]
    labels: tuple[str, ...]
    tied: tuple[bool, ...]
    curves: tuple[list[dict[str, Any]], ...] = ()

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return len(self.names)

    @cached_property
    def plain(self) -> tuple[dict[str, Any], ...]:
        """The columns as plain values."""
        return tuple(map(_plain, self.columns))

    def as_dict(self) -> dict[str, Any]:
        """The section as plain values, for the page's script."""
        return {
            "key": self.key,
            "head": self.head,
            "columns": self.plain,
            "names": self.names,
            "backbones": self.backbones,
            "strategies": self.strategies,
            "labels": self.labels,
            "tied": self.tied,
            "curves": self.curves,
        }


def sections(found: Standings, timings: Sequence[TimingRow] = ()) -> tuple[Section, ...]:
    """The tables of a run: ranked ones, controls, rows that lack a seed, and cells without a result.

    `timings` give the ranked ones the times on other devices, as in the leaderboard.
    """
    ranked = [row for table in found.tables for row in table.rows]
    every = [
        _of_rows(
            f"ranked-{number}",
            title(table, named=len(found.tables) > 1),
            shortened_epochs(record for row in table.rows for record in row.records),
            table.rows,
            other_devices([row.first for row in table.rows], found.records, timings),
        )
        for number, table in enumerate(found.tables, 1)
    ]
    shortened = shortened_epochs(record for row in found.controls for record in row.records)
    every += [
        _of_rows(
            "controls",
            "Controls: random base, never ranked",
            [*against_random(found.controls, ranked), *shortened],
            found.controls,
        ),
        _of_rows(
            "partial",
            "Some seeds have no result, so not ranked",
            ["What fails is seldom the average seed: these figures are of the seeds that are there."],
            found.partial,
        ),
        _without_result(found),
    ]
    return tuple(each for each in every if each.rows)


def _of_rows(
    key: str, name: str, notes: Sequence[str], rows: Sequence[Row], devices: Devices | None = None
) -> Section:
    return Section(
        key=key,
        title=name,
        notes=tuple(notes),
        head="backbone",
        columns=tuple(detailed(rows, devices=devices, every=True)) if rows else (),
        names=tuple(row.name for row in rows),
        backbones=tuple(row.cell.backbone for row in rows),
        strategies=tuple(row.cell.strategy for row in rows),
        labels=tuple(row.cell.label + more for row, more in zip(rows, apart(rows), strict=True)),
        tied=tuple(row.tied for row in rows),
        curves=tuple(curves_of(row) for row in rows),
    )


def _without_result(found: Standings) -> Section:
    """The cells that failed, were skipped or not run; of those not run only the name is known."""
    told = [(record.name, str(record.status), sentences(record.reason)) for record in found.failed]
    told += [(name, "not run", reason) for name, reason in found.missing]
    columns = tuple(
        Column(heading, texts, texts)
        for heading, texts in (
            ("cell", tuple(name for name, _, _ in told)),
            ("status", tuple(status for _, status, _ in told)),
            ("reason", tuple(reason for _, _, reason in told)),
        )
    )
    parts = [[*name.split("/"), "", "", ""] for name, _, _ in told]
    return Section(
        key="without-result",
        title="Without a result",
        notes=(),
        head="cell",
        columns=columns,
        names=tuple(name for name, _, _ in told),
        backbones=tuple(part[0] for part in parts),
        strategies=tuple(part[2] for part in parts),
        labels=("",) * len(told),
        tied=(False,) * len(told),
    )


def _plain(column: Column) -> dict[str, Any]:
    return {
        "heading": column.heading,
        "meaning": column.metric.meaning if column.metric else "",
        "better": column.metric.better if column.metric else "",
        "number": numeric(column.heading),
        "shown": column.metric is None or column.metric.column,
        "texts": column.texts,
        # Most columns of words are sorted by what they show.
        "values": None if column.values == column.texts else [_finite(value) for value in column.values],
        "best": sorted(column.best),
    }


def _finite(value: float | str | None) -> float | str | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
