"""Seeds that decide nothing: cells that differ in their seed alone and give the same answers to the bit."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator

from harness.comparison.finding import Finding
from harness.comparison.sides import Side

__all__ = ["idle_seeds"]


def idle_seeds(baseline: Side, current: Side) -> Iterator[Finding]:
    """Cells of the current run with the probabilities of another seed, unless the baseline has them too."""
    known = {name for name, _ in _alike(baseline)}
    for name, other in _alike(current):
        if name not in known:
            yield Finding(
                kind="seeds",
                severity="regression",
                message="two seeds give the same probabilities to the last bit: the seed decides nothing",
                cells=(other, name),
                field="seed",
            )


def _alike(side: Side) -> Iterator[tuple[str, str]]:
    """Each cell whose answers an earlier seed of its configuration has given, and the cell of that seed."""
    seeds = defaultdict(list)
    for record in side.records.values():
        if record.status == "ok":
            seeds[record.cell.configuration].append(record)
    for records in seeds.values():
        first: dict[str, str] = {}
        for record in records if len(records) > 1 else ():
            answers = side.predictions(record).probabilities.tobytes()
            other = first.setdefault(hashlib.sha256(answers).hexdigest(), record.name)
            if other != record.name:
                yield record.name, other
