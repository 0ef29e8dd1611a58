"""A run as a tidy pandas frame: a row a record, failures among them."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

import pandas as pd

from harness.analysis.fields import FIELDS, entries
from harness.analysis.standings import read_standings
from harness.errors import UserError
from harness.record_store import no_collection
from harness.running.folder import RunFolder
from harness.timing.records import TimingFolder

__all__ = ["DTYPES", "frame_of", "load", "with_dtypes"]

_KINDS = {"text": "string", "whole": "Int64", "number": "Float64", "truth": "boolean"}

DTYPES: Final = {field.name: _KINDS[field.kind] for field in FIELDS}
"""The dtype of each column; all of them have a missing value, and none is NaN."""


def load(*runs: str | PathLike[str]) -> pd.DataFrame:
    """The records of one or several runs as a frame, a row a record, in the order of the plans.

    The columns are those of `harness.analysis.fields`, with the dtypes of `DTYPES`; units stand in
    `transferbench schema table`.  A record without a result has its status and reason, and no numbers.
    Ranks and intervals are those of each run by itself.  Raises `UserError` for a folder without a run or
    without records, for a timing run, and for a damaged record.
    """
    if not runs:
        raise UserError(
            "expected the folder of a run, got none", hint='For example: load("results/runs/mine")'
        )
    return frame_of([Path(run) for run in runs])


def frame_of(runs: Sequence[Path]) -> pd.DataFrame:
    """The records of these runs as a frame; see `load`."""
    found = []
    with no_collection():
        for run in runs:
            _require_trainings(run)
            found += list(entries(read_standings(RunFolder(run)), run))
        return with_dtypes({field.name: [field.of(entry) for entry in found] for field in FIELDS})


def with_dtypes(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """A frame of the declared columns with their dtypes; None is missing."""
    dtypes: Mapping[str, Any] = DTYPES
    return pd.DataFrame({name: pd.array(columns[name], dtype=dtype) for name, dtype in dtypes.items()})


def _require_trainings(run: Path) -> None:
    """A folder of timings alone is another table."""
    if not (run / "run.json").is_file() and TimingFolder(run).facts_file.is_file():
        raise UserError(
            "expected a run of trainings, found a timing run, whose table has other columns",
            where=str(run),
            hint=f"`transferbench report {run}` writes it as timings.csv, a row a timed cell; "
            "pandas.read_csv reads that.",
        )
