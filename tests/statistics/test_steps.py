"""Steps in a series: how often noise alone shows one, what is found and where, and what is none."""

import importlib.util
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.errors import UserError
from harness.statistics import FEWEST_VALUES, exact_levels, find_levels
from harness.statistics.steps import LASTING, noise_of

NOISES = {
    "gaussian": lambda random, size: random.normal(size=size),
    "laplace": lambda random, size: random.laplace(size=size),
    "skewed": lambda random, size: random.lognormal(sigma=0.5, size=size),
    "heavy tails": lambda random, size: random.standard_t(3, size=size),
}


def noise(count: int, *, series: int = 1, kind: str = "gaussian", seed: int = 0) -> NDArray[np.float64]:
    """Series of noise without a step, of shape (series, count)."""
    return np.asarray(NOISES[kind](np.random.default_rng(seed), (series, count)))


QUIET = next(seed for seed in range(200) if np.abs(noise(20, seed=seed)).max() < 1.8)
"""A seed of 20 values of which none lies far off."""


def with_step(values: NDArray[np.float64], place: int, size: float) -> NDArray[np.float64]:
    """The same, higher by `size` from a place on."""
    return values + size * (np.arange(values.shape[-1]) >= place)


def share_with_a_step(rows: NDArray[np.float64]) -> float:
    return float(np.mean([len(find_levels(row).firsts) > 1 for row in rows.tolist()]))


@pytest.mark.parametrize(("count", "series"), [(6, 2000), (10, 1000), (20, 400), (60, 60)])
def test_noise_alone_shows_a_step_in_about_one_series_of_a_hundred(count: int, series: int):
    """The stated rate is 1 %; of so many series three standard errors more are chance."""
    allowed = 0.01 + 3 * math.sqrt(0.01 * 0.99 / series)
    assert share_with_a_step(noise(count, series=series)) <= allowed


@pytest.mark.parametrize("kind", ["laplace", "skewed", "heavy tails"])
def test_noise_with_heavy_tails_shows_no_more_steps(kind: str):
    assert share_with_a_step(noise(12, series=500, kind=kind)) <= 0.02


def test_the_false_alarms_come_from_the_penalty(monkeypatch: pytest.MonkeyPatch):
    """A penalty that many take by default, log(n), would cry wolf: the test of the rate can fail."""
    monkeypatch.setattr("harness.statistics.steps.penalty", math.log)
    assert share_with_a_step(noise(12, series=200)) > 0.1


@pytest.mark.parametrize("place", [LASTING, 15, 30 - LASTING])
def test_a_step_that_is_30_percent_slower_is_found_where_it_is(place: int):
    """Times with 3 % of noise; beside the step a value that is far off for noise may be left out."""
    times = np.log(20.0 * np.exp(0.03 * with_step(noise(30, series=100), place, math.log(1.3) / 0.03)))
    found = [find_levels(row) for row in times.tolist()]
    assert all(len(each.medians) == 2 and each.lasts[0] < place <= each.firsts[1] for each in found)
    assert sum((each.lasts[0], each.firsts[1]) == (place - 1, place) for each in found) >= 95


def test_three_points_of_accuracy_are_found():
    """Accuracies of unlike trainings with half a point of noise."""
    accuracies = 0.93 + 0.005 * with_step(noise(20, series=50), 10, -0.03 / 0.005)
    found = [find_levels(row).firsts for row in accuracies.tolist()]
    # Next to a step of six deviations a value may by chance lie nearer to the other level.
    assert all(len(firsts) == 2 and abs(firsts[1] - 10) <= 1 for firsts in found)
    assert found.count((0, 10)) >= 48


def test_a_step_of_ten_runs_is_found_more_often_than_not_at_four_deviations():
    rows = with_step(noise(10, series=200), 5, 4.0)
    assert share_with_a_step(rows) > 0.75


def test_several_steps_are_found_each():
    values = with_step(with_step(noise(30), 10, 10.0), 20, -6.0)[0]
    levels = find_levels(values.tolist())
    assert levels.firsts == (0, 10, 20)
    assert levels.medians == pytest.approx((0.0, 10.0, 4.0), abs=1.0)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("place", [0, 1, 10, 17, 18])
def test_one_value_or_two_far_off_are_outliers_and_no_step(place: int, count: int):
    values = noise(20, seed=QUIET)[0]
    values[place : place + count] += 50.0
    levels = find_levels(values.tolist())
    assert (len(levels.firsts), levels.outliers) == (1, tuple(range(place, place + count)))


def test_no_level_begins_or_ends_with_an_outlier():
    values = noise(20, seed=QUIET)[0]
    values[[0, 18, 19]] += 50.0
    levels = find_levels(values.tolist())
    assert (levels.firsts, levels.lasts) == ((1,), (17,))


def test_three_values_far_off_in_a_row_are_a_level():
    values = noise(20, seed=QUIET)[0]
    values[8:11] += 50.0
    levels = find_levels(values.tolist())
    assert (levels.firsts, levels.lasts) == ((0, 8, 11), (7, 10, 19))


@pytest.mark.parametrize("off", [-50.0, 50.0])
@pytest.mark.parametrize("place", range(20))
def test_an_outlier_neither_hides_a_step_nor_moves_it(place: int, off: float):
    """Also two runs from the step, where a usual value is as far from one level as the outlier is nearer."""
    values = with_step(noise(20, seed=QUIET), 10, 20.0)[0]
    values[place] += off
    levels = find_levels(values.tolist())
    assert (len(levels.firsts), levels.outliers) == (2, (place,))
    # What lies between the last value of the one level and the first of the other is the outlier alone.
    assert (levels.lasts[0], levels.firsts[1]) == (8 if place == 9 else 9, 11 if place == 10 else 10)


