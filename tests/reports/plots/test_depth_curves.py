"""Depth curves as a picture."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fakes_standings import STRATEGIES, many, result, shown, standings, steps
from figures import check_legible, texts

from harness.analysis.rows import Row
from harness.records import DeviceState
from harness.reports.plots.depth_curves import draw_depth_curves


def tuned(depth: str, share: float, accuracy: float = 0.9, **cell: Any) -> Row:
    return shown(result(accuracy, share=share, strategy="fine-tuning", depth=depth, **cell))


FROZEN = shown(result(0.90))
SHALLOW = tuned("blocks:1", 0.25)
DEEP = tuned("all", 0.98, 0.96)


def test_a_single_depth_is_no_picture():
    assert draw_depth_curves(standings([SHALLOW])) is None


def test_every_point_has_its_interval_in_the_picture():
    found = standings([FROZEN, SHALLOW, DEEP])
    upper = draw_depth_curves(found).axes[0]
    segments = [segment for each in upper.collections for segment in each.get_segments()]
    ends = sorted((100 * row.interval.low, 100 * row.interval.high) for row in found.tables[0].rows)
    drawn = sorted((low[1], high[1]) for low, high in segments)
    assert np.array(drawn) == pytest.approx(np.array(ends))


def test_a_disturbed_time_is_hollow_and_the_note_says_what_that_is():
    busy = DeviceState(others_share=0.5)

    def disturbed(row: Row) -> Row:
        found = row.first
        step = found.measured.inference_step
        assert step is not None
        measured = found.measured.model_copy(
            update={"inference_step": step.model_copy(update={"state": busy})}
        )
        return replace(row, records=(found.model_copy(update={"measured": measured}),))

    sound = draw_depth_curves(standings([FROZEN, SHALLOW, DEEP]))
    found = draw_depth_curves(standings([FROZEN, disturbed(SHALLOW), DEEP]))
    hollow = [line for line in found.axes[1].lines if line.get_markerfacecolor() == "white"]
    assert [len(line.get_xdata()) for line in hollow] == [1]
    assert any("Hollow:" in text for text in texts(found))
    assert not any("Hollow:" in text for text in texts(sound))


@pytest.mark.parametrize("share", [None, 0.02])
def test_that_nobody_watched_the_times_is_noted(share: float | None):
    step = steps(20, state=DeviceState(others_share=share))
    rows = [
        shown(result(0.9, train=step, inference=step)),
        tuned("blocks:1", 0.25, train=step, inference=step),
        tuned("all", 0.98, train=step, inference=step),
    ]
    told = " ".join(texts(draw_depth_curves(standings(rows))))
    assert ("unmarked times" in " ".join(told.split())) == (share is None)


def test_parts_of_the_training_images_are_left_to_their_own_picture():
    parts = [shown(result(0.8, train_images=50)), tuned("blocks:1", 0.25, 0.81, train_images=50)]
    drawn = draw_depth_curves(standings([FROZEN, SHALLOW, *parts]))
    assert len(drawn.axes[0].lines) == len(draw_depth_curves(standings([FROZEN, SHALLOW])).axes[0].lines)
    told = " ".join(" ".join(texts(drawn)).split())
    assert "2 rows of parts of the training images not shown." in told


def test_lines_that_are_left_out_are_counted():
    alone = tuned("all", 0.98, backbone="VGG16")
    drawn = texts(draw_depth_curves(standings([FROZEN, SHALLOW, alone])))
    assert any("1 row not shown: the only depth" in text.replace("\n", " ") for text in drawn)


def test_texts_do_not_overlap_in_small_and_large_pictures():
    rates = [tuned("all", 0.98, learning_rate=rate) for rate in (1e-5, 1e-4)]
    cases = (
        standings([FROZEN, SHALLOW]),
        standings([FROZEN, *rates]),
        standings(many(40)),
        standings(many(5), many(5, device="gpu")),
    )
    for found in cases:
        check_legible(draw_depth_curves(found))


def test_lines_beyond_what_fits_are_counted():
    rates = [tuned("all", 0.98, learning_rate=step * 1e-5) for step in range(1, 46)]
    drawn = texts(draw_depth_curves(standings([FROZEN, *rates])))
    assert any("5 less accurate lines not drawn" in text.replace("\n", " ") for text in drawn)


def test_backbones_beyond_the_colours_are_counted_in_the_key():
    assert len(STRATEGIES) > 2
    assert "33 other lines" in texts(draw_depth_curves(standings(many(40))))
