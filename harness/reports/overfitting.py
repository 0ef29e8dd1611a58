"""Overfitting as tables: the gap and its onset by strategy and by row, and what changes it."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import pandas as pd

from harness.analysis.contests import Setup
from harness.analysis.overfitting import Fit, augmented, deepened, fits, pools, without_epochs
from harness.analysis.standings import Standings
from harness.metrics import metric
from harness.reports.row_names import RowNames, row_names
from harness.reports.strategies import MOST_LINES, points
from harness.reports.tables import markdown, number
from harness.text import counted

__all__ = ["overfitting"]

_HOW = (
    "The gap is training minus validation accuracy in the last phase; it opens at the first epoch from which "
    "it stays larger than the validation images' chance; of several seeds that is the median, where a gap "
    "that never opens counts as opening last (- is never), and in brackets stands in how many it opened. "
    "Training accuracy is taken with dropout and "
    "augmentation on, so a gap below 0 is usual, and a gap under augmentation is smaller than the same "
    "model's on plain images. The rise is that of the validation loss from its lowest to the last epoch: "
    "what would be lost if no epoch were chosen."
)


def overfitting(found: Standings) -> str:
    """The section: by strategy where there are several backbones, then a line a row; "" without epochs."""
    groups = fits(found)
    if not groups:
        return ""
    names = row_names(found)
    lines = [(setup, fit) for setup, own in groups for fit in own]
    together = {names.pool(each[0][0].first): [own for _, own in each] for each in pools(groups)}
    changes = [line for name, own in together.items() for line in _changes(name, own)]
    parts = ["\n".join(f"- {line}" for line in changes[:MOST_LINES])]
    if several := {name: own for name, own in together.items() if len(own) > 1}:
        parts.append(_by_strategy(names, several))
    table = [_line(names, setup, fit) for setup, fit in lines[:MOST_LINES]]
    parts.append(_table(table))
    notes = [_HOW]
    if len(lines) > MOST_LINES:
        notes.append(f"The first {MOST_LINES} of {len(lines):,} rows.")
    if idle := without_epochs(found):
        kinds = dict.fromkeys(row.cell.strategy for row in idle)
        have = "has" if len(idle) == 1 else "have"
        notes.append(f"{counted(len(idle), 'row')} without epochs {have} no gap: {', '.join(kinds)}.")
    parts.append(" ".join(notes))
    return "\n\n".join(filter(None, parts))


def _changes(pool: str, groups: Sequence[Sequence[Fit]]) -> list[str]:
    """What augmentation and depth change of the gap at the last epoch, over the setups of a pool."""
    of = f" ({pool})" if pool else ""
    told = [
        _change(f"With augmentation on a frozen base{of}", [p for own in groups for p in augmented(own)]),
        _change(
            f"From the shallowest to the deepest fine-tuning{of}",
            [p for own in groups for p in deepened(own)],
        ),
    ]
    return [each for each in told if each]


def _change(what: str, pairs: Sequence[tuple[Fit, Fit]]) -> str:
    changes = [
        after.last_gap - before.last_gap
        for before, after in pairs
        if before.last_gap is not None and after.last_gap is not None
    ]
    if not changes:
        return ""
    epochs = _range([before.last for before, _ in pairs]), _range([after.last for _, after in pairs])
    trained = "" if epochs[0] == epochs[1] else f", after {epochs[1]} epochs in place of {epochs[0]}"
    if len(changes) == 1:
        return f"{what} the gap at the last epoch changes by {points(changes[0])} points{trained}."
    lower = sum(change < 0 for change in changes)
    return (
        f"{what} the gap at the last epoch changes by {_points(changes)} points ({len(changes)} pairs of "
        f"rows, lower in {lower or 'none'}){trained}."
    )


def _points(changes: Sequence[float]) -> str:
    low, high = points(min(changes)), points(max(changes))
    return low if low == high else f"{low} to {high}"


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _by_strategy(names: RowNames, several: Mapping[str, Sequence[Sequence[Fit]]]) -> str:
    groups: dict[str, list[Fit]] = {}
    for pool, setups in several.items():
        for fit in (fit for own in setups for fit in own):
            name = ", ".join(filter(None, [names.strategy(fit.row), pool]))
            groups.setdefault(name, []).append(fit)
    lines = [
        {
            "strategy": name,
            "rows": str(len(own)),
            "gap, mean (points)": _mean(own, lambda fit: fit.gap),
            "gap at last, mean (points)": _mean(own, lambda fit: fit.last_gap),
            "gap opens (rows)": f"{sum(fit.opened > 0 for fit in own)} of {len(own)}",
            "rise, mean (%)": _mean(own, lambda fit: fit.loss_rise),
        }
        for name, own in list(groups.items())[:MOST_LINES]
    ]
    return _table(lines)


def _mean(own: Sequence[Fit], value: Callable[[Fit], float | None]) -> str:
    known = [found for fit in own if (found := value(fit)) is not None]
    return number(fmean(known), 1, 100) if len(known) == len(own) else "-"


def _line(names: RowNames, setup: Setup, fit: Fit) -> dict[str, str]:
    seeds = len(fit.row.records)
    opens = metric("gap_opens_at").text(fit.opens_at)
    if seeds > 1 and 0 < fit.opened < seeds:
        opens += f" ({fit.opened} of {seeds} seeds)"
    return {
        "backbone": names.setup(setup.first),
        "strategy": names.strategy(fit.row),
        "gap (points)": _spread(fit.gap, fit.spreads[0]),
        "gap at last (points)": _spread(fit.last_gap, fit.spreads[1]),
        "gap opens (epoch)": opens,
        "best (epoch)": f"{fit.best:g}",
        "epochs after": f"{fit.after_best:g}",
        "loss at best": number(fit.best_loss, 3),
        "loss at last": number(fit.last_loss, 3),
        "rise (%)": number(fit.loss_rise, 1, 100),
    }


def _spread(value: float | None, spread: float | None) -> str:
    told = number(value, 1, 100)
    return told if spread is None else f"{told} (SD {100 * spread:.1f})"


def _table(lines: Sequence[dict[str, str]]) -> str:
    return markdown(pd.DataFrame(lines), right=set(lines[0]) - {"backbone", "strategy"})
