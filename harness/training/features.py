"""The feature cache: what the trunk puts out at the cut, computed once for each image.

Feature, label and image id belong to one row because extraction walks the manifest in its own
order, in one pass and unshuffled; the ids are kept beside the features and compared when they
are read again.  The arrays are memory-mapped.  Caches are shared by everything that uses the
same trunk on the same images: seeds, heads and strategies.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from harness.data.pixels import Pixels
from harness.files import FACTS, is_whole, require_space, whole_folder
from harness.timing.memory import held_bytes

__all__ = ["Features", "extract", "feature_key"]

_SCHEMA = 1


@dataclass(frozen=True)
class Features:
    """The frontier's tensors for one split, a row an image, and what computing them cost.

    `seconds` and `peak_bytes` (host memory) are what extraction took when it was done; `reused`
    says whether that was for an earlier cell.
    """

    arrays: tuple[NDArray[Any], ...]
    seconds: float
    peak_bytes: int
    reused: bool


def feature_key(**facts: object) -> str:
    """Name a cache by everything that its content depends on."""
    text = json.dumps({"schema": _SCHEMA, **facts}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def extract(
    trunk: Any,
    pixels: Pixels,
    ids: Sequence[str],
    folder: Path,
    *,
    batch: int,
    on_images: Callable[[int], None],
) -> Features:
    """Return the trunk's features of these images, from `folder` if they are there already.

    `pixels` and `ids` are one split, in the manifest's order; `on_images` is called with the
    number of images just done.
    """
    reused = is_whole(folder)
    if not reused:
        _compute(trunk, pixels, ids, folder, batch, on_images)
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    if facts["ids"] != list(ids):
        raise RuntimeError(f"the feature cache {folder} holds other images than its name says")
    arrays = tuple(np.load(folder / f"{number}.npy", mmap_mode="r") for number in range(facts["tensors"]))
    return Features(arrays, facts["seconds"], facts["peak_bytes"], reused)


def _compute(
    trunk: Any,
    pixels: Pixels,
    ids: Sequence[str],
    folder: Path,
    batch: int,
    on_images: Callable[[int], None],
) -> None:
    shapes = [tensor.shape[1:] for tensor in keras.tree.flatten(trunk.output)]
    with whole_folder(folder) as partial:
        needed = 4 * len(pixels) * sum(math.prod(shape) for shape in shapes)
        require_space(partial, needed, "the features of a split")
        arrays = [
            np.lib.format.open_memmap(
                partial / f"{number}.npy", mode="w+", dtype=np.float32, shape=(len(pixels), *shape)
            )
            for number, shape in enumerate(shapes)
        ]
        began, peak = time.perf_counter(), 0
        for start in range(0, len(pixels), batch):
            rows = slice(start, start + batch)
            tensors = keras.tree.flatten(trunk.predict_on_batch(pixels[rows]))
            for array, tensor in zip(arrays, tensors, strict=True):
                array[rows] = tensor
            peak = max(peak, held_bytes(os.getpid()) or 0)
            on_images(len(pixels[rows]))
        for array in arrays:
            array.flush()
        facts = {
            "ids": list(ids),
            "tensors": len(arrays),
            "seconds": time.perf_counter() - began,
            "peak_bytes": peak,
        }
        (partial / FACTS).write_text(json.dumps(facts), encoding="utf-8")
