"""The columns of a table of rows: what a row is, how accurate it is and how sure, and its metrics."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from harness.analysis.doubts import STEPS, time_doubt
from harness.analysis.rows import Row
from harness.metrics import METRICS, Metric
from harness.published import published_training
from harness.records import Record
from harness.reports.tables import number

__all__ = ["columns", "numeric"]


def columns(
    rows: Sequence[Row], *, beside: Iterable[Record] = (), marked: bool = False
) -> dict[str, list[str]]:
    """The columns of these rows by their headings, without those that tell no rows apart.

    Where `beside` holds the same configurations on other devices, the times on each stand beside each other.
    `marked` sets the best value of a column in bold.
    """
    found = {heading: [text(row) for row in rows] for heading, text in _IDENTITY.items()}
    several = any(len(row.records) > 1 for row in rows)
    found["seeds" if several else "seed"] = [
        str(len(row.records)) if several else str(row.cell.seed) for row in rows
    ]
    if any(row.rank is not None for row in rows):
        places = {"rank interval": [_places(row) for row in rows]} if len(rows) > 1 else {}
        found = {"rank": [_rank(row) for row in rows], **places, **found}
    devices = _devices(rows, beside)
    for each in METRICS:
        if not each.column:
            continue
        if each.name in STEPS and len(devices) > 1:
            for device, twins in devices.items():
                heading = f"{each.label} on {device} ({each.unit})"
                there = [tuple(twins.get(_anywhere(row.first), ())) for row in rows]
                found[heading] = _texts(each, there, marked=marked)
        else:
            found[each.heading] = _texts(each, [row.records for row in rows], marked=marked)
        found |= {heading: [text(row) for row in rows] for heading, text in _AFTER.get(each.name, {}).items()}
    return {heading: column for heading, column in found.items() if not _idle(heading, column)}


def numeric(heading: str) -> bool:
    """Whether a column of that heading is set flush right."""
    return "(" in heading or any(word in heading for word in ("seed", "loss", "epoch", "rank"))


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
    if training is None:
        return "-"
    if training.test_accuracy is not None:
        return number(training.test_accuracy, 1, 100)
    return f"{number(training.last_validation_accuracy, 1, 100)} val."


def _published_loss(row: Row) -> str:
    training = published_training(row.first)
    return number(training.test_loss if training else None, 3)


_IDENTITY: dict[str, Callable[[Row], str]] = {
    "backbone": lambda row: row.cell.backbone,
    "weights": lambda row: row.first.weights.kind,
    "strategy": lambda row: row.cell.label,
    "recipe": lambda row: row.cell.recipe,
    "device": lambda row: row.cell.device,
    "precision": lambda row: row.cell.precision,
    "size (px)": lambda row: str(row.cell.size),
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
_WHERE_THEY_DIFFER = ("weights", "recipe", "device", "precision")
_WHERE_THERE_IS_ONE = ("published (%)", "published loss", "spread (points)")


def _idle(heading: str, column: Sequence[str]) -> bool:
    same = set(column)
    if heading in _WHERE_THEY_DIFFER:
        return len(same) == 1
    return heading in _WHERE_THERE_IS_ONE and same == {"-"}


def _texts(each: Metric, rows: Sequence[tuple[Record, ...]], *, marked: bool) -> list[str]:
    values = [each.of(records) for records in rows]
    doubts = [_doubt(each, records) for records in rows]
    # A time that cannot be compared is not the best.
    sound = [value for value, doubt in zip(values, doubts, strict=True) if not doubt]
    best = each.best(sound) if marked else None
    texts = []
    for value, doubt in zip(values, doubts, strict=True):
        text = each.text(value)
        texts.append(f"**{text}**" if text == best and not doubt else f"{text}{doubt}")
    return texts


def _doubt(each: Metric, records: Sequence[Record]) -> str:
    doubt = time_doubt(each.name, records)
    return f" ({doubt})" if doubt else ""


def _devices(rows: Sequence[Row], beside: Iterable[Record]) -> dict[str, dict[str, list[Record]]]:
    """By device, the results of these configurations on it, by their name on any device."""
    wanted = {_anywhere(row.first) for row in rows}
    found: dict[str, dict[str, list[Record]]] = {}
    for record in beside:
        if record.status == "ok" and _anywhere(record) in wanted:
            found.setdefault(record.cell.device, {}).setdefault(_anywhere(record), []).append(record)
    return dict(sorted(found.items()))


def _anywhere(record: Record) -> str:
    """The name of a configuration on whatever device."""
    return replace(record.cell, device="", seed=0).name
