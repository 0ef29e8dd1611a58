"""A recommendation as facts for other programs, in the units of the exports."""

from typing import Any

from harness.analysis.recommend import Advice, Candidate, GroupAdvice, batches, milliseconds_an_image
from harness.analysis.timing_doubts import unwatched
from harness.metrics import metric

__all__ = ["recommendation_facts"]


def recommendation_facts(advice: Advice) -> dict[str, Any]:
    """Everything that a recommendation says, as plain values; a choice is told with the rows it was among."""
    return {
        "schema_version": 1,
        "matrix": advice.standings.facts.matrix,
        "limits": [
            {
                "option": limit.option,
                "metric": limit.metric.name,
                "bound": limit.bound,
                "unit": limit.metric.export_unit,
            }
            for limit in advice.limits
        ],
        "cost": {"name": advice.cost.name, "unit": advice.cost.unit, "meaning": advice.cost.meaning},
        "groups": [_group_facts(group) for group in advice.groups],
        "controls": [row.name for row in advice.standings.controls],
        "partial": [row.name for row in advice.standings.partial],
        "failed": [record.name for record in advice.standings.failed],
        "missing": [name for name, _ in advice.standings.missing],
    }


def _group_facts(group: GroupAdvice) -> dict[str, Any]:
    first = group.table.first
    return {
        "environment": first.environment.fingerprint,
        "device": first.cell.device,
        "precision": first.cell.precision,
        "manifest": first.data.manifest_sha256,
        "rows": len(group.table.rows),
        "rows_within": len(group.within),
        "tests": group.family,
        "winner": _facts(group.winner),
        "most_accurate": _facts(group.best),
        "tied": [
            {
                **_some_facts(rival.candidate),
                "winner_minus_this": rival.comparison.difference,
                "winner_minus_this_low": rival.comparison.interval.low,
                "winner_minus_this_high": rival.comparison.interval.high,
                "p_value": rival.comparison.p_value,
                "method": rival.comparison.method,
            }
            for rival in group.rivals
        ],
        "chosen_by": group.choice.by or None if group.choice else None,
        "as_cheap": [each.row.name for each in group.choice.as_cheap] if group.choice else [],
        "worse": [_some_facts(each) for each in group.worse],
        "front": [_some_facts(each) for each in group.front],
        "beyond_limits": [_some_facts(each) for each in group.out],
        "nearest": None
        if group.nearest is None
        else {
            **_some_facts(group.nearest),
            "admitted_by": [
                miss.limit.admitting(miss.value) for miss in group.nearest.misses if miss.value is not None
            ],
        },
    }


def _facts(each: Candidate | None) -> dict[str, Any] | None:
    return None if each is None else _some_facts(each)


def _some_facts(each: Candidate) -> dict[str, Any]:
    row = each.row
    batch = batches(row)
    return {
        "configuration": row.name,
        "backbone": row.cell.backbone,
        "strategy": row.cell.strategy,
        "depth": row.cell.depth,
        "recipe": row.cell.recipe,
        "size_px": row.cell.size,
        "train_images": row.cell.train_images,
        "seeds": list(row.seeds),
        "test_accuracy": row.accuracy,
        "low": row.interval.low,
        "high": row.interval.high,
        "images_tested": row.images,
        "inference_ms": row.value(metric("inference_ms")),
        "inference_batch": batch[0] if len(batch) == 1 else None,
        "inference_ms_per_image": milliseconds_an_image(row),
        "to_result_s": row.value(metric("to_result_s")),
        "peak_memory_bytes": row.value(metric("peak_memory_bytes")),
        "cost": each.cost,
        "doubt": each.doubt or None,
        "watched": not any(map(unwatched, row.records)),
        "misses": [
            {
                "option": miss.limit.option,
                "metric": miss.limit.metric.name,
                "value": miss.value,
                "bound": miss.limit.bound,
            }
            for miss in each.misses
        ],
    }
