"""Data-size curves: winners by size, crossings, and what more images would give."""

from pathlib import Path

import numpy as np
import pytest
from fakes import Row
from fakes_compare import seeds, standings, trial

from harness.analysis.data_sizes import LEAST_GAIN, Growth, Outlook, SizeCurves, growths, size_curves
from harness.statistics import Interval, LearningCurve, Prediction, compare, holm


def curves(folder: Path, **rights: dict[int | None, int]) -> SizeCurves:
    """Curves of one backbone: of `fast` and `deep`, how many are right by training images (None: all)."""
    rows: list[Row] = []
    for images, right in rights.get("fast", {}).items():
        rows.append(trial(right, train_images=images))
    for images, right in rights.get("deep", {}).items():
        rows.append(trial(right, train_images=images, depth="blocks:1"))
    (found,) = size_curves(standings(folder, rows))
    return found


def grown(folder: Path, *rows: Row) -> list[Growth]:
    """What more images gave the strategies of a run's only curve."""
    found = standings(folder, rows)
    (told,) = growths(found, size_curves(found))
    return told


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
    rights = {100: 700, 500: 840, None: 915}
    (growth,) = grown(tmp_path, *(trial(right, train_images=images) for images, right in rights.items()))
    told = growth.outlook
    assert [each.images for each in told.beyond] == [4000, 8000]
    assert all(each.gain_interval and each.gain_interval.low <= (each.gain or 0) for each in told.beyond)
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
    (growth,) = grown(tmp_path, *(trial(right, train_images=images) for images, right in rights.items()))
    told = growth.outlook
    assert told.helps is None
    assert told.here.reason


@pytest.mark.parametrize(("low", "helps"), [(LEAST_GAIN, True), (LEAST_GAIN / 2, False)])
def test_images_help_where_all_of_the_interval_of_the_gain_is_a_gain(tmp_path: Path, low: float, helps: bool):
    (rows,) = curves(tmp_path, fast={100: 900, None: 905}).strategies
    farther = Prediction(8000, 0.93, Interval(0.88, 0.95, 0.95), 0.03, Interval(low, 0.05, 0.95))
    assert Outlook(rows[2000], LearningCurve(()), Prediction(2000), (farther,)).helps is helps


def test_each_size_is_compared_with_the_next_smaller_one_on_the_same_images(tmp_path: Path):
    # Each image that the smaller size has right, the larger one has too.
    (growth,) = grown(tmp_path, trial(930), trial(900, train_images=100), trial(920, train_images=500))
    assert [(step.smaller, step.larger) for step in growth.steps] == [(100, 500), (500, 2000)]
    assert [step.found.difference for step in growth.steps] == pytest.approx([0.02, 0.01])
    right = np.arange(1000)
    assert growth.steps[1].found == compare(right < 930, right < 920)


def test_the_last_steps_of_all_strategies_are_one_family(tmp_path: Path):
    tuned = {"depth": "blocks:1"}
    rows = [trial(900, train_images=100), trial(900, train_images=500), trial(907)]
    rows += [trial(900, train_images=500, **tuned), trial(910, **tuned)]
    fast, deep = grown(tmp_path, *rows)
    raw = [each.steps[-1].found.p_value for each in (fast, deep)]
    assert [each.last.p_value for each in (fast, deep) if each.last] == pytest.approx(holm(raw))
    assert fast.last is not None
    assert fast.last.p_value == pytest.approx(2 * 0.5**7, abs=1e-12)


def test_a_last_step_speaks_of_the_larger_size_against_the_smaller(tmp_path: Path):
    (growth,) = grown(
        tmp_path, *seeds([850, 855, 860], train_images=100), *seeds([940, 945, 950], train_images=None)
    )
    assert growth.last is not None
    assert growth.last.better is growth.last.other
    assert growth.last.other.accuracy == pytest.approx(0.945)


def test_a_strategy_at_one_size_has_no_step(tmp_path: Path):
    rows = [trial(900, train_images=100), trial(930), trial(950, depth="blocks:1")]
    told = grown(tmp_path, *rows)
    assert [len(each.steps) for each in told] == [1, 0]
    assert told[1].last is None
