"""Bars of time per step: sorted, each with its interval, doubts told."""

from pathlib import Path
from typing import Any

import pytest
from fakes_standings import DISTURBED, many, result, shown, standings, steps
from fakes_timing import timing_record
from figures import check_legible, texts

from harness.analysis.timing_rows import TimingRow, Timings
from harness.records import DeviceState
from harness.reports.plots import draw_timing_plots
from harness.reports.plots.step_times import bars, draw_step_times, draw_timings, timing_bars
from harness.statistics import Interval
from harness.timing.records import TimingFacts

FAST = shown(result(backbone="MobileNet", inference=steps(20)))
SLOW = shown(result(backbone="Xception", inference=steps(90)))
NOISY = shown(result(backbone="VGG16", inference=steps(50, state=DISTURBED)))
NAMES = ["MobileNet, fast-extraction", "VGG16, fast-extraction", "Xception, fast-extraction"]


def timed(milliseconds: float, *doubts: str, **cell: Any) -> TimingRow:
    """A row of a timing run."""
    each = timing_record(milliseconds, **cell)
    interval = Interval(0.9 * milliseconds, 1.1 * milliseconds, 0.95)
    return TimingRow(each.cell, each.environment, (each,), 1, interval, 0.05, doubts)


def timings(*rows: TimingRow) -> Timings:
    facts = TimingFacts.model_construct(matrix="timing", command="time", passes=1, seed=0, keys={})
    return Timings(facts, tuple(record for row in rows for record in row.records), rows, ())


def test_bars_stand_from_the_fastest_to_the_slowest():
    found = bars(standings([SLOW, NOISY, FAST]), "inference_ms")
    assert found is not None
    assert list(found.times) == NAMES


def test_controls_and_rows_that_lack_a_seed_are_timed_too():
    control = shown(result(backbone="MobileNet", weights="random", inference=steps(21)))
    found = bars(standings([FAST], controls=(control,), partial=(SLOW,)), "inference_ms")
    assert found is not None
    assert list(found.times) == [
        "MobileNet, fast-extraction, imagenet",
        "MobileNet, fast-extraction, random",
        "Xception, fast-extraction",
    ]


def test_devices_stand_side_by_side_under_one_name():
    gpu = shown(result(backbone="Xception", device="gpu", inference=steps(3)))
    found = bars(standings([SLOW, FAST], [gpu]), "inference_ms")
    assert found is not None
    assert found.settings == ("cpu, float32", "gpu, float32")
    there = found.times["Xception, fast-extraction"]
    assert [each.milliseconds for each in there.values()] == pytest.approx([90, 3])
    assert list(found.times["MobileNet, fast-extraction"]) == ["cpu, float32"]


def test_every_bar_has_its_interval_in_the_picture():
    found = bars(standings([SLOW, NOISY, FAST]), "inference_ms")
    assert found is not None
    (axes,) = draw_step_times(standings([SLOW, NOISY, FAST]), "inference_ms").axes
    segments = [segment for each in axes.collections for segment in each.get_segments()]
    drawn = sorted((low[1], low[0], high[0]) for low, high in segments)
    known = [next(iter(each.values())).interval for each in found.times.values()]
    assert [end for bar in drawn for end in bar] == pytest.approx(
        [end for number, each in enumerate(known) for end in (number, each.low, each.high)]
    )
    assert len(axes.patches) == len(drawn) == 3


def test_a_disturbed_time_is_hatched_and_told():
    figure = draw_step_times(standings([SLOW, NOISY, FAST]), "inference_ms")
    hatched = [bar for bar in figure.axes[0].patches if bar.get_hatch()]
    assert [bar.get_width() for bar in hatched] == pytest.approx([50])
    assert "50.0  disturbed" in texts(figure)


def test_intervals_of_few_blocks_are_counted():
    few = shown(result(backbone="VGG19", inference=steps(10, blocks=4)))
    drawn = texts(draw_step_times(standings([FAST, few]), "inference_ms"))
    assert any("1 interval of fewer than six blocks" in text.replace("\n", " ") for text in drawn)


def test_of_too_many_rows_the_most_accurate_are_shown_and_the_rest_counted():
    found = standings(many(40))
    shown_bars = bars(found, "inference_ms")
    assert shown_bars is not None
    assert len(shown_bars.times) == 50
    drawn = texts(draw_step_times(found, "inference_ms"))
    assert any("150 more are in the exports" in text.replace("\n", " ") for text in drawn)


def test_texts_do_not_overlap_in_small_and_large_pictures():
    cases = (standings([FAST]), standings([SLOW, NOISY, FAST]), standings(many(40), many(5, device="gpu")))
    for found in cases:
        check_legible(draw_step_times(found, "inference_ms"))


# Timing runs


def test_a_timing_run_has_a_picture_for_each_kind_of_step_and_batch():
    rows = [timed(50), timed(60, batch=4), timed(70, step="fast-extraction"), timed(80, backbone="VGG16")]
    assert [(title, len(found.times)) for title, found in timing_bars(rows)] == [
        ("Inference time (ms/step), batch 8", 2),
        ("Inference time (ms/step), batch 4", 1),
        ("Train time of fast-extraction (ms/step), batch 8", 1),
    ]


def test_rows_of_the_published_protocol_are_left_out():
    assert timing_bars([timed(50, protocol="keras-table")]) == []


def test_a_timing_row_has_its_own_interval_and_its_doubts():
    ((_, found),) = timing_bars([timed(50, "others took 30 % of the cores (pass 1)")])
    (time,) = found.times["MobileNet, 160 px"].values()
    assert (time.interval.low, time.interval.high, bool(time.doubt)) == (45, pytest.approx(55), True)


def test_pictures_of_a_timing_run_are_legible_with_long_doubts():
    rows = [
        timed(50),
        timed(90, "the machine was slowed: matrix product 30 % below", backbone="VGG16"),
        timed(20, "others took 30 % of the cores (pass 1)", "1 of 2 passes", backbone="Xception"),
        timed(5, device="gpu"),
    ]
    ((title, figure),) = draw_timings(timings(*rows))
    assert title == "Inference time (ms/step), batch 8"
    check_legible(figure)
    assert {"20.0  others took 30 % of the cores", "90.0  the machine was slowed"} <= set(texts(figure))


@pytest.mark.parametrize("share", [None, 0.02])
def test_that_nobody_watched_the_times_is_noted(share: float | None):
    step = steps(20, state=DeviceState(others_share=share))
    drawn = draw_step_times(standings([shown(result(train=step, inference=step))]), "inference_ms")
    assert ("unmarked times" in " ".join(" ".join(texts(drawn)).split())) == (share is None)


def test_a_timing_run_without_results_has_no_picture(tmp_path: Path):
    assert draw_timings(timings()) == []
    assert draw_timing_plots(timings(), tmp_path) == []


def test_pictures_of_a_timing_run_are_named_after_what_they_show(tmp_path: Path):
    rows = [timed(50), timed(60, step="fine-tuning", depth="blocks:1")]
    written = draw_timing_plots(timings(*rows), tmp_path, formats=["svg"])
    assert [path.name for path in written] == [
        "times-inference-time-batch-8.svg",
        "times-train-time-of-fine-tuning-blocks-1-batch-8.svg",
    ]
    assert all(path.is_file() for path in written)


def test_a_state_without_figures_is_no_doubt():
    quiet = shown(result(inference=steps(10, state=DeviceState())))
    found = bars(standings([quiet]), "inference_ms")
    assert found is not None
    assert not found.doubtful
