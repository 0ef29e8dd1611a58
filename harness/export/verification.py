"""Whether an exported model gives the recorded test predictions again.

It is asked about the very test images of the run: from their files, at their own sizes, so that
its resizing takes part; where those cannot be reached, from the decoded-pixel cache.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.data.manifest import Entry, Manifest
from harness.data.pixels import find_pixels
from harness.data.sources import FolderSource, Progress
from harness.data.threads import in_threads
from harness.errors import UserError
from harness.export.model_file import ModelFacts
from harness.records import Record
from harness.running.folder import RunFolder

__all__ = [
    "OTHER_IMAGES",
    "TOLERANCES",
    "UNREACHABLE",
    "Verification",
    "Way",
    "compare",
    "verify",
    "ways_to_images",
]

TOLERANCES: Final = {"float32": 1e-3, "mixed_float16": 4e-3, "mixed_bfloat16": 3e-2}
"""How far a probability may be from the recorded one, by the precision of the cell.

Other batches are summed in another order, and the difference is of the size of the compute dtype's rounding
error: 2^-11 in float16 and 2^-8 in bfloat16, of which the lower precisions are allowed eight.  Measured on
1,000 images with MobileNet-0.25: 0.00006 in float32, 0.001 in mixed_float16, 0.0045 in mixed_bfloat16.
"""

OTHER_IMAGES = "the run's manifest is now one of other images"
"""Why nothing can be said: ids would mean other files."""
UNREACHABLE = "the images are not where the run read them, nor in the cache (--data DIR names their folder)"

_TOGETHER = 32


@dataclass(frozen=True)
class Verification:
    """What came of predicting the test images again.

    `largest` is the largest difference of a probability, `moved` the number of images whose most
    probable class is another one; within the tolerance that can only be an image that stands between
    two classes.  `tolerance` is how large a difference may be.  Where no image could be reached, `images` is
    0 and `reason` says why.
    """

    images: int
    source: str = ""
    largest: float = 0.0
    moved: int = 0
    reason: str = ""
    tolerance: float = TOLERANCES["float32"]

    @property
    def fails(self) -> bool:
        """Whether the images were predicted, and came out as others (or as no numbers)."""
        return self.images > 0 and not self.largest <= self.tolerance


def verify(
    model: Any,
    facts: ModelFacts,
    folder: RunFolder,
    record: Record,
    *,
    data: Path | None,
    cache: Path,
    progress: Progress,
) -> Verification:
    """Predict the test images of a run's record again and compare with what was recorded.

    `data` names the folder of images where it is not the one that the run read.  Raises `UserError` where the
    recorded predictions cannot be read.
    """
    recorded = folder.records.predictions(record)
    manifest = Manifest.load(folder.manifest)
    if manifest.sha256 != facts.manifest_sha256:
        return Verification(0, reason=OTHER_IMAGES)
    reason = UNREACHABLE
    ids = recorded.ids.tolist()
    for way in ways_to_images(manifest, facts, folder.facts().data, ids, data=data, cache=cache):
        try:
            predicted = _predicted(model, way, len(ids), progress)
            return compare(predicted, recorded.probabilities, way.source, precision=record.cell.precision)
        except UserError as error:  # a file that has changed since
            reason = str(error).partition("\n")[0]
    return Verification(0, reason=reason)


@dataclass(frozen=True)
class Way:
    """One way to test images: where they come from, and batches of them in the order that was asked for.

    Images of a batch have one size: their own, one an image, or in the cache the cell's.
    """

    source: str
    batches: Iterator[NDArray[np.uint8]]


def ways_to_images(
    manifest: Manifest, facts: ModelFacts, kind: str, ids: Sequence[str], *, data: Path | None, cache: Path
) -> Iterator[Way]:
    """Yield the ways to test images by id, the best first: their files, then the decoded-pixel cache.

    `kind` is the run's source of images.  Reading a way's batches raises `UserError` for a file that has
    changed since the images were listed.
    """
    entries = {entry.id: entry for entry in manifest.split("test")}
    wanted = [entries[each] for each in ids]
    root = _root(wanted, manifest, kind, data, cache)
    if root is not None:
        yield Way(f"the files in {root}", _from_files(FolderSource(root, cache), wanted))
    pixels = find_pixels(manifest, facts.size, facts.resize, cache)
    if pixels is not None:
        rows = {entry.id: row for row, entry in enumerate(manifest.entries)}
        numbers = [rows[entry.id] for entry in wanted]
        yield Way("the decoded images in the cache", _from_cache(pixels.open(), numbers))


def compare(
    probabilities: NDArray[np.float32], recorded: NDArray[np.float32], source: str, *, precision: str
) -> Verification:
    """Compare probabilities with the recorded ones of the same images, both (images, classes)."""
    return Verification(
        images=len(probabilities),
        source=source,
        largest=float(np.abs(probabilities - recorded).max()),
        moved=int((probabilities.argmax(axis=1) != recorded.argmax(axis=1)).sum()),
        tolerance=TOLERANCES[precision],
    )


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


def _predicted(
    model: Any, way: Way, images: int, progress: Callable[[int, int], None]
) -> NDArray[np.float32]:
    found: list[NDArray[np.float32]] = []
    done = 0
    for batch in way.batches:
        found.append(model.predict_on_batch(batch))
        done += len(batch)
        progress(done, images)
    return np.concatenate(found)
