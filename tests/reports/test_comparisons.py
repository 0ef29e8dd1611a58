"""The page of comparisons: its sections, and runs that have none."""

import re
from pathlib import Path

import pytest
from fakes import Row, failed_record
from fakes_compare import seeds, standings, trial

from harness.reports.comparisons import SECTIONS, render_comparisons


def page(folder: Path, *rows: Row) -> str:
    return render_comparisons(standings(folder, rows))


def full() -> list[Row]:
    """Rows that every section has something to say to."""
    kinds = ({}, {"depth": "blocks:1"}, {"depth": "blocks:2"})
    rows = [
        row
        for images, right in ((100, 800), (500, 850), (None, 900))
        for kind in kinds
        for row in seeds([right, right + 5], train_images=images, **kind)
    ]
    return [*rows, trial(900, device="gpu")]


def test_every_section_stands_once_in_its_order(tmp_path: Path):
    titles = re.findall(r"^## (.+)$", page(tmp_path, *full()), flags=re.MULTILINE)
    assert titles == [title for title, _ in SECTIONS if title in titles]
    assert {"Strategy against strategy", "More depth", "More training images", "Overfitting"} <= set(titles)
    assert "Machine against machine" in titles


def test_the_same_records_give_the_same_page(tmp_path: Path):
    assert page(tmp_path / "a", *full()) == page(tmp_path / "b", *full())


def test_no_sentence_stands_twice(tmp_path: Path):
    found = re.split(r"(?<=[.:])\s+", re.sub(r"^\|.*$", "", page(tmp_path, *full()), flags=re.MULTILINE))
    long = [each for each in found if len(each.split()) > 9]
    assert len(long) == len(set(long))


@pytest.mark.parametrize(
    "rows",
    [
        [(failed_record("oom", "no memory"), None)],
        [trial(500, weights="random")],
    ],
)
def test_a_run_with_nothing_to_compare_says_so(rows: list[Row], tmp_path: Path):
    assert "nothing that could be compared" in page(tmp_path, *rows)


def test_a_single_row_has_what_needs_no_other(tmp_path: Path):
    titles = re.findall(r"^## (.+)$", page(tmp_path, trial(900)), flags=re.MULTILINE)
    assert titles == ["Overfitting", "Accuracy by class", "Calibration"]
