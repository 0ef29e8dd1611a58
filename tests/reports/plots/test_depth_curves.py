"""Depth curves: which rows make a line, and how much of the base each trains."""

from typing import Any

import numpy as np
import pytest
from fakes_standings import STRATEGIES, many, result, shown, standings
from figures import check_legible, texts

from harness.analysis.rows import Row
from harness.backbones import BACKBONES
from harness.recipes import RECIPES
from harness.reports.plots.depth_curves import depth_lines, draw_depth_curves, unfrozen_share


def tuned(depth: str, share: float, accuracy: float = 0.9, **cell: Any) -> Row:
    return shown(result(accuracy, share=share, strategy="fine-tuning", depth=depth, **cell))


FROZEN = shown(result(0.90))
SHALLOW = tuned("blocks:1", 0.25)
DEEP = tuned("all", 0.98, 0.96)


def shares(*rows: Row) -> list[tuple[str, list[float]]]:
    lines = depth_lines(standings(rows).tables[0])
    return [(line.cell.backbone, [round(share, 3) for share in line.shares]) for line in lines]


def test_the_head_is_counted_neither_in_what_trains_nor_in_the_whole():
    assert unfrozen_share(FROZEN) == 0
    assert unfrozen_share(SHALLOW) == pytest.approx(0.25, abs=1e-5)


def test_a_base_that_is_cut_has_no_share_since_its_size_is_not_known():
    recipe = RECIPES["default"].model_copy(update={"drop_blocks": 1})
    cut = SHALLOW.first.model_copy(update={"recipe": recipe})
    assert unfrozen_share(shown(cut)) is None


def test_what_does_not_fit_the_table_of_backbones_has_no_share():
    fewer = {"parameters": BACKBONES["MobileNet-0.25"].parameters - 1, "parameters_trainable": 10**9}
    wrong = SHALLOW.first.model_copy(update={"measured": SHALLOW.first.measured.model_copy(update=fewer)})
    assert unfrozen_share(shown(wrong)) is None


def test_a_line_starts_at_extraction_and_goes_by_share():
    assert shares(DEEP, FROZEN, SHALLOW) == [("MobileNet-0.25", [0, 0.25, 0.98])]


def test_fine_tuning_that_starts_from_augmented_extraction_has_that_at_depth_0():
    augmented = shown(result(0.91, strategy="augmented-extraction", recipe="dog-cat-exercise-01"))
    plain = shown(result(0.5, recipe="dog-cat-exercise-01"))
    (line,) = depth_lines(
        standings([augmented, plain, tuned("blocks:1", 0.25, recipe="dog-cat-exercise-01")]).tables[0]
    )
    assert [row.cell.strategy for row in line.rows] == ["augmented-extraction", "fine-tuning"]


def test_rates_sizes_and_recipes_make_lines_of_their_own_from_one_extraction():
    rows = [FROZEN, tuned("all", 0.98, learning_rate=1e-5), tuned("all", 0.98, learning_rate=1e-4)]
    assert [line for _, line in shares(*rows)] == [[0, 0.98], [0, 0.98]]
    assert shares(FROZEN, tuned("all", 0.98, size=224)) == []


def test_a_single_depth_is_no_line():
    assert shares(SHALLOW) == []
    assert draw_depth_curves(standings([SHALLOW])) is None


def test_lines_stand_by_their_best_row():
    other = [shown(result(0.99, backbone="VGG16")), tuned("all", 0.9, 0.5, backbone="VGG16")]
    assert [name for name, _ in shares(FROZEN, SHALLOW, *other)] == ["VGG16", "MobileNet-0.25"]


def test_every_point_has_its_interval_in_the_picture():
    found = standings([FROZEN, SHALLOW, DEEP])
    upper = draw_depth_curves(found).axes[0]
    segments = [segment for each in upper.collections for segment in each.get_segments()]
    ends = sorted((100 * row.interval.low, 100 * row.interval.high) for row in found.tables[0].rows)
    drawn = sorted((low[1], high[1]) for low, high in segments)
    assert np.array(drawn) == pytest.approx(np.array(ends))


def test_lines_that_are_left_out_are_counted():
    alone = tuned("all", 0.98, backbone="VGG16")
    drawn = texts(draw_depth_curves(standings([FROZEN, SHALLOW, alone])))
    assert any("1 row not shown: the only depth" in text.replace("\n", " ") for text in drawn)


def test_texts_do_not_overlap_in_small_and_large_pictures():
    rates = [tuned("all", 0.98, learning_rate=rate) for rate in (1e-5, 1e-4)]
    cases = (
        standings([FROZEN, SHALLOW]),
        standings([FROZEN, *rates]),
        standings(many(40)),
        standings(many(5), many(5, device="gpu")),
    )
    for found in cases:
        check_legible(draw_depth_curves(found))


def test_lines_beyond_what_fits_are_counted():
    rates = [tuned("all", 0.98, learning_rate=step * 1e-5) for step in range(1, 46)]
    drawn = texts(draw_depth_curves(standings([FROZEN, *rates])))
    assert any("5 less accurate lines not drawn" in text.replace("\n", " ") for text in drawn)


def test_backbones_beyond_the_colours_are_counted_in_the_key():
    assert len(STRATEGIES) > 2
    assert "33 other lines" in texts(draw_depth_curves(standings(many(40))))
