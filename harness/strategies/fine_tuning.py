"""Fine-tuning: the head first, then head and the last part of the base together at a low rate.

A random head would send large gradients into the pretrained layers, so the first phase trains the
head alone: fast extraction's phase, or augmented extraction's if the recipe says so.  The second
unfreezes the base down to the depth, compiles again with a fresh optimizer, and trains on augmented
images.  A recipe may leave the first phase out, as a published run did.
"""

from harness.recipes import Recipe
from harness.strategies import augmented_extraction, fast_extraction
from harness.strategies.strategy import Phase, Strategy

__all__ = ["STRATEGY"]


def _phases(recipe: Recipe, depth: str) -> tuple[Phase, ...]:
    tuning = Phase.on(recipe.fine_tuning, "fine-tuning", depth, augmented=True)
    if recipe.fine_tuning_start == "random-head":
        return (tuning,)
    if recipe.fine_tuning_start == "augmented-extraction":
        return (augmented_extraction.head_phase(recipe), tuning)
    return (fast_extraction.head_phase(recipe), tuning)


def _adapt(recipe: Recipe) -> Recipe:
    if recipe.fine_tuning_start == "augmented-extraction":
        return augmented_extraction.with_augmented_head(recipe)
    return recipe


STRATEGY = Strategy(
    name="fine-tuning",
    summary="head first, then the base's last part too, on augmented images at a low rate",
    phases=_phases,
    takes_depth=True,
    adapt=_adapt,
    schedule="fine_tuning",
)
