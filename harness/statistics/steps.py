"""Where a series of numbers moved for good: levels, and the steps between them.

Change points are found by PELT (Killick, Fearnhead and Eckley 2012, "Optimal detection of changepoints with
a linear computational cost") of the library ruptures, on the sum of absolute deviations from each level of
which none counts more than a step costs (`bounded_cost`): a single value far off is no step and moves none.
"""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    """The levels of a series: the places of the first and the last value of each, and its median.

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

    The noise is that of the values themselves (`noise_of`), without those so far off their level that they
    count no more than the bound of the cost, and never below `least_noise`.  False alarms: with Gaussian
    noise at most one series in a hundred without a step shows one (see `penalty`), with skewed noise at most
    two.  Noise that drifts slowly is no such noise, and its drift can show as steps.  Raises `UserError`
    where ruptures is not installed, `ValueError` without a value.
    """
    if not len(values):
        raise ValueError("expected at least one value")
    data = np.asarray(values, dtype=float)
    noise = _noise(data, least_noise)
    parts = _parts(data, noise)
    far = _deviations(data, parts) > penalty(len(data)) * noise
    # Each value far off is part of four differences, which of few values are many: again without these.
    less = _noise(data[~far], least_noise) if far.any() else 0.0
    if 0 < less < noise:
        noise, parts = less, _parts(data, less)
    return _levels(data, parts, noise)


def exact_levels(values: Sequence[float]) -> Levels:
    """The levels of a series without noise: each change is a step, also one of a single value."""
    changed = [place for place in range(1, len(values)) if values[place] != values[place - 1]]
    parts = np.split(np.arange(len(values)), changed)
    return _levels(np.asarray(values, dtype=float), parts, 0.0)


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


def _noise(data: NDArray[np.float64], least: float) -> float:
    noise = max(noise_of(data.tolist()), least)
    if noise == 0 and len(data) > 1:  # most values are equal: the mean still tells of rare flips
        noise = _OF_MEAN * float(np.mean(_differences(data)))
    return noise


def _parts(values: NDArray[np.float64], noise: float) -> list[NDArray[np.intp]]:
    """The places of the values of each level; without noise they are all of one.

    The level of three values is that of two of them, so a search also makes one of two outliers and a
    neighbour.  What makes such a level is left out, and the rest is searched without it.
    """
    kept = np.arange(len(values))
    if noise == 0:
        return [kept]
    # Differences from the median first: large numbers would drown small noise.
    data = (values - np.median(values)) / noise
    while len(kept) >= FEWEST_VALUES:
        _require_ruptures()
        from ruptures import Pelt

        from harness.statistics.bounded_cost import BoundedCost

        gain = penalty(len(kept))
        # No value costs more than a step: one far off can neither pay for a step nor decide where it is.
        search = Pelt(custom_cost=BoundedCost(gain), min_size=LASTING, jump=1)
        parts = np.split(kept, search.fit_predict(data[kept], gain)[:-1])
        strange = np.concatenate(_strange([data[part] for part in parts]))
        if not strange.any():
            return parts
        kept = kept[~strange]
    return [kept]


def _strange(levels: Sequence[NDArray[np.float64]]) -> list[NDArray[np.bool_]]:
    """Which values make a level that does not last, because fewer than `LASTING` values are of it.

    A value is of a level that it is near to, or nearer to than to those beside it.  Strange are the values
    that are far from the levels beside theirs; where none is, those in the middle.
    """
    medians = [float(np.median(level)) for level in levels]
    found = []
    for place, level in enumerate(levels):
        off = np.abs(level - medians[place])
        beside = [*medians[max(0, place - 1) : place], *medians[place + 1 : place + 2]]
        away = np.array([np.abs(level - other) for other in beside]).min(axis=0, initial=math.inf)
        if ((off <= OUTLYING) | (off < away)).sum() >= LASTING:
            found.append(np.zeros(len(level), dtype=bool))
        else:
            found.append(away > OUTLYING if (away > OUTLYING).any() else off == off.min())
    return found


def _deviations(data: NDArray[np.float64], parts: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
    """How far each value is off its level; one that was left out is of the level before it."""
    lengths = np.diff([0, *(part[0] for part in parts[1:]), len(data)])
    return np.asarray(np.abs(data - np.repeat([np.median(data[part]) for part in parts], lengths)))


def _levels(data: NDArray[np.float64], parts: Sequence[NDArray[np.intp]], noise: float) -> Levels:
    off = _deviations(data, parts) > OUTLYING * noise if noise > 0 else np.zeros(len(data), dtype=bool)
    starts = [0, *(int(part[0]) for part in parts[1:]), len(data)]
    stretches = [range(start, end) for start, end in pairwise(starts)]
    on = [[place for place in stretch if not off[place]] or stretch for stretch in stretches]
    return Levels(
        firsts=tuple(each[0] for each in on),
        lasts=tuple(each[-1] for each in on),
        medians=tuple(float(np.median(data[part])) for part in parts),
        noise=noise,
        outliers=tuple(np.flatnonzero(off).tolist()),
    )


def _require_ruptures() -> None:
    if importlib.util.find_spec("ruptures") is None:
        raise UserError(
            "steps in a history need the ruptures library",
            hint="Install it with: pip install 'transferbench[history]'",
        )
