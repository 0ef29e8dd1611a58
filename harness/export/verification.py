"""Whether an exported model gives the recorded test predictions again.

It is asked about the very test images of the run: from their files, at their own sizes, so that
its resizing takes part; where those cannot be reached, from the decoded-pixel cache.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.manifest import Entry, Manifest
from harness.data.pixels import find_pixels
from harness.data.sources import FolderSource, Progress
from harness.data.threads import in_threads
from harness.errors import UserError
from harness.export.model_file import ModelFacts
from harness.records import Predictions
from harness.running.folder import RunFolder

__all__ = ["TOLERANCE", "Verification", "verify"]

TOLERANCE = 1e-3
"""How far a probability may be from the recorded one."""

_TOGETHER = 32


@dataclass(frozen=True)
class Verification:
    """What came of predicting the test images again.

    `largest` is the largest difference of a probability, `moved` the number of images whose most
    probable class is another one; within the tolerance that can only be an image that stands between
    two classes.  Where no image could be reached, `images` is 0 and `reason` says why.
    """

    images: int
    source: str = ""
    largest: float = 0.0
    moved: int = 0
    reason: str = ""

    @property
    def fails(self) -> bool:
        """Whether the images were predicted, and came out as others (or as no numbers)."""
        return self.images > 0 and not self.largest <= TOLERANCE


def verify(
    model: Any,
    facts: ModelFacts,
    folder: RunFolder,
    recorded: Predictions,
    *,
    data: Path | None,
    cache: Path,
    progress: Progress,
) -> Verification:
    """Predict the run's test images again and compare with what was recorded.

    `data` names the folder of images where it is not the one that the run read.
    """
    manifest = Manifest.load(folder.manifest)
    if manifest.sha256 != facts.manifest_sha256:
        return Verification(0, reason="the run's manifest is now one of other images")
    entries = {entry.id: entry for entry in manifest.split("test")}
    wanted = [entries[each] for each in recorded.ids.tolist()]
    reason = "the images are not where the run read them, nor in the cache (--data DIR names their folder)"
    root = _root(wanted, manifest, folder.facts().data, data, cache)
    if root is not None:
        try:
            batches = _from_files(FolderSource(root, cache), wanted)
            return _compare(model, batches, recorded, f"the files in {root}", progress)
        except UserError as error:  # a file that has changed since
            reason = str(error).partition("\n")[0]
    pixels = find_pixels(manifest, facts.size, facts.resize, cache)
    if pixels is None:
        return Verification(0, reason=reason)
    rows = {entry.id: row for row, entry in enumerate(manifest.entries)}
    batches = _from_cache(pixels.open(), [rows[entry.id] for entry in wanted])
    return _compare(model, batches, recorded, "the decoded images in the cache", progress)


def _root(wanted: list[Entry], manifest: Manifest, kind: str, data: Path | None, cache: Path) -> Path | None:
    """The folder that holds every test image, if one is known."""
    places = [data] if data else []
    if kind == "folder":
        places.append(Path(manifest.source))
    if kind == "cats_dogs":
        places += sorted((cache / "cats_dogs").glob("*/"))
    return next((place for place in places if all((place / entry.path).is_file() for entry in wanted)), None)


def _from_files(source: FolderSource, entries: list[Entry]) -> Iterator[NDArray[np.uint8]]:
    """Images one by one at their own sizes, decoded a few at a time."""
    for start in range(0, len(entries), _TOGETHER):
        for image in in_threads(source.read, entries[start : start + _TOGETHER]):
            yield image[None]


def _from_cache(pixels: NDArray[np.uint8], rows: list[int]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(rows), _TOGETHER):
        yield pixels[rows[start : start + _TOGETHER]]


def _compare(
    model: Any,
    batches: Iterator[NDArray[np.uint8]],
    recorded: Predictions,
    source: str,
    progress: Callable[[int, int], None],
) -> Verification:
    found: list[NDArray[np.float32]] = []
    done = 0
    for batch in batches:
        found.append(model.predict_on_batch(batch))
        done += len(batch)
        progress(done, len(recorded.ids))
    probabilities = np.concatenate(found)
    return Verification(
        images=len(probabilities),
        source=source,
        largest=float(np.abs(probabilities - recorded.probabilities).max()),
        moved=int((probabilities.argmax(axis=1) != recorded.probabilities.argmax(axis=1)).sum()),
    )
