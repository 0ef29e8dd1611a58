"""Augmented feature extraction: the head is trained through the frozen base on augmented images.

Every training image is changed anew each epoch, so the base runs in every step; the validation
and test features are still computed once, since those images are not augmented.
"""

from harness.recipes import Recipe
from harness.strategies.strategy import NO_DEPTH, Phase, Strategy

__all__ = ["STRATEGY", "head_phase", "with_augmented_head"]


def head_phase(recipe: Recipe) -> Phase:
    """The head on augmented images; a recipe may start fine-tuning from it."""
    return Phase.on(recipe.augmented_extraction, "head", NO_DEPTH, augmented=True)


def with_augmented_head(recipe: Recipe) -> Recipe:
    """The recipe with the head that it has for augmented images."""
    return recipe.model_copy(update={"head": recipe.augmented_head or recipe.head})


STRATEGY = Strategy(
    name="augmented-extraction",
    summary="head trained through the frozen base on augmented images",
    phases=lambda recipe, _depth: (head_phase(recipe),),
    adapt=with_augmented_head,
    schedule="augmented_extraction",
)
