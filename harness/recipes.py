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

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["HEADS", "RECIPES", "Augmentation", "Recipe", "Schedule", "recipe_changes"]

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

    `base` names the built-in recipe that a matrix derived it from, "" of a built-in one itself.
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
    base: str = ""
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


_EXERCISE = Recipe(
    name="dog-cat-exercise-01",
    summary="published: VGG16 at 150 px, inputs divided by 255, RMSprop 2e-5, batch 20, last epoch",
    # Published with Keras 2.2.4.  Known: rates, epochs, heads and augmentation as below; fine-tuning goes
    # on from the augmented extraction's head and starts at block5_conv1; what is reported is the last
    # epoch.  `flow_from_directory` resizes by nearest neighbour unless told otherwise, and shear is
    # degrees there, so 0.1 is almost nothing.  100 steps of 20 are the whole of 2,000 images.
    # Assumed: RMSprop's other settings are Keras' defaults, and its pixels pass through no other change.
    preprocessing="rescale",
    resize="nearest",
    head="flatten-dense256-dropout",
    augmented_head="flatten-dense256",
    optimizer="rmsprop",
    batch=20,
    fast_extraction=Schedule(epochs=30, learning_rate=2e-5),
    augmented_extraction=Schedule(epochs=30, learning_rate=2e-5, steps_per_epoch=100),
    fine_tuning=Schedule(epochs=100, learning_rate=1e-5, steps_per_epoch=100),
    fine_tuning_start="augmented-extraction",
    augmentation=Augmentation(rotation=20, shift=0.1, shear=0.1, zoom=0.1, flip=True),
    select="last",
)

_SLIDES = Recipe(
    name="vgg19-fine-tuning-slides",
    summary="published: VGG19 at 224 px, inputs divided by 255, RMSprop, one phase from a random head, "
    "20 steps an epoch, last epoch",
    # Known: a linear head on flattened features; the last four layers of the base train together with
    # the random head, in one phase; 20 steps an epoch, 100 epochs; the last epoch counts.
    # Contradictory: the text says batch 100, while all validation accuracies are multiples of 0.002, so
    # 500 images were used and the batch was probably 50 (assumed here: 1,000 images an epoch).  The
    # model is compiled with rate 1e-5 and then again with plain "rmsprop" (1e-3); 1e-5 is assumed.  The
    # printed summary counts 25,089 trainable parameters, those of the frozen model; with the last four
    # layers really unfrozen there are 7,104,513.
    # Unknown: the transfer model's schedule; the fine-tuned model's is assumed.
    preprocessing="rescale",
    resize="nearest",
    head="flatten-linear",
    optimizer="rmsprop",
    batch=50,
    augmented_extraction=Schedule(epochs=100, learning_rate=1e-5, steps_per_epoch=20),
    fine_tuning=Schedule(epochs=100, learning_rate=1e-5, steps_per_epoch=20),
    fine_tuning_start="random-head",
    augmentation=Augmentation(rotation=40, shift=0.2, shear=0.2, zoom=0.2, flip=True),
    select="last",
)

_LEAVES = Recipe(
    name="leaf-disease-40",
    summary="published: VGG16 at 150 px on 40 classes of leaves, fine-tuned from block5_conv1",
    # Known: VGG16 at 150 px, Flatten, Dense 256, Dense 40 (16,822,376 parameters), fine-tuned from
    # block5_conv1.  Unknown: everything else; assumed to be as in dog-cat-exercise-01, whose head it
    # shares, but for the steps of an epoch: all images are seen, however many there are.  Its images are
    # not public: it runs on any folders of classes.
    **(
        _EXERCISE.model_dump(exclude={"name", "summary"})
        | {
            "head": "flatten-dense256",
            "augmented_extraction": Schedule(epochs=30, learning_rate=2e-5),
            "fine_tuning": Schedule(epochs=100, learning_rate=1e-5),
        }
    ),
)

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
    _EXERCISE,
    _SLIDES,
    _LEAVES,
)

RECIPES: dict[str, Recipe] = {row.name: row for row in _ROWS}


def recipe_changes(first: Recipe, second: Recipe) -> list[tuple[str, Any, Any]]:
    """What one recipe says and another says otherwise: field (`fine_tuning.epochs`), and both values.

    Names and summaries have no part in it.
    """
    ours, theirs = _flat(first), _flat(second)
    names = dict.fromkeys((*ours, *theirs))
    return [(name, ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)]


def _flat(recipe: Recipe) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in recipe.model_dump(exclude={"name", "summary", "base"}).items():
        inner = value if isinstance(value, dict) else {}
        found |= {f"{name}.{key}": each for key, each in inner.items()} or {name: value}
    return found
