"""A recommendation in words: the numbers with their units and doubts, and the same facts as JSON."""

import json
from pathlib import Path

import pytest
from fakes import Row, answers, finished_run, row

from harness.analysis.limits import limits
from harness.analysis.recommend import Advice, recommend
from harness.analysis.standings import read_standings
from harness.records import DeviceState
from harness.reports.recommend import render_recommendation
from harness.reports.recommend_facts import recommendation_facts

ROWS = [
    row(answers(97), backbone="Xception"),
    row(answers(97, first=1), backbone="VGG16"),
    row(answers(60), backbone="VGG19"),
]


def advice(folder: Path, *, several: bool = True, **asked: object) -> Advice:
    rows = ROWS if several else ROWS[:1]
    return recommend(read_standings(finished_run(folder, rows)), limits(**asked))  # type: ignore[arg-type]


def text(folder: Path, **asked: object) -> str:
    return " ".join(render_recommendation(advice(folder, **asked)).split())


def test_the_winner_stands_first_with_batch_and_time_an_image(tmp_path: Path):
    found = text(tmp_path)
    assert found.startswith("Use VGG16 fast-extraction. test accuracy: 97.0 %, 95 % interval")
    assert "inference: 20.0 ms a step of 32 images, 0.625 ms an image" in found


@pytest.mark.parametrize(("asked", "told"), [("0.96", True), ("0.90", False)])
def test_that_the_interval_reaches_below_the_asked_accuracy_is_said(asked: str, told: bool, tmp_path: Path):
    assert ("is not excluded" in text(tmp_path, min_accuracy=asked)) == told


def test_the_winners_curse_is_said_where_there_was_a_choice(tmp_path: Path):
    assert "winner's curse" in text(tmp_path / "several")
    assert "winner's curse" not in text(tmp_path / "one", several=False)


def test_a_tie_is_told_with_the_interval_of_the_difference_and_what_it_may_hide(tmp_path: Path):
    found = text(tmp_path)
    assert "Xception fast-extraction: 97.0 %, +0.0 points (95 % interval -" in found
    assert "not that they are equal" in found


def test_intervals_beside_a_tie_are_said_to_be_of_their_pair_and_not_adjusted(tmp_path: Path):
    """Else one that leaves out 0 contradicts the tie that it stands below."""
    told = "intervals of the differences are each pair's own, not adjusted for the many"
    assert told in text(tmp_path / "tied")
    assert "proves no difference" in text(tmp_path / "tied")
    assert told not in text(tmp_path / "alone", several=False)


def test_a_tie_of_rows_of_several_seeds_is_of_images_and_seeds(tmp_path: Path):
    rows = [
        row(answers(96 + seed), backbone=name, seed=seed) for name in ("Xception", "VGG16") for seed in (0, 1)
    ]
    found = recommend(read_standings(finished_run(tmp_path / "seeds", rows)), limits())
    told = " ".join(render_recommendation(found).split())
    assert "Tied means that the test images and seeds (100 images) cannot tell them apart" in told
    assert "Tied means that the test images (100 images) cannot" in text(tmp_path / "one")


@pytest.mark.parametrize(("limit", "near"), [(15.3, False), (15.5, True), (25.9, True), (26.1, False)])
def test_that_another_run_may_be_past_a_limit_is_said_of_times_near_it(
    limit: float, near: bool, tmp_path: Path
):
    """A step of 20 ms: within 30 % from 15.4 to 26 ms."""
    found = text(tmp_path, max_ms=limit)
    on_which_side = (
        f"measured once and within 30 % of the limit of {limit:g} ms/step: another run may be past it"
        if limit > 20
        else f"3 of the 3 beyond {limit:g} ms/step are within 30 % of it: another run may be within the limit"
    )
    assert (on_which_side in found) == near
    assert ("another run may be" in found) == near


def test_memory_near_a_limit_is_not_a_time_near_one(tmp_path: Path):
    assert "another run may be" not in text(tmp_path, max_memory="1.05GB")


def test_what_fell_out_is_grouped_by_its_limit_with_its_value(tmp_path: Path):
    assert "accuracy below 90 %, 1 row: VGG19 fast-extraction (60.0 %)" in text(tmp_path, min_accuracy="90%")


def test_a_row_that_misses_several_limits_stands_once(tmp_path: Path):
    found = text(tmp_path, min_accuracy="90%", max_ms=5, max_train_minutes=0.001)
    beyond = found.split("Beyond the limits:")[1]
    assert beyond.count("VGG19") == 1
    assert "accuracy below 90 % and inference slower than 5 ms/step and more than" in beyond


def test_a_size_is_told_as_it_was_written(tmp_path: Path):
    found = text(tmp_path, max_memory="0.5 GiB")
    assert "more than 0.5 GiB (536.9 MB) of memory" in found or "at most 0.5 GiB (536.9 MB)" in found


@pytest.mark.parametrize("width", [40, 60])
def test_lines_keep_to_the_width(width: int, tmp_path: Path):
    lines = render_recommendation(advice(tmp_path, min_accuracy="0.9"), width=width).split("\n")
    assert max(map(len, lines)) <= width


def test_all_that_are_tied_are_named(tmp_path: Path):
    rows = [row(answers(90), backbone=f"B{number}") for number in range(8)]
    found = render_recommendation(recommend(read_standings(finished_run(tmp_path, rows)), ()))
    tied = found.split("against the one above:")[1].split("\n\n")[0]
    assert sum(f"B{number} " in tied for number in range(8)) == 7


