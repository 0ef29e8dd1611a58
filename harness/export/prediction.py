"""A model file asked about images: files and folders in, a class and its probabilities out.

Images are decoded and resized as for training, by Pillow, so that images of all sizes go through
the model in batches; the model's own resizing has nothing left to do then, and would make the same pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.decode import UndecodableImageError, decode, read_file, resize
from harness.data.files import legible, open_files
from harness.data.manifest import LeftOut
from harness.data.sources import Progress
from harness.data.threads import in_threads
from harness.errors import UserError
from harness.export.model_file import ModelFacts

__all__ = ["Found", "Predicted", "Prediction", "find_images", "predict_images"]


@dataclass(frozen=True)
class Found:
    """Files that may be images, in order, and those that cannot be named."""

    paths: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What the model says of one image: the most probable class, and the probability of each (0..1)."""

    path: str
    label: str
    probabilities: dict[str, float]

    @property
    def probability(self) -> float:
        """The probability of the most probable class."""
        return self.probabilities[self.label]


@dataclass(frozen=True)
class Predicted:
    """The answers of a model, and the files that it could not be asked about, each in order."""

    predictions: tuple[Prediction, ...]
    unreadable: tuple[LeftOut, ...]


def find_images(paths: Sequence[Path]) -> Found:
    """List files as they are named, and all visible files of folders, those below them too, in order.

    Raises `UserError` for a path that is not there and for a folder without files.
    """
    found: list[Path] = []
    left_out: list[LeftOut] = []
    for path in paths:
        if not path.is_dir():
            if not path.exists() and not path.is_symlink():
                raise UserError("no such file or folder", where=legible(str(path)))
            found.append(path)
            continue
        inside = open_files(path)
        if not inside.paths and not inside.left_out:
            raise UserError(
                "this folder has no files in it",
                where=legible(str(path)),
                hint="Name images, or a folder of images.",
            )
        found += [path / each for each in inside.paths]
        left_out += [LeftOut(f"{legible(str(path))}/{left.path}", left.reason) for left in inside.left_out]
    return Found(tuple(found), tuple(left_out))


def predict_images(model: Any, facts: ModelFacts, found: Found, batch: int, progress: Progress) -> Predicted:
    """Ask a loaded model about images, a batch at a time."""
    predictions: list[Prediction] = []
    unreadable = list(found.left_out)

    def read(path: Path) -> tuple[NDArray[np.uint8] | None, str]:
        try:
            return resize(decode(read_file(path)), facts.size, facts.resize), ""
        except UndecodableImageError as error:
            return None, str(error)

    for start in range(0, len(found.paths), batch):
        paths = found.paths[start : start + batch]
        names, images = [], []
        for path, (pixels, reason) in zip(paths, in_threads(read, paths), strict=True):
            if pixels is None:
                unreadable.append(LeftOut(legible(str(path)), reason))
            else:
                names.append(legible(str(path)))
                images.append(pixels)
        if images:
            rows = model.predict_on_batch(np.stack(images))
            predictions += map(lambda name, row: _prediction(name, row, facts.classes), names, rows)
        progress(start + len(paths), len(found.paths))
    return Predicted(tuple(predictions), tuple(unreadable))


def _prediction(name: str, row: NDArray[np.float32], classes: tuple[str, ...]) -> Prediction:
    probabilities = dict(zip(classes, row.tolist(), strict=True))
    return Prediction(name, classes[int(row.argmax())], probabilities)
