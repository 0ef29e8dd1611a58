"""Run against run: what is matched, tested and refused, and what else differs."""

from pathlib import Path
from typing import Any

import pytest
from fakes import ENVIRONMENT, Row, failed_record
from fakes_compare import seeds, standings, trial

from harness.analysis.runs import RunComparison, compare_runs
from harness.records import WeightsFacts


def compared(folder: Path, first: list[Row], second: list[Row]) -> RunComparison:
    return compare_runs(standings(folder / "first", first), standings(folder / "second", second))


def test_rows_are_matched_by_name_and_the_difference_is_second_minus_first(tmp_path: Path):
    found = compared(
        tmp_path, [trial(900), trial(950, backbone="VGG16")], [trial(950, backbone="VGG16"), trial(960)]
    )
    by_name = {each.first.cell.backbone: each for each in found.changes}
    assert by_name["MobileNet-0.25"].found.difference == pytest.approx(0.06)
    assert by_name["MobileNet-0.25"].told_apart
    assert not by_name["MobileNet-0.25"].same
    assert (by_name["VGG16"].found.difference, by_name["VGG16"].same) == (0.0, True)


def test_the_same_accuracy_by_other_answers_is_not_the_same(tmp_path: Path):
    (each,) = compared(tmp_path, [trial(900)], [trial(900, first=5)]).changes
    assert (each.found.difference, each.same, each.told_apart) == (0.0, False, False)


def test_holm_counts_the_rows(tmp_path: Path):
    alone = compared(tmp_path / "one", [trial(900)], [trial(908, first=2)]).changes[0]
    same = [trial(900, backbone=name) for name in ("VGG16", "VGG19", "Xception", "ResNet50")]
    many = compared(tmp_path / "many", [trial(900), *same], [trial(908, first=2), *same])
    each = next(each for each in many.changes if not each.same)
    assert each.p_value == pytest.approx(5 * alone.p_value)
    assert (alone.told_apart, each.told_apart) == (True, False)


def test_accuracies_on_other_images_are_refused_with_the_reason(tmp_path: Path):
    found = compared(tmp_path, [trial(900)], [trial(950, manifest="b" * 64)])
    assert found.changes == ()
    ((name, reason),) = found.refused
    assert name == trial(900)[0].cell.configuration
    assert reason == "other images: manifest aaaaaaaaaaaa against bbbbbbbbbbbb"


def test_rows_of_one_run_alone_are_named(tmp_path: Path):
    found = compared(tmp_path, [trial(900), trial(900, backbone="VGG16")], [trial(900, backbone="VGG19")])
    assert [len(found.only_first), len(found.only_second)] == [2, 1]
    assert found.only_second[0].startswith("VGG19/")


def test_a_row_that_lacks_a_seed_is_refused_and_not_called_missing(tmp_path: Path):
    partial = [trial(950), (failed_record("oom", "no memory", seed=1), None)]
    found = compared(tmp_path, seeds([900, 901]), partial)
    assert found.changes == ()
    assert found.refused == ((trial(900)[0].cell.configuration, "a seed has no result"),)
    assert (found.only_first, found.only_second) == ((), ())


def test_a_row_that_failed_in_one_run_is_not_said_to_be_the_others_alone(tmp_path: Path):
    failed = failed_record("oom", "no memory", backbone="VGG16")
    both = [trial(900), trial(900, backbone="VGG16")]
    found = compared(tmp_path, both, [trial(900), (failed, None)])
    assert found.refused == ((failed.cell.configuration, "no result in the second run"),)
    assert (found.only_first, found.only_second) == ((), ())
    turned = compare_runs(found.second, found.first)
    assert turned.refused == ((failed.cell.configuration, "no result in the first run"),)
    assert (turned.only_first, turned.only_second) == ((), ())


def test_seeds_of_both_runs_are_tested_together(tmp_path: Path):
    (each,) = compared(tmp_path, seeds([900, 905, 910]), seeds([950, 955, 960])).changes
    assert each.found.difference == pytest.approx(0.05)
    assert "seeds" in each.found.method


def test_controls_are_compared_too(tmp_path: Path):
    random = {"weights": "random"}
    (each,) = compared(tmp_path, [trial(500, **random)], [trial(560, **random)]).changes
    assert each.first.rank is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"commit": "fedcba987654"}, "harness commit 0123456789ab and fedcba987654 (all rows)"),
        (
            {
                "environment": ENVIRONMENT.model_copy(
                    update={"libraries": {"keras": "3.0", "tensorflow": "2.1"}}
                )
            },
            "library versions: tensorflow 2.0 and 2.1 (all rows)",
        ),
        (
            {"weights_facts": WeightsFacts(kind="imagenet", name="w.h5", sha256="c" * 64, origin="")},
            "weights w.h5: bbbbbbbbbbbb and cccccccccccc (all rows)",
        ),
        ({"seed": 3}, "seeds 0 and 3 (all rows)"),
    ],
)
def test_what_else_differs_is_named(tmp_path: Path, changed: dict[str, Any], told: str):
    facts = changed.pop("weights_facts", None)
    row = trial(900, **changed)
    if facts:
        row = (row[0].model_copy(update={"weights": facts}), row[1])
    assert compared(tmp_path, [trial(900)], [row]).differences == (told,)


def test_a_recipe_that_changed_under_its_name_is_named_with_what_changed(tmp_path: Path):
    row = trial(900)
    recipe = row[0].recipe.model_copy(update={"dropout": 0.25})
    changed = (row[0].model_copy(update={"recipe": recipe}), row[1])
    same = trial(900, backbone="VGG16")
    found = compared(tmp_path, [trial(900), same], [changed, same])
    assert found.differences == ("recipe default: dropout 0.5 and 0.25 (1 row)",)


def test_of_several_environments_only_the_same_one_is_matched(tmp_path: Path):
    elsewhere = ENVIRONMENT.model_copy(update={"cores": 64})
    here, there = trial(900), trial(960, environment=elsewhere)
    named = (there[0].model_copy(update={"key": "1" * 64}), there[1])
    found = compared(tmp_path, [here], [trial(900)])
    assert len(found.changes) == 1
    third = ENVIRONMENT.model_copy(update={"cores": 96})
    other = trial(900, environment=third)
    both = standings(tmp_path / "two", [here, named])
    (refused,) = compare_runs(both, standings(tmp_path / "third", [other, *([])])).refused
    assert "several environments" in refused[1]
    (matched,) = compare_runs(
        both, standings(tmp_path / "again", [trial(960, environment=elsewhere)])
    ).changes
    assert matched.same
