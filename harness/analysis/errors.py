"""The test images that models get wrong: all of them, most of them, and how many chance would give.

A model is a backbone at a depth: cells on the same features err alike, so their heads and seeds are one
voice.  It gets an image wrong where more than half of its cells do.  Random bases have no voice.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.answers import Answers
from harness.analysis.standings import Standings
from harness.records import Record
from harness.strategies import NO_DEPTH

__all__ = [
    "MOST_ROWS",
    "MOST_SEEDS",
    "Mistake",
    "SharedErrors",
    "by_chance",
    "model_of",
    "most_said",
    "shared_errors",
]

MOST_ROWS = 100
"""Of how many rows of a table the answers are read, the most accurate first."""
MOST_SEEDS = 10
"""Of how many of a row's seeds."""


@dataclass(frozen=True)
class Mistake:
    """A test image that models get wrong: its label, and what most of their wrong cells say instead.

    `wrong` models of all get it wrong, `agreed` of these say `said`; `confidence` (0..1) is the mean
    confidence of the cells that do.
    """

    id: str
    label: str
    said: str
    wrong: int
    agreed: int
    confidence: float


@dataclass(frozen=True)
class SharedErrors:
    """What the models of a run get wrong of the same `images` test images.

    `models` are their names, `mistakes` the images that at least one gets wrong: most models first.  `rates`
    are the models' error rates (0..1).  `by_backbones` counts the images that the most accurate model of
    every backbone gets wrong; `backbone_rates` are the error rates of these, one a backbone.
    """

    images: int
    models: tuple[str, ...]
    rates: tuple[float, ...]
    mistakes: tuple[Mistake, ...]
    by_backbones: int
    backbone_rates: tuple[float, ...]
    rows_left_out: int = 0

    @property
    def independent(self) -> bool:
        """Whether the models are of two backbones or more; one errs alike at every depth."""
        return len(self.backbone_rates) > 1

    @property
    def by_all(self) -> tuple[Mistake, ...]:
        """The images that every model gets wrong."""
        return tuple(each for each in self.mistakes if each.wrong == len(self.models))

    @property
    def by_most(self) -> tuple[Mistake, ...]:
        """The images that more than half of the models get wrong, and not all."""
        models = len(self.models)
        return tuple(each for each in self.mistakes if models / 2 < each.wrong < models)


def model_of(record: Record) -> str:
    """The model that a cell is one voice of: its backbone, and the depth to which it was trained."""
    if record.weights.kind == "scratch":
        return f"{record.cell.backbone} from scratch"
    depth = record.cell.depth
    return record.cell.backbone if depth == NO_DEPTH else f"{record.cell.backbone} {depth}"


def by_chance(rates: Sequence[float], images: int) -> list[float]:
    """How many images 0, 1, ... all models would get wrong if their errors were independent.

    That is the Poisson binomial distribution of the error rates (0..1), times `images`.
    """
    chances = np.array([1.0])
    for rate in rates:
        chances = np.convolve(chances, [1 - rate, rate])
    return [images * float(chance) for chance in chances]


def shared_errors(found: Standings) -> tuple[SharedErrors, ...]:
    """The errors of the ranked rows, one for each set of test images; none of sets with a single model."""
    groups: dict[str, list[Record]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for table in found.tables:
        images = table.first.data.manifest_sha256
        left_out[images] += max(0, len(table.rows) - MOST_ROWS)
        groups[images] += [record for row in table.rows[:MOST_ROWS] for record in row.records[:MOST_SEEDS]]
    several = {images: each for images, each in groups.items() if len(set(map(model_of, each))) > 1}
    return tuple(_shared(each, found.answers, left_out[images]) for images, each in several.items())


def _shared(records: Sequence[Record], answers: Answers, left_out: int) -> SharedErrors:
    asked = [answers.of(record) for record in records]
    ids, labels = asked[0].ids, asked[0].labels
    says = np.stack([each.probabilities.argmax(axis=1) for each in asked])
    sure = np.stack([each.probabilities.max(axis=1) for each in asked])
    names = [model_of(record) for record in records]
    models = tuple(dict.fromkeys(names))
    voice = np.array([models.index(name) for name in names])
    amiss = says != labels
    wrong = np.stack([amiss[voice == model].mean(axis=0) > 0.5 for model in range(len(models))])
    rates = wrong.mean(axis=1)
    backbones: dict[str, int] = {}
    for name, record in zip(names, records, strict=True):
        model, best = models.index(name), backbones.get(record.cell.backbone)
        if best is None or rates[model] < rates[best]:
            backbones[record.cell.backbone] = model
    best_ones = list(backbones.values())
    classes = records[0].data.classes
    mistakes = []
    for place in np.flatnonzero(wrong.any(axis=0)):
        speaks = amiss[:, place] & wrong[voice, place]
        said, mean = most_said(says[speaks, place], sure[speaks, place])
        mistakes.append(
            Mistake(
                id=str(ids[place]),
                label=classes[labels[place]],
                said=classes[said],
                wrong=int(wrong[:, place].sum()),
                agreed=len(set(voice[speaks & (says[:, place] == said)])),
                confidence=mean,
            )
        )
    mistakes.sort(key=lambda each: (-each.wrong, -each.agreed, -each.confidence, each.id))
    return SharedErrors(
        images=len(ids),
        models=models,
        rates=tuple(rates.tolist()),
        mistakes=tuple(mistakes),
        by_backbones=int(wrong[best_ones].all(axis=0).sum()),
        backbone_rates=tuple(rates[best_ones].tolist()),
        rows_left_out=left_out,
    )


def most_said(says: NDArray[np.int64], sure: NDArray[np.floating]) -> tuple[int, float]:
    """The class that most say (of equals the surest), and the mean confidence of those."""
    counts = Counter(says.tolist())
    means = {said: float(sure[says == said].mean()) for said in counts}
    best = max(counts, key=lambda said: (counts[said], means[said], -said))
    return best, means[best]
