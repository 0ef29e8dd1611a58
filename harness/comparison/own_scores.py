"""What a record says of its own predictions: accuracy and loss, which must be those that they give."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.metrics import Metric, metric
from harness.records import Predictions, Record
from harness.training.scoring import cross_entropies

__all__ = ["OwnScore", "own_scores"]


def _accuracy(found: Predictions) -> float:
    return float(found.correct.mean())


def _loss(found: Predictions) -> float:
    return float(cross_entropies(found.probabilities, found.labels).mean())


_SCORES: Final[dict[str, tuple[Callable[[Predictions], float], float]]] = {
    "test_accuracy": (_accuracy, 1e-6),  # float32 carries it to 1e-7
    "test_loss": (_loss, 1e-4),  # predictions are kept as float32
}
"""How a score follows from predictions, and how far the recorded one may lie from it."""


@dataclass(frozen=True)
class OwnScore:
    """A score as it is recorded, and as the predictions beside it give it; None where none is recorded."""

    metric: Metric
    recorded: float | None
    given: float

    @property
    def agrees(self) -> bool:
        """Whether both are the same but for rounding."""
        allowed = _SCORES[self.metric.name][1]
        return self.recorded is not None and abs(self.recorded - self.given) <= allowed

    @property
    def told(self) -> str:
        """Both as the end of a sentence."""
        recorded, given = (self.metric.text(each) for each in (self.recorded, self.given))
        return f"{self.metric.label} is recorded as {recorded}; its predictions give {given}"


def own_scores(record: Record, predictions: Predictions) -> Iterator[OwnScore]:
    """The scores of a record that ended ok, each beside what its predictions give."""
    for name, (score, _) in _SCORES.items():
        of = metric(name)
        yield OwnScore(of, of.value(record), score(predictions))
