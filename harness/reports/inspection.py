"""What `inspect` found, as text and as a picture."""

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.data.inspection import Duplicates, Inspection
from harness.data.manifest import SPLITS
from harness.errors import UserError
from harness.files import write_whole
from harness.reports.dataset import class_table
from harness.reports.suspects import Suspects
from harness.text import counted

__all__ = ["draw_inspection", "render_inspection", "require_picture_name"]

_PICTURES = (".png", ".svg", ".pdf")

_SHOWN = 10
_UNEVEN = 1.5
_BARS = 24
"""Up to so many classes have bars of their own in the picture."""


def render_inspection(found: Inspection, suspects: Suspects | None = None) -> str:
    """The findings as text: what the data set holds, then what is wrong with it, worst first."""
    head = f"{found.root}: {found.layout}"
    doubt = "\n".join(f"to check: {doubt}" for doubt in found.doubts)
    parts = [head, doubt, class_table(found.counts()), _sizes(found)]
    damaged = [f"{file.path}: {file.reason}" for file in found.damaged]
    others = [f"{left.path}: {left.reason}" for left in found.others]
    lists = {
        "what a run would refuse": found.gaps(),
        "leaks: one image in several splits": [_group(group) for group in found.leaks],
        "contradictions: one image in several classes": [_group(group) for group in found.contradictions],
        "damaged files": damaged,
        _rule(suspects): suspects.lines() if suspects else [],
        "other duplicates": [_group(group) for group in found.copies],
    }
    parts += [_listed(title, lines) for title, lines in lists.items()]
    imbalance = _imbalance(found.imbalance())
    wrong = sum(map(len, lists.values())) + bool(imbalance)
    parts.append(f"mislabelled suspects: {suspects.reason}" if suspects and suspects.reason else "")
    parts += [imbalance, _listed("other files, which take no part", others)]
    parts.append(_scope(found))
    parts.append(f"{counted(wrong, 'finding')} to look at" if wrong else "nothing wrong was found")
    return "\n\n".join(part for part in parts if part)


def _scope(found: Inspection) -> str:
    """What the search for near duplicates does not see."""
    text = "near duplicates: scaled or saved again; mirrored, turned or cropped copies are not found"
    flat = f"; {counted(len(found.flat), 'image')} without structure compared by bytes alone"
    return text + (flat if found.flat else "")


def _rule(suspects: Suspects | None) -> str:
    if suspects is None:
        return ""
    return (
        f"mislabelled suspects: every model that is at least {100 * suspects.confidence:.0f} % sure, "
        f"{suspects.models} or more of them and of two backbones, says otherwise"
    )


def _imbalance(ratios: dict[str, float]) -> str:
    """The ratio that training sees, and those of the other splits where they differ; "" if all is even."""
    if max(ratios.values(), default=1.0) <= _UNEVEN:
        return ""
    told = {split: f"{ratios[split]:.1f}" for split in (*SPLITS, "") if split in ratios}
    (first, ratio), *rest = told.items()
    text = f"class imbalance: the largest class is {ratio} times the smallest"
    if len(set(told.values())) == 1:
        return text
    return f"{text} in {first} ({', '.join(f'{split} {other}' for split, other in rest)})"


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
    both = ", in several classes too" if group.leak and group.conflict else ""
    return f"{'same bytes' if group.exact else 'near'}{both}: {', '.join(group.paths)}"


def _listed(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    rest = [f"and {len(lines) - _SHOWN} more; --json lists all"] if len(lines) > _SHOWN else []
    return "\n".join([f"{title} ({len(lines)})", *(f"  {line}" for line in (*lines[:_SHOWN], *rest))])


def require_picture_name(path: Path) -> None:
    """Raise `UserError` unless a picture can be written under this name."""
    if path.suffix.casefold() not in _PICTURES:
        raise UserError(
            f"expected a picture's name that ends in .png, .svg or .pdf, received {path.name!r}",
            where=str(path),
            hint=f"Name it, for example, {path.stem}.png.",
        )


def draw_inspection(found: Inspection, path: Path) -> None:
    """Draw images by class and split, and their sizes, into one PNG, SVG or PDF file.

    Many classes are a curve of their sizes instead of a bar each.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    # Class names are no formulas; letters that the font lacks are drawn as boxes, without a word.
    with mpl.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        classes = len(found.classes)
        height = 4.2 if classes > _BARS else max(4.2, 0.3 * classes + 1.6)
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, height), layout="constrained")
        figure.suptitle(_title(found), x=0.01, ha="left", fontsize="medium")
        (_draw_curves if classes > _BARS else _draw_bars)(found, left)
        _draw_sizes(found, right)
        sns.despine(figure)
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=120, format=path.suffix.removeprefix(".").casefold())
        plt.close(figure)
    write_whole(path, drawn.getvalue())


def _title(found: Inspection) -> str:
    kinds = {
        "leak": len(found.leaks),
        "contradiction": len(found.contradictions),
        "damaged file": len(found.damaged),
    }
    wrong = [counted(count, name) for name, count in kinds.items() if count]
    name = Path(found.root).name or found.root
    images = f"{counted(len(found.usable), 'image')} in {counted(len(found.classes), 'class')}"
    return f"{name}: {images}; {', '.join(wrong) or 'no leak, contradiction or damaged file'}"


def _draw_bars(found: Inspection, axes: Any) -> None:
    import seaborn as sns

    frame = pd.DataFrame(
        [(file.split or "images", file.label) for file in found.usable], columns=["split", "class"]
    )
    order = _splits(found)
    sns.countplot(
        frame, y="class", hue="split", order=found.classes, hue_order=order, palette="colorblind", ax=axes
    )
    axes.set(xlabel="images", ylabel="")
    _finish(axes, legend=len(order) > 1)


def _draw_curves(found: Inspection, axes: Any) -> None:
    import seaborn as sns

    counts = found.counts()
    colours = sns.color_palette("colorblind")
    # Equal splits lie on one another: each is dashed differently, so that all are seen.
    for split, colour, dash in zip(_splits(found), colours, ("-", "--", ":"), strict=False):
        sizes = counts["" if split == "images" else split]
        curve = sorted((sizes.get(label, 0) for label in found.classes), reverse=True)
        axes.plot(range(1, len(curve) + 1), curve, label=split, color=colour, linestyle=dash)
    axes.set(xlabel="classes, the largest first", ylabel="images of a class", ylim=(0, None))
    _finish(axes, legend=len(counts) > 1)


def _finish(axes: Any, *, legend: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    (axes.yaxis if axes.get_ylabel() else axes.xaxis).set_major_locator(
        MaxNLocator(integer=True, steps=[1, 2, 5, 10])
    )
    if axes.get_legend():
        axes.get_legend().remove()
    if legend:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncol=3, frameon=False)


def _draw_sizes(found: Inspection, axes: Any) -> None:
    widths, heights = [[getattr(file, side) for file in found.usable] for side in ("width", "height")]
    axes.scatter(widths, heights, color="black", alpha=0.3, s=14, linewidth=0)
    largest = 1.05 * max([1, *widths, *heights])
    # One scale for both, so that what looks wide is wide.
    axes.set(xlim=(0, largest), ylim=(0, largest), aspect="equal")
    axes.set(xlabel="width (px)", ylabel="height (px)")


def _splits(found: Inspection) -> list[str]:
    present = found.counts()
    return [split or "images" for split in (*SPLITS, "") if split in present]
