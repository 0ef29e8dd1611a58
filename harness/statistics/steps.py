"""Where a series of numbers moved for good: levels, and the steps between them.

Change points are found by PELT (Killick, Fearnhead and Eckley 2012, "Optimal detection of changepoints with
a linear computational cost") of the library ruptures, on the sum of absolute deviations from each level's
median.  Against that cost a single value far off gains nothing by a level of its own, so it is no step.
"""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError

__all__ = [
    "FEWEST_VALUES",
    "LASTING",
    "OUTLYING",
    "Levels",
    "exact_levels",
    "find_levels",
    "noise_of",
    "penalty",
]

LASTING = 3
"""How many values a level has at least: what two runs show may be another program on the machine."""
FEWEST_VALUES = 2 * LASTING
"""How many values a series with noise must have for a step: a level before it and one after it."""
OUTLYING = 3.5
"""From how many standard deviations off its level a value is an outlier (Iglewicz and Hoaglin 1993)."""

# Standard deviations from absolute differences of two Gaussian values: from their median, and their mean.
_OF_MEDIAN = 1.4826 / math.sqrt(2)
_OF_MEAN = math.sqrt(math.pi) / 2


@dataclass(frozen=True)
class Levels:
    """The levels of a series: the places of the first and the last value of each, and their medians.

    `noise` is the standard deviation of a value about its level.  `outliers` are the places of values further
    off their level than noise explains; no level begins or ends with one.
    """

    firsts: tuple[int, ...]
    lasts: tuple[int, ...]
    medians: tuple[float, ...]
    noise: float
    outliers: tuple[int, ...] = ()


def find_levels(values: Sequence[float], *, least_noise: float = 0.0) -> Levels:
    """The levels of a series whose values have noise: of fewer than `FEWEST_VALUES` values there is one.

    The noise is that of the values themselves (`noise_of`), and never below `least_noise`.  False alarms:
    with Gaussian noise at most one series in a hundred without a step shows one (see `penalty`); with heavier
    tails fewer.  Noise that drifts slowly is no such noise, and its drift can show as steps.  Raises
    `UserError` where ruptures is not installed, `ValueError` without a value.
    """
    if not len(values):
        raise ValueError("expected at least one value")
    data = np.asarray(values, dtype=float)
    noise = max(noise_of(values), least_noise)
    if noise == 0 and len(data) > 1:  # most values are equal: the mean still tells of rare flips
        noise = _OF_MEAN * float(np.mean(_differences(data)))
    starts: tuple[int, ...] = (0,)
    if noise > 0:
        # Differences from the median first: large numbers would drown small noise.
        starts = _starts((data - np.median(data)) / noise)
    return _levels(data.tolist(), starts, noise)


def exact_levels(values: Sequence[float]) -> Levels:
    """The levels of a series without noise: each change is a step, also one of a single value."""
    changed = [place for place in range(1, len(values)) if values[place] != values[place - 1]]
    return _levels(list(values), (0, *changed), 0.0)


def noise_of(values: Sequence[float]) -> float:
    """A value's standard deviation about its level, robust against steps and outliers; 0 below two values.

    From the median of the absolute differences to the next value and the one after it, which a few steps do
    not move: the estimate that is usual before a search for change points (Fryzlewicz 2014), with the second
    differences because of few values the first ones alone are too uncertain.
    """
    differences = _differences(np.asarray(values, dtype=float))
    return _OF_MEDIAN * float(np.median(differences)) if len(differences) else 0.0


def penalty(count: int) -> float:
    """What a step must gain in the sum of absolute deviations, in standard deviations of the noise.

    It grows with log(n) as that of the Bayesian information criterion (Yao 1988); its two constants were
    fitted to simulated noise of 6 to 60 values, whose deviation `noise_of` had to estimate, so that 99 of 100
    series have no step.  tests/statistics/test_steps.py holds the rate.
    """
    return 5 + 0.55 * math.log(count)


def _differences(data: NDArray[np.float64]) -> NDArray[np.float64]:
    """The absolute differences of each value to the next and to the one after it."""
    return np.asarray(np.abs(np.concatenate([data[1:] - data[:-1], data[2:] - data[:-2]])))


def _starts(data: NDArray[np.float64]) -> tuple[int, ...]:
    """Where levels start, of values in standard deviations.

    The median of a level of three is that of two of them, so PELT also makes one of two outliers and a
    neighbour.  Where fewer than `LASTING` values are nearer to their level than to those beside it, they are
    taken for outliers, and the rest is searched without them.
    """
    kept = np.arange(len(data))
    while len(kept) >= FEWEST_VALUES:
        _require_ruptures()
        from ruptures import Pelt

        found = Pelt(model="l1", min_size=LASTING, jump=1).fit_predict(data[kept], penalty(len(kept)))
        parts = np.split(kept, found[:-1])
        passing = _passing([data[part] for part in parts])
        if not any(each.any() for each in passing):
            return (0, *(int(part[0]) for part in parts[1:]))
        kept = np.concatenate([part[~each] for part, each in zip(parts, passing, strict=True)])
    return (0,)


def _passing(levels: Sequence[NDArray[np.float64]]) -> list[NDArray[np.bool_]]:
    """Which values of each level make it one, where they are too few to last."""
    medians = [float(np.median(level)) for level in levels]
    found = []
    for place, level in enumerate(levels):
        beside = [*medians[max(0, place - 1) : place], *medians[place + 1 : place + 2]]
        off = np.array([np.abs(level - other) for other in beside]).min(axis=0, initial=math.inf)
        own = np.abs(level - medians[place]) < off
        found.append(own if own.sum() < LASTING else np.zeros(len(level), dtype=bool))
    return found


def _levels(values: list[float], starts: tuple[int, ...], noise: float) -> Levels:
    ends = (*starts[1:], len(values))
    parts = [range(start, end) for start, end in zip(starts, ends, strict=True)]
    medians = [median(values[place] for place in part) for part in parts]
    off = [
        [place for place in part if noise > 0 and abs(values[place] - level) > OUTLYING * noise]
        for part, level in zip(parts, medians, strict=True)
    ]
    on = [[place for place in part if place not in far] or part for part, far in zip(parts, off, strict=True)]
    return Levels(
        firsts=tuple(each[0] for each in on),
        lasts=tuple(each[-1] for each in on),
        medians=tuple(medians),
        noise=noise,
        outliers=tuple(place for far in off for place in far),
    )


def _require_ruptures() -> None:
    if importlib.util.find_spec("ruptures") is None:
        raise UserError(
            "steps in a history need the ruptures library",
            hint="Install it with: pip install 'transferbench[history]'",
        )
