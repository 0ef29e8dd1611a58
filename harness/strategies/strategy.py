"""What a strategy is: a name, where it starts from, and the phases that it trains, as data.

A strategy decides, phase by phase: how much of the base trains (depth), whether training images are
augmented (and so pass through the base anew each epoch) or their frozen features are computed once,
and on which schedule.  How a phase is carried out stands in one place, `harness.training`; so a
strategy is known, listed and hashed without TensorFlow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.recipes import Recipe, Schedule

__all__ = ["NO_DEPTH", "AnyPhase", "Phase", "Probe", "Strategy"]

NO_DEPTH = "none"
"""The depth at which the whole base is frozen."""


@dataclass(frozen=True)
class Phase:
    """One stretch of training with its own depth, optimizer state and learning rate.

    `augmented` false trains on frozen features that were computed once; true trains on live,
    augmented images.  Validation images are never augmented.  The rest is the schedule's.
    """

    name: str
    depth: str
    augmented: bool
    epochs: int
    learning_rate: float
    warm_up_epochs: float = 0.0
    patience: int | None = None
    steps_per_epoch: int | None = None

    @classmethod
    def on(cls, schedule: Schedule, name: str, depth: str, *, augmented: bool) -> "Phase":
        """The phase of that name and depth on a recipe's schedule."""
        return cls(name, depth, augmented, **schedule.model_dump())


@dataclass(frozen=True)
class Probe:
    """Logistic regression on cached pooled features, by solver and not by steps.

    Each of `strengths` (scikit-learn's C: the larger, the weaker the penalty) is tried, from the
    smallest on; validation chooses.
    """

    name: str
    strengths: tuple[float, ...]
    depth: str = NO_DEPTH


AnyPhase = Phase | Probe


def _as_it_is(recipe: Recipe) -> Recipe:
    return recipe


def _any_classes(_classes: tuple[str, ...]) -> str:
    return ""


@dataclass(frozen=True)
class Strategy:
    """One way to adapt a backbone; `phases(recipe, depth)` gives what is trained, in order.

    `adapt` makes of a matrix's recipe the one that takes effect.  `weights` is the kind that the
    strategy starts from whatever the matrix says, "" where the matrix decides.  `schedule` is the part
    of the recipe that a learning-rate axis changes, None where there is no rate.  `seeded` is false
    where no seed has a part in training, so that more seeds would be the same numbers again (unless they
    draw the base or the images), and `trains` where the training images have none.
    `unsuited(classes)` says why it cannot be used on these classes, "" where it can.
    """

    name: str
    summary: str
    phases: Callable[[Recipe, str], tuple[AnyPhase, ...]]
    takes_depth: bool = False
    adapt: Callable[[Recipe], Recipe] = _as_it_is
    weights: Literal["", "imagenet-top", "scratch"] = ""
    schedule: Literal["fast_extraction", "augmented_extraction", "fine_tuning", "from_scratch"] | None = None
    seeded: bool = True
    trains: bool = True
    unsuited: Callable[[tuple[str, ...]], str] = _any_classes
