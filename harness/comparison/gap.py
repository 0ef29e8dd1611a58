"""The gap between training and validation: another one says that training or the splits are not the same.

It has no better direction: augmentation that is lost raises it, and so does one that is drawn once for all
epochs; validation images that are trained on lower it.  Neither shows in the test accuracy at first.
"""

from collections.abc import Iterator

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding
from harness.metrics import metric

__all__ = ["gap"]

_ROUNDING = 1e-9


def gap(pair: Pair) -> Iterator[Finding]:
    """A gap at the chosen epoch that differs by more than its margin, in whichever direction."""
    before, after = pair.before.gap, pair.after.gap
    if before is None or after is None:
        return
    of, margin = metric("gap"), pair.margins["gap"]
    if abs(after - before) <= margin + _ROUNDING:
        return
    yield Finding(
        kind="gap",
        severity="regression",
        message=f"training minus validation accuracy {of.text(before)} to {of.text(after)} {of.unit}, margin "
        f"{of.scale * margin:g} either way: augmentation, training or the splits are not what they were",
        cells=(pair.name,),
        field=of.name,
        unit=of.export_unit,
        before=before,
        after=after,
        difference=after - before,
        margin=margin,
    )
