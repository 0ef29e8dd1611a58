"""What was exported, and what its verification found, as text."""

from harness.errors import few
from harness.export.export import Exported
from harness.export.verification import Verification

__all__ = ["render_exported"]


def render_exported(exported: Exported) -> str:
    """The file, the cell, what it takes and gives, whether it was verified, and what to do next."""
    facts = exported.facts
    lines = [
        f"{exported.path}: {facts.cell} ({exported.bytes / 1e6:.1f} MB)",
        f"takes images of any size (0..255), resizes them to {facts.size} px ({facts.resize}), "
        f"gives {len(facts.classes):,} classes: {few(facts.classes)}",
        _verified(exported.verification),
        f"Use it: transferbench predict {exported.path} PATH...",
    ]
    return "\n".join(lines)


def _verified(found: Verification) -> str:
    if not found.images:
        return f"not verified: {found.reason}"
    classes = "the same classes"
    if found.moved:
        classes = (
            f"the same classes but for {found.moved:,} between two classes that are equally probable "
            f"within {2 * found.tolerance:g}"
        )
    return (
        f"verified on {found.images:,} test images ({found.source}): {classes}, "
        f"probabilities within {found.largest:.2g} of the recorded ones"
    )
