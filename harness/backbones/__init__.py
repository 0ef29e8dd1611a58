"""The table of backbones: one row is all that the harness knows of one architecture.

A new backbone is one row in `table.ROWS`.  The contract tests check each row against Keras itself:
parameter count, preprocessing, weights files with addresses and hashes, block names, what trains
at each depth.
"""

import fnmatch
from collections.abc import Callable, Iterable

from harness.backbones.backbone import Backbone, Published, WeightsFile
from harness.backbones.table import ROWS
from harness.errors import unknown

__all__ = ["BACKBONES", "GROUPS", "Backbone", "Published", "WeightsFile", "backbone", "select"]

BACKBONES: dict[str, Backbone] = {row.name: row for row in ROWS}

GROUPS: dict[str, tuple[str, ...]] = {
    "required": (
        "Xception",
        "VGG16",
        "VGG19",
        "ResNet50",
        "ResNet50V2",
        "ResNet101",
        "ResNet101V2",
        "ResNet152",
        "ResNet152V2",
        "InceptionV3",
        "InceptionResNetV2",
        "MobileNet",
        "MobileNetV2",
        "DenseNet121",
        "DenseNet169",
        "DenseNet201",
        "NASNetMobile",
    ),
    "table": tuple(row.name for row in ROWS if row.published),
    "all": tuple(BACKBONES),
}
"""Words that a matrix may use for several backbones, beside patterns such as `ResNet*`."""


def backbone(name: str, *, where: str = "") -> Backbone:
    """Return the row of that name; raise `UserError` with near names if there is none."""
    try:
        return BACKBONES[name]
    except KeyError:
        raise unknown("backbone", name, BACKBONES, where=where) from None


def select(words: Iterable[str], *, where: Callable[[str], str] = lambda _: "") -> tuple[str, ...]:
    """Return the names that names, patterns (`ResNet*`) and groups mean, each once, in order.

    Raises `UserError` for a word that means no backbone; `where(word)` says where it stands.
    """
    found: dict[str, None] = {}
    for word in words:
        names = GROUPS.get(word) or fnmatch.filter(BACKBONES, word)
        if not names:
            raise unknown("backbone", word, [*GROUPS, *BACKBONES], where=where(word))
        found.update(dict.fromkeys(names))
    return tuple(found)
