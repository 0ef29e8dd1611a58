"""From scratch, a control: the same architecture from random weights, on these images alone.

The whole network trains, batch norm too, on augmented images.  What a pretrained backbone is worth
is the distance to this row.
"""

from harness.strategies.strategy import Phase, Strategy

__all__ = ["STRATEGY"]

STRATEGY = Strategy(
    name="from-scratch",
    summary="the whole network from random weights, on augmented images (a control)",
    phases=lambda recipe, _depth: (Phase.on(recipe.from_scratch, "from-scratch", "all", augmented=True),),
    weights="scratch",
    schedule="from_scratch",
)
