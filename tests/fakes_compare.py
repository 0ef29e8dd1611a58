"""Builders of runs whose rows are compared: answers to 1,000 images, costs and histories as asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fakes import Row, answers, epoch, finished_run, measured, record

from harness.analysis.standings import Standings, read_standings
from harness.backbones import BACKBONES
from harness.records import DataFacts, DeviceState, Epoch, Seconds, StepTimes

IMAGES = 1000
QUIET = DeviceState(others_share=0.01)
DISTURBED = DeviceState(others_share=0.5)
BASE = BACKBONES["MobileNet-0.25"].parameters
TRAINABLE = {"none": 66_000, "blocks:1": 100_000, "blocks:2": 130_000, "blocks:3": 160_000}


def steps(*milliseconds: float, state: DeviceState = QUIET, **changed: Any) -> StepTimes:
    """Step times from block times in milliseconds; a single one stands for ten equal blocks."""
    several = milliseconds if len(milliseconds) > 1 else milliseconds * 10
    usual: dict[str, Any] = {
        "batch": 32,
        "first_seconds": 2.0,
        "warm_up_steps": 2,
        "stable": True,
        "steps_per_block": 5,
        "block_seconds": tuple(each / 1000 for each in several),
        "state": state,
    }
    return StepTimes(**(usual | changed))


def trial(
    right: int,
    *,
    first: int = 0,
    seconds: float = 10.0,
    train: StepTimes | None = None,
    inference: StepTimes | None = None,
    history: Sequence[Epoch] = (epoch(1), epoch(2)),
    split: int = 2000,
    **changed: Any,
) -> Row:
    """A finished record with so many of 1,000 answers right, from image `first` on.

    Fast extraction of MobileNet-0.25 unless said otherwise; a depth implies fine-tuning.  `seconds` are those
    to its result, `split` the images of the training split.
    """
    depth = changed.get("depth", "none")
    if depth != "none":
        changed.setdefault("strategy", "fine-tuning")
    predictions = answers(right, IMAGES, first=first)
    best = min(history, key=lambda each: each.validation_loss or 0.0) if history else None
    found = measured(predictions).model_copy(
        update={
            "history": tuple(history),
            "best": best,
            "chosen": best,
            "parameters": BASE + TRAINABLE["none"],
            "parameters_trainable": TRAINABLE[depth],
            "seconds": Seconds(decode=0.0, training=seconds),
            "train_step": train or steps(20.0),
            "inference_step": inference or steps(60.0),
        }
    )
    gap = None if best is None else (best.accuracy or 0.0) - (best.validation_accuracy or 0.0)
    half = {"cats": split // 2, "dogs": split - split // 2}
    tested = {"cats": IMAGES // 2, "dogs": IMAGES // 2}
    data = DataFacts(
        source="folder",
        manifest_sha256=changed.pop("manifest", "a" * 64),
        classes=("cats", "dogs"),
        counts={"train": half, "validation": tested, "test": tested},
        left_out=0,
    )
    usual = {"data": data, "gap": gap}
    return record(measured=found, **(usual | changed)), predictions


def seeds(rights: Sequence[int], **changed: Any) -> list[Row]:
    """One row's trials, a seed each."""
    return [trial(right, seed=seed, **changed) for seed, right in enumerate(rights)]


def standings(folder: Path, rows: Sequence[Row], missing: Sequence[str] = ()) -> Standings:
    """What a run of these rows says."""
    return read_standings(finished_run(folder, rows, missing))
