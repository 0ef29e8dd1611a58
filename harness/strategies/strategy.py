"""What a strategy is: a name and the phases that it trains, as data.

A strategy decides three things, phase by phase: how much of the base trains (depth), whether
training images are augmented (and so pass through the base anew each epoch) or their frozen
features are computed once, and on which schedule.  How a phase is carried out stands in one
place, `harness.training`; so a strategy is known, listed and hashed without TensorFlow.
"""

from collections.abc import Callable
from dataclasses import dataclass

from harness.recipes import Recipe

__all__ = ["NO_DEPTH", "Phase", "Strategy"]

NO_DEPTH = "none"
"""The depth at which the whole base is frozen."""


@dataclass(frozen=True)
class Phase:
    """One stretch of training with its own depth, optimizer state and learning rate.

    `augmented` false trains on frozen features that were computed once; true trains on live,
    augmented images.  Validation images are never augmented.
    """

    name: str
    depth: str
    augmented: bool
    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class Strategy:
    """One way to adapt a backbone; `phases(recipe, depth)` gives what is trained, in order."""

    name: str
    summary: str
    takes_depth: bool
    phases: Callable[[Recipe, str], tuple[Phase, ...]]
