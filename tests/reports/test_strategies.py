"""Strategy against strategy: what the section says, and what it must not."""

from pathlib import Path

import pytest
from fakes import Row, failed_record
from fakes_compare import DISTURBED, seeds, standings, steps, trial
from tables import table

from harness.analysis import contests as family
from harness.records import DeviceState
from harness.reports.strategies import how_compared, p_text, points, strategies, times
from harness.statistics import MCNEMAR, STUDENT, STUDENT_ONE


def told(folder: Path, *rows: Row) -> str:
    return strategies(standings(folder, rows))


def test_a_gain_that_is_sure_is_told_with_its_cost(tmp_path: Path):
    text = told(tmp_path, trial(907, seconds=10), trial(943, seconds=29, depth="blocks:1"))
    assert "The test images tell 1 of 1 pair apart." in text
    assert (
        "- MobileNet-0.25 at 160 px: better than fast-extraction: fine-tuning blocks:1 (+3.6 points at 2.9 "
        "times the time)." in text
    )
    (line,) = table(text)
    assert (line["accuracy (%)"], line["loss"]) == ("90.7 to 94.3", "0.310 to 0.231")
    assert (line["difference (points)"], line["time (ratio)"]) == ("+3.6", "2.9")
    assert (line["p adjusted"], line["verdict"]) == ("<0.001", "better")


def test_a_loss_that_is_sure_is_told_as_one(tmp_path: Path):
    text = told(tmp_path, trial(943), trial(907, depth="blocks:1"))
    assert "worse than fast-extraction: fine-tuning blocks:1 (-3.6 points" in text
    assert table(text)[0]["verdict"] == "worse"


def test_a_tie_is_told_as_one_and_never_as_a_gain(tmp_path: Path):
    text = told(tmp_path, trial(900, seconds=10), trial(902, first=50, seconds=30, depth="blocks:1"))
    assert "cannot tell the two apart" in text
    assert "fine-tuning blocks:1 cannot be told from fast-extraction; it takes 3.0 times the time." in text
    assert "better" not in text
    assert table(text)[0]["verdict"] == "cannot be told apart"


def test_what_cannot_tell_rows_of_several_seeds_apart_are_images_and_seeds(tmp_path: Path):
    text = told(tmp_path, *seeds([880, 900, 920]), *seeds([885, 905, 925], depth="blocks:1"))
    assert "The test images and seeds cannot tell the two apart." in text


def test_the_same_answers_are_a_difference_of_zero_without_a_sign(tmp_path: Path):
    (line,) = table(told(tmp_path, trial(900), trial(900, depth="blocks:1")))
    assert line["difference (points)"] == "+0.0"
    assert points(-0.0001) == "+0.0"


def test_what_cannot_be_told_apart_beside_what_can_is_counted(tmp_path: Path):
    rows = [trial(900), trial(901, strategy="augmented-extraction"), trial(960, depth="blocks:1")]
    text = told(tmp_path, *rows)
    assert "better than fast-extraction: fine-tuning blocks:1" in text
    assert "better than augmented-extraction: fine-tuning blocks:1" in text
    assert "The other pair cannot be told apart." in text


@pytest.mark.parametrize("share", [None, 0.02])
def test_a_ratio_of_times_that_nobody_watched_is_said_to_be_one(share: float | None, tmp_path: Path):
    step = steps(20, state=DeviceState(others_share=share))
    rows = [trial(907, train=step, inference=step), trial(943, depth="blocks:1", train=step, inference=step)]
    text = told(tmp_path, *rows)
    assert table(text)[0]["time (ratio)"] == "1.0"
    assert ("not recorded for 1 of the 1 pairs with a ratio of times" in text) == (share is None)


def test_a_disturbed_row_has_no_ratio_and_a_reason(tmp_path: Path):
    disturbed = trial(943, depth="blocks:1", train=steps(20, state=DISTURBED))
    text = told(tmp_path, trial(907), disturbed)
    assert table(text)[0]["time (ratio)"] == "-"
    assert "times the time" not in text
    assert "disturbed the step times" in text


