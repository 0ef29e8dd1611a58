"""Which rows are tested against each other, in what direction, and over which family."""

from pathlib import Path

import numpy as np
import pytest
from fakes import ENVIRONMENT, failed_record
from fakes_compare import DISTURBED, seeds, standings, steps, trial

from harness.analysis import contests as module
from harness.analysis.contests import contests, setups
from harness.statistics import mcnemar

AUGMENTED = {"strategy": "augmented-extraction"}


def told(folder: Path, *rows: object) -> list[tuple[str, str]]:
    """The pairs of a run, by label."""
    found = contests(standings(folder, rows))  # type: ignore[arg-type]
    return [(each.base.cell.label, each.other.cell.label) for _, own in found.by_setup for each in own]


def test_every_pair_of_strategies_and_depths_is_tested_what_trains_less_first(tmp_path: Path):
    rows = [trial(930, depth="blocks:2"), trial(910, **AUGMENTED), trial(900), trial(920, depth="blocks:1")]
    assert told(tmp_path, *rows) == [
        ("fast-extraction", "augmented-extraction"),
        ("fast-extraction", "fine-tuning blocks:1"),
        ("fast-extraction", "fine-tuning blocks:2"),
        ("augmented-extraction", "fine-tuning blocks:1"),
        ("augmented-extraction", "fine-tuning blocks:2"),
        ("fine-tuning blocks:1", "fine-tuning blocks:2"),
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"backbone": "VGG16"},
        {"size": 224},
        {"recipe": "smoke"},
        {"device": "gpu"},
        {"precision": "mixed_float16"},
        {"train_images": 100},
        {"learning_rate": 1e-4},
        {"manifest": "b" * 64},
        {"weights": "smoke-base"},
        {"weights": "random"},
        {"environment": ENVIRONMENT.model_copy(update={"cores": 64})},
    ],
)
def test_rows_that_differ_in_more_than_strategy_are_no_pair(tmp_path: Path, other: dict[str, object]):
    assert told(tmp_path, trial(900), trial(950, **AUGMENTED, **other)) == []


def test_a_strategy_with_its_own_weights_or_no_rate_is_compared_all_the_same(tmp_path: Path):
    scratch = trial(700, strategy="from-scratch", weights="scratch")
    assert len(told(tmp_path / "weights", trial(900), scratch)) == 1
    probe = trial(900, strategy="linear-probe")
    assert len(told(tmp_path / "rate", probe, trial(910, learning_rate=1e-3))) == 1


def test_the_difference_is_of_what_trains_more_minus_what_trains_less(tmp_path: Path):
    found = contests(standings(tmp_path, [trial(960, depth="blocks:1"), trial(900)]))
    ((_, (each,)),) = found.by_setup
    assert each.found.difference == pytest.approx(0.06)
    assert each.better is each.other
    assert each.other.cell.depth == "blocks:1"


def test_one_row_better_by_less_than_chance_is_no_winner(tmp_path: Path):
    found = contests(standings(tmp_path, [trial(902, first=50, depth="blocks:1"), trial(900)]))
    ((_, (each,)),) = found.by_setup
    assert each.found.difference > 0
    assert each.better is None


def test_rows_with_the_same_answers_differ_by_nothing(tmp_path: Path):
    found = contests(standings(tmp_path, [trial(900, depth="blocks:1"), trial(900)]))
    ((_, (each,)),) = found.by_setup
    assert (each.found.difference, each.p_value, each.better) == (0.0, 1.0, None)


def test_holm_counts_the_pairs_of_all_backbones(tmp_path: Path):
    """Alone a pair of 12 images against 2 is significant; beside four others it is not."""
    alone = [trial(900), trial(908, depth="blocks:1")]
    alone[1] = trial(908, first=2, depth="blocks:1")
    p_value = mcnemar(np.arange(1000) < 900, np.roll(np.arange(1000) < 908, 2))
    assert p_value < 0.05
    ((_, (each,)),) = contests(standings(tmp_path / "alone", alone)).by_setup
    assert (each.p_value, each.told_apart) == (pytest.approx(p_value), True)
    others = [
        row
        for name in ("VGG16", "VGG19", "Xception", "ResNet50")
        for row in (trial(900, backbone=name), trial(900, backbone=name, depth="blocks:1"))
    ]
    found = contests(standings(tmp_path / "many", [*alone, *others]))
    assert found.tests == 5
    same = next(own[0] for setup, own in found.by_setup if setup.first.cell.backbone == "MobileNet-0.25")
    assert (same.p_value, same.told_apart) == (pytest.approx(5 * p_value), False)


def test_several_seeds_are_one_row(tmp_path: Path):
    rows = [*seeds([900, 905, 910]), *seeds([950, 955, 960], depth="blocks:1")]
    ((_, (each,)),) = contests(standings(tmp_path, rows)).by_setup
    assert each.found.difference == pytest.approx(0.05)
    assert "seeds" in each.found.method


def test_a_row_that_lacks_a_seed_takes_no_part(tmp_path: Path):
    rows = [
        *seeds([900, 905]),
        trial(950, depth="blocks:1"),
        (failed_record("oom", "no memory", strategy="fine-tuning", depth="blocks:1", seed=1), None),
    ]
    assert told(tmp_path, *rows) == []


def test_the_cost_is_the_ratio_of_seconds_to_a_result(tmp_path: Path):
    rows = [trial(900, seconds=10), trial(920, seconds=29, depth="blocks:1")]
    ((_, (each,)),) = contests(standings(tmp_path, rows)).by_setup
    assert each.time_ratio == pytest.approx(2.9)


def test_disturbed_times_are_not_compared(tmp_path: Path):
    rows = [trial(900), trial(920, depth="blocks:1", train=steps(20, state=DISTURBED))]
    ((_, (each,)),) = contests(standings(tmp_path, rows)).by_setup
    assert each.time_ratio is None


def test_of_too_many_pairs_those_of_the_least_accurate_setups_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MOST_TESTS", 1)
    rows = [
        row
        for name, right in (("VGG16", 800), ("Xception", 950))
        for row in (trial(right, backbone=name), trial(right, backbone=name, depth="blocks:1"))
    ]
    found = contests(standings(tmp_path, rows))
    assert [setup.first.cell.backbone for setup, _ in found.by_setup] == ["Xception"]
    assert [setup.first.cell.backbone for setup in found.left_out] == ["VGG16"]


def test_a_single_row_is_a_setup_without_a_pair(tmp_path: Path):
    found = standings(tmp_path, [trial(900)])
    assert len(setups(found)) == 1
    assert contests(found).tests == 0
