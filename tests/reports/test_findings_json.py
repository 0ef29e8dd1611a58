"""What a comparison found as JSON: stable, strict, with all fields."""

import json
from dataclasses import fields
from pathlib import Path

from fakes_compare import trial
from fakes_judged import judged, usual_rows

from harness.comparison.finding import SEVERITIES, Finding
from harness.errors import UserError
from harness.reports.findings_json import findings_facts, refusal_facts


def test_the_document_has_its_version_exit_code_and_counts(tmp_path: Path):
    facts = findings_facts(judged(tmp_path, [trial(950)], [trial(900)]))
    assert (facts["schema_version"], facts["exit_code"], facts["reason"]) == (1, 1, None)
    assert facts["counts"] == dict.fromkeys(SEVERITIES, 0) | {"regression": 2}
    assert facts["baseline"]["matrix"] == facts["current"]["matrix"] == "tiny"
    assert facts["cells"] == [trial(900)[0].name]


def test_a_finding_has_all_its_fields_and_survives_json(tmp_path: Path):
    facts = findings_facts(judged(tmp_path, [trial(950)], [trial(900)]))
    again = json.loads(json.dumps(facts, allow_nan=False))
    first = again["findings"][0]
    assert set(first) == {field.name for field in fields(Finding)}
    assert (first["field"], first["severity"], first["margin"]) == ("test_accuracy", "regression", 0.02)
    assert set(first["interval"]) == {"low", "high", "confidence"}
    assert first["cells"] == facts["cells"]


def test_the_same_runs_give_the_same_document(tmp_path: Path):
    first, second = (
        findings_facts(judged(tmp_path / name, usual_rows(), usual_rows()[:2])) for name in ("a", "b")
    )
    assert json.dumps(first) == json.dumps(second)


def test_a_refusal_has_the_same_keys(tmp_path: Path):
    found = findings_facts(judged(tmp_path, usual_rows(), usual_rows()))
    refused = refusal_facts(UserError("other images", hint="Do that."), 3)
    assert set(refused) == set(found)
    assert (refused["exit_code"], refused["reason"]) == (3, "other images\nDo that.")
