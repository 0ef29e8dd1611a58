"""Linear probe: regularised logistic regression on the frozen base's pooled features.

It costs seconds for a backbone once the features are there, has no learning rate to get wrong, and
tells how far apart a backbone's features already hold the classes.  The strength of the penalty
is chosen on validation; the features are standardised on the training images.
"""

from harness.recipes import Recipe
from harness.strategies.strategy import Probe, Strategy

__all__ = ["STRATEGY"]

_STRENGTHS = tuple(10 ** (half / 2) for half in range(-12, 5))


def _adapt(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"head": "gap-linear"})


STRATEGY = Strategy(
    name="linear-probe",
    summary="logistic regression on pooled features, its penalty chosen on validation",
    phases=lambda _recipe, _depth: (Probe("probe", _STRENGTHS),),
    adapt=_adapt,
    seeded=False,
)
