"""Heat maps of a cell's test images: chosen, predicted again, compared with the record, then drawn.

Nothing is drawn of a model that does not give the recorded predictions: its maps would be those of another.
Of confident answers another model often has the same, so the test images that the record is least sure of are
predicted again too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.decode import resize
from harness.data.manifest import Manifest
from harness.data.sources import Progress
from harness.errors import UserError
from harness.explain.choice import choose_images, classes_of_interest, least_sure
from harness.export.choice import choose_record, saved_model
from harness.export.loading import load_model
from harness.export.model_file import ModelFacts, read_facts
from harness.export.verification import (
    OTHER_IMAGES,
    UNREACHABLE,
    Verification,
    compare,
    ways_to_images,
)
from harness.records import Predictions, Record
from harness.running.folder import RunFolder

__all__ = ["ClassMap", "Example", "Explained", "Question", "explain"]

_BATCH = 8
_LEAST_SURE = 32
"""How many of the least sure test images are predicted again."""
_SHOWN = 512
"""The longer side of a kept image, in pixels."""


@dataclass(frozen=True)
class Question:
    """Which cell of a run is to be explained, on which of its test images.

    By default its mistakes, at most `most`, the most confident first; `correct` are those that it got
    right, `ids` any.  `data` names the folder of images where it is not the one that the run read.
    """

    folder: RunFolder
    cell: str
    data: Path | None
    cache: Path
    most: int = 24
    correct: bool = False
    ids: Sequence[str] = ()


@dataclass(frozen=True)
class ClassMap:
    """What speaks for one class in one image.

    `heat` has shape (rows, columns), from 0 to 1 at its own maximum, and is all zero where nothing speaks
    for the class; `peak` is that maximum as a share (0..1) of the highest of the image's maps, which have
    one unit.  `probability` is the recorded one.
    """

    label: str
    probability: float
    heat: NDArray[np.float64]
    peak: float


@dataclass(frozen=True)
class Example:
    """One test image: its id, its true class, its pixels (height, width, 3), and a map for two classes.

    The pixels are those of the file in its own proportions, scaled down where it is large.  The first map
    is the predicted class's, the second the true one's, or, of an image that was predicted right, the next
    most probable one's.  Where there are only two classes, one's score is the other's negated, so that no
    place is in both maps (but for zero-shot, whose scores are two).
    """

    id: str
    truth: str
    image: NDArray[np.uint8]
    maps: tuple[ClassMap, ClassMap]

    @property
    def predicted(self) -> str:
        """The predicted class."""
        return self.maps[0].label

    @property
    def correct(self) -> bool:
        """Whether that is the true one."""
        return self.predicted == self.truth


@dataclass(frozen=True)
class Explained:
    """The examples of one cell, in order; `layer` and `grid` (rows, columns) tell what the maps are made of.

    `mistakes` and `tested` count all test images, and `verification` what predicting the examples again gave.
    """

    facts: ModelFacts
    layer: str
    grid: tuple[int, int]
    examples: tuple[Example, ...]
    mistakes: int
    tested: int
    verification: Verification


def explain(question: Question, progress: Progress) -> Explained:
    """Make the heat maps.

    Raises `UserError` if the cell cannot be told or has no saved model, if there is nothing to show, if the
    images cannot be reached, if the model gives other predictions than were recorded, and if its last
    features have one place only.
    """
    folder = question.folder
    record = choose_record(folder, question.cell)
    model = saved_model(folder, record)
    facts = read_facts(model)
    recorded = folder.records.predictions(record)
    rows = choose_images(recorded, most=question.most, correct=question.correct, ids=question.ids)
    probed = least_sure(recorded, _LEAST_SURE)
    pixels, pictures, source = _read(question, facts, recorded.ids[rows].tolist())
    others, _, _ = _read(question, facts, recorded.ids[probed].tolist())
    classes = classes_of_interest(recorded, rows)
    layer, probabilities, maps = _ask(model, pixels, classes, others, progress)
    asked = np.concatenate([rows, probed])
    verification = compare(
        probabilities, recorded.probabilities[asked], source, precision=record.cell.precision
    )
    _require_same(verification, record, model)
    grid = (maps.shape[2], maps.shape[3])
    if grid == (1, 1):
        raise UserError(
            f"the last features of {record.name} have one place only: a heat map would be one colour",
            hint=f"{layer} is 1 x 1 at {facts.size} px; a larger size has more places.",
        )
    examples = tuple(
        _example(facts, recorded, int(row), picture, wanted, raw)
        for row, picture, wanted, raw in zip(rows, pictures, classes, maps, strict=True)
    )
    mistakes = int((~recorded.correct).sum())
    return Explained(facts, layer, grid, examples, mistakes, len(recorded.ids), verification)


def _read(
    question: Question, facts: ModelFacts, ids: list[str]
) -> tuple[NDArray[np.uint8], list[NDArray[np.uint8]], str]:
    """The images in order, as the model takes them and as they are shown, and where they came from."""
    folder = question.folder
    manifest = Manifest.load(folder.manifest)
    if manifest.sha256 != facts.manifest_sha256:
        raise UserError(OTHER_IMAGES, where=str(folder.path), hint="Run the matrix again in a new folder.")
    problem = UserError(UNREACHABLE, where=str(folder.path))
    kind = folder.facts().data
    for way in ways_to_images(manifest, facts, kind, ids, data=question.data, cache=question.cache):
        pixels, pictures = [], []
        try:
            for image in (each for batch in way.batches for each in batch):
                pixels.append(resize(image, facts.size, facts.resize))
                pictures.append(_picture(image))
        except UserError as error:  # a file that has changed since; the cache may still have it
            problem = error
        else:
            return np.stack(pixels), pictures, way.source
    raise problem


def _picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image as large as it will be shown at most: many photographs at full size would fill the memory."""
    picture = Image.fromarray(image)
    picture.thumbnail((_SHOWN, _SHOWN))
    return np.asarray(picture)


