"""What `inspect` found, as text and as a picture."""

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from harness.data.inspection import Duplicates, Inspection
from harness.data.manifest import SPLITS
from harness.files import write_whole
from harness.reports.dataset import class_table
from harness.reports.suspects import Suspect

__all__ = ["draw_inspection", "render_inspection"]

_SHOWN = 10
_UNEVEN = 1.5


def render_inspection(found: Inspection, suspects: list[Suspect]) -> str:
    """The findings as text: what the data set holds, then what is wrong with it, worst first."""
    head = f"{found.root}: {found.layout}"
    doubt = f"to check: {found.doubt}" if found.doubt else ""
    parts = [head, doubt, class_table(found.counts()), _sizes(found)]
    leaks = [group for group in found.duplicates if group.leak]
    conflicts = [group for group in found.duplicates if group.conflict and not group.leak]
    others = [group for group in found.duplicates if not group.leak and not group.conflict]
    damaged = [f"{file.path}: {file.reason}" for file in found.files if file.reason]
    parts += [
        _listed("leaks: one image in several splits", map(_group, leaks), len(leaks)),
        _listed("contradictions: one image in several classes", map(_group, conflicts), len(conflicts)),
        _listed("damaged files", damaged, len(damaged)),
        _listed(
            "mislabelled suspects: every confident model says otherwise",
            (
                f"{suspect.path}: labelled {suspect.label}, {suspect.models} models say {suspect.said} "
                f"(at least {100 * suspect.confidence:.0f} %)"
                for suspect in suspects
            ),
            len(suspects),
        ),
        _listed("other duplicates", map(_group, others), len(others)),
    ]
    ratio = found.imbalance()
    if ratio > _UNEVEN:
        parts.append(f"class imbalance: the largest class is {ratio:.1f} times the smallest")
    wrong = len(leaks) + len(conflicts) + len(damaged) + len(suspects)
    parts.append(f"{wrong} findings to look at" if wrong else "nothing wrong was found")
    return "\n\n".join(part for part in parts if part)


def _sizes(found: Inspection) -> str:
    usable = found.usable
    if not usable:
        return "no usable image"
    sides = {"width": [file.width for file in usable], "height": [file.height for file in usable]}
    lines = [
        f"{name}: {min(values)} to {max(values)} px, median {np.median(values):.0f}"
        for name, values in sides.items()
    ]
    kinds = Counter(f"{file.format} {file.mode}" for file in usable).most_common()
    lines.append("kinds: " + ", ".join(f"{count} {kind}" for kind, count in kinds))
    return "\n".join(lines)


def _group(group: Duplicates) -> str:
    return f"{'same bytes' if group.exact else 'near'}: {', '.join(group.paths)}"


def _listed(title: str, lines: object, count: int) -> str:
    if not count:
        return ""
    shown = list(lines)[:_SHOWN]  # type: ignore[call-overload]
    rest = [f"  and {count - len(shown)} more; --json lists all"] if count > len(shown) else []
    return "\n".join([f"{title} ({count})", *(f"  {line}" for line in shown), *rest])


def draw_inspection(found: Inspection, path: Path) -> None:
    """Draw images a class and split, and their sizes, into one PNG or SVG file."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    frame = pd.DataFrame(
        [(file.split or "images", file.label, file.width, file.height) for file in found.usable],
        columns=["split", "class", "width (px)", "height (px)"],
    )
    order = [name for name in (*SPLITS, "images") if name in set(frame["split"])]
    labels = frame["class"].value_counts().index[:30]
    shown = frame[frame["class"].isin(labels)]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, max(3.5, 0.35 * len(labels) + 1.5)))
    sns.countplot(shown, y="class", hue="split", hue_order=order, palette="colorblind", ax=left)
    sns.move_legend(left, "lower left", bbox_to_anchor=(0, 1), ncol=len(order), title=None, frameon=False)
    cut = f" (the {len(labels)} largest classes)" if len(labels) < frame["class"].nunique() else ""
    left.set(xlabel=f"images{cut}")
    sns.scatterplot(
        frame, x="width (px)", y="height (px)", color="black", alpha=0.3, s=14, linewidth=0, ax=right
    )
    right.set(xlim=(0, None), ylim=(0, None))
    sns.despine(figure)
    figure.tight_layout()
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=120, format=path.suffix.removeprefix(".") or "png")
    plt.close(figure)
    write_whole(path, drawn.getvalue())
