"""Pieces of text about a data set that several reports share; of many lines a few stand for all."""

from collections import Counter
from collections.abc import Sequence

from tabulate import tabulate

from harness.data.manifest import SPLITS, LeftOut

__all__ = ["class_table", "left_out_lines"]

_MANY_CLASSES = 20
_LARGEST = 10
_NAMED = 5


def class_table(counts: dict[str, dict[str, int]]) -> str:
    """Images by class and split ("" without splits), with their sums; of many classes the largest."""
    splits = [split for split in (*SPLITS, "") if split in counts]
    sizes = Counter[str]()
    for split in splits:
        sizes.update(counts[split])
    labels = sorted(sizes)
    shown = labels if len(labels) <= _MANY_CLASSES else _by_size(sizes)[:_LARGEST]
    rows = [(label, *(counts[split].get(label, 0) for split in splits)) for label in shown]
    others = [sizes[label] for label in labels if label not in set(shown)]
    rows.append((f"all {len(labels):,} classes", *(sum(counts[split].values()) for split in splits)))
    headers = ["class", *(split or "images" for split in splits)]
    # Class names may be numbers, which are names nonetheless.
    table = tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=[0], intfmt=",")
    lines = table.splitlines()
    if others:
        span = f"{min(others):,}" if min(others) == max(others) else f"{min(others):,} to {max(others):,}"
        lines.insert(-1, f"and {len(others):,} more classes of {span} images each")
    return "\n".join(lines)


def left_out_lines(left_out: Sequence[LeftOut], where: str) -> list[str]:
    """The first files that take no part, with reasons, and where all of them are listed."""
    if not left_out:
        return []
    count = len(left_out)
    lines = [f"{count:,} file{'' if count == 1 else 's'} left out:"]
    lines += [f"  {left.path}: {left.reason}" for left in left_out[:_NAMED]]
    if count > _NAMED:
        lines.append(f"  and {count - _NAMED:,} more; all stand in {where}")
    return lines


def _by_size(sizes: Counter[str]) -> list[str]:
    return sorted(sizes, key=lambda label: (-sizes[label], label))