@pytest.mark.parametrize("share", [None, 0.0, 0.02])
def test_that_nobody_watched_the_times_is_said_and_casts_no_doubt(share: float | None, tmp_path: Path):
    rows = []
    for found, predictions in (row(answers(97), backbone=name) for name in ("Xception", "VGG16")):
        steps = {
            name: getattr(found.measured, name).model_copy(update={"state": DeviceState(others_share=share)})
            for name in ("train_step", "inference_step")
        }
        rows.append(
            (found.model_copy(update={"measured": found.measured.model_copy(update=steps)}), predictions)
        )
    found = recommend(read_standings(finished_run(tmp_path, rows)), ())
    told = " ".join(render_recommendation(found).split())
    assert ("does not say that it was undisturbed" in told) == (share is None)
    winner = recommendation_facts(found)["groups"][0]["winner"]
    assert (winner["watched"], winner["doubt"]) == (share is not None, None)


def disturbed_rows(*rights: int) -> list[Row]:
    rows = []
    for number, right in enumerate(rights):
        found, predictions = row(answers(right, first=number), backbone=f"B{number}")
        step = found.measured.inference_step
        assert step is not None
        step = step.model_copy(update={"state": DeviceState(others_share=0.5)})
        measured = found.measured.model_copy(update={"inference_step": step})
        rows.append((found.model_copy(update={"measured": measured}), predictions))
    return rows


def test_where_all_times_are_in_doubt_it_says_what_it_chose_by(tmp_path: Path):
    found = recommend(read_standings(finished_run(tmp_path, disturbed_rows(97, 97))), ())
    told = " ".join(render_recommendation(found).split())
    assert "the times of all are in doubt (disturbed) and not relied on, so it is chosen by size" in told
    assert "costs the least" not in told


def test_times_in_doubt_make_no_ratio_and_are_counted_where_another_costs_the_least(tmp_path: Path):
    rows = [row(answers(97), backbone=name) for name in ("Sound", "Sounder")]
    found = recommend(read_standings(finished_run(tmp_path, [*rows, *disturbed_rows(97, 97)])), ())
    told = " ".join(render_recommendation(found).split())
    assert told.startswith("Use Sound")
    assert "The times of 2 of the others are in doubt and decided nothing." in told
    assert told.count("times as much") == 1
    assert told.count("(disturbed)") == 2


def test_the_only_sound_time_is_compared_with_none_and_not_called_the_least(tmp_path: Path):
    sound = row(answers(97), backbone="Sound")
    found = recommend(read_standings(finished_run(tmp_path, [sound, *disturbed_rows(97, 97)])), ())
    told = " ".join(render_recommendation(found).split())
    assert told.startswith("Use Sound")
    assert "of these it alone has times that can be relied on" in told
    assert "so no costs were compared: another may cost less" in told
    assert "may cost less still" not in told
    assert "the least" not in told
    assert recommendation_facts(found)["groups"][0]["chosen_by"] == "alone"


def test_sound_times_make_a_ratio(tmp_path: Path):
    rows = [row(answers(97), backbone=f"B{number}") for number in range(2)]
    told = render_recommendation(recommend(read_standings(finished_run(tmp_path, rows)), ()))
    assert "1.00 times as much" in " ".join(told.split())
    assert "in doubt" not in told


def test_where_nothing_is_tied_no_times_decided(tmp_path: Path):
    found = recommend(read_standings(finished_run(tmp_path, disturbed_rows(97, 50))), ())
    told = render_recommendation(found)
    assert "significantly more accurate" in told
    assert "tied" not in told
    assert "cheapest" not in told


def test_the_facts_of_a_row_name_recipe_size_and_training_images(tmp_path: Path):
    rows = [row(answers(97), train_images=40, recipe="smoke")]
    facts = recommendation_facts(recommend(read_standings(finished_run(tmp_path, rows)), ()))
    found = facts["groups"][0]["winner"]
    assert (found["recipe"], found["train_images"]) == ("smoke", 40)
    assert found["size_px"] == rows[0][0].cell.size


def test_where_nothing_is_within_the_nearest_row_and_what_would_admit_it_are_told(tmp_path: Path):
    found = text(tmp_path, max_ms=5)
    assert "None of 3 rows is within the limits." in found
    assert "this would admit it: --max-ms 20.0" in found


def test_the_facts_are_strict_json_with_the_winner_and_why_others_fell_out(tmp_path: Path):
    facts = json.loads(
        json.dumps(recommendation_facts(advice(tmp_path, min_accuracy="0.9")), allow_nan=False)
    )
    (group,) = facts["groups"]
    assert group["winner"]["backbone"] == "VGG16"
    assert group["winner"]["inference_ms_per_image"] == pytest.approx(0.625)
    assert [each["backbone"] for each in group["tied"]] == ["Xception"]
    (tied,) = group["tied"]
    assert tied["low"] < tied["test_accuracy"] < tied["high"]
    assert tied["winner_minus_this_low"] < tied["winner_minus_this"] < tied["winner_minus_this_high"]
    assert group["beyond_limits"][0]["misses"] == [
        {"option": "--min-accuracy", "metric": "test_accuracy", "value": 0.6, "bound": 0.9}
    ]


def test_a_row_without_others_is_said_to_be_the_only_one(tmp_path: Path):
    assert "It is the only row that was ranked." in text(tmp_path / "free", several=False)
    bounded = text(tmp_path / "bounded", several=False, max_ms=50)
    assert "the only row that was ranked, and within the limits (inference at most 50 ms/step)." in bounded
