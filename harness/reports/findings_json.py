"""What a comparison found, for programs: one JSON document, stable under its schema version."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from harness.comparison.finding import SEVERITIES, Finding, Judgement
from harness.errors import UserError

__all__ = ["FINDINGS_SCHEMA_VERSION", "finding_facts", "findings_facts", "refusal_facts"]

FINDINGS_SCHEMA_VERSION: Final = 1


def findings_facts(found: Judgement) -> dict[str, Any]:
    """The judgement as plain values: exit code, counts by severity, and every field of every finding."""
    return {
        "schema_version": FINDINGS_SCHEMA_VERSION,
        "exit_code": found.exit_code,
        "reason": None,
        "dedicated": found.dedicated,
        "baseline": asdict(found.baseline),
        "current": asdict(found.current),
        "cells": list(found.cells),
        "planned": list(found.planned),
        "unchanged": list(found.unchanged),
        "counts": {severity: len(found.of(severity)) for severity in SEVERITIES},
        "findings": [finding_facts(each) for each in found.findings],
    }


def refusal_facts(error: UserError, exit_code: int) -> Mapping[str, Any]:
    """The same document where nothing could be compared: `reason` says why, and nothing was found."""
    return {
        "schema_version": FINDINGS_SCHEMA_VERSION,
        "exit_code": exit_code,
        "reason": str(error),
        "dedicated": None,
        "baseline": None,
        "current": None,
        "cells": [],
        "planned": [],
        "unchanged": [],
        "counts": dict.fromkeys(SEVERITIES, 0),
        "findings": [],
    }


def finding_facts(found: Finding) -> dict[str, Any]:
    """One finding as plain values."""
    return asdict(found)
