"""Depth curves: what stands on one, and from where more depth is not shown to pay."""

from pathlib import Path

import pytest
from fakes_compare import standings, trial

from harness.analysis.depths import depth_curves, trainable_share


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
    assert [trainable_share(row) for row in curve.depths] == pytest.approx(
        [100_000 / 218_544, 130_000 / 218_544]
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