def _ask(
    path: Path,
    pixels: NDArray[np.uint8],
    classes: NDArray[np.int64],
    others: NDArray[np.uint8],
    progress: Progress,
) -> tuple[str, NDArray[np.float32], NDArray[np.float64]]:
    """Ask the model: the layer, probabilities (images and others, classes), and maps of the images.

    Maps have shape (images, 2, rows, columns).  The others are asked as the cell was tested, as one graph:
    taken to pieces for the maps, a model of lower precision rounds in other places, and shows it where it is
    not sure.
    """
    model = load_model(path)
    # Keras is imported by now, quietly.
    from harness.explain.gradcam import see
    from harness.explain.parts import find_parts

    parts = find_parts(model.get_layer("cell"))
    seen = []
    for start in range(0, len(pixels), _BATCH):
        chosen = slice(start, start + _BATCH)
        seen.append(see(parts, pixels[chosen], classes[chosen]))
        progress(min(start + _BATCH, len(pixels)), len(pixels))
    probabilities = [each.probabilities for each in seen]
    probabilities.append(model.predict_on_batch(others))
    return parts.layer, np.concatenate(probabilities), np.concatenate([each.maps for each in seen])


def _require_same(found: Verification, record: Record, model: Path) -> None:
    if found.fails:
        raise UserError(
            f"the saved model of {record.name} does not give the recorded predictions of these images and of "
            f"those that it was least sure of: a probability differs by {found.largest:.2g} (allowed: "
            f"{found.tolerance:g})",
            where=str(model),
            hint="Nothing was written: the maps would be those of another model. Delete that file and run "
            "the matrix again with --save-models.",
        )


def _example(
    facts: ModelFacts,
    recorded: Predictions,
    row: int,
    image: NDArray[np.uint8],
    classes: NDArray[np.int64],
    raw: NDArray[np.float64],
) -> Example:
    highest = raw.max()
    maps = [
        ClassMap(
            label=facts.classes[number],
            probability=float(recorded.probabilities[row, number]),
            heat=each / each.max() if each.max() else each,
            peak=float(each.max() / highest) if highest else 0.0,
        )
        for number, each in zip(classes.tolist(), raw, strict=True)
    ]
    truth = facts.classes[int(recorded.labels[row])]
    return Example(str(recorded.ids[row]), truth, image, (maps[0], maps[1]))
