"""Runs that are compared as a gate: a baseline and a current run, and what is found."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fakes import ENVIRONMENT, Row, finished_run
from fakes_compare import trial
from numpy.typing import NDArray

from harness.comparison.cells import Pair
from harness.comparison.compare import compare_folders
from harness.comparison.finding import Finding, Judgement
from harness.metrics import MARGINS
from harness.records import Measured, Predictions, Record

ELSEWHERE = ENVIRONMENT.model_copy(update={"processor": "Another Processor"})
USUAL = {name: margin.value for name, margin in MARGINS.items()}

Check = Callable[[Pair], Any]


def changed(row: Row, **measured: Any) -> Row:
    """A row of which something else was measured; names of the record change the record."""
    found, predictions = row
    own = {name: measured.pop(name) for name in list(measured) if name in Record.model_fields}
    if measured:
        assert set(measured) <= set(Measured.model_fields)
        own["measured"] = found.measured.model_copy(update=measured)
    return found.model_copy(update=own), predictions


def pair(before: Row, after: Row, **margins: float) -> Pair:
    """One cell in two runs."""
    return Pair(before[0], after[0], USUAL | margins)


def found(check: Check, before: Row, after: Row, **margins: float) -> list[Finding]:
    """What one check finds of one cell."""
    return list(check(pair(before, after, **margins)))


def predictions(correct: NDArray[np.bool_], sure: float | NDArray[np.floating] = 0.9) -> Predictions:
    """Predictions of two classes that are right where that is so, with this confidence; labels alternate."""
    labels = np.arange(len(correct), dtype=np.int64) % 2
    chosen = np.where(correct, labels, 1 - labels)
    confidence = np.broadcast_to(np.asarray(sure, dtype=np.float32), (len(correct),))
    probabilities = np.repeat((1 - confidence)[:, None], 2, axis=1)
    probabilities[np.arange(len(correct)), chosen] = confidence
    ids = np.array([f"id{number}" for number in range(len(correct))])
    return Predictions(ids, labels, probabilities.astype(np.float32))


def judged(
    folder: Path, before: Sequence[Row], after: Sequence[Row], *, margins: Any = None, **options: Any
) -> Judgement:
    """What is found of two runs; `margins` are the baseline's, `missing` are lost cells of the current."""
    finished_run(folder / "baseline", before, margins=margins)
    finished_run(folder / "current", after, options.pop("missing", ()))
    return compare_folders(folder / "baseline", folder / "current", **options)


def kinds(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    """Kind, severity and field of findings."""
    return [(each.kind, each.severity, each.field) for each in findings]


def usual_rows() -> list[Row]:
    """Three cells that ended well."""
    return [trial(900), trial(930, depth="blocks:1"), trial(950, backbone="VGG16")]
