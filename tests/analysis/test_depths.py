"""Depth curves: what stands on one, how much of the base a row trains, and where more stops paying."""

from pathlib import Path
from typing import Any

import pytest
from fakes_compare import standings, trial
from fakes_standings import result, shown
from fakes_standings import standings as made_up

from harness.analysis.depths import depth_curves, depth_lines, unfrozen_share
from harness.analysis.rows import Row
from harness.backbones import BACKBONES
from harness.recipes import RECIPES


def enough(folder: Path, *rights: int) -> str:
    """The depth from which no deeper one is better, of blocks:1 on with so many right."""
    rows = [trial(right, depth=f"blocks:{number}") for number, right in enumerate(rights, 1)]
    (curve,) = depth_curves(standings(folder, rows))
    return curve.enough.cell.depth


def test_a_curve_goes_from_the_frozen_base_to_the_deepest(tmp_path: Path):
    rows = [
        trial(930, depth="blocks:2"),
        trial(920, depth="blocks:1"),
        trial(905, strategy="augmented-extraction"),
        trial(900),
        trial(900, strategy="linear-probe"),
        trial(700, strategy="from-scratch", weights="scratch"),
    ]
    (curve,) = depth_curves(standings(tmp_path, rows))
    labels = ["fast-extraction", "augmented-extraction", "fine-tuning blocks:1", "fine-tuning blocks:2"]
    assert [row.cell.label for row in curve.rows] == labels
    assert [unfrozen_share(row) for row in curve.depths] == pytest.approx(
        [34_000 / 218_544, 64_000 / 218_544]
    )
    assert len(curve.contests) == 1
    assert len(curve.from_frozen) == 4


def test_one_depth_is_no_curve(tmp_path: Path):
    assert depth_curves(standings(tmp_path, [trial(900), trial(920, depth="blocks:1")])) == []


def test_learning_rates_have_curves_of_their_own(tmp_path: Path):
    rows = [
        trial(900, depth=depth, learning_rate=rate)
        for rate in (1e-3, 1e-4)
        for depth in ("blocks:1", "blocks:2")
    ]
    curves = depth_curves(standings(tmp_path, rows))
    assert [[row.cell.learning_rate for row in curve.rows] for curve in curves] == [
        [1e-4, 1e-4],
        [1e-3, 1e-3],
    ]


def test_more_depth_stops_paying_where_nothing_deeper_is_significantly_better(tmp_path: Path):
    assert enough(tmp_path / "never", 900, 901, 902) == "blocks:1"
    assert enough(tmp_path / "one", 900, 950, 951) == "blocks:2"
    assert enough(tmp_path / "on", 900, 930, 960) == "blocks:3"
    assert enough(tmp_path / "worse", 960, 930, 900) == "blocks:1"


def test_a_gain_that_only_two_steps_together_show_is_one(tmp_path: Path):
    """Neither step alone is told apart from the last, but the deepest from the shallowest is."""
    assert enough(tmp_path, 900, 905, 910) == "blocks:2"


# The share of the base, and the lines that it makes


def tuned(depth: str, share: float, accuracy: float = 0.9, **cell: Any) -> Row:
    return shown(result(accuracy, share=share, strategy="fine-tuning", depth=depth, **cell))


FROZEN = shown(result(0.90))
SHALLOW = tuned("blocks:1", 0.25)
DEEP = tuned("all", 0.98, 0.96)


def shares(*rows: Row) -> list[tuple[str, list[float]]]:
    lines = depth_lines(made_up(rows).tables[0])
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
        made_up([augmented, plain, tuned("blocks:1", 0.25, recipe="dog-cat-exercise-01")]).tables[0]
    )
    assert [row.cell.strategy for row in line.rows] == ["augmented-extraction", "fine-tuning"]


def test_rates_sizes_and_recipes_make_lines_of_their_own_from_one_extraction():
    rows = [FROZEN, tuned("all", 0.98, learning_rate=1e-5), tuned("all", 0.98, learning_rate=1e-4)]
    assert [line for _, line in shares(*rows)] == [[0, 0.98], [0, 0.98]]
    assert shares(FROZEN, tuned("all", 0.98, size=224)) == []


def test_lines_stand_by_their_best_row():
    other = [shown(result(0.99, backbone="VGG16")), tuned("all", 0.9, 0.5, backbone="VGG16")]
    assert [name for name, _ in shares(FROZEN, SHALLOW, *other)] == ["VGG16", "MobileNet-0.25"]


def test_a_single_depth_is_no_line():
    assert shares(SHALLOW) == []
