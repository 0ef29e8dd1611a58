"""Which cells of two runs stand beside each other, and what is to be said of those that do not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.comparison.finding import Finding, Severity
from harness.comparison.sides import Side
from harness.metrics import metric
from harness.records import Record
from harness.text import quoted
from harness.timing.records import TimingRecord

__all__ = ["Pair", "ended", "lone", "lone_cells", "margin_changes", "matched"]


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
    return lone(
        _ends(baseline), _ends(current), had="has a result", has="has a result", lacks="has no result"
    )


def lone(
    before: Mapping[str, str], after: Mapping[str, str], *, had: str, has: str, lacks: str
) -> Iterator[Finding]:
    """What is said of planned cells that did not end well in both runs.

    Both say how each cell ended: "ok", or the end of a sentence of which it is the subject.  `had`, `has` and
    `lacks` are what it then had in the baseline, has now, and lacks in both.
    """
    for name, was in before.items():
        now = after.get(name, "is not in the plan")
        if was == now == "ok":
            continue
        if was == "ok":
            message = f"{had} in the baseline, and now {now}"
            yield Finding("cells", "regression", message, (name,), "status", before="ok", after=now)
        elif now == "ok":
            message = f"{has} now; in the baseline it {was}"
            yield Finding("cells", "improved", message, (name,), "status", before=was, after="ok")
        else:
            message = f"{lacks} in either run: in the baseline it {was}, now it {now}"
            yield Finding("cells", "undecided", message, (name,), "status", before=was, after=now)
    for name, now in after.items():
        if name not in before:
            # What fails has never worked: it would stand in the next baseline as if that were usual.
            severity: Severity = "new" if now == "ok" else "regression"
            message = "is new" if now == "ok" else f"is new, and {now}"
            yield Finding("cells", severity, message, (name,), "status", after=now)


def ended(record: Record | TimingRecord | None) -> str:
    """How a cell ended that has no result, as the end of a sentence of which it is the subject."""
    if record is None:
        return "has no record: the run ended before it"
    return f"ended with {record.status}" + (f": {quoted(record.reason)}" if record.reason else "")


def margin_changes(baseline: Side, current: Side) -> Iterator[Finding]:
    """Margins that the current run's matrix or version has otherwise: the baseline's count."""
    there = set(current.planned)
    for name in baseline.planned:
        ours, theirs = baseline.margins(name), current.margins(name) if name in there else {}
        for field, value in theirs.items():
            if value != ours[field]:
                of = metric(field)
                yield Finding(
                    kind="margin",
                    severity="changed",
                    message=f"the margin of {of.label} is {of.margin_text(value)} now; "
                    f"the baseline's counts, {of.margin_text(ours[field])}",
                    cells=(name,),
                    field=field,
                    before=ours[field],
                    after=value,
                )


def _ends(side: Side) -> dict[str, str]:
    done = {name for name, record in side.records.items() if record.status == "ok"}
    return {name: "ok" if name in done else ended(side.records.get(name)) for name in side.planned}
