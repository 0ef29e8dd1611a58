"""The choice of a row: limits, ties, costs, doubts, and what never takes part."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import Row, answers, failed_record, finished_run, measured, record

from harness.analysis.limits import limits
from harness.analysis.recommend import Advice, GroupAdvice, choose, recommend
from harness.analysis.standings import read_standings
from harness.errors import UserError
from harness.records import DeviceState


def timed(
    right: int, name: str, *, ms: float = 20, seconds: float = 10, first: int = 0, **changed: object
) -> Row:
    """A row of a backbone with so many milliseconds an inference step and seconds of training."""
    predictions = answers(right, first=first)
    found = measured(predictions)
    assert found.inference_step is not None
    assert found.seconds is not None
    state = changed.pop("state", DeviceState())
    step = found.inference_step.model_copy(
        update={"block_seconds": (ms / 1000,), "stable": changed.pop("stable", True), "state": state}
    )
    spent = found.seconds.model_copy(
        update={"training": seconds, "decode": 0, "extraction": 0, "validation": 0}
    )
    found = found.model_copy(update={"inference_step": step, "seconds": spent})
    return record(measured=found, backbone=name, **changed), predictions


def advised(folder: Path, rows: Sequence[Row], cost: str = "inference", **asked: object) -> Advice:
    named = {name: asked.pop(name) for name in ("device",) if name in asked}
    found = read_standings(finished_run(folder, rows))
    return recommend(found, limits(**asked), cost=cost, **named)  # type: ignore[arg-type]


def only(advice: Advice) -> GroupAdvice:
    (group,) = advice.groups
    return group


def winner(advice: Advice) -> str:
    group = only(advice)
    assert group.winner is not None
    return group.winner.row.cell.backbone


BEST = timed(98, "VGG16", ms=100, seconds=400)
CHEAP = timed(96, "MobileNet", ms=10, seconds=50, first=1)
WORSE = timed(60, "VGG19", ms=1, seconds=1)


def test_the_cheapest_of_those_tied_with_the_most_accurate_wins(tmp_path: Path):
    assert winner(advised(tmp_path, [BEST, CHEAP, WORSE])) == "MobileNet"


def test_the_cost_of_training_is_the_median_of_each_seeds_sum(tmp_path: Path):
    rows = []
    for seed, (extraction, training) in enumerate([(1, 11), (5, 5), (9, 4)]):
        each, predictions = timed(98, "VGG16", seed=seed)
        assert each.measured.seconds is not None
        spent = each.measured.seconds.model_copy(update={"extraction": extraction, "training": training})
        found = each.measured.model_copy(update={"seconds": spent})
        rows.append((each.model_copy(update={"measured": found}), predictions))
    (candidate,) = only(advised(tmp_path, rows, "train")).within
    assert candidate.cost == 12  # of 12, 10 and 13; the medians of the parts, 5 and 5, make 10


def test_a_row_that_is_significantly_better_wins_whatever_it_costs(tmp_path: Path):
    advice = advised(tmp_path, [BEST, WORSE])
    assert winner(advice) == "VGG16"
    assert [each.row.cell.backbone for each in only(advice).worse] == ["VGG19"]


def test_the_tie_is_with_the_most_accurate_within_the_limits(tmp_path: Path):
    """A row beyond them must not make another one look significantly worse."""
    slow = timed(98, "VGG16", ms=100)
    middle, cheap = timed(86, "ResNet50", ms=50), timed(84, "MobileNet", ms=10, first=1)
    assert winner(advised(tmp_path / "all", [slow, middle, cheap])) == "VGG16"
    assert winner(advised(tmp_path / "fast", [slow, middle, cheap], max_ms=60)) == "MobileNet"


def test_costs_that_one_measurement_does_not_tell_apart_leave_it_to_the_other_cost(tmp_path: Path):
    """Two trainings of one backbone infer equally fast: 95 and 100 ms are noise, an hour is not."""
    rows = [timed(98, "VGG16", ms=95, seconds=4000), timed(98, "VGG19", ms=100, seconds=400)]
    advice = advised(tmp_path, rows)
    assert winner(advice) == "VGG19"
    choice = only(advice).choice
    assert choice is not None
    assert [each.row.cell.backbone for each in choice.as_cheap] == ["VGG16"]


def test_what_single_times_on_a_shared_machine_tell_apart_decides(tmp_path: Path):
    """25 % apart is noise, 40 % is not."""
    near, far = timed(98, "VGG16", ms=125, seconds=9), timed(98, "VGG16", ms=140, seconds=9)
    quick = timed(98, "VGG19", ms=100, seconds=400)
    assert winner(advised(tmp_path / "near", [near, quick])) == "VGG16"
    assert winner(advised(tmp_path / "far", [far, quick])) == "VGG19"


@pytest.mark.parametrize(("cost", "expected"), [("inference", "A"), ("train", "B"), ("total", "B")])
def test_the_cost_that_was_asked_for_decides(cost: str, expected: str, tmp_path: Path):
    rows = [timed(98, "A", ms=10, seconds=100), timed(98, "B", ms=100, seconds=10)]
    assert winner(advised(tmp_path, rows, cost)) == expected


def test_inference_is_compared_by_the_image_where_batches_differ(tmp_path: Path):
    wide, predictions = timed(98, "A", ms=40)
    step = wide.measured.inference_step
    assert step is not None
    wide_step = step.model_copy(update={"batch": 320})
    wide = wide.model_copy(
        update={"measured": wide.measured.model_copy(update={"inference_step": wide_step})}
    )
    assert winner(advised(tmp_path, [(wide, predictions), timed(98, "B", ms=20)])) == "A"


@pytest.mark.parametrize("doubt", [{"stable": False}, {"state": DeviceState(others_share=0.5)}])
def test_a_doubtful_time_is_chosen_only_where_no_other_is_left(doubt: dict[str, object], tmp_path: Path):
    doubtful = timed(98, "A", ms=1, **doubt)
    assert winner(advised(tmp_path / "both", [doubtful, timed(98, "B", ms=100)])) == "B"
    alone = only(advised(tmp_path / "alone", [doubtful]))
    assert alone.winner is not None
    assert alone.winner.doubt
    assert alone.front == ()


@pytest.mark.parametrize("cost", ["inference", "train", "total"])
def test_a_row_that_alone_has_a_sound_time_is_not_called_the_cheapest(cost: str, tmp_path: Path):
    doubt = {"state": DeviceState(others_share=0.5)}
    rows = [timed(98, "A", ms=1, **doubt), timed(98, "B", ms=100), timed(98, "C", ms=1, **doubt)]
    choice = only(advised(tmp_path, rows, cost)).choice
    assert choice is not None
    assert (choice.winner.row.cell.backbone, choice.by) == ("B", "alone")


def test_two_sound_times_are_compared(tmp_path: Path):
    doubtful = timed(98, "A", ms=1, state=DeviceState(others_share=0.5))
    choice = only(advised(tmp_path, [doubtful, timed(98, "B", ms=100), timed(98, "C", ms=50)])).choice
    assert choice is not None
    assert (choice.winner.row.cell.backbone, choice.by) == ("C", "cost")


def sized(each: Row, parameters: int, trainable: int) -> Row:
    found, predictions = each
    size = {"parameters": parameters, "parameters_trainable": trainable}
    return found.model_copy(update={"measured": found.measured.model_copy(update=size)}), predictions


@pytest.mark.parametrize("cost", ["inference", "train", "total"])
@pytest.mark.parametrize(("sizes", "expected"), [((200, 50, 100, 90), "B"), ((100, 90, 100, 50), "B")])
def test_where_all_times_are_in_doubt_size_decides_and_no_time(
    cost: str, sizes: tuple[int, int, int, int], expected: str, tmp_path: Path
):
    doubt = {"state": DeviceState(others_share=0.5)}
    rows = [
        sized(timed(98, "A", ms=1, seconds=1, **doubt), *sizes[:2]),
        sized(timed(98, "B", ms=100, seconds=100, **doubt), *sizes[2:]),
    ]
    advice = advised(tmp_path, rows, cost)
    assert winner(advice) == expected
    choice = only(advice).choice
    assert choice is not None
    assert (choice.by, choice.doubt) == ("size", "disturbed")


def test_times_whose_seeds_disagree_decide_nothing(tmp_path: Path):
    rows = [
        sized(timed(98, name, ms=ms * factor, seed=seed), parameters, 10)
        for name, ms, parameters in (("A", 1, 200), ("B", 100, 100))
        for seed, factor in enumerate((1, 1.5))
    ]
    advice = advised(tmp_path, rows)
    assert winner(advice) == "B"
    choice = only(advice).choice
    assert choice is not None
    assert (choice.by, choice.doubt) == ("size", "seeds differ")


def test_of_equal_sizes_the_leaderboards_first_is_chosen(tmp_path: Path):
    doubt = {"state": DeviceState(others_share=0.5)}
    rows = [timed(97, "A", ms=1, **doubt), timed(98, "B", ms=100, **doubt)]
    assert winner(advised(tmp_path, rows)) == "B"


def test_rows_that_are_as_cheap_are_not_told_apart_by_a_time_in_doubt(tmp_path: Path):
    """Of inference, which is sound; the seconds beside a disturbed train step are not."""

    def slowed(each: Row) -> Row:
        found, predictions = each
        assert found.measured.train_step is not None
        step = found.measured.train_step.model_copy(update={"state": DeviceState(others_share=0.5)})
        return (
            found.model_copy(update={"measured": found.measured.model_copy(update={"train_step": step})}),
            predictions,
        )

    rows = [
        slowed(sized(timed(98, "A", seconds=1), 200, 10)),
        slowed(sized(timed(98, "B", seconds=9), 100, 10)),
    ]
    assert winner(advised(tmp_path, rows)) == "B"


@pytest.mark.parametrize("doubt", [{}, {"state": DeviceState(others_share=0.5)}])
def test_without_limits_it_is_the_choice_among_the_rows_of_the_first_rank(
    doubt: dict[str, object], tmp_path: Path
):
    rows = [timed(98, "A", ms=100, **doubt), timed(96, "B", ms=10, first=1, **doubt), WORSE]
    group = only(advised(tmp_path, rows))
    assert choose(group.table.tied).winner.row.name == (group.winner and group.winner.row.name)


def test_random_weights_and_rows_that_lack_a_seed_are_never_recommended(tmp_path: Path):
    rows: list[Row] = [
        timed(99, "A", ms=1, weights="random"),
        timed(99, "B", ms=1),
        (failed_record("oom", "too large", backbone="B", seed=1), None),
        timed(60, "C", ms=100),
    ]
    assert winner(advised(tmp_path, rows)) == "C"


def test_every_limit_that_a_row_misses_is_told(tmp_path: Path):
    advice = advised(tmp_path, [BEST, CHEAP, WORSE], min_accuracy="90%", max_ms=50, max_train_minutes=5)
    misses = {
        each.row.cell.backbone: [miss.limit.option for miss in each.misses] for each in only(advice).out
    }
    assert misses == {"VGG16": ["--max-ms", "--max-train-minutes"], "VGG19": ["--min-accuracy"]}


def test_a_row_without_the_measurement_does_not_meet_its_limit(tmp_path: Path):
    unmeasured, predictions = timed(98, "A")
    unmeasured = unmeasured.model_copy(
        update={"measured": unmeasured.measured.model_copy(update={"inference_step": None})}
    )
    advice = advised(tmp_path, [(unmeasured, predictions), timed(60, "B")], max_ms=50)
    assert winner(advice) == "B"
    assert [miss.value for each in only(advice).out for miss in each.misses] == [None]


def test_where_no_row_is_within_the_nearest_is_named(tmp_path: Path):
    group = only(advised(tmp_path, [BEST, CHEAP, WORSE], min_accuracy="0.95", max_ms=5))
    assert group.winner is None
    assert group.nearest is not None
    assert group.nearest.row.cell.backbone == "MobileNet"


def test_the_front_is_of_the_rows_within_the_limits(tmp_path: Path):
    group = only(advised(tmp_path, [BEST, CHEAP, WORSE, timed(90, "Xception", ms=50)], min_accuracy="0.8"))
    assert [each.row.cell.backbone for each in group.front] == ["MobileNet", "VGG16"]


def test_a_rival_is_told_with_the_interval_of_the_difference(tmp_path: Path):
    (rival,) = only(advised(tmp_path, [BEST, CHEAP, WORSE])).rivals
    assert rival.candidate.row.cell.backbone == "VGG16"
    assert rival.comparison.difference == pytest.approx(-0.02)
    assert rival.comparison.interval.low < -0.02 < rival.comparison.interval.high


def test_devices_are_recommended_apart_and_one_can_be_named(tmp_path: Path):
    rows = [BEST, timed(98, "VGG16", ms=1, device="gpu"), timed(98, "MobileNet", ms=2, device="gpu")]
    groups = advised(tmp_path / "all", rows).groups
    assert sorted(each.table.first.cell.device for each in groups) == ["cpu", "gpu"]
    assert winner(advised(tmp_path / "cpu", rows, device="cpu")) == "VGG16"


def test_a_device_or_cost_that_is_not_there_is_an_error_with_the_choices(tmp_path: Path):
    with pytest.raises(UserError, match=r"unknown device 'gpu'\n.*Choices: cpu"):
        advised(tmp_path / "a", [BEST], device="gpu")
    with pytest.raises(UserError, match=r"unknown cost 'memory'\n.*Choices: inference, train, total"):
        advised(tmp_path / "b", [BEST], cost="memory")


def test_a_run_without_a_ranked_row_says_what_it_has(tmp_path: Path):
    rows = [timed(99, "A", weights="random"), (failed_record("oom", "too large", backbone="B"), None)]
    with pytest.raises(UserError, match="no row to choose from: 1 failed, 1 on random weights"):
        advised(tmp_path, rows)
