"""What fine-tuning changed: the test images that it fixed or broke against fast extraction."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.analysis.answers import Answers
from harness.analysis.errors import MOST_SEEDS, most_said
from harness.analysis.rows import Row, Table
from harness.matrix import Cell
from harness.strategies import NO_DEPTH

__all__ = ["MOST_CHANGES", "Change", "Turned", "changes", "changes_of"]

MOST_CHANGES = 20
"""Of how many fine-tuned rows the changes are looked for, the most accurate first."""


@dataclass(frozen=True)
class Turned:
    """A test image on which two rows differ: its label, and what each says with its mean confidence (0..1).

    Of several seeds, what most say.
    """

    id: str
    label: str
    before: str
    before_confidence: float
    after: str
    after_confidence: float


@dataclass(frozen=True)
class Change:
    """A fine-tuned row against fast extraction with the same backbone and seeds, image by image.

    `fixed` are the images that more than half of the seeds had wrong before and fewer than half after,
    the surest mistakes first; `broken` the other way round.
    """

    tuned: Row
    base: Row
    fixed: tuple[Turned, ...]
    broken: tuple[Turned, ...]


def changes(table: Table, answers: Answers) -> tuple[tuple[Change, ...], tuple[Row, ...]]:
    """The changes of a table's fine-tuned rows, and the rows without a counterpart of the same seeds.

    The counterpart differs in strategy and depth alone.  Where none has the row's own learning rate it is
    the one with the recipe's.
    """
    tuned = [row for row in table.rows if row.cell.strategy == "fine-tuning"]
    bases = {row.cell: row for row in table.rows if row.cell.strategy == "fast-extraction"}
    found: list[Change] = []
    alone: list[Row] = []
    for row in tuned:
        base = _counterpart(row, bases)
        if base is None:
            alone.append(row)
        elif len(found) < MOST_CHANGES:
            found.append(changes_of(row, base, answers))
    return tuple(found), tuple(alone)


def changes_of(tuned: Row, base: Row, answers: Answers) -> Change:
    """The images that differ between two rows that were asked the same images, by their first seeds."""
    wrong_before = 1 - answers.correct(base.records[:MOST_SEEDS]).mean(axis=0)
    wrong_after = 1 - answers.correct(tuned.records[:MOST_SEEDS]).mean(axis=0)
    fixed = _turned(tuned, base, np.flatnonzero((wrong_before > 0.5) & (wrong_after < 0.5)), answers)
    broken = _turned(tuned, base, np.flatnonzero((wrong_before < 0.5) & (wrong_after > 0.5)), answers)
    fixed.sort(key=lambda each: (-each.before_confidence, each.id))
    broken.sort(key=lambda each: (-each.after_confidence, each.id))
    return Change(tuned, base, tuple(fixed), tuple(broken))


def _counterpart(row: Row, bases: dict[Cell, Row]) -> Row | None:
    wanted = replace(row.cell, strategy="fast-extraction", depth=NO_DEPTH)
    for cell in (wanted, replace(wanted, learning_rate=None)):
        base = bases.get(cell)
        if base is not None and base.seeds == row.seeds:
            return base
    return None


def _turned(tuned: Row, base: Row, places: NDArray[np.intp], answers: Answers) -> list[Turned]:
    asked = answers.of(base.first)
    classes = base.first.data.classes
    before, after = _Voices(base, answers), _Voices(tuned, answers)
    found = []
    for place in places.tolist():
        said_before, sure_before = before.at(place)
        said_after, sure_after = after.at(place)
        found.append(
            Turned(
                id=str(asked.ids[place]),
                label=classes[asked.labels[place]],
                before=classes[said_before],
                before_confidence=sure_before,
                after=classes[said_after],
                after_confidence=sure_after,
            )
        )
    return found


class _Voices:
    """What the first seeds of a row say, image by image."""

    def __init__(self, row: Row, answers: Answers) -> None:
        asked = [answers.of(record).probabilities for record in row.records[:MOST_SEEDS]]
        self._says = np.stack([each.argmax(axis=1) for each in asked])
        self._sure = np.stack([each.max(axis=1) for each in asked])

    def at(self, place: int) -> tuple[int, float]:
        """The class that most seeds say of an image, and the mean confidence of those."""
        return most_said(self._says[:, place], self._sure[:, place])
