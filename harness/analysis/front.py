"""The Pareto front: the rows that no other row beats in accuracy without costing more."""

from collections.abc import Sequence

__all__ = ["front"]


def front(accuracies: Sequence[float], costs: Sequence[float | None]) -> list[int]:
    """The places of the rows on the front, the cheapest first; rows without a cost are not on it.

    A row is off the front if another is at least as accurate and costs no more, and one of the two is strict;
    of rows that are equal in both all stay.
    """
    known = [(cost, -accuracy, place) for place, (accuracy, cost) in _known(accuracies, costs)]
    kept: list[tuple[float, float, int]] = []
    for cost, loss, place in sorted(known):
        if not kept or loss < kept[-1][1] or (cost, loss) == kept[-1][:2]:
            kept.append((cost, loss, place))
    return [place for _, _, place in kept]


def _known(
    accuracies: Sequence[float], costs: Sequence[float | None]
) -> list[tuple[int, tuple[float, float]]]:
    pairs = zip(accuracies, costs, strict=True)
    return [(place, (accuracy, cost)) for place, (accuracy, cost) in enumerate(pairs) if cost is not None]
