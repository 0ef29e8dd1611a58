"""Images that every confident model of a run puts in another class: likely label noise."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.analysis.answers import Answers
from harness.analysis.errors import model_of
from harness.analysis.standings import read_run
from harness.data.inspection import Inspection
from harness.data.manifest import Manifest
from harness.errors import UserError
from harness.records import Record
from harness.running.folder import RunFolder
from harness.text import counted

__all__ = ["Suspect", "Suspects", "find_suspects"]


@dataclass(frozen=True)
class Suspect:
    """A test image, its label, what the models say instead, how many and how sure at least."""

    id: str
    path: str
    label: str
    said: str
    models: int
    confidence: float


@dataclass(frozen=True)
class Suspects:
    """The suspects, by the rule that at least `models` models are at least so sure.

    These are of two backbones or more.  `reason` is why none could be looked for.
    """

    images: tuple[Suspect, ...]
    confidence: float
    models: int
    reason: str = ""

    def lines(self) -> list[str]:
        """A line for each image; percentages are rounded down, so that "at least" holds."""
        return [
            f"{image.path}: labelled {image.label}, {image.models} models say {image.said} "
            f"(at least {math.floor(1000 * image.confidence) / 10} %)"
            for image in self.images
        ]


def find_suspects(
    folder: RunFolder, found: Inspection, *, confidence: float = 0.9, models: int = 2
) -> Suspects:
    """Test images that at least `models` models are confident about, and all of those contradict.

    Cells of one backbone and depth are one model: heads on the same features err alike.  Depths of one
    backbone agree on errors too, so those that agree are of two backbones at least.  Random bases have no
    say.  Only test images can be judged: models have seen the others' labels.
    Raises `UserError` if the run's test images are not among those that were inspected.
    """
    _, records = read_run(folder)
    manifest = Manifest.load(folder.manifest)
    _require_same_images(folder, manifest, found)
    asked = [record for record in records if record.status == "ok" and record.weights.kind != "random"]
    there, backbones = len(set(map(model_of, asked))), _backbones(asked)
    if there < models or backbones < 2:
        reason = (
            f"they need {models} models of two backbones or more that agree; the run has "
            f"{counted(there, 'model')} of {counted(backbones, 'backbone')}"
        )
        return Suspects((), confidence, models, reason)
    entries = {entry.id: entry for entry in manifest.entries}
    places = {file.sha256: file.path for file in found.usable}
    known = Answers(folder.records)
    answers = [known.of(record) for record in asked]
    probabilities = np.stack([each.probabilities for each in answers])
    ids, labels = answers[0].ids, answers[0].labels
    sure = probabilities.max(axis=2) >= confidence
    says = probabilities.argmax(axis=2)
    suspects = []
    for column, (name, label) in enumerate(zip(ids, labels, strict=True)):
        voices = says[sure[:, column], column]
        speak = [asked[row] for row in np.flatnonzero(sure[:, column])]
        agreed = len(set(map(model_of, speak)))
        if agreed < models or _backbones(speak) < 2 or len(set(voices)) > 1 or voices[0] == label:
            continue
        entry = entries[str(name)]
        least = float(probabilities[sure[:, column], column, voices[0]].min())
        said = manifest.classes[int(voices[0])]
        suspects.append(Suspect(entry.id, places[entry.sha256], entry.label, said, agreed, least))
    suspects.sort(key=lambda suspect: (-suspect.models, -suspect.confidence, suspect.id))
    return Suspects(tuple(suspects), confidence, models)


def _backbones(records: Iterable[Record]) -> int:
    return len({record.cell.backbone for record in records})


def _require_same_images(folder: RunFolder, manifest: Manifest, found: Inspection) -> None:
    here = {file.sha256 for file in found.usable}
    tested = manifest.split("test")
    lacking = [entry for entry in tested if entry.sha256 not in here]
    if lacking:
        raise UserError(
            f"{len(lacking):,} of the {len(tested):,} test images of this run are not in {found.root} "
            f"(for example {lacking[0].path})",
            where=str(folder.path),
            hint=f"The run read {manifest.source}: inspect that, run the matrix on these images, or leave "
            "out --run.",
        )
