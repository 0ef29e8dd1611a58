"""The plan: which cells there are, what each will train, and which cannot run here and why."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.data.manifest import Manifest
from harness.environment import code_sha256, library_versions, settings, usable_cores
from harness.errors import UserError
from harness.matrix import Cell, Matrix
from harness.recipes import Recipe
from harness.records import SCHEMA_VERSION
from harness.strategies import AnyPhase, strategy
from harness.weights import WeightsRef, find_weights, missing_reason

__all__ = [
    "Planned",
    "effective_recipe",
    "input_key",
    "make_plan",
    "require_parts",
    "without_unsuited",
]


@dataclass(frozen=True)
class Planned:
    """One cell with its effective recipe, phases and weights; `skip` is the reason it cannot run.

    `weights` is None while their file is not on this machine.  `brief` is for step times that are a sketch.
    """

    cell: Cell
    recipe: Recipe
    phases: tuple[AnyPhase, ...]
    weights: WeightsRef | None
    skip: str = ""
    brief: bool = False


def make_plan(matrix: Matrix, weights_dir: Path | None, *, offline: bool) -> list[Planned]:
    """Plan every cell of a matrix; offline, a cell without its weights file is skipped."""
    found: dict[tuple[str, str], WeightsRef | None] = {}
    plan = []
    for cell in matrix.cells():
        place = (cell.backbone, cell.weights)
        if place not in found:
            found[place] = find_weights(*place, weights_dir)
        recipe = effective_recipe(matrix.recipes[cell.recipe], cell)
        weights = found[place]
        skip = missing_reason(*place, weights_dir) if offline and weights is None else ""
        phases = strategy(cell.strategy).phases(recipe, cell.depth)
        plan.append(Planned(cell, recipe, phases, weights, skip, brief=matrix.step_times == "brief"))
    return plan


def effective_recipe(recipe: Recipe, cell: Cell) -> Recipe:
    """The recipe as this cell's strategy and learning rate change it; records keep this one."""
    adaptation = strategy(cell.strategy)
    if adaptation.schedule and cell.learning_rate is not None:
        schedule = getattr(recipe, adaptation.schedule)
        rate = {"learning_rate": cell.learning_rate}
        recipe = recipe.model_copy(update={adaptation.schedule: schedule.model_copy(update=rate)})
    return adaptation.adapt(recipe)


def without_unsuited(plan: list[Planned], classes: tuple[str, ...]) -> list[Planned]:
    """Skip, with the reason, the cells whose strategy cannot be used on these classes."""
    reasons = {each.cell.strategy: strategy(each.cell.strategy).unsuited(classes) for each in plan}
    return [replace(each, skip=reasons[each.cell.strategy] or each.skip) for each in plan]


def require_parts(plan: list[Planned], manifest: Manifest) -> None:
    """Raise `UserError` for a part of the training images that is too large, or too small for the classes."""
    there, classes = len(manifest.split("train")), len(manifest.classes)
    asked = {each.cell.train_images for each in plan}
    wrong = sorted(images for images in asked if images is not None and not classes <= images <= there)
    if wrong:
        raise UserError(
            f"train_images asks for {' and for '.join(f'{images:,}' for images in wrong)}; the training "
            f"split has {there:,} images of {classes:,} classes",
            where=manifest.source,
            hint=f'Choose numbers from {classes:,} (one image of each class) to {there:,}, or "all".',
        )


def input_key(planned: Planned, manifest_sha256: str) -> str:
    """The hash of everything that a cell's result depends on; resume and caches trust it.

    Names and summaries have no part in it, nor has the order of keys in a file; the effective
    recipe, the images, the weights' content, library versions, this package's own code, the settings
    and cores that move the last digits, and the schema have.
    """
    # A cell on all training images has the key that it had before there were parts of them.
    idle = ("recipe", *(["train_images"] if planned.cell.train_images is None else []))
    facts = {
        "schema": SCHEMA_VERSION,
        "cell": {key: value for key, value in planned.cell.as_dict().items() if key not in idle},
        "recipe": planned.recipe.model_dump(exclude={"name", "summary", "base"}),
        "phases": [asdict(phase) for phase in planned.phases],
        "manifest": manifest_sha256,
        "weights": planned.weights.sha256 if planned.weights else None,
        "libraries": library_versions(),
        "code": code_sha256(),
        "settings": settings(),
        "cores": usable_cores(),
        # Only where it says something, so that keys from before there was a choice hold.
        **({"step_times": "brief"} if planned.brief else {}),
    }
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
