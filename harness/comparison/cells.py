"""Which cells of two runs stand beside each other, and what is to be said of those that do not."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.comparison.finding import Finding, Severity
from harness.comparison.sides import Side
from harness.metrics import metric
from harness.records import Record
from harness.text import quoted

__all__ = ["Pair", "lone_cells", "margin_changes", "matched"]


@dataclass(frozen=True)
class Pair:
    """One cell with a record in both runs, and the baseline's margins for it, by metric."""

    before: Record
    after: Record
    margins: dict[str, float]

    @property
    def name(self) -> str:
        """The cell's name."""
        return self.before.name

    @property
    def ended_ok(self) -> bool:
        """Whether both runs have a result of it."""
        return self.before.status == self.after.status == "ok"


def matched(baseline: Side, current: Side) -> list[Pair]:
    """The cells that have a record in both runs, in the baseline's order."""
    return [
        Pair(record, current.records[name], baseline.margins(name))
        for name, record in baseline.records.items()
        if name in current.records
    ]


def lone_cells(baseline: Side, current: Side) -> Iterator[Finding]:
    """What is said of cells without a result in one of the runs, or in both."""
    there = set(current.planned)
    for name in baseline.planned:
        before = _status(baseline, name)
        after = _status(current, name) if name in there else "is not in the plan"
        if before == after == "ok":
            continue
        message = f"has a result in the baseline, and now {after}"
        if before == "ok":
            yield Finding("cells", "regression", message, (name,), "status", before="ok", after=after)
        elif after == "ok":
            message = f"has a result now; in the baseline it {before}"
            yield Finding("cells", "improved", message, (name,), "status", before=before, after="ok")
        else:
            message = f"has no result in either run: in the baseline it {before}, now it {after}"
            yield Finding("cells", "undecided", message, (name,), "status", before=before, after=after)
    planned = set(baseline.planned)
    for name in current.planned:
        if name not in planned:
            after = _status(current, name)
            # What fails has never worked: it would stand in the next baseline as if that were usual.
            severity: Severity = "new" if after == "ok" else "regression"
            message = "is new" if after == "ok" else f"is new, and {after}"
            yield Finding("cells", severity, message, (name,), "status", after=after)


def margin_changes(baseline: Side, current: Side) -> Iterator[Finding]:
    """Margins that the current run's matrix or version has otherwise: the baseline's count."""
    there = set(current.planned)
    for name in baseline.planned:
        ours, theirs = baseline.margins(name), current.margins(name) if name in there else {}
        for field, value in theirs.items():
            if value != ours[field]:
                yield Finding(
                    kind="margin",
                    severity="changed",
                    message=f"the margin of {metric(field).label} is {value:g} now; "
                    f"the baseline's counts, {ours[field]:g}",
                    cells=(name,),
                    field=field,
                    before=ours[field],
                    after=value,
                )


def _status(side: Side, name: str) -> str:
    """How a planned cell ended, as the end of a sentence of which it is the subject."""
    record = side.records.get(name)
    if record is None:
        return "has no record: the run ended before it"
    if record.status == "ok":
        return "ok"
    return f"ended with {record.status}" + (f": {quoted(record.reason)}" if record.reason else "")
