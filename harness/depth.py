"""How much of a base trains: `none`, `blocks:N`, `layers:N`, `fraction:F`, `from:LAYER` or `all`.

A depth is written as text in matrices, cell names and records; this module reads it.  Which
layer it means in one architecture is found by `harness.training.freezing`.
"""

import re
from dataclasses import dataclass
from typing import Literal

from harness.errors import unknown

__all__ = ["Depth", "parse_depth"]

_FORMS = ("none", "all", "blocks:N", "layers:N", "fraction:F", "from:LAYER")


@dataclass(frozen=True)
class Depth:
    """A parsed depth: `count` belongs to blocks and layers, `layer` to from, `share` to fraction.

    A fraction is a share of the base's parameters (0 to 1), so that it means the same for all
    architectures: the shortest tail of layers that holds at least that share.
    """

    kind: Literal["none", "blocks", "layers", "fraction", "from", "all"]
    count: int = 0
    layer: str = ""
    share: float = 0.0

    def __str__(self) -> str:
        if self.kind == "from":
            return f"from:{self.layer}"
        if self.kind == "fraction":
            return f"fraction:{self.share:g}"
        return f"{self.kind}:{self.count}" if self.count else self.kind


def parse_depth(text: str, *, where: str = "") -> Depth:
    """Read a depth; raise `UserError` that lists the forms if it is none of them."""
    if text in ("none", "all"):
        return Depth("none" if text == "none" else "all")
    if match := re.fullmatch(r"(blocks|layers):([1-9]\d*)", text):
        return Depth("blocks" if match[1] == "blocks" else "layers", count=int(match[2]))
    match = re.fullmatch(r"fraction:(0?\.\d+|1(?:\.0*)?)", text)
    if match and (share := float(match[1])):
        return Depth("fraction", share=share)
    if match := re.fullmatch(r"from:([\w./-]+)", text):
        return Depth("from", layer=match[1])
    raise unknown("depth", text, _FORMS, where=where)
