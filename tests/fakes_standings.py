"""Standings of any size for the pictures, made without files and without tests between rows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from fakes import ENVIRONMENT, answers, measured, record, run_facts

from harness.analysis.answers import Answers
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.backbones import BACKBONES
from harness.record_store import RecordStore
from harness.records import DeviceState, Predictions, Record, Seconds, StepTimes
from harness.statistics import Interval, wilson

STRATEGIES = (
    {"strategy": "fast-extraction"},
    {"strategy": "augmented-extraction"},
    {"strategy": "fine-tuning", "depth": "blocks:1"},
    {"strategy": "fine-tuning", "depth": "blocks:2"},
    {"strategy": "fine-tuning", "depth": "all"},
)
_SHARES = (0.0, 0.0, 0.25, 0.6, 0.99)
_HEAD = 300_000


def steps(milliseconds: float, blocks: int = 10, **changed: Any) -> StepTimes:
    """Times of a step about a median."""
    times = tuple(milliseconds / 1000 * (1 + 0.02 * (place - (blocks - 1) / 2)) for place in range(blocks))
    usual: dict[str, Any] = {
        "batch": 32,
        "first_seconds": 2.0,
        "warm_up_steps": 2,
        "stable": True,
        "steps_per_block": 5,
        "block_seconds": times,
    }
    return StepTimes(**(usual | changed))


class MadeUpAnswers(Answers):
    """Predictions with the recorded accuracy, of no file."""

    def of(self, record: Record) -> Predictions:
        """As many right as the record says."""
        images = record.measured.test_images or 1
        return answers(round((record.measured.test_accuracy or 0.0) * images), images)


DISTURBED = DeviceState(others_share=0.5)


def result(
    accuracy: float = 0.9,
    *,
    cost: float = 60.0,
    train: StepTimes | None = None,
    inference: StepTimes | None = None,
    share: float = 0.0,
    images: int = 1000,
    **cell: Any,
) -> Record:
    """A finished record with these figures; `cost` is seconds to result, `share` what trains of the base."""
    found = measured(answers(round(accuracy * images), images))
    base = BACKBONES[cell.get("backbone", "MobileNet-0.25")].parameters
    figures = {
        "parameters": base + _HEAD,
        "parameters_trainable": round(share * base) + _HEAD,
        "seconds": Seconds(decode=cost / 2, training=cost / 2),
        "train_step": train or steps(80.0),
        "inference_step": inference or steps(40.0),
    }
    return record(**cell, measured=found.model_copy(update=figures))


def shown(*records: Record) -> Row:
    """A row of these seeds."""
    accuracies = [each.measured.test_accuracy or 0.0 for each in records]
    images = records[0].measured.test_images or 0
    low, high = wilson(round(sum(accuracies) / len(accuracies) * images), images)
    return Row(records, Interval(low, high, 0.95), rank=1)


def standings(*tables: Sequence[Row], tied: float = 0.01, **changed: Any) -> Standings:
    """Standings of these tables, each in order of accuracy; rows within `tied` of the best tie with it."""
    ordered = [sorted(rows, key=lambda row: -row.accuracy) for rows in tables if rows]
    ranked = tuple(
        Table(tuple(replace(row, tied=row.accuracy >= rows[0].accuracy - tied) for row in rows))
        for rows in ordered
    )
    usual: dict[str, Any] = {
        "facts": run_facts(),
        "records": tuple(each for rows in tables for row in rows for each in row.records),
        "tables": ranked,
        "controls": (),
        "partial": (),
        "failed": (),
        "missing": (),
        "answers": MadeUpAnswers(RecordStore(Path("nowhere"))),
    }
    usual |= changed
    usual["records"] = (
        *usual["records"],
        *usual["failed"],
        *(each for row in usual["partial"] for each in row.records),
    )
    return Standings(**usual)


def many(backbones: int = 40, *, device: str = "cpu", seed: int = 0, seeds: int = 1) -> list[Row]:
    """Rows of that many backbones by five strategies, with plausible figures."""
    random = np.random.default_rng(seed)
    rows = []
    for backbone in list(BACKBONES)[:backbones]:
        millions = BACKBONES[backbone].parameters / 1e6
        for number, (strategy, share) in enumerate(zip(STRATEGIES, _SHARES, strict=True)):
            best = 0.90 + 0.03 * np.log10(1 + millions) + (0.0, 0.004, 0.012, 0.015, 0.008)[number]
            speed = (0.1 if device == "gpu" else 1.0) * (10 + 8 * millions) * random.uniform(0.7, 1.4)
            rows.append(
                shown(
                    *(
                        result(
                            float(np.clip(best + random.normal(0, 0.01), 0.5, 0.995)),
                            cost=speed * (0.3, 2.0, 2.2, 2.6, 4.0)[number] * random.uniform(0.8, 1.2),
                            train=steps(2.0 if number == 0 else speed * (1.0, 1.0, 1.3, 1.7, 2.8)[number]),
                            inference=steps(speed),
                            share=share,
                            backbone=backbone,
                            device=device,
                            seed=each,
                            environment=ENVIRONMENT,
                            **strategy,
                        )
                        for each in range(seeds)
                    )
                )
            )
    return rows
