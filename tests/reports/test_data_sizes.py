"""Data-size curves as tables and sentences."""

from pathlib import Path

from fakes import Row
from fakes_compare import seeds, standings, trial

from harness.reports.data_sizes import data_sizes


def tables(text: str) -> list[list[dict[str, str]]]:
    """The tables of a section."""
    found = [part for part in text.split("\n\n") if part.startswith("|")]
    split = [
        [[cell.strip() for cell in line.split("|")[1:-1]] for line in part.splitlines()] for part in found
    ]
    return [[dict(zip(lines[0], line, strict=True)) for line in lines[2:]] for lines in split]


def curve(rights: dict[int | None, int], **kind: str) -> list[Row]:
    return [trial(right, train_images=images, **kind) for images, right in rights.items()]


def told(folder: Path, *rows: Row) -> str:
    return data_sizes(standings(folder, rows))


def test_sizes_stand_by_strategy_with_the_winner_of_each(tmp_path: Path):
    rows = [*curve({50: 900, 500: 905, None: 910}), *curve({50: 800, 500: 906, None: 960}, depth="blocks:1")]
    text = told(tmp_path, *rows)
    lines, *_ = tables(text)
    assert [line["training images"] for line in lines] == ["50", "500", "2,000"]
    assert lines[0]["fast-extraction"] == "90.0 (88.0 to 91.7)"
    assert [line["most accurate"] for line in lines] == [
        "fast-extraction",
        "fine-tuning blocks:1, tied with fast-extraction",
        "fine-tuning blocks:1",
    ]
    assert (
        "fast-extraction is significantly better than fine-tuning blocks:1 at 50 images and fine-tuning "
        "blocks:1 at 2,000: they cross in between." in text
    )


def test_no_crossing_is_told_where_the_tests_support_none(tmp_path: Path):
    rows = [*curve({50: 902, None: 905}), *curve({50: 900, None: 960}, depth="blocks:1")]
    text = told(tmp_path, *rows)
    assert "No two strategies change places beyond doubt." in text
    assert "cross in between" not in text


def test_a_size_without_a_row_is_a_dash(tmp_path: Path):
    rows = [*curve({50: 800, 500: 850, None: 900}), *curve({50: 800, None: 900}, depth="blocks:1")]
    lines, *_ = tables(told(tmp_path, *rows))
    assert [line["fine-tuning blocks:1"] for line in lines][1] == "-"


def test_one_strategy_has_no_winner_and_no_crossing(tmp_path: Path):
    text = told(tmp_path, *curve({100: 700, 500: 840, None: 915}))
    assert "most accurate" not in text
    assert "change places" not in text


def test_more_images_help_or_are_not_shown_to(tmp_path: Path):
    (_, _, (rising,)) = tables(told(tmp_path / "rising", *curve({100: 700, 500: 840, None: 915})))
    assert rising["images"] == "2,000"
    assert rising["more images"].startswith("help: +")
    assert rising["more images"].endswith("points at 4 times")
    assert rising["gain at 4 times (points)"].startswith("+")
    (_, _, (level,)) = tables(told(tmp_path / "level", *curve({100: 850, 500: 898, None: 900})))
    assert level["more images"] == "not shown to help"


def test_what_more_images_gave_stands_by_step_and_strategy(tmp_path: Path):
    rows = [*curve({50: 800, 500: 850, None: 900}), *curve({50: 810, None: 905}, depth="blocks:1")]
    text = told(tmp_path, *rows)
    _, steps, *_ = tables(text)
    assert [line["training images"] for line in steps] == ["50 to 500", "50 to 2,000", "500 to 2,000"]
    assert steps[0]["fast-extraction (points)"].startswith("+5.0 (+")
    assert [line["fine-tuning blocks:1 (points)"] == "-" for line in steps] == [True, False, True]
    assert "- fast-extraction: more images helped up to 2,000; 2,000 against 500: +5.0 points (+" in text
    assert "one family of 2 tests, the last steps of all strategies" in text


def test_a_last_step_within_chance_is_not_said_to_have_helped(tmp_path: Path):
    text = told(tmp_path, *curve({50: 800, 500: 900, None: 902}))
    assert "- fast-extraction: 2,000 images are not shown to have helped over 500: +0.2 points" in text
    assert "more images helped" not in text


def test_more_images_that_gave_less_are_said_to_have(tmp_path: Path):
    text = told(tmp_path, *curve({50: 800, 500: 900, None: 850}))
    assert "- fast-extraction: 2,000 images gave less than 500: -5.0 points" in text


def test_a_fit_tells_how_many_points_and_parameters_it_has(tmp_path: Path):
    few = told(tmp_path / "few", *curve({100: 700, 500: 840, None: 915}))
    assert "A fit has 3 parameters (a, b and c) and here 3 points. With no more points than parameters" in few
    assert tables(few)[2][0]["sizes"] == "3"
    more = told(tmp_path / "more", *curve({100: 700, 200: 780, 500: 840, 1000: 885, None: 915}))
    assert "A fit has 3 parameters (a, b and c) and here 5 points." in more
    assert "With no more points" not in more
    assert "A fit has" not in told(tmp_path / "none", *curve({100: 700, None: 915}))


def test_a_refusal_has_its_reason(tmp_path: Path):
    text = told(tmp_path, *curve({100: 700, None: 915}))
    assert "fast-extraction: no extrapolation, since a curve needs 3 sizes" in text
    assert len(tables(text)) == 2


def test_a_part_drawn_once_is_said_to_be_less_sure(tmp_path: Path):
    single = told(tmp_path / "one", *curve({100: 700, None: 915}))
    assert "what another draw of these images" in single
    rows = [row for images in (100, None) for row in seeds([800, 805, 810], train_images=images)]
    assert "another draw" not in told(tmp_path / "three", *rows)


def test_rows_of_one_size_have_no_section(tmp_path: Path):
    assert told(tmp_path, *curve({None: 900}), *curve({None: 950}, depth="blocks:1")) == ""
