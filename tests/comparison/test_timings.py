"""Two timing runs without the gate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import ENVIRONMENT
from fakes_judged import ELSEWHERE, kinds
from fakes_timing import STARTED, both_passes, failed_timing, selfcheck, timing_run

from harness.comparison.compare import compare_folders
from harness.comparison.finding import Judgement
from harness.comparison.sides import NoBaselineError, NotComparableError
from harness.records import Memory
from harness.timing.records import TimingRecord


def judged(
    folder: Path, before: Sequence[TimingRecord], after: Sequence[TimingRecord], **options: Any
) -> Judgement:
    timing_run(folder / "baseline", before)
    timing_run(folder / "current", after, **options)
    return compare_folders(folder / "baseline", folder / "current")


def test_the_same_times_are_no_finding(tmp_path: Path):
    found = judged(tmp_path, both_passes(50.0), both_passes(50.0))
    assert (found.findings, found.exit_code, len(found.unchanged)) == ((), 0, 1)


def test_a_time_beyond_what_the_machine_resolves_is_told_and_fails_nothing(tmp_path: Path):
    found = judged(tmp_path, both_passes(50.0), both_passes(60.0))
    assert kinds(found.findings) == [("time", "advisory", "step_ms")]
    assert "50 to 60 ms a step, slower by a factor of 1.20" in found.findings[0].message
    assert found.exit_code == 0


def test_within_what_the_machine_resolves_nothing_is_told(tmp_path: Path):
    assert judged(tmp_path, both_passes(50.0), both_passes(50.2)).findings == ()


def test_where_nothing_is_known_of_the_machine_the_usual_margin_counts(tmp_path: Path):
    timing_run(tmp_path / "baseline", both_passes(50.0), checks=[])
    for name, milliseconds, count in (("a", 60.0, 0), ("b", 70.0, 1)):
        timing_run(tmp_path / name, both_passes(milliseconds), checks=[])
        assert len(compare_folders(tmp_path / "baseline", tmp_path / name).findings) == count


def test_a_time_in_doubt_is_not_compared(tmp_path: Path):
    (one,) = judged(tmp_path, both_passes(50.0), both_passes(50.0, 90.0)).findings
    assert (one.severity, one.message) == ("advisory", "time not compared: `now: passes differ by 80 %`")


def test_another_machine_is_said_and_its_times_are_not_compared(tmp_path: Path):
    found = judged(tmp_path, both_passes(50.0), both_passes(90.0, environment=ELSEWHERE))
    assert {each.kind for each in found.findings} == {"setup"}
    assert [(figure.before, figure.after) for figure in next(iter(found.figures.values()))] == [("-", "-")]


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"parameters": 5}, "parameters"),
        ({"parameters_trainable": 5}, "parameters_trainable"),
        ({"work": None}, "multiply_adds"),
    ],
)
def test_other_work_of_a_step_is_a_regression(tmp_path: Path, other: dict[str, Any], field: str):
    found = judged(tmp_path, both_passes(50.0), both_passes(50.0, **other))
    assert kinds(found.of("regression")) == [("structure", "regression", field)]


def test_more_memory_than_the_margin_is_a_regression(tmp_path: Path):
    much = Memory(kind="anonymous", peak_bytes=3_000_000_000, inherited_bytes=300_000_000)
    found = judged(tmp_path, both_passes(50.0), both_passes(50.0, memory=much))
    assert kinds(found.findings) == [("memory", "regression", "peak_memory_bytes")]


def test_memory_that_is_no_longer_told_is_a_regression(tmp_path: Path):
    found = judged(tmp_path, both_passes(50.0), both_passes(50.0, memory=None))
    assert kinds(found.findings) == [("memory", "regression", "peak_memory_bytes")]
    assert found.exit_code == 1


def test_memory_that_the_baseline_does_not_tell_is_undecided(tmp_path: Path):
    found = judged(tmp_path, both_passes(50.0, memory=None), both_passes(50.0))
    assert kinds(found.findings) == [("memory", "undecided", "peak_memory_bytes")]


def test_cells_that_are_lost_fail_or_are_new_are_told(tmp_path: Path):
    before = [*both_passes(50.0), *both_passes(50.0, backbone="VGG16")]
    lost = judged(tmp_path / "lost", before, before[:2])
    assert [(each.severity, each.after) for each in lost.findings] == [("regression", "is not in the plan")]
    failing = [*before[:2], failed_timing(backbone="VGG16"), failed_timing(backbone="VGG16", in_pass=2)]
    failed = judged(tmp_path / "failed", before, failing)
    assert [(each.severity, each.after) for each in failed.findings] == [
        ("regression", "ended with oom: `no memory`")
    ]
    back = judged(tmp_path / "back", failing, before)
    assert [each.severity for each in back.findings] == ["improved"]
    both = judged(tmp_path / "both", failing, failing)
    assert [each.severity for each in both.findings] == ["undecided"]
    new = judged(tmp_path / "new", before[:2], before)
    assert [(each.severity, each.message) for each in new.findings] == [("new", "is new")]
    broken = judged(tmp_path / "broken", before[:2], failing)
    assert [each.severity for each in broken.findings] == ["regression"]


def test_versions_and_commits_are_told(tmp_path: Path):
    newer = ENVIRONMENT.model_copy(update={"libraries": {"keras": "3.1", "tensorflow": "2.0"}})
    check = selfcheck().model_copy(update={"environment": newer})
    after = both_passes(50.0, environment=newer, commit="ba9876543210")
    found = judged(tmp_path, both_passes(50.0), after, checks=[check])
    assert {each.field for each in found.findings} == {"library.keras", "commit"}


def test_another_schema_version_is_not_comparable(tmp_path: Path):
    folder = timing_run(tmp_path / "baseline", both_passes())
    timing_run(tmp_path / "current", both_passes())
    record = next(folder.records.glob("*.json"))
    record.write_text(record.read_text().replace('"schema_version": 1', '"schema_version": 7'))
    with pytest.raises(NotComparableError, match="schema version 7"):
        compare_folders(folder.path, tmp_path / "current")


def test_a_baseline_without_a_record_is_none(tmp_path: Path):
    timing_run(tmp_path / "baseline", [], missing=["a"])
    timing_run(tmp_path / "current", both_passes())
    with pytest.raises(NoBaselineError):
        compare_folders(tmp_path / "baseline", tmp_path / "current")


def test_what_was_timed_says_when_and_at_which_commit(tmp_path: Path):
    found = judged(tmp_path, [*both_passes(50.0)], both_passes(50.0))
    assert (found.baseline.matrix, found.baseline.commits) == ("tiny", ("0123456789ab",))
    assert found.baseline.started == STARTED
