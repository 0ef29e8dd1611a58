"""Accuracy against cost: which rows are on the front, and what the picture says of them."""

from itertools import combinations, pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes_standings import DISTURBED, many, result, shown, standings, steps
from figures import check_legible, texts
from matplotlib.text import Text

from harness.analysis.standings import Standings, read_standings
from harness.metrics import metric
from harness.reports.plots.tradeoff import COSTS, draw_tradeoff, tradeoff
from harness.running.folder import RunFolder

RECORDS = Path(__file__).parents[3] / "results" / "records"

CHEAP = shown(result(0.90, cost=10, backbone="MobileNet"))
BEATEN = shown(result(0.89, cost=20, backbone="VGG16"))
DEAR = shown(result(0.95, cost=300, backbone="Xception"))
LABELS = {"MobileNet\nfast-extraction", "Xception\nfast-extraction"}


def front_of(found: Standings, cost: str) -> list[str]:
    panel = tradeoff(found.tables[0], metric(cost))
    assert panel is not None
    return [panel.rows[place].cell.backbone for place in panel.front]


def test_the_front_is_what_no_other_row_beats_the_cheapest_first():
    assert front_of(standings([DEAR, BEATEN, CHEAP]), "to_result_s") == ["MobileNet", "Xception"]


def test_a_disturbed_time_is_not_on_the_front():
    lucky = shown(result(0.99, backbone="VGG19", inference=steps(1, state=DISTURBED)))
    found = standings([DEAR, lucky])
    assert front_of(found, "inference_ms") == ["Xception"]
    assert front_of(found, "to_result_s") == ["Xception"]


def test_without_a_front_the_most_accurate_rows_are_labelled_and_no_front_is_told_of():
    rows = [
        shown(result(accuracy, inference=steps(time, state=DISTURBED), size=size))
        for accuracy, time, size in ((0.95, 17, 96), (0.94, 30, 128), (0.93, 38, 160))
    ]
    figure = draw_tradeoff(standings(rows), "inference_ms")
    check_legible(figure)
    drawn = [text.replace("\n", " ") for text in texts(figure)]
    assert {f"MobileNet-0.25 fast-extraction, {size}px" for size in (96, 128, 160)} <= set(drawn)
    (told,) = [text for text in drawn if "ringed" in text]
    assert "All times are in doubt" in told
    assert "front" not in told


def test_rows_without_that_cost_are_counted():
    each = result(0.99, backbone="VGG19")
    bare = each.model_copy(update={"measured": each.measured.model_copy(update={"train_step": None})})
    panel = tradeoff(standings([CHEAP, shown(bare)]).tables[0], metric("train_ms"))
    assert panel is not None
    assert (len(panel.rows), panel.without) == (1, 1)


def test_only_the_front_is_labelled():
    drawn = texts(draw_tradeoff(standings([DEAR, BEATEN, CHEAP]), "to_result_s"))
    assert {text for text in drawn if "fast-extraction" in text and "\n" in text} == LABELS


def test_the_row_that_recommend_chooses_is_labelled_too_and_off_the_front_that_is_said():
    near = shown(result(0.945, cost=310, backbone="VGG19", inference=steps(4)))
    by_result, by_inference = (
        [text.replace("\n", " ") for text in texts(draw_tradeoff(standings([DEAR, near, CHEAP]), cost))]
        for cost in ("to_result_s", "inference_ms")
    )
    assert "VGG19 fast-extraction" in by_result
    assert any("`transferbench recommend` chooses" in text for text in by_result)
    assert "VGG19 fast-extraction" in by_inference
    assert not any("recommend" in text for text in by_inference)


def test_a_row_with_a_label_is_drawn_above_those_without_and_no_ring_above_a_marker():
    (axes,) = draw_tradeoff(standings([DEAR, BEATEN, CHEAP]), "to_result_s").axes
    ring = [line for line in axes.lines if line.get_markersize() == 11.5]
    drawn = {line.get_xdata()[0]: line for line in axes.lines if line.get_markersize() == 6.5}
    assert drawn[20].get_zorder() < min(drawn[10].get_zorder(), drawn[300].get_zorder())
    assert ring[0].get_zorder() < drawn[20].get_zorder()


