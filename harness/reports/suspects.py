"""Images that every confident model of a run puts in another class: likely label noise."""

from dataclasses import dataclass

import numpy as np

from harness.data.manifest import Manifest
from harness.errors import UserError
from harness.reports.leaderboard import read_run
from harness.running.folder import RunFolder

__all__ = ["Suspect", "find_suspects"]


@dataclass(frozen=True)
class Suspect:
    """A test image, its label, what the models say instead, how many and how sure at least."""

    id: str
    path: str
    label: str
    said: str
    models: int
    confidence: float


def find_suspects(folder: RunFolder, *, confidence: float = 0.9, models: int = 2) -> list[Suspect]:
    """Test images that at least `models` models are confident about, and all of those contradict.

    Random bases have no say.  Only test images can be judged: models have seen the others' labels.
    Raises `UserError` if the run holds too few models.
    """
    _, records = read_run(folder)
    asked = [record for record in records if record.status == "ok" and record.weights.kind != "random"]
    if len(asked) < models:
        raise UserError(
            f"suspects need {models} models that agree, and this run has {len(asked)}",
            where=str(folder.path),
        )
    manifest = Manifest.load(folder.manifest)
    entries = {entry.id: entry for entry in manifest.entries}
    answers = [folder.records.predictions(record) for record in asked]
    probabilities = np.stack([each.probabilities for each in answers])
    ids, labels = answers[0].ids, answers[0].labels
    sure = probabilities.max(axis=2) >= confidence
    says = probabilities.argmax(axis=2)
    found = []
    for column, (name, label) in enumerate(zip(ids, labels, strict=True)):
        voices = says[sure[:, column], column]
        if len(voices) < models or len(set(voices)) > 1 or voices[0] == label:
            continue
        entry = entries[str(name)]
        least = float(probabilities[sure[:, column], column, voices[0]].min())
        said = manifest.classes[int(voices[0])]
        found.append(Suspect(entry.id, entry.path, entry.label, said, len(voices), least))
    return sorted(found, key=lambda suspect: (-suspect.models, -suspect.confidence, suspect.id))
