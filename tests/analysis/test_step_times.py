"""The time of a step of a row, and what speaks against it."""

import pytest
from fakes_standings import DISTURBED, result, steps

from harness.analysis.step_times import step_time, time_doubt


def test_a_time_is_the_median_of_its_blocks_with_the_interval_of_that():
    """Of six blocks the smallest and the largest hold the median with a probability of 1 - 2 / 64."""
    blocks = steps(10.0).model_copy(update={"block_seconds": (0.01, 0.02, 0.03, 0.05, 0.06, 0.07)})
    found = step_time([result(inference=blocks)], "inference_ms")
    assert found is not None
    assert (found.milliseconds, found.interval.low, found.interval.high) == pytest.approx((40, 10, 70))
    assert found.interval.confidence == 1 - 2 / 64


def test_the_interval_of_several_seeds_covers_what_they_disagree_on():
    seeds = [result(train=steps(milliseconds), seed=seed) for seed, milliseconds in enumerate((50, 60, 90))]
    own = [step_time([each], "train_ms") for each in seeds]
    found = step_time(seeds, "train_ms")
    assert found is not None
    assert found.milliseconds == pytest.approx(60)
    assert found.interval.low == own[0].interval.low
    assert found.interval.high == own[2].interval.high


def test_a_row_without_that_step_has_no_time():
    each = result()
    bare = each.model_copy(update={"measured": each.measured.model_copy(update={"train_step": None})})
    assert step_time([bare], "train_ms") is None
    assert step_time([bare], "inference_ms") is not None


def test_one_disturbed_seed_casts_doubt_on_the_row_and_only_on_that_time():
    seeds = [result(seed=0), result(seed=1, train=steps(50, state=DISTURBED))]
    assert time_doubt(seeds, "train_ms") == "disturbed"
    assert time_doubt(seeds, "inference_ms") == ""


def test_a_warm_up_that_did_not_settle_casts_doubt_too():
    assert time_doubt([result(inference=steps(50, stable=False))], "inference_ms") == "unstable"


@pytest.mark.parametrize(("slowest", "doubt"), [(129, ""), (131, "seeds differ by 31 %")])
def test_seeds_that_disagree_by_more_than_counts_as_equal_cast_doubt_on_their_step(slowest: int, doubt: str):
    seeds = [result(seed=number, inference=steps(each)) for number, each in enumerate((100, slowest, 110))]
    assert time_doubt(seeds, "inference_ms") == doubt
    assert time_doubt(seeds, "train_ms") == ""


def test_seeds_that_disagree_cast_no_doubt_on_each_alone_nor_on_seconds():
    """Seconds differ by the epochs that each seed trained, too."""
    seeds = [result(seed=number, cost=each, inference=steps(each)) for number, each in enumerate((100, 200))]
    assert [time_doubt([each], "inference_ms") for each in seeds] == ["", ""]
    assert time_doubt(seeds, "to_result_s") == ""


def test_seconds_are_in_doubt_where_a_step_was_disturbed_and_not_where_one_did_not_settle():
    assert time_doubt([result(train=steps(50, state=DISTURBED))], "to_result_s") == "disturbed"
    assert time_doubt([result(train=steps(50, stable=False))], "to_result_s") == ""


def test_what_is_no_time_is_never_doubted():
    assert time_doubt([result(train=steps(50, state=DISTURBED))], "test_loss") == ""