def dated(values: NDArray[np.float64], place: int) -> bool:
    """Whether there is one step, and it is between the last value before a place and the one there."""
    levels = find_levels(values.tolist())
    return len(levels.firsts) == 2 and (levels.lasts[0], levels.firsts[1]) == (place - 1, place)


def test_a_step_is_dated_beside_an_outlier_as_often_as_without_that_value():
    """A step of five deviations in the middle of twelve values, an outlier at every place of either side."""
    without, beside = [], []
    for values in with_step(noise(12, series=50, seed=1), 6, 5.0):
        for place, off in product(range(12), (-25.0, 25.0)):
            spiked = values + off * (np.arange(12) == place)
            without.append(dated(np.delete(values, place), 6 - (place < 6)))
            levels = find_levels(spiked.tolist())
            near = [each for each in range(12) if each != place]
            last, first = max(each for each in near if each < 6), min(each for each in near if each >= 6)
            beside.append(len(levels.firsts) == 2 and (levels.lasts[0], levels.firsts[1]) == (last, first))
    assert np.mean(without) > 0.9
    assert np.mean(beside) >= np.mean(without) - 0.03


def test_beside_an_outlier_usual_values_are_none():
    """Noise alone makes an outlier of a value in about one such series of a hundred."""
    found = []
    for values in with_step(noise(12, series=50, seed=1), 6, 8.0):
        for place, off in product(range(12), (-25.0, 25.0)):
            spiked = values + off * (np.arange(12) == place)
            found.append(set(find_levels(spiked.tolist()).outliers) - {place} != set())
    assert np.mean(found) <= 0.02


def test_two_outliers_between_two_levels_belong_to_neither():
    values = with_step(noise(20, seed=QUIET), 10, 20.0)[0]
    values[9:11] = 80.0
    levels = find_levels(values.tolist())
    assert (levels.lasts[0], levels.firsts[1], levels.outliers) == (8, 11, (9, 10))


def test_of_too_few_values_there_is_one_level_however_far_they_lie_apart():
    assert len(find_levels([1.0, 1.0, 1.0, 9.0, 9.0]).medians) == 1
    assert len(find_levels([1.0, 1.0, 1.0, 9.0, 9.0, 9.0]).medians) == FEWEST_VALUES // LASTING


@pytest.mark.parametrize("values", [[3.0], [3.0] * 10])
def test_what_never_changes_has_no_noise_and_no_step(values: list[float]):
    levels = find_levels(values)
    assert (levels.firsts, levels.noise, levels.outliers) == ((0,), 0.0, ())


def test_the_least_noise_hides_steps_that_the_machine_cannot_tell():
    values = with_step(0.001 * noise(12), 6, 0.02)[0].tolist()
    assert find_levels(values).firsts == (0, 6)
    assert find_levels(values, least_noise=0.02).firsts == (0,)


def test_noise_is_estimated_without_the_step():
    still, moved = noise(40, seed=1)[0], with_step(noise(40, seed=1), 20, 100.0)[0]
    assert noise_of(moved.tolist()) == pytest.approx(noise_of(still.tolist()), rel=0.15)
    assert np.std(moved) > 40  # what a plain standard deviation would take for noise


def test_noise_is_estimated_right_on_average():
    found = [noise_of(row) for row in (3.0 * noise(20, series=500)).tolist()]
    assert np.mean(found) == pytest.approx(3.0, rel=0.05)


def test_rare_flips_of_a_value_are_noise():
    values = [0.93] * 30
    for place in (5, 13, 14, 22):
        values[place] = 0.931
    assert noise_of(values) == 0
    assert len(find_levels(values).firsts) == 1


def test_one_lasting_change_of_what_else_never_changes_is_a_step():
    assert find_levels([2.0] * 4 + [3.0] * 4).firsts == (0, 4)


def test_without_noise_every_change_is_a_step():
    levels = exact_levels([0.93, 0.93, 0.90, 0.93])
    assert (levels.firsts, levels.medians, levels.noise) == ((0, 2, 3), (0.93, 0.90, 0.93), 0.0)


def test_the_last_digit_counts_where_there_is_no_noise():
    assert exact_levels([0.1, math.nextafter(0.1, 1.0)]).firsts == (0, 1)


SERIES = st.lists(st.integers(-1000, 1000), min_size=FEWEST_VALUES, max_size=14)


@given(SERIES, st.sampled_from([0.25, 4.0, 1024.0]), st.sampled_from([-512.0, 0.0, 64.0]))
def test_neither_scale_nor_offset_matters(values: list[int], scale: float, offset: float):
    """Powers of two, so that no digit is lost and equality may be asked."""
    plain = find_levels([float(value) for value in values])
    moved = find_levels([scale * value + offset for value in values])
    assert (moved.firsts, moved.outliers) == (plain.firsts, plain.outliers)
    assert moved.noise == scale * plain.noise


@given(SERIES)
def test_levels_last_and_come_one_after_the_other(values: list[int]):
    levels = find_levels([float(value) for value in values])
    for first, last in zip(levels.firsts, levels.lasts, strict=True):
        between = [place for place in range(first, last + 1) if place not in levels.outliers]
        assert len(between) >= LASTING or len(levels.firsts) == 1
    assert all(last < first for last, first in zip(levels.lasts, levels.firsts[1:], strict=False))


def test_without_ruptures_a_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    known = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ruptures" else known(name))
    with pytest.raises(UserError, match=r"transferbench\[history\]"):
        find_levels(noise(10)[0].tolist())
