"""Fast feature extraction: the frozen base runs once over every image, then a head is trained.

No augmentation is possible, since every epoch sees the same features; in exchange an epoch
costs next to nothing.
"""

from harness.recipes import Recipe
from harness.strategies.strategy import Phase, Strategy

__all__ = ["STRATEGY"]


def _phases(recipe: Recipe, depth: str) -> tuple[Phase, ...]:
    schedule = recipe.fast_extraction
    return (Phase("head", depth, False, schedule.epochs, schedule.learning_rate),)


STRATEGY = Strategy(
    name="fast-extraction",
    summary="head on features that the frozen base computed once",
    takes_depth=False,
    phases=_phases,
)
