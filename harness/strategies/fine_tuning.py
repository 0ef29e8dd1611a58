"""Fine-tuning: the head first, then head and the last part of the base together at a low rate.

A random head would send large gradients into the pretrained layers, so the first phase is fast
extraction's (cached features, the head alone).  The second unfreezes the base down to the depth,
compiles again with a fresh optimizer, and trains on augmented images.
"""

from harness.recipes import Recipe
from harness.strategies.strategy import NO_DEPTH, Phase, Strategy

__all__ = ["STRATEGY"]


def _phases(recipe: Recipe, depth: str) -> tuple[Phase, ...]:
    head, tuning = recipe.fast_extraction, recipe.fine_tuning
    return (
        Phase("head", NO_DEPTH, False, head.epochs, head.learning_rate),
        Phase("fine-tuning", depth, True, tuning.epochs, tuning.learning_rate),
    )


STRATEGY = Strategy(
    name="fine-tuning",
    summary="head first, then the base's last part too, on augmented images at a low rate",
    takes_depth=True,
    phases=_phases,
)
