"""The schemas: pinned where others build on them, and true of what is really written."""

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import answers, failed_record, finished_run, record, row

from harness.analysis.fields import FIELDS
from harness.analysis.frame import load
from harness.reports.schema import SCHEMAS, record_schema, table_schema
from harness.reports.table_file import table_json

PINNED = Path(__file__).parent / "table.schema.json"
_KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}


def test_the_table_is_as_it_was_committed():
    """Changed on purpose?  Raise TABLE_VERSION where readers break; commit `transferbench schema table`."""
    assert table_schema() == json.loads(PINNED.read_text(encoding="utf-8"))


def test_a_written_table_keeps_its_schema(tmp_path: Path):
    rows = [row(answers(90)), (failed_record("oom", "too large", seed=1), None)]
    document = json.loads(table_json(load(finished_run(tmp_path, rows).path)))
    properties = table_schema()["properties"]["rows"]["items"]["properties"]
    for each in document["rows"]:
        assert list(each) == list(properties)
        wrong = [name for name, value in each.items() if not _allowed(value, properties[name]["type"])]
        assert wrong == []


def _allowed(value: Any, kinds: str | list[str]) -> bool:
    names = [kinds] if isinstance(kinds, str) else kinds
    return any(
        isinstance(value, _KINDS[name]) and (name == "boolean") == (value is True or value is False)
        for name in names
    )


def test_a_written_record_has_the_properties_of_its_schema():
    schema = record_schema()
    written = json.loads(record().model_dump_json())
    assert set(written) == set(schema["properties"])
    step = schema["$defs"]["StepTimes"]["properties"]
    assert set(written["measured"]["train_step"]) == set(step)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_tells_its_dialect_version_and_units(name: str):
    schema = SCHEMAS[name]()
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["properties"]["schema_version"]["const"] == 1
    assert "schema version 1" in schema["description"]
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


def test_the_description_of_a_column_has_its_unit():
    properties = table_schema()["properties"]["rows"]["items"]["properties"]
    assert properties["inference_ms"]["description"].endswith("unit: ms/step")
    assert [
        field.name
        for field in FIELDS
        if field.unit and field.unit not in properties[field.name]["description"]
    ] == []
