"""The columns of a run's table: name, kind, meaning and unit of each, declared once.

They drive the frame of `harness.load`, the files of `transferbench table` and the schema of
`transferbench schema table`.  A change of these columns is a change of `TABLE_VERSION`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.analysis.step_times import time_doubt
from harness.matrix import Cell
from harness.metrics import METRICS, Metric
from harness.records import Record
from harness.text import sentences

__all__ = ["FIELDS", "TABLE_VERSION", "Entry", "Field", "entries"]

TABLE_VERSION: Final = 1

Kind = Literal["text", "whole", "number", "truth"]


@dataclass(frozen=True)
class Entry:
    """A record with its run and its row; `row` is None for one without a result.

    `standing` is what its row is: "ranked", "control" (random weights), "partial" (a seed lacks a result) or
    "none".
    """

    run: str
    matrix: str
    record: Record
    row: Row | None
    standing: str


@dataclass(frozen=True)
class Field:
    """One column: what is in it, in which unit ("" for none), and whether a row may have nothing there."""

    name: str
    kind: Kind
    meaning: str
    value: Callable[[Entry], Any]
    unit: str = ""
    always: bool = False

    def of(self, entry: Entry) -> Any:
        """The value of a row; None where there is none, and in place of an empty text."""
        value = self.value(entry)
        return None if value == "" else value


def entries(found: Standings, run: Path) -> Iterator[Entry]:
    """Every record of a run with its row, in the order of the plan; `run` is told as it was named."""
    rows: dict[tuple[str, str], tuple[Row, str]] = {}
    ranked = [row for table in found.tables for row in table.rows]
    for standing, some in (("ranked", ranked), ("control", found.controls), ("partial", found.partial)):
        rows |= {(record.name, record.key): (row, standing) for row in some for record in row.records}
    for record in found.records:
        row, standing = rows.get((record.name, record.key), (None, "none"))
        yield Entry(run.as_posix(), found.facts.matrix, record, row, standing)


def _cell(value: Callable[[Cell], Any]) -> Callable[[Entry], Any]:
    return lambda entry: value(entry.record.cell)


def _row(value: Callable[[Row], Any]) -> Callable[[Entry], Any]:
    return lambda entry: None if entry.row is None else value(entry.row)


def _place(end: int) -> Callable[[Entry], Any]:
    return _row(lambda row: None if row.rank_interval is None else row.rank_interval[end])


def _tied(entry: Entry) -> bool | None:
    return entry.row.tied if entry.row is not None and entry.standing == "ranked" else None


def _images(split: str) -> Callable[[Entry], Any]:
    return lambda entry: sum(entry.record.data.counts.get(split, {}).values())


def _batch(step: str) -> Callable[[Entry], Any]:
    def value(entry: Entry) -> int | None:
        times = getattr(entry.record.measured, step)
        return None if times is None else times.batch

    return value


def _doubt(name: str) -> Callable[[Entry], Any]:
    return lambda entry: time_doubt((entry.record,), name)


def _metric(metric: Metric) -> Field:
    kind: Kind = "whole" if metric.export_unit in ("count", "epoch", "bytes") else "number"
    return Field(
        metric.name, kind, metric.meaning, lambda entry: metric.value(entry.record), metric.export_unit
    )


FIELDS: Final = (
    Field("run", "text", "the run's folder, as it was named", lambda entry: entry.run, always=True),
    Field("matrix", "text", "the matrix' name", lambda entry: entry.matrix, always=True),
    Field("cell", "text", "the cell's name", lambda entry: entry.record.name, always=True),
    Field(
        "configuration",
        "text",
        "the cell's name without its seed",
        _cell(lambda cell: cell.configuration),
        always=True,
    ),
    Field("backbone", "text", "the keras.applications model", _cell(lambda cell: cell.backbone), always=True),
    Field("weights", "text", "kind of the weights", _cell(lambda cell: cell.weights), always=True),
    Field("strategy", "text", "how the backbone is adapted", _cell(lambda cell: cell.strategy), always=True),
    Field(
        "depth",
        "text",
        '"none" of a strategy without one',
        _cell(lambda cell: cell.depth),
        always=True,
    ),
    Field("recipe", "text", "name of the hyperparameters", _cell(lambda cell: cell.recipe), always=True),
    Field(
        "size_px", "whole", "edge of the square images", _cell(lambda cell: cell.size), "pixels", always=True
    ),
    Field("seed", "whole", "the seed", _cell(lambda cell: cell.seed), always=True),
    Field("device", "text", "cpu or gpu", _cell(lambda cell: cell.device), always=True),
    Field("precision", "text", "Keras' dtype policy", _cell(lambda cell: cell.precision), always=True),
    Field(
        "learning_rate",
        "number",
        "the one in place of the recipe's; null where the recipe's counts",
        _cell(lambda cell: cell.learning_rate),
    ),
    Field(
        "train_images",
        "whole",
        "how many of the training images take part; null for all of the split",
        _cell(lambda cell: cell.train_images),
        "images",
    ),
    Field(
        "status",
        "text",
        "ok, or why there is no result: oom, timeout, diverged, crashed, skipped",
        lambda entry: entry.record.status,
        always=True,
    ),
    Field(
        "reason",
        "text",
        "why there is no result, in words",
        lambda entry: sentences(entry.record.reason),
    ),
    *map(_metric, METRICS),
    Field("train_batch", "whole", "batch of a train step", _batch("train_step"), "images/step"),
    Field("inference_batch", "whole", "batch of an inference step", _batch("inference_step"), "images/step"),
    Field(
        "train_doubt",
        "text",
        "why train_ms is not to be compared: disturbed, unstable; null where it is sound",
        _doubt("train_ms"),
    ),
    Field(
        "inference_doubt",
        "text",
        "why inference_ms is not to be compared: disturbed, unstable; null where it is sound",
        _doubt("inference_ms"),
    ),
    Field(
        "standing",
        "text",
        "what its row is: ranked, control (random weights), partial (a seed lacks a result), none (failed)",
        lambda entry: entry.standing,
        always=True,
    ),
    Field(
        "row_seeds",
        "whole",
        "seeds of its row that have a result",
        _row(lambda row: len(row.records)),
        "seeds",
    ),
    Field(
        "row_accuracy",
        "number",
        "test accuracy of its row: the mean over seeds",
        _row(lambda row: row.accuracy),
        "0..1",
    ),
    Field(
        "row_low",
        "number",
        "lower end of the row's 95 % interval",
        _row(lambda row: row.interval.low),
        "0..1",
    ),
    Field(
        "row_high",
        "number",
        "upper end of the row's 95 % interval",
        _row(lambda row: row.interval.high),
        "0..1",
    ),
    Field(
        "row_spread",
        "number",
        "standard deviation of the row's accuracy over seeds",
        _row(lambda row: row.spread),
        "0..1",
    ),
    Field(
        "rank",
        "whole",
        "one plus the number of significantly better rows of the same environment, device, precision and "
        "manifest; null where not ranked",
        _row(lambda row: row.rank),
    ),
    Field("rank_low", "whole", "the best place that the row can have", _place(0)),
    Field("rank_high", "whole", "the worst place that the row can have", _place(1)),
    Field("tied", "truth", "whether no row is significantly better than its row: rank 1", _tied),
    Field("data", "text", "where the images came from", lambda entry: entry.record.data.source, always=True),
    Field(
        "manifest",
        "text",
        "SHA-256 of the manifest: which image is in which split",
        lambda entry: entry.record.data.manifest_sha256,
        always=True,
    ),
    Field(
        "classes",
        "whole",
        "number of classes",
        lambda entry: len(entry.record.data.classes),
        "classes",
        always=True,
    ),
    *(
        Field(f"images_{split}", "whole", f"images of the {split} split", _images(split), "images", True)
        for split in ("train", "validation", "test")
    ),
    Field(
        "images_tested",
        "whole",
        "images that the test accuracy is of",
        lambda entry: entry.record.measured.test_images,
        "images",
    ),
    Field(
        "images_left_out",
        "whole",
        "files that take no part",
        lambda entry: entry.record.data.left_out,
        "files",
        always=True,
    ),
    Field(
        "weights_sha256",
        "text",
        "SHA-256 of the weights file",
        lambda entry: entry.record.weights.sha256,
    ),
    Field(
        "environment",
        "text",
        "fingerprint of machine and versions: times are comparable only within one",
        lambda entry: entry.record.environment.fingerprint,
        always=True,
    ),
    Field("processor", "text", "the processor", lambda entry: entry.record.environment.processor),
    Field("gpus", "text", "the GPUs and drivers", lambda entry: "; ".join(entry.record.environment.gpus)),
    Field("commit", "text", "the harness's commit", lambda entry: entry.record.commit),
    Field(
        "started", "text", "when the cell started, ISO 8601", lambda entry: entry.record.started, always=True
    ),
)
"""Every column, in the order of the table."""
