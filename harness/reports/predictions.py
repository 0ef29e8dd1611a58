"""What a model says of images, as text, JSON or CSV."""

import csv
import io
import json
from collections.abc import Sequence

from rich.cells import cell_len

from harness.data.manifest import LeftOut
from harness.export.prediction import Prediction

__all__ = ["predictions_csv", "predictions_json", "predictions_text", "unreadable_text"]


def predictions_text(predictions: Sequence[Prediction]) -> str:
    """A line an image: path, class and probability, in columns."""
    rows = [(each.path, each.label, f"{each.probability:.4f}") for each in predictions]
    widths = [max((cell_len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = ["  ".join(_padded(text, width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def predictions_json(predictions: Sequence[Prediction]) -> str:
    """A list with path, class, its probability, and the probability of every class."""
    rows = [
        {
            "path": each.path,
            "class": each.label,
            "probability": each.probability,
            "probabilities": each.probabilities,
        }
        for each in predictions
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def predictions_csv(predictions: Sequence[Prediction], classes: Sequence[str]) -> str:
    """A header and a row an image; the columns after the third hold the probability of each class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "class", "probability", *(f"probability of {label}" for label in classes)])
    for each in predictions:
        numbers = (each.probability, *(each.probabilities[label] for label in classes))
        writer.writerow([each.path, each.label, *(f"{number:.8g}" for number in numbers)])
    return text.getvalue()


def unreadable_text(unreadable: Sequence[LeftOut], files: int) -> str:
    """How many of so many files could not be read, and each with its reason."""
    lines = [f"{len(unreadable):,} of {files:,} files could not be read:"]
    return "\n".join([*lines, *(f"  {left.path}: {left.reason}" for left in unreadable)])


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
