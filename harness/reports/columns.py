"""The columns of a table of rows: what a row is, how accurate it is and how sure, and its metrics."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from harness.analysis.device_times import Reading, anywhere
from harness.analysis.rows import Row
from harness.analysis.step_times import STEP_TIMES, time_doubt
from harness.metrics import METRICS, Metric
from harness.published import published_training
from harness.reports.tables import number

__all__ = ["Column", "Devices", "columns", "detailed", "numeric"]

Devices = Mapping[str, Mapping[tuple[str, str], Reading]]
"""What `on_devices` gives: by device, the readings by metric and configuration."""


@dataclass(frozen=True)
class Column:
    """A column of a table of rows, a text and a value a row.

    `values` are what the texts show, in full precision and whatever unit: for sorting; None where there is
    none.  `metric` is what it shows, where that is one, and `best` the places of the rows that are best in
    it, as it is shown.
    """

    heading: str
    texts: tuple[str, ...]
    values: tuple[float | str | None, ...]
    metric: Metric | None = None
    best: frozenset[int] = frozenset()


def columns(
    rows: Sequence[Row], *, devices: Devices | None = None, marked: bool = False
) -> dict[str, list[str]]:
    """The columns of these rows by their headings, without those that tell no rows apart.

    Where `devices` (of `on_devices`) has more than one, the times on each stand beside each other.
    `marked` sets the best values of a column in bold (`Metric.best`).
    """
    return {
        each.heading: [
            f"**{text}**" if marked and place in each.best else text for place, text in enumerate(each.texts)
        ]
        for each in detailed(rows, devices=devices)
    }


def detailed(rows: Sequence[Row], *, devices: Devices | None = None, every: bool = False) -> list[Column]:
    """The same columns with the values behind their texts; `every` adds the metrics that no column has."""
    several = any(len(row.records) > 1 for row in rows)
    shown: dict[str, Callable[[Row], str]] = _IDENTITY | {
        "seeds" if several else "seed": lambda row: str(len(row.records) if several else row.cell.seed)
    }
    if any(row.rank is not None for row in rows):
        places = {"rank interval": _places} if len(rows) > 1 else {}
        shown = {"rank": _rank, **places, **shown}
    found = [_told(heading, text, rows) for heading, text in shown.items()]
    several_devices = devices if devices and len(devices) > 1 else {}

    @cache
    def doubts(name: str) -> list[str]:
        # What speaks against one time in seconds speaks against all.
        if name.endswith("_s") and name != "to_result_s":
            return doubts("to_result_s")
        return [time_doubt(row.records, name) for row in rows]

    for each in METRICS:
        if not each.column and not every:
            continue
        if each.name in STEP_TIMES and several_devices:
            for device, readings in several_devices.items():
                heading = f"{each.label} on {device} ({each.unit})"
                there = [readings.get((each.name, anywhere(row.first)), Reading()) for row in rows]
                stated = max((one.within for one in there if one.within is not None), default=None)
                values, against = [one.value for one in there], [one.doubt for one in there]
                found.append(_measured(heading, each, values, against, stated))
        else:
            values, stated = [row.value(each) for row in rows], _stated(devices or {}, each.name)
            found.append(_measured(each.heading, each, values, doubts(each.name), stated))
        found += [_told(heading, text, rows) for heading, text in _AFTER.get(each.name, {}).items()]
    return [each for each in found if not _idle(each.heading, each.texts)]


def numeric(heading: str) -> bool:
    """Whether a column of that heading is set flush right."""
    return "(" in heading or any(word in heading for word in ("seed", "loss", "epoch", "rank", "images"))


def _rank(row: Row) -> str:
    return "-" if row.rank is None else str(row.rank)


def _places(row: Row) -> str:
    if row.rank_interval is None:
        return "-"
    low, high = row.rank_interval
    return str(low) if low == high else f"{low} to {high}"


def _interval(row: Row) -> str:
    return f"{100 * row.interval.low:.1f} to {100 * row.interval.high:.1f}"


def _published(row: Row) -> str:
    training = published_training(row.first)
    last = "" if training is None or training.test_accuracy is not None else " val."
    return number(_published_share(row), 1, 100) + last


def _published_share(row: Row) -> float | None:
    """Test accuracy, or where none is published the last validation accuracy."""
    training = published_training(row.first)
    if training is None or training.test_accuracy is not None:
        return training.test_accuracy if training else None
    return training.last_validation_accuracy


def _published_loss(row: Row) -> str:
    training = published_training(row.first)
    return number(training.test_loss if training else None, 3)


def _training_images(row: Row) -> str:
    if row.cell.train_images is not None:
        return f"{row.cell.train_images:,}"
    return f"{sum(row.first.data.counts.get('train', {}).values()):,}{_WHOLE}"


_WHOLE = " (all)"
_IDENTITY: dict[str, Callable[[Row], str]] = {
    "backbone": lambda row: row.cell.backbone,
    "weights": lambda row: row.first.weights.kind,
    "strategy": lambda row: row.cell.label,
    "recipe": lambda row: row.cell.recipe,
    "device": lambda row: row.cell.device,
    "precision": lambda row: row.cell.precision,
    "environment": lambda row: row.first.environment.fingerprint,
    "size (px)": lambda row: str(row.cell.size),
    "training images": _training_images,
}
# What stands behind a metric.
_AFTER: dict[str, dict[str, Callable[[Row], str]]] = {
    "test_accuracy": {
        "95 % interval": _interval,
        "spread (points)": lambda row: number(row.spread, 2, 100),
        "published (%)": _published,
    },
    "test_loss": {"published loss": _published_loss},
}
# What sorts a column whose text does not say it in full.
_VALUES: dict[str, Callable[[Row], float | None]] = {
    "rank interval": lambda row: row.rank_interval[0] if row.rank_interval else None,
    "95 % interval": lambda row: row.interval.low,
    "spread (points)": lambda row: row.spread,
    "published (%)": _published_share,
}
_NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?")
_WHERE_THEY_DIFFER = ("weights", "recipe", "device", "precision", "environment")
_WHERE_THERE_IS_ONE = ("published (%)", "published loss", "spread (points)")


def _idle(heading: str, column: Sequence[str]) -> bool:
    same = set(column)
    if heading in _WHERE_THEY_DIFFER:
        return len(same) == 1
    if heading == "training images":  # the header tells the whole split
        return all(value.endswith(_WHOLE) for value in same)
    return heading in _WHERE_THERE_IS_ONE and same == {"-"}


def _told(heading: str, text: Callable[[Row], str], rows: Sequence[Row]) -> Column:
    texts = tuple(map(text, rows))
    if heading in _VALUES:
        return Column(heading, texts, tuple(map(_VALUES[heading], rows)))
    if all(each == "-" or _NUMBER.match(each) for each in texts):
        leading = map(_NUMBER.match, texts)
        return Column(
            heading, texts, tuple(float(found[0].replace(",", "")) if found else None for found in leading)
        )
    return Column(heading, texts, tuple(None if each == "-" else each for each in texts))


def _measured(
    heading: str, each: Metric, values: Sequence[float | None], doubts: Sequence[str], within: float | None
) -> Column:
    texts = [each.text(value) for value in values]
    return Column(
        heading,
        tuple(f"{text} ({doubt})" if doubt else text for text, doubt in zip(texts, doubts, strict=True)),
        tuple(values),
        each,
        # A time that cannot be compared is not the best.
        each.best(
            [None if doubt else value for value, doubt in zip(values, doubts, strict=True)], within=within
        ),
    )


def _stated(devices: Devices, name: str) -> float | None:
    """What the machine of rows of one device resolves in a metric, where a timing run beside them says so."""
    readings = next(iter(devices.values())) if len(devices) == 1 else {}
    return max(
        (one.within for (which, _), one in readings.items() if which == name and one.within is not None),
        default=None,
    )
