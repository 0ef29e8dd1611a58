"""The columns of a table of rows: what a row is, how accurate it is and how sure, and its metrics."""

from collections.abc import Callable, Mapping, Sequence

from harness.analysis.rows import Row
from harness.metrics import METRICS, Metric
from harness.published import published_training
from harness.reports.device_times import STEP_METRICS, Reading, anywhere, doubt
from harness.reports.tables import number

__all__ = ["columns", "numeric"]


def columns(
    rows: Sequence[Row],
    *,
    devices: Mapping[str, Mapping[tuple[str, str], Reading]] | None = None,
    marked: bool = False,
) -> dict[str, list[str]]:
    """The columns of these rows by their headings, without those that tell no rows apart.

    Where `devices` (of `on_devices`) has more than one, the times on each stand beside each other.
    `marked` sets the best value of a column in bold.
    """
    devices = devices or {}
    found = {heading: [text(row) for row in rows] for heading, text in _IDENTITY.items()}
    several = any(len(row.records) > 1 for row in rows)
    found["seeds" if several else "seed"] = [
        str(len(row.records)) if several else str(row.cell.seed) for row in rows
    ]
    if any(row.rank is not None for row in rows):
        places = {"rank interval": [_places(row) for row in rows]} if len(rows) > 1 else {}
        found = {"rank": [_rank(row) for row in rows], **places, **found}
    for each in METRICS:
        if not each.column:
            continue
        if each.name in STEP_METRICS and len(devices) > 1:
            for device, times in devices.items():
                heading = f"{each.label} on {device} ({each.unit})"
                there = [times.get((each.name, anywhere(row.first)), Reading()) for row in rows]
                found[heading] = _texts(each, there, marked=marked)
        else:
            found[each.heading] = _texts(each, [_own(each, row) for row in rows], marked=marked)
        found |= {heading: [text(row) for row in rows] for heading, text in _AFTER.get(each.name, {}).items()}
    return {heading: column for heading, column in found.items() if not _idle(heading, column)}


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
    if training is None:
        return "-"
    if training.test_accuracy is not None:
        return number(training.test_accuracy, 1, 100)
    return f"{number(training.last_validation_accuracy, 1, 100)} val."


def _published_loss(row: Row) -> str:
    training = published_training(row.first)
    return number(training.test_loss if training else None, 3)


def _train_images(row: Row) -> str:
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
    "size (px)": lambda row: str(row.cell.size),
    "train images": _train_images,
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
    if heading == "train images":  # the header tells the whole split
        return all(value.endswith(_WHOLE) for value in same)
    return heading in _WHERE_THERE_IS_ONE and same == {"-"}


def _own(each: Metric, row: Row) -> Reading:
    return Reading(row.value(each), doubt(each.name, row.records) if each.name in STEP_METRICS else "")


def _texts(each: Metric, readings: Sequence[Reading], *, marked: bool) -> list[str]:
    # A time that cannot be compared is not the best.
    best = each.best([one.value for one in readings if not one.doubt]) if marked else None
    texts = [each.text(one.value) for one in readings]
    return [
        f"**{text}**" if text == best and not one.doubt else f"{text}{one.doubt}"
        for text, one in zip(texts, readings, strict=True)
    ]