def test_one_seed_says_what_its_test_does_not_hold(tmp_path: Path):
    single = told(tmp_path / "one", trial(900), trial(950, depth="blocks:1"))
    assert "exact McNemar" in single
    assert "what other seeds would give" in single
    several = told(tmp_path / "two", *seeds([900, 905, 910]), *seeds([950, 955, 960], depth="blocks:1"))
    assert "McNemar" not in several


def test_without_two_rows_of_one_seed_nothing_is_said_of_mcnemar(tmp_path: Path):
    text = told(tmp_path, trial(900), *seeds([950, 955, 960], depth="blocks:1"))
    assert "McNemar" not in text
    assert (
        "(Student's t over images and seeds; a row of one seed beside one of several is taken as that one "
        "training)" in text
    )


def test_each_test_is_named_once_with_the_rows_that_it_is_for():
    assert how_compared([MCNEMAR]) == "exact McNemar tests"
    assert how_compared([MCNEMAR, STUDENT]) == (
        "exact McNemar tests where both have one seed, else Student's t over images and seeds"
    )
    assert how_compared([STUDENT, STUDENT_ONE]).count("Student's t") == 1


def test_depths_are_left_to_their_own_section(tmp_path: Path):
    rows = [trial(900), trial(950, depth="blocks:1"), trial(955, depth="blocks:2")]
    lines = table(told(tmp_path, *rows))
    assert [line["from"] for line in lines] == ["fast-extraction"] * 2
    assert "one family of 3 tests" in told(tmp_path, *rows)


def test_of_several_numbers_of_training_images_the_largest_counts(tmp_path: Path):
    rows = [
        trial(right, train_images=images, **kind)
        for images, right in ((100, 800), (None, 900))
        for kind in ({}, {"depth": "blocks:1"})
    ]
    (line,) = table(told(tmp_path, *rows))
    assert line["backbone"] == "MobileNet-0.25 at 160 px, 2,000 training images"


def test_what_setups_differ_in_is_in_their_names(tmp_path: Path):
    rows = [
        trial(900, recipe=recipe, **kind)
        for recipe in ("default", "smoke")
        for kind in ({}, {"depth": "blocks:1"})
    ]
    names = {line["backbone"] for line in table(told(tmp_path, *rows))}
    assert names == {"MobileNet-0.25 at 160 px, recipe default", "MobileNet-0.25 at 160 px, recipe smoke"}


def test_a_row_that_lacks_a_seed_is_said_to_take_no_part(tmp_path: Path):
    lacking = [
        trial(950, depth="blocks:2"),
        (failed_record("oom", "no", depth="blocks:2", strategy="fine-tuning", seed=1), None),
    ]
    text = told(tmp_path, *seeds([900, 901]), *seeds([950, 951], depth="blocks:1"), *lacking)
    assert "blocks:2" not in text
    assert "Rows that lack a seed take no part" in text


@pytest.mark.parametrize(
    "rows",
    [
        [trial(900)],
        [trial(900, weights="random"), trial(950, weights="random", depth="blocks:1")],
        [trial(900), trial(950, depth="blocks:1", backbone="VGG16")],
        [(failed_record("oom", "no memory"), None)],
    ],
)
def test_without_a_pair_there_is_no_section(rows: list[Row], tmp_path: Path):
    assert told(tmp_path, *rows) == ""


def test_setups_that_are_not_tested_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(family, "MOST_TESTS", 1)
    rows = [
        trial(900, backbone=name, **kind)
        for name in ("VGG16", "VGG19")
        for kind in ({}, {"depth": "blocks:1"})
    ]
    text = told(tmp_path, *rows)
    assert "Not tested: 1 group of rows" in text
    assert len(table(text)) == 1


def test_a_p_value_is_never_rounded_up_to_the_level():
    assert [p_text(p) for p in (0.0004, 0.0123, 0.0496, 0.05, 0.0504, 1.0)] == [
        *("<0.001", "0.012", "<0.050", "0.050", "0.050", "1.000")
    ]


def test_ratios_have_a_decimal_until_they_are_large():
    assert [times(None), times(0.94), times(12.34), times(1234.5)] == ["-", "0.9", "12.3", "1,234"]
