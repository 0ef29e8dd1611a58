"""Heat maps: every row in its place, failures told from what was never asked for."""

from dataclasses import replace

import pytest
from fakes import failed_record
from fakes_standings import DISTURBED, STRATEGIES, many, result, shown, standings, steps
from figures import check_legible, texts
from matplotlib.patches import Rectangle

from harness.analysis.rows import Table
from harness.analysis.standings import Standings
from harness.metrics import metric
from harness.records import DeviceState
from harness.reports.plots.heat_map import Grid, Square, draw_heat_map, grid

A = shown(result(0.95, backbone="VGG16"))
B = shown(result(0.90, backbone="Xception"))
TUNED = shown(result(0.97, backbone="Xception", **STRATEGIES[2]))
OOM = failed_record("oom", "no memory", backbone="VGG16", **STRATEGIES[2])

WATCHED = steps(20, state=DeviceState(others_share=0.02))


def laid(found: Standings, name: str = "test_accuracy") -> Grid:
    panel = grid(found.tables[0], found, metric(name))
    assert panel is not None
    return panel


def test_backbones_stand_by_their_best_row_and_strategies_as_they_were_planned():
    panel = laid(standings([A, B, TUNED]))
    assert panel.down == ("Xception", "VGG16")
    assert panel.across == ("fast-extraction", "fine-tuning blocks:1")
    assert panel.squares["VGG16", "fast-extraction"].value == 0.95


def test_a_failure_has_its_status_and_what_was_not_asked_for_has_no_square():
    failed = laid(standings([A, B, TUNED], failed=(OOM,))).squares
    assert failed["VGG16", "fine-tuning blocks:1"] == Square(status="oom")
    assert ("VGG16", "fine-tuning blocks:1") not in laid(standings([A, B, TUNED])).squares


def test_a_failure_on_another_device_is_not_shown_beside_these_rows():
    elsewhere = failed_record("oom", "no memory", backbone="VGG16", device="gpu", **STRATEGIES[2])
    assert ("VGG16", "fine-tuning blocks:1") not in laid(standings([A, B], failed=(elsewhere,))).squares


def test_a_row_that_lacks_a_seed_is_in_brackets_and_not_called_failed():
    lacking = replace(shown(result(0.93, backbone="VGG16", **STRATEGIES[2])), rank=None)
    found = standings([A, B], partial=(lacking,), failed=(OOM,))
    square = laid(found).squares["VGG16", "fine-tuning blocks:1"]
    assert (square.value, square.status, square.partial) == (0.93, "", True)
    assert "(93.0)" in texts(draw_heat_map(found, "test_accuracy"))


def test_rows_that_differ_in_more_than_strategy_have_places_of_their_own():
    panel = laid(standings([A, shown(result(0.8, backbone="VGG16", size=224))]))
    assert panel.across == ("fast-extraction, 160px", "fast-extraction, 224px")


def test_numbers_and_statuses_stand_in_the_picture():
    drawn = texts(draw_heat_map(standings([A, B, TUNED], failed=(OOM,)), "test_accuracy"))
    assert {"95.0", "90.0", "97.0", "oom", "failed"} <= set(drawn)


def test_rows_that_tie_with_the_best_are_framed():
    figure = draw_heat_map(standings([A, B, TUNED, shown(result(0.965, backbone="VGG19"))]), "test_accuracy")
    frames = [each for each in figure.axes[0].patches if isinstance(each, Rectangle) and not each.get_fill()]
    assert len(frames) == 2


def test_a_disturbed_time_is_marked():
    lucky = shown(result(0.99, backbone="VGG19", inference=steps(1, state=DISTURBED)))
    assert "1.0 !" in texts(draw_heat_map(standings([A, lucky]), "inference_ms"))


def test_that_nobody_watched_the_times_is_noted_on_maps_of_times_alone():
    quiet = [shown(result(0.9, backbone="VGG16", train=WATCHED, inference=WATCHED))]
    note = "What other processes took is not recorded for"
    for rows, name, told in (
        ([A], "inference_ms", True),
        ([A], "test_accuracy", False),
        (quiet, "to_result_s", False),
    ):
        drawn = " ".join(" ".join(texts(draw_heat_map(standings(rows), name))).split())
        assert (note in drawn) == told


@pytest.mark.parametrize("tied", [True, False])
def test_a_tie_at_a_distance_is_explained(tied: bool):
    found = standings([A, TUNED, B])
    (table,) = found.tables
    rows = [replace(row, tied=row is table.rows[0] or (tied and row is table.rows[2])) for row in table.rows]
    drawn = draw_heat_map(replace(found, tables=(Table(tuple(rows)),)), "test_accuracy")
    told = " ".join(" ".join(texts(drawn)).split())
    assert ("A framed row can be less accurate than one without a frame" in told) == tied


def test_many_kinds_of_one_backbone_stand_below_each_other_so_that_a_page_can_hold_them():
    found = standings([shown(result(0.5 + size / 1000, size=size)) for size in range(100, 115)])
    panel = laid(found)
    assert (len(panel.down), panel.across) == (15, ("MobileNet-0.25",))
    assert (
        panel.squares["fast-extraction, 103px", "MobileNet-0.25"].value == found.tables[0].rows[-4].accuracy
    )
    assert draw_heat_map(found, "test_accuracy").get_size_inches()[0] < 11


def test_what_is_beyond_the_picture_is_counted():
    rows = [shown(result(0.5 + size / 1000, size=size)) for size in range(100, 124)]
    found = standings(rows)
    panel = laid(found)
    assert len(panel.down) == 18
    assert "fast-extraction, 123px" in panel.down
    assert any("6 rows beyond what fits" in text for text in texts(draw_heat_map(found, "test_accuracy")))


def test_texts_do_not_overlap_in_small_and_large_maps():
    for found in (standings([A]), standings([A, B, TUNED], failed=(OOM,)), standings(many(40))):
        check_legible(draw_heat_map(found, "test_accuracy"))
        check_legible(draw_heat_map(found, "to_result_s"))


def test_long_names_of_layers_do_not_overlap():
    depths = ("from:conv2_block1_out", "from:block14_sepconv1_act_猫", "layers:120")
    rows = [shown(result(0.9, strategy="fine-tuning", depth=depth)) for depth in depths]
    check_legible(draw_heat_map(standings(rows), "test_accuracy"))
