"""How rows do by class: the recall of each class, and which classes are taken for which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.answers import Answers
from harness.analysis.rows import Row
from harness.statistics import Interval, accuracy_interval

__all__ = ["Confusion", "Recall", "classes_differ", "confusions", "recalls"]


@dataclass(frozen=True)
class Recall:
    """The share (0..1) of a class's test images that a row puts in it; of several seeds the mean.

    `interval` is the class's own, of 95 %; `joint` the wider one that holds for all classes of the row at
    once (Bonferroni), since among many classes some two of the own ones lie apart by chance.
    """

    label: str
    images: int
    value: float
    interval: Interval
    joint: Interval


@dataclass(frozen=True)
class Confusion:
    """Test images of one class that a row puts in another: how many, a mean over seeds, of so many."""

    label: str
    said: str
    count: float
    images: int


def recalls(row: Row, answers: Answers) -> tuple[Recall, ...]:
    """The recall of every class that has test images, in the order of the classes."""
    labels = answers.of(row.first).labels
    correct = answers.correct(row.records)
    together = 1 - 0.05 / len(np.unique(labels))
    found = []
    for number, label in enumerate(row.first.data.classes):
        here = correct[:, labels == number]
        if here.shape[1]:
            own, joint = accuracy_interval(here), accuracy_interval(here, together)
            found.append(Recall(label, here.shape[1], float(here.mean()), own, joint))
    return tuple(found)


def classes_differ(found: Sequence[Recall]) -> bool:
    """Whether the joint intervals of some two classes do not touch; by chance in one row of 20 at most."""
    return max(each.joint.low for each in found) > min(each.joint.high for each in found)


def confusions(row: Row, answers: Answers) -> tuple[Confusion, ...]:
    """Which class is taken for which, the most frequent first; pairs that never happen are left out."""
    labels = answers.of(row.first).labels
    classes = row.first.data.classes
    counts = np.zeros((len(classes), len(classes)))
    for record in row.records:
        np.add.at(counts, (labels, answers.of(record).probabilities.argmax(axis=1)), 1 / len(row.records))
    images = np.bincount(labels, minlength=len(classes))
    np.fill_diagonal(counts, 0)
    found = [
        Confusion(classes[label], classes[said], float(counts[label, said]), int(images[label]))
        for label, said in np.argwhere(counts > 0)
    ]
    found.sort(key=lambda each: (-each.count, each.label, each.said))
    return tuple(found)
