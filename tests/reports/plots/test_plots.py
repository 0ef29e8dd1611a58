"""Every picture of the list: what it does with poor runs, its files, its bytes, its place in a page."""

import re
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest
from fakes import Row as RunRow
from fakes import answers, failed_record, finished_run, row
from fakes_standings import many, result, shown, standings
from figures import check_legible

from harness.analysis.standings import Standings, read_standings
from harness.backbones import BACKBONES
from harness.errors import UserError
from harness.reports.plots import PLOTS, Plot, draw_plots, plot_svg

FAILED = failed_record("oom", "no memory", backbone="VGG16")
OTHER_LETTERS = {"strategy": "fine-tuning", "depth": "from:猫_$x^2$_блок"}

each_plot = pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)


def read(folder: Path, *rows: RunRow) -> Standings:
    return read_standings(finished_run(folder, rows))


@each_plot
def test_a_run_of_failures_alone_has_no_picture(plot: Plot, tmp_path: Path):
    assert plot.draw(read(tmp_path, (FAILED, None))) is None


@each_plot
def test_a_run_without_rows_has_no_picture(plot: Plot):
    assert plot.draw(standings(missing=(("a/cell", "not run"),))) is None


@each_plot
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: standings([shown(result())]), id="one row"),
        pytest.param(lambda: standings([shown(result(1.0), result(1.0, seed=1))]), id="all right"),
        pytest.param(lambda: standings([shown(result(0.0))], failed=(FAILED,)), id="none right"),
        pytest.param(lambda: standings([shown(result(0.9, **OTHER_LETTERS))]), id="other letters"),
        pytest.param(lambda: standings([shown(result(seed=7))] * 3), id="the same row thrice"),
        pytest.param(lambda: standings(many(3, seeds=3), many(2, device="gpu")), id="seeds and devices"),
    ],
)
def test_a_poor_run_gives_a_legible_picture_or_none(plot: Plot, make: Callable[[], Standings]):
    figure = plot.draw(make())
    if figure is not None:
        check_legible(figure)


@each_plot
def test_a_run_that_was_read_is_drawn_into_the_same_bytes_again(plot: Plot, tmp_path: Path):
    rows = [row(answers(90), backbone=name) for name in ("VGG16", "Xception")]
    rows.append(row(answers(95), backbone="VGG16", strategy="fine-tuning", depth="blocks:1"))
    written = [
        draw_plots(read(tmp_path / "run", *rows), tmp_path / name, only=[plot.name]) for name in ("a", "b")
    ]
    first, second = ([path.read_bytes() for path in paths] for paths in written)
    assert first == second


def test_files_are_named_after_the_pictures(tmp_path: Path):
    found = standings(many(2))
    written = draw_plots(found, tmp_path / "new", only=["map-accuracy", "depths"])
    assert [path.name for path in written] == [
        "map-accuracy.png",
        "map-accuracy.svg",
        "depths.png",
        "depths.svg",
    ]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(p.name for p in written)


def test_a_picture_or_a_format_that_there_is_not_is_refused_with_the_choices(tmp_path: Path):
    with pytest.raises(UserError, match="map-accuracy"):
        draw_plots(standings(), tmp_path, only=["map-acuracy"])
    with pytest.raises(UserError, match="svg"):
        draw_plots(standings(), tmp_path, formats=["pdf"])
    assert list(tmp_path.iterdir()) == []


def test_a_page_can_hold_all_pictures_at_once():
    part = shown(result(backbone=next(iter(BACKBONES)), train_images=50))
    found = standings([*many(2), part])
    drawn = [each for plot in PLOTS if (each := plot_svg(plot, found))]
    assert [title for title, _ in drawn] == [plot.title for plot in PLOTS]
    ids = [name for _, svg in drawn for name in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    known = set(ids)
    assert {
        name for _, svg in drawn for name in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)[0] if name
    } <= known


def test_names_and_titles_are_each_once():
    assert len({plot.name for plot in PLOTS}) == len({plot.title for plot in PLOTS}) == len(PLOTS)


def test_drawing_changes_no_settings():
    before = dict(mpl.rcParams)
    found = standings(many(1))
    assert any(plot_svg(plot, found) for plot in PLOTS)
    assert dict(mpl.rcParams) == before
