"""The picture of a history: levels, steps, doubts and failures, legible with few runs and with many."""

from pathlib import Path

import pytest
from fakes import failed_record, finished_run
from fakes_compare import DISTURBED, steps
from fakes_history import commit_of, environment, nights, result
from figures import check_legible, texts

from harness.analysis.history import CellHistory, read_history
from harness.reports.plots.history import draw_history
from harness.reports.plots.style import rendered

SLOWER = (20.3, 19.8, 20.1, 19.9, 20.2, 26.0, 25.8, 26.2, 26.1, 25.9)


def cell(folder: Path, *metrics: str) -> CellHistory:
    (found,) = read_history([folder], metrics=metrics).cells
    return found


@pytest.mark.parametrize("count", [2, 9, 10, 60])
def test_a_history_is_legible_with_so_many_runs(count: int, tmp_path: Path):
    nights(tmp_path, *[900] * count, trains=tuple(20 + 0.1 * (night % 3) for night in range(count)))
    figure = draw_history(cell(tmp_path))
    assert figure is not None
    check_legible(figure)


def test_a_step_is_drawn_between_its_two_runs_and_named(tmp_path: Path):
    found = cell(nights(tmp_path, *[900] * 10, trains=SLOWER), "train_ms")
    figure = draw_history(found)
    assert figure is not None
    (axes,) = figure.axes
    dashed = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    assert dashed == [4.5]
    assert f"+29 % to 26.0 with {commit_of(5)[:7]}" in texts(figure)


def test_a_level_is_drawn_at_its_median(tmp_path: Path):
    figure = draw_history(cell(nights(tmp_path, *[900] * 10, trains=SLOWER), "train_ms"))
    assert figure is not None
    flat = [line for line in figure.axes[0].lines if line.get_linewidth() == 1.8]
    assert [line.get_ydata()[0] for line in flat] == pytest.approx([20.1, 26.0])


def test_values_in_doubt_are_hollow_and_failures_crosses(tmp_path: Path):
    nights(tmp_path, 900, 900)
    finished_run(tmp_path / "2", [result(2, times=steps(60.0, state=DISTURBED))])
    failed = failed_record("oom", "no memory", commit=commit_of(3), started=result(3)[0].started)
    finished_run(tmp_path / "3", [(failed, None)])
    figure = draw_history(cell(tmp_path, "train_ms"))
    assert figure is not None
    lines = figure.axes[0].lines
    hollow = [list(line.get_xdata()) for line in lines if line.get_markerfacecolor() == "white"]
    crosses = [list(line.get_xdata()) for line in lines if line.get_marker() == "x"]
    assert (hollow, crosses) == ([[2]], [[3]])
    assert any("Hollow: in doubt" in text for text in texts(figure))


def test_changed_versions_are_dotted_lines(tmp_path: Path):
    for night in range(4):
        changed = environment(keras="3.1" if night >= 2 else "3.0")
        finished_run(tmp_path / f"{night}", [result(night, environment=changed)])
    figure = draw_history(cell(tmp_path, "test_accuracy"))
    assert figure is not None
    assert [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_linestyle() == ":"] == [1.5]


def test_a_cell_without_a_value_has_no_picture(tmp_path: Path):
    for night in range(2):
        failed = failed_record("oom", "no memory", commit=commit_of(night), started=result(night)[0].started)
        finished_run(tmp_path / f"{night}", [(failed, None)])
    assert draw_history(cell(tmp_path)) is None


def test_names_of_other_alphabets_can_be_drawn(tmp_path: Path):
    nights(tmp_path, 900, 900, recipe="терпеливый|猫$x$")
    figure = draw_history(cell(tmp_path))
    assert figure is not None
    check_legible(figure)
    assert rendered(figure, "svg").startswith(b"<?xml")
