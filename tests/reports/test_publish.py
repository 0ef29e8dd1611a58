"""Publishing copies all that is committed, and never costs an earlier publication."""

import re
from pathlib import Path

import pytest
from fakes import Row, answers, failed_record, finished_run, put, row
from fakes_timing import both_passes, failed_timing, selfcheck, timing_record, timing_run

from harness.analysis.standings import read_standings
from harness.data.manifest import LeftOut
from harness.errors import UserError
from harness.records import DataFacts
from harness.reports.comparisons import render_comparisons
from harness.reports.leaderboard import leaderboard, render_leaderboard
from harness.reports.publish import publish, publish_baseline, publish_run
from harness.reports.timing import render_timing
from harness.reports.timing_csv import timing_csv
from harness.running.folder import RunFolder
from harness.timing.records import TimingFolder

ROWS: list[Row] = [
    row(answers(90)),
    row(answers(80), seed=1),
    (failed_record("crashed", "it broke", seed=2), None),
]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_records_and_leaderboard_go_to_where_they_are_committed(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS)
    written = publish_run(run.path, tmp_path / "results", pictures=False)
    boards = tmp_path / "results" / "leaderboards"
    assert written == [tmp_path / "results/records/tiny", boards / "tiny.md", boards / "tiny"]
    found = read_standings(run)
    assert written[1].read_text() == leaderboard(found, more="tiny/comparisons.md")
    assert (boards / "tiny" / "comparisons.md").read_text() == render_comparisons(found)


def test_the_margins_of_the_cells_are_published_with_them(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS, margins={"test_accuracy": 0.125})
    published, *_ = publish_run(run.path, tmp_path / "results", pictures=False)
    margins = [cell.margins for cell in RunFolder(published).facts().cells]
    assert margins == [{"test_accuracy": 0.125}] * 3


def test_pictures_are_drawn_where_the_comparisons_show_them(tmp_path: Path):
    run = finished_run(tmp_path / "run", [row(answers(90)), row(answers(80), backbone="VGG16")])
    *_, beside = publish_run(run.path, tmp_path / "results")
    shown = re.findall(r"!\[.*?\]\((.*?)\)", (beside / "comparisons.md").read_text())
    assert "map-accuracy.png" in shown
    assert sorted(shown) == sorted(path.name for path in beside.glob("*.png"))


def test_a_published_run_renders_the_same_leaderboard(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS)
    published, *_ = publish_run(run.path, tmp_path / "results", pictures=False)
    assert render_leaderboard(RunFolder(published)) == render_leaderboard(run)


def test_logs_locks_and_the_manifest_with_its_paths_are_not_published(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS)
    put(run.logs / "x.log", b"/home/someone/photos")
    put(run.manifest, b"/home/someone/photos")
    put(run.path / "lock", b"")
    published, *_ = publish_run(run.path, tmp_path / "results", pictures=False)
    assert {path.name for path in published.iterdir()} == {"run.json", "records"}


@pytest.mark.parametrize(("source", "named"), [("folder", 0), ("cats_dogs", 1)])
def test_dropped_files_of_a_public_archive_are_named_and_of_a_private_folder_only_counted(
    source: str, named: int, tmp_path: Path
):
    data = DataFacts(
        source=source,
        manifest_sha256="a" * 64,
        classes=("cats", "dogs"),
        counts={},
        left_out=1,
        dropped=(LeftOut("train/cats/jane-doe.jpg", "the file is empty"),),
    )
    run = finished_run(tmp_path / "run", [row(answers(90), data=data)])
    published, *_ = publish_run(run.path, tmp_path / "results", pictures=False)
    (kept,) = RunFolder(published).records.load()
    assert (kept.data.left_out, len(kept.data.dropped)) == (1, named)


def test_what_an_earlier_publication_had_more_is_gone(tmp_path: Path):
    publish_run(finished_run(tmp_path / "old", ROWS).path, tmp_path / "results", pictures=False)
    new = finished_run(tmp_path / "new", ROWS[:1]).path
    with pytest.raises(UserError, match="of its cells are not in this one"):
        publish_run(new, tmp_path / "results", pictures=False)
    published, *_ = publish_run(new, tmp_path / "results", replace=True, pictures=False)
    assert len(list((published / "records").iterdir())) == 2


