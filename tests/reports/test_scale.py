"""The leaderboard of very many records: fast, and only as long as a reader needs."""

import time
from pathlib import Path

import pytest
from fakes import many

from harness.reports.leaderboard import MOST_ROWS, render_leaderboard
from harness.reports.report import write_report


def test_a_long_table_shows_its_first_rows_and_says_where_all_are(tmp_path: Path):
    text = render_leaderboard(many(tmp_path / "run", 450, 100))
    assert text.count("\n| ") == 1 + MOST_ROWS
    assert "The first 200 of 450 rows; `transferbench table` writes all." in text


def test_of_many_records_few_predictions_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from harness.record_store import RecordStore

    read = []
    whole = RecordStore.predictions
    monkeypatch.setattr(
        RecordStore, "predictions", lambda store, record: read.append(record.name) or whole(store, record)
    )
    render_leaderboard(many(tmp_path / "run", 450, 1_000))
    assert 0 < len(read) < 300


@pytest.mark.slow
@pytest.mark.parametrize("html", [False, True])
def test_all_pages_of_ten_thousand_records_take_ten_seconds(html: bool, tmp_path: Path):
    run = many(tmp_path / "run", 10_000, 1_000)
    start = time.perf_counter()
    write_report(run.path, tmp_path / "out" / "leaderboard.md", html=html)
    assert time.perf_counter() - start < 10


@pytest.mark.slow
def test_ten_thousand_records_of_a_thousand_predictions_render_in_ten_seconds(tmp_path: Path):
    run = many(tmp_path / "run", 10_000, 1_000)
    start = time.perf_counter()
    text = render_leaderboard(run)
    assert time.perf_counter() - start < 10
    assert "The first 200 of 10,000 rows" in text
