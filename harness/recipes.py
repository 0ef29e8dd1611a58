"""Named recipes: every choice of a training that is neither backbone nor strategy.

A matrix names a recipe, or derives one from another (`[recipe.NAME]` with `base = "default"`).
The record keeps the whole effective recipe, so that nothing of it is hidden behind the name.

The numbers of `default` were chosen on the *validation* images of cats-vs-dogs (2,000 training
images), never on test accuracy.  Head: Adam 3e-4 had the lowest validation loss, or tied with it, for
MobileNet, MobileNet-0.25 and Xception over three seeds, against RMSprop 1e-3, Adam 1e-3 and a
head without a hidden layer.  Live epochs, on MobileNet-0.25: the head through the frozen base
reached 0.178 in 4 epochs at 1e-3 (0.193 in 6 at 3e-4); fine-tuning reached its lowest loss, 0.175,
in 2 epochs at 5e-5 and in 6 at 2e-5.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["HEADS", "RECIPES", "Augmentation", "Recipe", "Schedule"]

Head = Literal[
    "gap-dense256-dropout",
    "gap-linear",
    "flatten-dense256-dropout",
    "flatten-dense256",
    "flatten-linear",
]
HEADS: tuple[str, ...] = Head.__args__  # type: ignore[attr-defined]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(_Frozen):
    """How long and how fast one phase trains: epochs, and the optimizer's learning rate.

    Over the first `warm_up_epochs` the rate rises linearly from nothing.  With `patience` a phase ends
    when the validation loss has not fallen for that many epochs.  `steps_per_epoch` cuts an epoch
    short, as some published runs did: fewer images than the split holds (the record counts them).
    """

    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    warm_up_epochs: Annotated[float, Field(ge=0)] = 0.0
    patience: Annotated[int, Field(ge=1)] | None = None
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None


class Augmentation(_Frozen):
    """The random affine changes of a training image, each drawn uniformly.

    `rotation` and `shear` are degrees either way, `shift` is a share of height and width either
    way, `zoom` a share of the size either way (drawn for each axis), `flip` mirrors left and
    right with probability one half.  Pixels from outside repeat the nearest edge.
    """

    rotation: Annotated[float, Field(ge=0, le=180)] = 20.0
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.1
    shear: Annotated[float, Field(ge=0, lt=90)] = 5.0
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.1
    flip: bool = True


class Recipe(_Frozen):
    """One bundle of hyperparameters, shared by all strategies that a matrix crosses it with.

    `preprocessing` is "native" (the backbone's own) or "rescale" (divide by 255, as some
    published runs did).  `select` names the epoch whose weights count: "best" has the lowest
    validation loss, "last" is the last one.

    `augmented_head` is the head of augmented extraction, and of fine-tuning that starts from it, where
    it is another one than `head`.  `fine_tuning_start` says what comes before the base is unfrozen: the
    head trained on cached features, the head trained on augmented images, or nothing, which makes
    fine-tuning one phase from a random head.  `drop_blocks` leaves out the last blocks of the base, for
    images far from ImageNet.
    """

    name: str
    summary: str
    preprocessing: Literal["native", "rescale"] = "native"
    resize: Literal["bilinear", "nearest"] = "bilinear"
    head: Head = "gap-dense256-dropout"
    augmented_head: Head | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    optimizer: Literal["adam", "rmsprop"] = "adam"
    batch: Annotated[int, Field(ge=1)] = 32
    fast_extraction: Schedule = Schedule(epochs=20, learning_rate=3e-4)
    augmented_extraction: Schedule = Schedule(epochs=5, learning_rate=1e-3)
    fine_tuning: Schedule = Schedule(epochs=4, learning_rate=5e-5)
    fine_tuning_start: Literal["fast-extraction", "augmented-extraction", "random-head"] = "fast-extraction"
    from_scratch: Schedule = Schedule(epochs=15, learning_rate=1e-3)
    drop_blocks: Annotated[int, Field(ge=0)] = 0
    augmentation: Augmentation = Augmentation()
    select: Literal["best", "last"] = "best"


_ROWS = (
    Recipe(
        name="default",
        summary="pooled features, Dense 256, Adam; 20 epochs on cached features, "
        "5 of the head or 4 of fine-tuning on augmented images",
    ),
    Recipe(
        name="smoke",
        summary="the default with short schedules for the small base on synthetic images",
        fast_extraction=Schedule(epochs=15, learning_rate=1e-3),
        augmented_extraction=Schedule(epochs=6, learning_rate=1e-3),
        fine_tuning=Schedule(epochs=4, learning_rate=3e-4),
    ),
)

RECIPES: dict[str, Recipe] = {row.name: row for row in _ROWS}
