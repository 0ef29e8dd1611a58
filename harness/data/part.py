"""A part of the training images, for curves over the number of images: stratified, nested, by content.

All images stand in one order, and a part is its first ones.  So 100 images lie inside 500, and every
backbone and strategy of one seed is trained on the same ones; another seed draws another order, so that
the spread over seeds holds what a draw of images is worth.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.data.manifest import Entry

__all__ = ["draw_part"]


def draw_part(entries: Sequence[Entry], images: int, seed: int) -> NDArray[np.int64]:
    """Return which of these images make up a part of that many: their numbers, in ascending order.

    Within a class, images are ordered by the hash of seed and content: paths and the order of listing
    have no part in it.  Every class has its first image; then each next image is of the class that lies
    furthest behind its share.  No class is more than one image above its share by that.  (The largest
    remainders, computed for each size by itself, would be as near, but not nested: with a larger part a
    class may get fewer images, the "Alabama paradox" of apportionment.)

    Raises `ValueError` for fewer images than classes and for more than there are.
    """
    waiting: dict[str, list[int]] = defaultdict(list)
    for number in sorted(range(len(entries)), key=lambda number: _draw(seed, entries[number])):
        waiting[entries[number].label].append(number)
    labels = sorted(waiting)
    if not len(labels) <= images <= len(entries):
        raise ValueError(f"no part of {images} images of {len(entries)} in {len(labels)} classes")
    sizes = np.array([len(waiting[label]) for label in labels])
    taken = np.ones_like(sizes)
    for place in range(len(labels) + 1, images + 1):
        # In whole numbers, so that ties are ties: they go by the classes' names.
        taken[np.argmax(place * sizes - taken * len(entries))] += 1
    chosen = [waiting[label][:count] for label, count in zip(labels, taken, strict=True)]
    return np.sort(np.concatenate(chosen))


def _draw(seed: int, entry: Entry) -> tuple[str, str]:
    """The place of an image in its class; copies of one content, which have one hash, go by id."""
    return hashlib.sha256(f"part:{seed}:{entry.sha256}".encode()).hexdigest(), entry.id
