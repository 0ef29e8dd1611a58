"""The JSON Schemas of what this project writes: records, the table of a run, timing records.

The version of each stands in it; units stand in the descriptions.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from harness.analysis.fields import FIELDS, TABLE_VERSION, Field
from harness.records import SCHEMA_VERSION, Record
from harness.timing.records import TimingRecord

__all__ = ["SCHEMAS", "record_schema", "table_schema", "timing_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"text": "string", "whole": "integer", "number": "number", "truth": "boolean"}


def record_schema() -> dict[str, Any]:
    """The schema of a record's file: RUN/records/*.json."""
    return _of(
        Record.model_json_schema(mode="serialization"),
        f"A record of transferbench, schema version {SCHEMA_VERSION}: all that one cell produced, in "
        "RUN/records/*.json. Times are in seconds, memory in bytes, accuracies and gaps in 0..1, losses in "
        "nats, unless a field's name or description says otherwise.",
    )


def timing_schema() -> dict[str, Any]:
    """The schema of a timing record's file: RUN/timings/*.json."""
    version = TimingRecord.model_fields["schema_version"].default
    return _of(
        TimingRecord.model_json_schema(mode="serialization"),
        f"A timing record of transferbench, schema version {version}: one timing of one cell in one pass, "
        "RUN/timings/*.json. Times are in seconds a step, memory in bytes, unless a field's name or "
        "description says otherwise.",
    )


def table_schema() -> dict[str, Any]:
    """The schema of `transferbench table --json`; CSV and Parquet have the same columns."""
    return {
        "$schema": _DIALECT,
        "title": "Table",
        "description": f"The table of a run of transferbench, schema version {TABLE_VERSION}: a row a "
        "record. CSV and Parquet have the same columns, with nothing for null. In pandas texts are string, "
        "whole numbers Int64, numbers Float64 and truths boolean.",
        "type": "object",
        "properties": {
            "schema_version": {"const": TABLE_VERSION},
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {field.name: _property(field) for field in FIELDS},
                    "required": [field.name for field in FIELDS],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["schema_version", "rows"],
        "additionalProperties": False,
    }


SCHEMAS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "record": record_schema,
    "table": table_schema,
    "timing": timing_schema,
}
"""What can be asked for by name."""


def _property(field: Field) -> dict[str, Any]:
    kind = _TYPES[field.kind]
    unit = f"; unit: {field.unit}" if field.unit else ""
    return {"type": kind if field.always else [kind, "null"], "description": f"{field.meaning}{unit}"}


def _of(found: dict[str, Any], description: str) -> dict[str, Any]:
    return {"$schema": _DIALECT, **found, "description": description}
