"""Runs for the tests of the page, without files or predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fakes import answers, epoch, measured, record, run_facts

from harness.analysis.answers import Answers
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.record_store import RecordStore
from harness.records import Epoch, Record
from harness.statistics import Interval

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
"""Text that takes over a page that makes markup of it."""


def trained(accuracy: float, *, epochs: Sequence[Epoch] = (), to_result: float = 10.0, **cell: Any) -> Record:
    """A record of that accuracy (0..1) and time (seconds), with these epochs."""
    usual = measured(answers(90))
    assert usual.seconds is not None
    history = tuple(epochs) or usual.history
    seconds = usual.seconds.model_copy(
        update={"decode": to_result, "extraction": 0.0, "training": 0.0, "validation": 0.0}
    )
    changed = {"test_accuracy": accuracy, "history": history, "chosen": history[-1], "seconds": seconds}
    return record(measured=usual.model_copy(update=changed), **cell)


def without(each: Record, *fields: str) -> Record:
    """The record without some of what was measured."""
    return each.model_copy(
        update={"measured": each.measured.model_copy(update=dict.fromkeys(fields))},
    )


def standing(*records: Record, rank: int | None = 1, tied: bool = True) -> Row:
    """A row of these seeds."""
    accuracy = records[0].measured.test_accuracy or 0.0
    return Row(
        records,
        Interval(accuracy - 0.01, accuracy, 0.95),
        spread=0.001 if len(records) > 1 else None,
        rank=rank,
        rank_interval=None if rank is None else (rank, rank + 1),
        tied=tied,
    )


def standings(*rows: Row, **changed: Any) -> Standings:
    """A run with one ranked table of these rows, in this order."""
    usual: dict[str, Any] = {
        "facts": run_facts(),
        "records": tuple(each for row in rows for each in row.records),
        "tables": (Table(rows),) if rows else (),
        "controls": (),
        "partial": (),
        "failed": (),
        "missing": (),
        "answers": Answers(RecordStore(Path("nowhere"))),
    }
    return Standings(**(usual | changed))


def many(count: int) -> Standings:
    """A run of so many rows of one seed each, most accurate first."""
    names = ("MobileNet", "Xception", "VGG16")
    return standings(
        *(
            standing(
                trained(1 - place / (2 * count), to_result=(place * 7919) % count, backbone=name, seed=place),
                rank=place + 1,
                tied=place < 3,
            )
            for place in range(count)
            for name in (names[place % 3],)
        )
    )


def two_phases() -> tuple[Epoch, ...]:
    """Five epochs of a head and three of fine-tuning."""
    return (
        *(epoch(number, "head", validation_accuracy=0.8 + number / 100) for number in range(1, 6)),
        *(epoch(number, "fine-tuning", validation_accuracy=0.9 + number / 100) for number in range(1, 4)),
    )
