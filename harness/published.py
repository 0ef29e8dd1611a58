"""Published trainings that a record can be read beside: their curves, and their test figures where known.

They are facts from public material and references, nothing that is aimed at or gated on.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.records import Record
from harness.strategies import NO_DEPTH, Phase
from harness.strategies.zero_shot import imagenet_classes

__all__ = ["PUBLISHED", "PublishedEpoch", "PublishedTraining", "published_phases", "published_training"]

_CURVES = Path(__file__).parent / "assets" / "published_curves.csv"


@dataclass(frozen=True)
class PublishedEpoch:
    """One published epoch: accuracies (0 to 1) and losses (nats)."""

    epoch: int
    accuracy: float
    loss: float
    validation_accuracy: float
    validation_loss: float


@dataclass(frozen=True)
class PublishedTraining:
    """One published training on cats and dogs, named as the recipe that repeats it.

    `depths` are the ways to write what trained of the base.  Where no test accuracy is published there
    are the validation figures of the curve; where there is no curve, the test figures alone.
    """

    recipe: str
    backbone: str
    size: int
    strategy: str
    depths: tuple[str, ...] = (NO_DEPTH,)
    test_accuracy: float | None = None
    test_loss: float | None = None

    @property
    def curve(self) -> tuple[PublishedEpoch, ...]:
        """The published epochs, the first one first; none where only the result is published."""
        return _curves().get((self.recipe, self.strategy), ())

    @property
    def last_validation_accuracy(self) -> float | None:
        """The validation accuracy of the last published epoch."""
        return self.curve[-1].validation_accuracy if self.curve else None


_EXERCISE = ("dog-cat-exercise-01", "VGG16", 150)
_SLIDES = ("vgg19-fine-tuning-slides", "VGG19", 224)

PUBLISHED: tuple[PublishedTraining, ...] = (
    PublishedTraining(*_EXERCISE, "fast-extraction"),
    PublishedTraining(*_EXERCISE, "augmented-extraction"),
    PublishedTraining(*_EXERCISE, "fine-tuning", ("from:block5_conv1", "blocks:1"), 0.941),
    # "Transfer without fine-tuning"; its schedule is not published.
    PublishedTraining(*_SLIDES, "augmented-extraction", (NO_DEPTH,), 0.907, 0.237),
    PublishedTraining(*_SLIDES, "fine-tuning", ("layers:4", "from:block5_conv2"), 0.943, 0.134),
)
_RECIPES = {each.recipe for each in PUBLISHED}


def published_training(record: Record) -> PublishedTraining | None:
    """The published training that this record repeats, or None.

    It has the published recipe or one derived from it, the same backbone, size, strategy and depth,
    ImageNet weights, all its training images, and tells cats from dogs.
    """
    if record.cell.train_images is not None or not _RECIPES & {record.recipe.name, record.recipe.base}:
        return None
    if record.weights.kind != "imagenet" or imagenet_classes(record.data.classes) is None:
        return None
    return next((each for each in PUBLISHED if _repeats(record, each)), None)


def published_phases(record: Record) -> dict[str, PublishedTraining]:
    """The published trainings by the record's phase that each can be read beside.

    Fine-tuning that goes on from augmented extraction has that one's curve in its first phase.
    """
    training = published_training(record)
    if training is None:
        return {}
    found = {record.phases[-1].name: training}
    before = (training.recipe, "augmented-extraction")
    head = next((each for each in PUBLISHED if (each.recipe, each.strategy) == before), None)
    for phase in record.phases[:-1]:
        if head is not None and isinstance(phase, Phase) and phase.augmented:
            found[phase.name] = head
    return found


def _repeats(record: Record, training: PublishedTraining) -> bool:
    cell = record.cell
    return (
        training.recipe in (record.recipe.name, record.recipe.base)
        and (training.backbone, training.size, training.strategy) == (cell.backbone, cell.size, cell.strategy)
        and cell.depth in training.depths
    )


@cache
def _curves() -> dict[tuple[str, str], tuple[PublishedEpoch, ...]]:
    found: dict[tuple[str, str], list[PublishedEpoch]] = {}
    with _CURVES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            epoch = PublishedEpoch(
                int(row["epoch"]),
                float(row["accuracy"]),
                float(row["loss"]),
                float(row["val_accuracy"]),
                float(row["val_loss"]),
            )
            found.setdefault((row["source"], row["strategy"]), []).append(epoch)
    return {name: tuple(epochs) for name, epochs in found.items()}
