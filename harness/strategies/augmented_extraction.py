"""Augmented feature extraction: the head is trained through the frozen base on augmented images.

Every training image is changed anew each epoch, so the base runs in every step; the validation
and test features are still computed once, since those images are not augmented.
"""

from harness.recipes import Recipe
from harness.strategies.strategy import Phase, Strategy

__all__ = ["STRATEGY"]


def _phases(recipe: Recipe, depth: str) -> tuple[Phase, ...]:
    schedule = recipe.augmented_extraction
    return (Phase("head", depth, True, schedule.epochs, schedule.learning_rate),)


STRATEGY = Strategy(
    name="augmented-extraction",
    summary="head trained through the frozen base on augmented images",
    takes_depth=False,
    phases=_phases,
)