def test_publishing_twice_changes_nothing(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS)
    publish_run(run.path, tmp_path / "results", pictures=False)
    first = contents(tmp_path / "results")
    publish_run(run.path, tmp_path / "results", pictures=False)
    assert contents(tmp_path / "results") == first


def test_a_published_run_cannot_be_published_onto_itself(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS)
    published, *_ = publish_run(run.path, tmp_path / "results", pictures=False)
    before = contents(tmp_path / "results")
    with pytest.raises(UserError, match="already where it would be published"):
        publish_run(published, tmp_path / "results", pictures=False)
    assert contents(tmp_path / "results") == before


def test_a_run_that_cannot_be_read_leaves_the_earlier_publication_as_it_is(tmp_path: Path):
    run = finished_run(tmp_path / "run", ROWS)
    publish_run(run.path, tmp_path / "results", pictures=False)
    before = contents(tmp_path / "results")
    (run.records.folder / f"{ROWS[0][0].file_stem}.npz").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"the predictions of .* (cannot be read|are not there)"):
        publish_run(run.path, tmp_path / "results", pictures=False)
    assert contents(tmp_path / "results") == before


def test_a_run_without_records_is_not_published(tmp_path: Path):
    run = finished_run(tmp_path / "run", [])
    with pytest.raises(UserError, match="this run has no records yet"):
        publish_run(run.path, tmp_path / "results", pictures=False)
    assert not (tmp_path / "results").exists()


def test_a_reason_is_published_without_folders_of_the_machine(tmp_path: Path):
    reason = "looked for x.h5 in /home/someone/models, ~/.keras/models; download https://host/a/x.h5"
    run = finished_run(tmp_path / "run", [*ROWS[:1], (failed_record("skipped", reason, seed=2), None)])
    published, board, _ = publish_run(run.path, tmp_path / "results", pictures=False)
    told = [record.reason for record in RunFolder(published).records.load() if record.reason]
    assert told == ["looked for x.h5 in models, models; download https://host/a/x.h5"]
    assert "someone" not in board.read_text()


def test_another_run_of_the_same_name_is_not_replaced_unless_asked(tmp_path: Path):
    first = finished_run(tmp_path / "first", ROWS[:1])
    other = finished_run(tmp_path / "other", [row(answers(70), seed=9)])
    publish_run(first.path, tmp_path / "results", pictures=False)
    before = contents(tmp_path / "results")
    with pytest.raises(UserError, match="another run is published under the name 'tiny'") as caught:
        publish_run(other.path, tmp_path / "results", pictures=False)
    assert "--replace" in caught.value.hint
    assert contents(tmp_path / "results") == before
    publish_run(other.path, tmp_path / "results", replace=True, pictures=False)
    assert contents(tmp_path / "results") != before


# Baselines


def test_a_baseline_is_the_facts_and_records_alone_and_takes_the_place_of_the_one_before(tmp_path: Path):
    results = tmp_path / "results"
    publish_baseline(finished_run(tmp_path / "old", [*ROWS[:2], row(answers(70), seed=3)]).path, results)
    run = finished_run(tmp_path / "run", ROWS[:2])
    put(run.manifest, b"/home/someone/photos")

    there = RunFolder(publish_baseline(run.path, results))

    assert there.path == results / "baselines" / "tiny"
    assert [path.name for path in results.iterdir()] == ["baselines"]
    assert {path.name for path in there.path.iterdir()} == {"run.json", "records"}
    assert (there.facts(), there.records.load()) == (run.facts(), run.records.load())
    for record in there.records.load():
        kept, made = there.records.predictions(record), run.records.predictions(record)
        assert kept.probabilities.tobytes() == made.probabilities.tobytes()


def test_a_run_with_a_failed_cell_is_no_baseline_and_the_one_before_stays(tmp_path: Path):
    results = tmp_path / "results"
    publish_baseline(finished_run(tmp_path / "old", ROWS[:2]).path, results)
    before = contents(results)
    with pytest.raises(UserError, match=r"1 of 3 cells have no result: .*seed2"):
        publish_baseline(finished_run(tmp_path / "run", ROWS).path, results)
    assert contents(results) == before


def test_a_baseline_cannot_be_made_of_itself(tmp_path: Path):
    there = publish_baseline(finished_run(tmp_path / "run", ROWS[:2]).path, tmp_path / "results")
    with pytest.raises(UserError, match="already where it would be published"):
        publish_baseline(there, tmp_path / "results")


