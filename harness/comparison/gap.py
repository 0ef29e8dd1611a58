"""The gap between training and validation: another one says that training or the splits are not the same.

It has no better direction: augmentation that is lost raises it, and so does one that is drawn once for all
epochs; validation images that are trained on lower it.  Neither shows in the test accuracy at first.
A gap that only the baseline has was not measured, and fails too; one that it lacks is held to nothing.
"""

from collections.abc import Iterator

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding, untold
from harness.metrics import metric

__all__ = ["gap"]

_ROUNDING = 1e-9


def gap(pair: Pair) -> Iterator[Finding]:
    """A gap at the chosen epoch that differs by more than its margin, in whichever direction, or is lost."""
    before, after = pair.before.gap, pair.after.gap
    of, margin = metric("gap"), pair.margins["gap"]
    if before is None:
        if after is not None:
            yield untold(pair.name, "gap", of.name, "training minus validation accuracy")
        return
    if after is None:
        told = f"is no longer told ({of.text(before)} {of.unit} in the baseline)"
    elif abs(after - before) > margin + _ROUNDING:
        told = (
            f"{of.text(before)} to {of.text(after)} {of.unit}, margin {of.margin_text(margin)} either way: "
            "augmentation, training or the splits are not what they were"
        )
    else:
        return
    yield Finding(
        kind="gap",
        severity="regression",
        message=f"training minus validation accuracy {told}",
        cells=(pair.name,),
        field=of.name,
        unit=of.export_unit,
        before=before,
        after=after,
        difference=None if after is None else after - before,
        margin=margin,
    )
