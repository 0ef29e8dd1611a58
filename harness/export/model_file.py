"""What a model file says of itself: classes, size, resizing, and where its numbers come from.

A `.keras` file is a zip archive.  The facts are one member more, which Keras passes over when it
loads the model, so that they cannot be separated from it.  Nothing here imports Keras, and no fact
is a path of a machine.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness import __version__
from harness.errors import UserError, first_finding

__all__ = ["FACTS_NAME", "Keep", "ModelFacts", "add_facts", "read_facts"]

FACTS_NAME: Final = "transferbench.json"
"""The member of the archive that holds the facts."""


class ModelFacts(BaseModel):
    """What travels with an exported model.

    `classes` are in the order of the model's outputs; `size` (pixels) and `resize` ("bilinear" or
    "nearest") are what the model does to an image first, `preprocessing` what comes next ("native" to
    the backbone, or "rescale").  `key` is the input key of the cell's record, the hashes are those of
    the weights file that training began with and of the manifest of the images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    classes: tuple[str, ...]
    size: int
    resize: Literal["bilinear", "nearest"]
    preprocessing: Literal["native", "rescale"]
    cell: str
    key: str
    backbone: str
    strategy: str
    recipe: str
    weights: str
    weights_sha256: str
    manifest_sha256: str
    commit: str
    version: str = __version__


@dataclass(frozen=True)
class Keep:
    """Where a cell's model is to be kept, and what the file shall say of itself."""

    path: Path
    facts: ModelFacts


def add_facts(path: Path, facts: ModelFacts) -> None:
    """Put the facts into a model file that Keras has just written."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FACTS_NAME, facts.model_dump_json(indent=1) + "\n")


def read_facts(path: Path) -> ModelFacts:
    """Read the facts of a model file; raise `UserError` if it is none that this package wrote."""
    hint = "`transferbench export RUN CELL --out FILE.keras` makes one that can be used here."
    if not path.is_file():
        problem = "expected a model file, found a folder" if path.is_dir() else "no such file"
        raise UserError(problem, where=str(path), hint=hint)
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(FACTS_NAME)
    except zipfile.BadZipFile:
        raise UserError("not a .keras file, or one that was cut short", where=str(path), hint=hint) from None
    except KeyError:
        raise UserError(
            f"this file has no {FACTS_NAME} in it, so its classes and its image size are unknown",
            where=str(path),
            hint=hint,
        ) from None
    try:
        return ModelFacts.model_validate_json(content)
    except ValidationError as error:
        raise UserError(
            f"its {FACTS_NAME} cannot be read: {first_finding(error)}",
            where=str(path),
            hint=f"Export it again with this version ({__version__}).",
        ) from None
