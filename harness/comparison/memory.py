"""Host memory: what a cell's process took beyond what it began with.

Other machines are compared too: what a cell takes is its arrays, and those are the same everywhere.
"""

from collections.abc import Iterator

from harness.comparison.finding import Finding, Severity, untold
from harness.metrics import metric
from harness.records import Memory

__all__ = ["growth", "memory"]


def growth(found: Memory | None) -> int | None:
    """The bytes that a process took at its peak beyond what it inherited; None where that is not known."""
    taken = found.peak_bytes - found.inherited_bytes if found else 0
    return taken if taken > 0 else None


def memory(cell: str, before: Memory | None, after: Memory | None, margin: float) -> Iterator[Finding]:
    """A cell whose own memory is lost, or grew or shrank by more than a share of what it was (`margin`).

    What the process inherited is Keras' and TensorFlow's own and belongs to their version; two kinds of
    memory (anonymous, resident) are those of two systems, and are not compared, which is said.
    """
    ours, theirs = growth(before), growth(after)
    if before is None or ours is None:
        if theirs is not None:
            yield untold(cell, "memory", "peak_memory_bytes", "own memory")
        return
    if after is not None and before.kind != after.kind:
        told = f"own memory is {after.kind} now and {before.kind} in the baseline, so it is not compared"
        yield Finding("memory", "undecided", told, (cell,), "peak_memory_bytes")
        return
    severity: Severity = "regression"
    if theirs is None:
        told = f"is no longer told ({ours / 1e6:,.0f} MB in the baseline)"
    else:
        told = (
            f"{ours / 1e6:,.0f} to {theirs / 1e6:,.0f} MB: {100 * (theirs / ours - 1):+.0f} %, "
            f"margin {metric('peak_memory_bytes').margin_text(margin)}"
        )
        if theirs <= ours * (1 + margin):
            if ours <= theirs * (1 + margin):
                return
            severity = "improved"
    yield Finding(
        kind="memory",
        severity=severity,
        message=f"own memory {told}",
        cells=(cell,),
        field="peak_memory_bytes",
        unit="bytes",
        before=ours,
        after=theirs,
        difference=None if theirs is None else theirs / ours - 1,
        margin=margin,
    )
