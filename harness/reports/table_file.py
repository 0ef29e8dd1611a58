"""A table of records as a file: CSV, Parquet or JSON, chosen by the ending of its name.

All three give the same frame when they are read again.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from harness.analysis.fields import FIELDS, TABLE_VERSION
from harness.analysis.frame import DTYPES, with_dtypes
from harness.errors import UserError
from harness.files import write_whole

__all__ = ["read_table", "require_table_name", "table_csv", "table_json", "table_parquet", "write_table"]


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table whole; raises `UserError` for another ending, or where Parquet needs what is not here."""
    require_table_name(path)
    write_whole(path, _WRITERS[path.suffix.lower()](frame))


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote, with the dtypes that it had."""
    require_table_name(path)
    return _READERS[path.suffix.lower()](path)[list(DTYPES)].astype(DTYPES)


def require_table_name(path: Path) -> None:
    """Raise `UserError` for a name that does not end as a known format."""
    if path.suffix.lower() not in _WRITERS:
        raise UserError(
            f"expected a file that ends in {', '.join(_WRITERS)}, got {path.name!r}",
            hint="For example: --out rows.csv",
        )


def table_csv(frame: pd.DataFrame) -> str:
    """A table as CSV: names in the first line, numbers in full, nothing where there is none."""
    return str(frame.to_csv(index=False, lineterminator="\n"))


def table_json(frame: pd.DataFrame) -> str:
    """A table as strict JSON: the version of its schema, and an object a row; null where there is nothing."""
    columns = [[None if value is pd.NA else value for value in frame[name].tolist()] for name in frame]
    rows = [dict(zip(frame, values, strict=True)) for values in zip(*columns, strict=True)]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return f'{{"schema_version": {TABLE_VERSION}, "rows": [\n{lines}\n]}}\n'


def table_parquet(frame: pd.DataFrame) -> bytes:
    """A table as Parquet; raises `UserError` where pyarrow is not installed."""
    _require_pyarrow()
    written = io.BytesIO()
    frame.to_parquet(written, engine="pyarrow", index=False)
    return written.getvalue()


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise UserError(
            "Parquet needs pyarrow, which is not installed",
            hint="Install it with: pip install 'transferbench[parquet]' (or pip install pyarrow); "
            "CSV and JSON need nothing more.",
        ) from None


def _read_csv(path: Path) -> pd.DataFrame:
    # Read by hand: pandas takes a run called "nan" for a missing one, and rounds the last digit of numbers.
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return with_dtypes(
        {field.name: [_VALUES[field.kind](row[field.name]) for row in rows] for field in FIELDS}
    )


def _read_json(path: Path) -> pd.DataFrame:
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["schema_version"] != TABLE_VERSION:
        raise UserError(
            f"expected a table of schema version {TABLE_VERSION}, got {document['schema_version']}",
            where=str(path),
            hint="Write it again with `transferbench table`.",
        )
    rows = document["rows"]
    return with_dtypes({name: [row[name] for row in rows] for name in DTYPES})


def _read_parquet(path: Path) -> pd.DataFrame:
    _require_pyarrow()
    return pd.read_parquet(path, engine="pyarrow")


_VALUES: Final[Mapping[str, Callable[[str], Any]]] = {
    "text": lambda text: text or None,
    "whole": lambda text: int(text) if text else None,
    "number": lambda text: float(text) if text else None,
    "truth": lambda text: text == "True" if text else None,
}
_WRITERS: Final[Mapping[str, Callable[[pd.DataFrame], str | bytes]]] = {
    ".csv": table_csv,
    ".parquet": table_parquet,
    ".json": table_json,
}
_READERS: Final[Mapping[str, Callable[[Path], pd.DataFrame]]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".json": _read_json,
}