def test_each_table_has_a_front_of_its_own():
    gpu = shown(result(0.94, cost=1, backbone="VGG16", device="gpu"))
    figure = draw_tradeoff(standings([DEAR, BEATEN, CHEAP], [gpu]), "to_result_s")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["cpu, float32", "gpu, float32"]
    assert {"VGG16\nfast-extraction", *LABELS} <= set(texts(figure))


def test_rows_that_tie_with_the_best_are_ringed_and_a_row_alone_is_not():
    def rings(found: Standings) -> int:
        (axes,) = draw_tradeoff(found, "to_result_s").axes
        return sum(len(line.get_xdata()) for line in axes.lines if line.get_markersize() == 11.5)

    near = shown(result(0.945, cost=30, backbone="VGG19"))
    assert rings(standings([DEAR, near, CHEAP, BEATEN])) == 2
    assert rings(standings([DEAR])) == 0


def test_every_row_has_its_interval_in_the_picture():
    found = standings([DEAR, BEATEN, CHEAP])
    (axes,) = draw_tradeoff(found, "to_result_s").axes
    bars = [segment for each in axes.collections for segment in each.get_segments()]
    ends = sorted((100 * row.interval.low, 100 * row.interval.high) for row in found.tables[0].rows)
    drawn = sorted((low[1], high[1]) for low, high in bars)
    assert np.array(drawn) == pytest.approx(np.array(ends))


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("backbones", [1, 3, 12, 40])
def test_no_two_labels_overlap_and_none_is_lost(cost: str, backbones: int):
    found = standings(many(backbones))
    figure = draw_tradeoff(found, cost)
    check_legible(figure)
    frame = figure.axes[0].get_window_extent()
    panel = tradeoff(found.tables[0], metric(cost))
    assert panel is not None
    labels = [
        box
        for text, boxes in texts(figure).items()
        for box in boxes
        if "\n" in text
        and text.split("\n")[0] in {panel.rows[place].cell.backbone for place in panel.labelled}
    ]
    assert len(labels) == len(panel.labelled)
    assert all(frame.x0 <= box.left and box.right <= frame.x1 for box in labels)
    assert not any(one.overlaps(other) for one, other in combinations(labels, 2))


def leader(label: Any) -> Any:
    """Points in pixels along what is drawn of a label's leader, from its row's marker on, a quarter each."""
    path = label.arrow_patch.get_transform().transform_path(label.arrow_patch.get_path()).vertices
    count = 2 + int(4 * np.hypot(*(path[0] - path[-1])))
    return path[-1] + np.linspace(0, 1, count)[:, None] * (path[0] - path[-1])


def wiped(points: Any, front: Any) -> float:
    """How much of the line of a front, in pixels, a leader with its white outline runs along or over."""
    corners = front.axes.transData.transform(front.get_path().vertices)
    wide = 1.5 * front.axes.figure.dpi / 72  # half of either line, and half the outline
    along = np.zeros(len(points), bool)
    for (x, y), (right, top) in pairwise(corners):  # a step goes to the right, then up
        for low, high in (((x, y), (right, y)), ((right, y), (right, top))):
            along |= ((points > np.array(low) - wide) & (points < np.array(high) + wide)).all(axis=1)
    return float(along.sum() / 4)


