"""Depth curves as tables and sentences."""

from pathlib import Path

import pytest
from fakes import Row
from fakes_compare import DISTURBED, standings, steps, trial
from tables import table

from harness.recipes import RECIPES
from harness.reports.depths import depths
from harness.reports.plots.depth_curves import draw_depth_curves


def told(folder: Path, *rows: Row) -> str:
    return depths(standings(folder, rows))


def deep(*rights: int) -> list[Row]:
    return [
        trial(right, depth=f"blocks:{number}", seconds=10 * number) for number, right in enumerate(rights, 1)
    ]


def test_a_curve_is_a_table_by_the_share_that_trains(tmp_path: Path):
    lines = table(told(tmp_path, *deep(910, 920), trial(900)))
    assert [line["strategy"] for line in lines] == [
        *("fast-extraction", "fine-tuning blocks:1", "fine-tuning blocks:2")
    ]
    assert [line["unfrozen share (%)"] for line in lines] == ["0.0", "15.6", "29.3"]
    assert [line["test accuracy (%)"] for line in lines] == ["90.0", "91.0", "92.0"]
    assert lines[0]["95 % interval"] == "88.0 to 91.7"
    assert lines[2]["to result (s)"] == "20"


@pytest.mark.parametrize(
    ("rights", "sentence"),
    [
        (
            (900, 901),
            "The depths cannot be told apart; fine-tuning blocks:2 against fine-tuning blocks:1: +0.1 points",
        ),
        ((900, 900), "fine-tuning blocks:1: +0.0 points"),
        ((900, 950, 951), "From fine-tuning blocks:2 on, no deeper one is significantly better."),
        ((900, 930, 960), "So the deepest that was tried may not be where more depth stops paying."),
        ((960, 900), "fine-tuning blocks:2 is worse than fine-tuning blocks:1: -6.0 points"),
    ],
)
def test_where_more_depth_stops_paying_is_said_as_the_tests_allow(
    rights: tuple[int, ...], sentence: str, tmp_path: Path
):
    assert sentence in told(tmp_path, *deep(*rights))


def test_depths_that_only_lose_are_not_said_to_have_paid(tmp_path: Path):
    text = told(tmp_path, *deep(960, 900))
    assert "better" not in text.split("### ")[1].split("|")[0]


def test_no_depth_better_than_a_frozen_base_is_said_only_where_it_is_so(tmp_path: Path):
    nothing = "No depth is significantly better than a frozen base."
    assert nothing in told(tmp_path / "tie", trial(900), *deep(901, 902))
    assert nothing not in told(tmp_path / "gain", trial(900), *deep(901, 960))
    assert nothing not in told(tmp_path / "none", *deep(901, 902))


def test_a_disturbed_time_is_marked_and_not_compared(tmp_path: Path):
    rows = [trial(900, depth="blocks:1"), trial(901, depth="blocks:2", train=steps(20, state=DISTURBED))]
    text = told(tmp_path, *rows)
    assert table(text)[1]["train (ms/step)"] == "20.0 (disturbed)"
    assert "times the time" not in text


def test_how_it_was_tested_is_told_here_where_no_strategies_are_compared(tmp_path: Path):
    assert "one family of 1 test" in told(tmp_path / "alone", *deep(900, 901))
    below = told(tmp_path / "below", trial(900), *deep(900, 901))
    assert "the family told above" in below
    assert "Holm" not in below


def test_the_picture_draws_the_shares_that_the_section_tells(tmp_path: Path):
    found = standings(tmp_path, [*deep(910, 920), trial(900)])
    drawn = draw_depth_curves(found).axes[0].lines[0].get_xdata()
    told = [float(line["unfrozen share (%)"]) for line in table(depths(found))]
    assert list(drawn) == pytest.approx(told, abs=0.05)


def test_a_base_of_unknown_size_has_no_share_and_a_reason(tmp_path: Path):
    cut = RECIPES["default"].model_copy(update={"drop_blocks": 1})
    rows = [(row.model_copy(update={"recipe": cut}), found) for row, found in deep(910, 920)]
    text = told(tmp_path / "cut", *rows)
    assert [line["unfrozen share (%)"] for line in table(text)] == ["-", "-"]
    assert "where the size of the base is not known" in text
    assert "is not known" not in told(tmp_path / "whole", *deep(910, 920))


def test_one_depth_has_no_section(tmp_path: Path):
    assert told(tmp_path, trial(900), *deep(950)) == ""
