"""Fast feature extraction: the frozen base runs once over every image, then a head is trained.

No augmentation is possible, since every epoch sees the same features; in exchange an epoch
costs next to nothing.
"""

from harness.recipes import Recipe
from harness.strategies.strategy import NO_DEPTH, Phase, Strategy

__all__ = ["STRATEGY", "head_phase"]


def head_phase(recipe: Recipe) -> Phase:
    """The head on cached features; fine-tuning starts with it too."""
    return Phase.on(recipe.fast_extraction, "head", NO_DEPTH, augmented=False)


STRATEGY = Strategy(
    name="fast-extraction",
    summary="head on features that the frozen base computed once",
    phases=lambda recipe, _depth: (head_phase(recipe),),
    schedule="fast_extraction",
)
