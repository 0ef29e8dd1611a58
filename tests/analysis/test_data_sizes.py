"""Data-size curves: winners by size, crossings, and what more images would give."""

from pathlib import Path

import pytest
from fakes import Row
from fakes_compare import standings, trial

from harness.analysis.data_sizes import Outlook, SizeCurves, outlook, size_curves
from harness.statistics import Interval, LearningCurve, Prediction


def curves(folder: Path, **rights: dict[int | None, int]) -> SizeCurves:
    """Curves of one backbone: of `fast` and `deep`, how many are right by training images (None: all)."""
    rows: list[Row] = []
    for images, right in rights.get("fast", {}).items():
        rows.append(trial(right, train_images=images))
    for images, right in rights.get("deep", {}).items():
        rows.append(trial(right, train_images=images, depth="blocks:1"))
    (found,) = size_curves(standings(folder, rows))
    return found


def test_sizes_ascend_and_all_images_count_as_the_split(tmp_path: Path):
    found = curves(tmp_path, fast={None: 930, 100: 900, 500: 910})
    assert found.sizes == (100, 500, 2000)
    (rows,) = found.strategies
    assert {images: row.accuracy for images, row in rows.items()} == {100: 0.9, 500: 0.91, 2000: 0.93}


def test_rows_of_one_size_are_no_curve(tmp_path: Path):
    assert size_curves(standings(tmp_path / "all", [trial(900), trial(920, depth="blocks:1")])) == []
    apart = [trial(900, train_images=100), trial(920, depth="blocks:1")]
    assert size_curves(standings(tmp_path / "apart", apart)) == []


def test_a_winner_names_those_it_is_tied_with(tmp_path: Path):
    found = curves(tmp_path, fast={100: 900, None: 905}, deep={100: 901, None: 960})
    small, large = (found.winner(setup) for setup in found.setups)
    assert (small.row.cell.strategy, len(small.tied)) == ("fine-tuning", 1)
    assert (large.row.cell.strategy, large.tied, large.untested) == ("fine-tuning", (), ())


def test_a_row_of_another_rate_is_said_to_be_untested(tmp_path: Path):
    rows = [
        trial(right, train_images=images, learning_rate=rate)
        for images in (100, None)
        for rate, right in ((1e-3, 900), (1e-4, 800))
    ]
    (found,) = size_curves(standings(tmp_path, rows))
    winner = found.winner(found.setups[0])
    assert [row.cell.learning_rate for row in winner.untested] == [1e-4]
    assert winner.tied == ()


def test_strategies_cross_where_each_is_significantly_better_at_some_size(tmp_path: Path):
    found = curves(tmp_path, fast={50: 900, 500: 905, None: 910}, deep={50: 800, 500: 906, None: 960})
    (crossing,) = found.crossings()
    assert (crossing.few.cell.strategy, crossing.many.cell.strategy) == ("fast-extraction", "fine-tuning")
    assert (crossing.at_few, crossing.at_many, crossing.once) == ((50,), (2000,), True)


def test_figures_that_cross_within_chance_are_no_crossing(tmp_path: Path):
    found = curves(tmp_path, fast={50: 902, None: 905}, deep={50: 900, None: 960})
    assert found.crossings() == []


def test_two_crossings_are_not_called_one(tmp_path: Path):
    found = curves(tmp_path, fast={50: 900, 500: 800, None: 960}, deep={50: 800, 500: 900, None: 900})
    (crossing,) = found.crossings()
    assert not crossing.once


def test_the_outlook_is_to_twice_and_four_times_the_largest_size(tmp_path: Path):
    found = curves(tmp_path, fast={100: 700, 500: 840, None: 915})
    (rows,) = found.strategies
    told = outlook(rows)
    assert [each.images for each in told.beyond] == [4000, 8000]
    assert all(each.interval and each.interval.low <= (each.accuracy or 0) for each in told.beyond)
    assert told.helps is True
    assert [each.images for each in told.curve.points] == [100, 500, 2000]


def test_without_tests_the_rows_are_the_same_and_nothing_is_compared(tmp_path: Path):
    rows = [trial(right, train_images=images) for images, right in ((100, 900), (None, 930))]
    rows += [
        trial(right, train_images=images, depth="blocks:1") for images, right in ((100, 800), (None, 960))
    ]
    found = standings(tmp_path, rows)
    (plain,), (tested,) = size_curves(found, tested=False), size_curves(found)
    assert plain.strategies == tested.strategies
    assert (plain.contests, len(tested.contests)) == ((), 2)


@pytest.mark.parametrize("rights", [{100: 700, None: 915}, {100: 900, 500: 900, None: 900}])
def test_without_a_curve_there_is_a_reason_and_no_answer(tmp_path: Path, rights: dict[int | None, int]):
    (rows,) = curves(tmp_path, fast=rights).strategies
    told = outlook(rows)
    assert told.helps is None
    assert told.here.reason


def test_an_interval_that_reaches_down_to_here_does_not_show_that_images_help(tmp_path: Path):
    (rows,) = curves(tmp_path, fast={100: 900, None: 905}).strategies
    here = Prediction(2000, 0.90, Interval(0.88, 0.92, 0.95))
    farther = Prediction(8000, 0.93, Interval(0.89, 0.95, 0.95))
    assert Outlook(rows[2000], LearningCurve(()), here, (farther,)).helps is False
