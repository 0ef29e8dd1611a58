"""The calibration's section and plot say what is proven, of the rows that are ranked."""

from pathlib import Path

from fakes_said import cell, said, standings
from figures import texts
from matplotlib.figure import Figure

from harness.analysis.calibration import MOST_PANELS, MOST_SEEDS
from harness.records import Predictions
from harness.reports.calibration import calibration_section
from harness.reports.plots.reliability import reliability_figure


def right(count: int, images: int = 1000) -> Predictions:
    """Predictions of 90 % confidence of which so many are right."""
    says = [int(number >= count) for number in range(images)]
    return said(says, [0] * images, ids=[f"id{number}" for number in range(images)])


def cells_of(text: str, start: str) -> list[str]:
    """The cells of the only row that starts so."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [part.strip() for part in line.split("|")[1:-1]]


def test_what_is_proven_is_said_and_marked(tmp_path: Path):
    text = calibration_section(standings(tmp_path, cell(right(700)), cell(right(900), "Xception")))
    assert "1 of 2 rows is overconfident. Of the other 1 row it cannot be told." in text
    found = cells_of(text, "MobileNet")
    assert found[2:6] == ["70.0", "90.0", "+20.0", "overconfident"]
    assert "**20.0**" in found
    assert cells_of(text, "Xception")[5] == "-"


def test_where_nothing_is_proven_there_is_no_column_for_it(tmp_path: Path):
    text = calibration_section(standings(tmp_path, cell(right(900)), cell(right(901), "Xception")))
    assert "prove no row over- or underconfident" in text
    assert "| proven" not in text


def test_a_single_row_is_spoken_of_as_one(tmp_path: Path):
    assert "The row is overconfident." in calibration_section(standings(tmp_path, cell(right(700))))


def test_seeds_have_a_spread(tmp_path: Path):
    one = calibration_section(standings(tmp_path / "one", cell(right(900))))
    two = calibration_section(standings(tmp_path / "two", cell(right(900)), cell(right(700), seed=1)))
    assert "spread (points)" not in one
    assert "14.14" in cells_of(two, "MobileNet")


def test_controls_have_no_calibration(tmp_path: Path):
    found = standings(tmp_path, cell(right(500), weights="random"))
    assert calibration_section(found) == ""
    assert reliability_figure(found) is None


def test_the_plot_has_a_panel_and_a_histogram_for_each_row(tmp_path: Path):
    found = standings(tmp_path, cell(right(900)), cell(right(700), "Xception"))
    figure = reliability_figure(found)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 4
    titles = [axes.get_title(loc="left").partition("\n")[0] for axes in figure.axes[::2]]
    assert titles == ["MobileNet fast-extraction", "Xception fast-extraction"]


def test_of_several_seeds_the_one_nearest_to_their_mean_is_drawn(tmp_path: Path):
    """The first seed alone looks calibrated; the row was chosen by the mean of all three."""
    seeds = [cell(right(count), seed=seed) for seed, count in enumerate((900, 700, 790))]
    figure = reliability_figure(standings(tmp_path, *seeds))
    title = " ".join(figure.axes[0].get_title(loc="left").split())
    assert "seed 2 alone: ECE 11.0" in title
    assert "(mean ECE of 3 seeds 10.3)" in title


def test_of_many_seeds_those_that_the_rows_were_chosen_by_take_part_and_that_is_said(tmp_path: Path):
    """The sixth seed is far off, and neither the mean nor the choice of a seed knows of it."""
    seeds = [cell(right(count), seed=seed) for seed, count in enumerate((900, 700, 790, 790, 790, 0))]
    assert len(seeds) == MOST_SEEDS + 1
    title = " ".join(reliability_figure(standings(tmp_path, *seeds)).axes[0].get_title(loc="left").split())
    assert "seed 2 alone: ECE 11.0" in title
    assert "(mean ECE of the first 5 of 6 seeds 10.6)" in title


def test_the_title_names_the_run_and_the_notes_what_is_left_out(tmp_path: Path):
    rows = [cell(right(900 - number), size=100 + number) for number in range(MOST_PANELS + 1)]
    found = standings(tmp_path, *rows)
    drawn = [text.replace("\n", " ") for text in texts(reliability_figure(found))]
    assert f"Reliability: {found.facts.matrix}, {MOST_PANELS} rows (cpu, float32)" in drawn
    assert any(f"{MOST_PANELS} of {MOST_PANELS + 1} rows." in text for text in drawn)


def test_the_points_stand_where_confidence_and_accuracy_are(tmp_path: Path):
    figure = reliability_figure(standings(tmp_path, cell(right(700))))
    assert figure is not None
    points = figure.axes[0].containers[0].lines[0]
    (confidence,), (accuracy,) = points.get_data()
    assert (round(confidence, 3), accuracy) == (90.0, 70.0)
    assert [bar.get_height() for bar in figure.axes[1].patches] == [1000]