# Timing runs

TIMINGS = [*both_passes(), *both_passes(70.0, backbone="VGG16")]


def test_a_timing_run_goes_to_where_it_is_committed_with_report_and_csv(tmp_path: Path):
    run = timing_run(tmp_path / "run", TIMINGS)
    results = tmp_path / "results"
    written = publish(run.path, results)
    assert written == [
        results / "records/tiny",
        results / "leaderboards/tiny/README.md",
        results / "leaderboards/tiny/timings.csv",
    ]
    assert written[1].read_text(encoding="utf-8") == render_timing(run)
    assert written[2].read_text(encoding="utf-8") == timing_csv(run)


def test_published_timings_are_the_raw_records_and_render_the_same(tmp_path: Path):
    run = timing_run(tmp_path / "run", TIMINGS)
    put(run.logs / "x.log", b"/home/someone")
    there = TimingFolder(publish(run.path, tmp_path / "results")[0])
    assert list(there.load()) == list(run.load())
    assert (there.facts(), there.checks()) == (run.facts(), run.checks())
    assert render_timing(there) == render_timing(run)
    assert {path.name for path in there.path.iterdir()} == {"timing.json", "timings", "selfcheck-cpu.json"}


def test_timings_that_the_last_plan_did_not_ask_for_are_not_published(tmp_path: Path):
    run = timing_run(tmp_path / "run", [timing_record(1.0, key="f" * 64), *TIMINGS])
    there = TimingFolder(publish(run.path, tmp_path / "results")[0])
    assert len(list(there.load())) == len(TIMINGS)


def test_a_timings_reason_is_published_without_folders_of_the_machine(tmp_path: Path):
    reason = "cannot write /home/someone/cache/x"
    run = timing_run(tmp_path / "run", [*TIMINGS, failed_timing("crashed", reason, backbone="Xception")])
    there, *files = publish(run.path, tmp_path / "results")
    assert [record.reason for record in TimingFolder(there).load() if record.reason] == ["cannot write x"]
    assert not any("someone" in path.read_text(encoding="utf-8") for path in files)


def test_earlier_timings_and_checks_of_the_name_are_gone(tmp_path: Path):
    checks = [selfcheck(), selfcheck(device="gpu")]
    publish(timing_run(tmp_path / "old", TIMINGS, checks=checks).path, tmp_path / "results")
    new = timing_run(tmp_path / "new", TIMINGS[:2]).path
    with pytest.raises(UserError, match="of its cells are not in this one"):
        publish(new, tmp_path / "results")
    there, *_ = publish(new, tmp_path / "results", replace=True)
    assert len(list((there / "timings").iterdir())) == 2
    assert [check.cell.device for check in TimingFolder(there).checks()] == ["cpu"]


def test_timings_of_other_cells_are_not_replaced_unless_asked(tmp_path: Path):
    publish(timing_run(tmp_path / "first", TIMINGS[:2]).path, tmp_path / "results")
    other = timing_run(tmp_path / "other", TIMINGS[2:])
    before = contents(tmp_path / "results")
    with pytest.raises(
        UserError, match=r"another run is published under the name 'tiny': .* not in this one"
    ):
        publish(other.path, tmp_path / "results")
    assert contents(tmp_path / "results") == before
    publish(other.path, tmp_path / "results", replace=True)
    assert contents(tmp_path / "results") != before


def test_published_timings_cannot_be_published_onto_themselves(tmp_path: Path):
    there, *_ = publish(timing_run(tmp_path / "run", TIMINGS).path, tmp_path / "results")
    before = contents(tmp_path / "results")
    with pytest.raises(UserError, match="already where it would be published"):
        publish(there, tmp_path / "results")
    assert contents(tmp_path / "results") == before


@pytest.mark.parametrize("timings_first", [True, False])
def test_a_run_and_a_timing_run_of_one_matrix_lie_side_by_side(timings_first: bool, tmp_path: Path):
    run, timings = finished_run(tmp_path / "run", ROWS), timing_run(tmp_path / "timing", TIMINGS)
    for path in sorted([run.path, timings.path], reverse=timings_first):
        publish(path, tmp_path / "results")
    there = tmp_path / "results/records/tiny"
    assert render_leaderboard(RunFolder(there)) == render_leaderboard(run)
    assert render_timing(TimingFolder(there)) == render_timing(timings)