def misleading(found: Standings, cost: str) -> list[str]:
    """The labels of a picture that a reader would take for those of other rows, and why."""
    figure = draw_tradeoff(found, cost)
    figure.draw_without_rendering()
    point = figure.dpi / 72
    wrong = []
    for axes, table in zip(figure.axes, found.tables, strict=True):
        panel = tradeoff(table, metric(cost))
        assert panel is not None
        accuracies = [100 * row.accuracy for row in panel.rows]
        spots = axes.transData.transform(list(zip(panel.costs, accuracies, strict=True)))
        (front,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
        assert len(axes.texts) == len(panel.labelled)
        for label in axes.texts:
            own = axes.transData.transform(label.xy)
            others = spots[np.abs(spots - own).max(axis=1) > 1e-6]
            points = leader(label)
            box = Text.get_window_extent(label, figure.canvas.get_renderer())
            beside = np.hypot(*np.maximum(np.maximum(box.min - others, others - box.max), 0).T)
            to_own = np.hypot(*np.maximum(np.maximum(box.min - own, own - box.max), 0))
            end = np.hypot(*(others - points[0]).T)
            on_own_interval = (abs(points[:, 0] - own[0]) < 1.5 * point).mean() > 0.5
            unseen = len(points) < 4 * 4 * point or on_own_interval
            faults = {
                "no leader is seen, and nearer to another": unseen and beside.min() < to_own,
                "ends at another": end.min() < np.hypot(*(own - points[0])) + point,
                "runs over another": bool((abs(points[:, None] - others) < 3.25 * point).all(axis=2).any()),
                "wipes out the front": wiped(points, front) > 6 * point,
                "below the front": label.get_zorder() <= front.get_zorder(),
            }
            wrong += [f"{label.get_text()}: {why}" for why, so in faults.items() if so]
    return wrong


@pytest.fixture(scope="module", params=["cats-dogs", "data-size"])
def committed(request: pytest.FixtureRequest) -> Standings:
    return read_standings(RunFolder(RECORDS / request.param))


@pytest.mark.parametrize("cost", COSTS)
def test_in_the_committed_pictures_each_label_is_seen_to_be_of_its_row(committed: Standings, cost: str):
    assert misleading(committed, cost) == []


@pytest.mark.parametrize("seed", range(3))
def test_in_a_large_crowd_no_leader_strikes_a_label_out(seed: int):
    (axes,) = (figure := draw_tradeoff(standings(many(40, seed=seed)), "to_result_s")).axes
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    for struck, label in permutations(axes.texts, 2):
        box, points = Text.get_window_extent(struck, renderer), leader(label)
        inside = ((points > box.min) & (points < box.max)).all(axis=1)
        assert not inside.any(), f"the leader of {label.get_text()} strikes out {struck.get_text()}"


@pytest.mark.parametrize("seed", range(3))
def test_in_a_crowd_each_label_is_seen_to_be_of_its_row(seed: int):
    assert misleading(standings(many(12, seed=seed)), "to_result_s") == []


def test_of_a_long_front_some_rows_are_labelled_the_ends_among_them_and_the_rest_is_counted():
    rows = [shown(result(0.80 + step / 200, cost=10 + step, size=100 + step)) for step in range(30)]
    panel = tradeoff(standings(rows).tables[0], metric("to_result_s"))
    assert panel is not None
    assert len(panel.front) == 30
    assert len(set(panel.labelled)) == 16
    assert {panel.front[0], panel.front[-1]} <= set(panel.labelled)
    figure = draw_tradeoff(standings(rows), "to_result_s")
    check_legible(figure)
    assert any("14 rows on the front without a label" in text.replace("\n", " ") for text in texts(figure))


def test_of_a_crowd_only_the_front_has_intervals_and_that_is_said():
    rows = [shown(result(0.8, cost=10 + step, size=100 + step)) for step in range(401)]
    figure = draw_tradeoff(standings(rows), "to_result_s")
    bars = [segment for each in figure.axes[0].collections for segment in each.get_segments()]
    assert len(bars) == 1
    assert any("stand on the front alone" in text.replace("\n", " ") for text in texts(figure))


def test_backbones_beyond_the_colours_are_counted_in_the_key():
    assert "33 other backbones" in texts(draw_tradeoff(standings(many(40)), "to_result_s"))
