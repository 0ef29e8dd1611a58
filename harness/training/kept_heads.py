"""Heads that a first phase has trained, kept for the fine-tuning that starts with that very phase.

Fine-tuning's first phase is fast or augmented extraction's with the same seed: same start of the
head, same images in the same order, same frozen base.  What an earlier cell trained is therefore
what this one would train, and its history and seconds are taken over, labelled so.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.files import FACTS, is_whole, whole_folder
from harness.records import Epoch

__all__ = ["KeptHead", "keep_head", "kept_head"]


@dataclass(frozen=True)
class KeptHead:
    """The head's variables in its own order, the epochs that led there, best and chosen.

    `extraction` is what the features that it was trained and validated on had cost: seconds and peak
    bytes of host memory by part; `traces` is how often its train step was traced.

    The variables are the trained weights and the state of dropout's generator, which goes on from there.
    """

    variables: tuple[NDArray[Any], ...]
    history: tuple[Epoch, ...]
    best: Epoch
    chosen: Epoch
    extraction: dict[str, tuple[float, int]]
    traces: int


def kept_head(folder: Path) -> KeptHead | None:
    """The head that was kept in a folder, None if there is none."""
    if not is_whole(folder):
        return None
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    variables = tuple(np.load(folder / f"{number}.npy") for number in range(facts["variables"]))
    epochs = {name: Epoch.model_validate(facts[name]) for name in ("best", "chosen")}
    history = tuple(Epoch.model_validate(each) for each in facts["history"])
    extraction = {name: (seconds, peak) for name, (seconds, peak) in facts["extraction"].items()}
    return KeptHead(variables, history, **epochs, extraction=extraction, traces=facts["traces"])


def keep_head(folder: Path, head: KeptHead) -> None:
    """Keep a trained head, whole or not at all; one that is there already stays."""
    if is_whole(folder):
        return
    with whole_folder(folder) as partial:
        for number, array in enumerate(head.variables):
            np.save(partial / f"{number}.npy", array)
        facts = {
            "variables": len(head.variables),
            "history": [epoch.model_dump() for epoch in head.history],
            "best": head.best.model_dump(),
            "chosen": head.chosen.model_dump(),
            "extraction": head.extraction,
            "traces": head.traces,
        }
        (partial / FACTS).write_text(json.dumps(facts, allow_nan=False), encoding="utf-8")
