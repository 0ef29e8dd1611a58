"""Two folders compared as a whole."""

from pathlib import Path
from typing import Any

import pytest
from fakes import Row, epoch, failed_record, finished_run
from fakes_compare import DISTURBED, steps, trial
from fakes_judged import ELSEWHERE, changed, judged, kinds, usual_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.comparison.compare import compare_folders
from harness.comparison.sides import NoBaselineError, NotComparableError
from harness.errors import UserError

rows = st.lists(
    st.builds(
        trial,
        st.integers(0, 1000),
        first=st.integers(0, 999),
        backbone=st.sampled_from(["VGG16", "VGG19", "Xception"]),
        seed=st.integers(0, 3),
        train=st.sampled_from([steps(20.0), steps(40.0, state=DISTURBED)]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda row: row[0].name,
)


def test_a_run_without_a_change_passes_with_every_cell_unchanged(tmp_path: Path):
    found = judged(tmp_path, usual_rows(), usual_rows())
    assert (found.exit_code, found.findings) == (0, ())
    assert found.unchanged == found.cells == tuple(row[0].name for row in usual_rows())


@given(rows)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_with_itself_never_finds_anything_but_times(
    tmp_path_factory: pytest.TempPathFactory, some: list[Row]
):
    found = judged(tmp_path_factory.mktemp("same"), some, some)
    assert {each.kind for each in found.findings} <= {"time"}
    assert found.exit_code == 0


def test_a_regression_fails_and_swapped_is_an_improvement(tmp_path: Path):
    there = judged(tmp_path / "there", [trial(950)], [trial(900)])
    back = judged(tmp_path / "back", [trial(900)], [trial(950)])
    assert ("accuracy", "regression", "test_accuracy") in kinds(there.findings)
    assert ("accuracy", "improved", "test_accuracy") in kinds(back.findings)
    assert (there.exit_code, back.exit_code) == (1, 0)


def test_the_worst_comes_first(tmp_path: Path):
    before = [trial(950), trial(900, backbone="VGG16")]
    after = [
        trial(950, train=steps(200.0)),
        trial(850, backbone="VGG16", commit="ba9876543210"),
        trial(900, backbone="Xception"),
    ]
    order = ["regression", "undecided", "changed", "advisory", "improved", "new", "within"]
    told = [each.severity for each in judged(tmp_path, before, after).findings]
    assert told == sorted(told, key=order.index)
    assert set(told) >= {"regression", "changed", "advisory", "new"}


def test_what_differs_in_all_cells_is_said_once(tmp_path: Path):
    after = [changed(row, commit="ba9876543210") for row in usual_rows()]
    (one,) = judged(tmp_path, usual_rows(), after).findings
    assert (one.field, one.cells) == ("commit", tuple(row[0].name for row in usual_rows()))


def test_another_machine_makes_times_incomparable_and_nothing_else(tmp_path: Path):
    def elsewhere(right: int) -> Row:
        row = trial(right, train=steps(500.0), environment=ELSEWHERE)
        memory = row[0].memory
        assert memory is not None
        return changed(row, memory=memory.model_copy(update={"peak_bytes": 9_000_000_000}))

    found = judged(tmp_path, [trial(950)], [elsewhere(900)])
    assert {each.kind for each in found.findings} == {"accuracy", "loss", "memory", "setup"}
    assert found.exit_code == 1
    (figures,) = found.figures.values()
    assert {figure.heading: (figure.before, figure.after) for figure in figures} == {
        "test accuracy (%)": ("95.0", "90.0"),
        "test loss": ("0.215", "0.325"),
        "train (ms/step)": ("-", "-"),
        "inference (ms/step)": ("-", "-"),
        "own memory (MB)": ("600", "8,400"),
    }


def test_twice_the_memory_is_a_regression(tmp_path: Path):
    row = trial(900)
    memory = row[0].memory
    assert memory is not None
    twice = memory.model_copy(update={"peak_bytes": 2 * memory.peak_bytes - memory.inherited_bytes})
    found = judged(tmp_path, [row], [changed(row, memory=twice)])
    assert kinds(found.findings) == [("memory", "regression", "peak_memory_bytes")]


@pytest.mark.parametrize(
    ("told", "lost"),
    [
        ({"train_traces": {"head": 1}}, {"train_traces": {}}),
        ({"history": (epoch(1, validation_images=50),)}, {"history": (epoch(1),)}),
        ({"history": (epoch(1, learning_rate=1e-3),)}, {"history": (epoch(1),)}),
        ({}, {"gap": None}),
        ({}, {"memory": None}),
    ],
)
def test_a_measurement_that_is_lost_fails_and_one_that_is_won_is_undecided(
    told: dict[str, Any], lost: dict[str, Any], tmp_path: Path
):
    before, after = changed(trial(900), **told), changed(trial(900), **lost)
    assert judged(tmp_path / "lost", [before], [after]).exit_code == 1
    won = judged(tmp_path / "won", [after], [before])
    assert (won.exit_code, {each.severity for each in won.findings}) == (0, {"undecided"})


def test_a_step_that_is_no_longer_timed_is_undecided_and_fails_nothing(tmp_path: Path):
    found = judged(tmp_path, [trial(900)], [changed(trial(900), train_step=None)])
    assert kinds(found.findings) == [("time", "undecided", "train_ms")]
    assert (found.exit_code, found.unchanged) == (0, ())


def test_the_baselines_margin_counts_and_not_a_looser_one_of_the_current_run(tmp_path: Path):
    found = judged(tmp_path, [trial(950)], [trial(900)], margins={"test_accuracy": 0.1, "test_loss": 1.0})
    assert found.exit_code == 0
    assert {each.field for each in found.of("changed")} == {"test_accuracy", "test_loss"}


def test_other_images_are_not_comparable(tmp_path: Path):
    with pytest.raises(
        NotComparableError, match="other images: manifest bbbbbbbbbbbb, and the baseline's is aaa"
    ):
        judged(tmp_path, [trial(900)], [trial(900, manifest="b" * 64)])


def test_other_images_of_a_cell_that_is_not_matched_are_no_matter(tmp_path: Path):
    found = judged(tmp_path, [trial(900)], [trial(900), trial(900, backbone="VGG16", manifest="b" * 64)])
    assert kinds(found.findings) == [("cells", "new", "status")]


def test_a_cell_that_failed_has_no_figures_and_its_set_up_is_told(tmp_path: Path):
    gone = failed_record("crashed", "boom", commit="ba9876543210")
    found = judged(tmp_path, [trial(900)], [(gone, None)])
    assert [(each.kind, each.severity) for each in found.findings if each.field in ("status", "commit")] == [
        ("cells", "regression"),
        ("setup", "changed"),
    ]
    assert found.figures == {}


def test_dedicated_is_refused_for_trainings_with_what_to_do(tmp_path: Path):
    with pytest.raises(UserError, match="these are runs of trainings") as caught:
        judged(tmp_path, [trial(900)], [trial(900)], dedicated=True)
    assert "transferbench time" in caught.value.hint


def test_a_record_that_is_lost_from_the_baseline_is_no_improvement(tmp_path: Path):
    finished_run(tmp_path / "baseline", usual_rows())
    finished_run(tmp_path / "current", usual_rows())
    next(tmp_path.glob("baseline/records/VGG16*.json")).unlink()
    with pytest.raises(NoBaselineError, match="no baseline for 1 of 3 cells, which have no record: VGG16/"):
        compare_folders(tmp_path / "baseline", tmp_path / "current")


def test_a_score_that_contradicts_the_predictions_beside_it_is_refused_of_the_baseline_alone(tmp_path: Path):
    good, wrong = trial(900), changed(trial(900), test_accuracy=0.95)
    with pytest.raises(UserError, match=r"recorded as 95.0; its predictions give 90.0") as caught:
        judged(tmp_path / "baseline", [wrong], [good])
    assert "git checkout" in caught.value.hint
    assert "Delete" not in caught.value.hint
    found = judged(tmp_path / "current", [good], [wrong])
    assert kinds(found.findings) == [("record", "regression", "test_accuracy")]


def test_runs_of_one_matrix_without_a_common_cell_are_not_comparable(tmp_path: Path):
    with pytest.raises(NotComparableError, match="has no cell in common"):
        judged(tmp_path, [trial(900)], [trial(900, backbone="VGG16")])


def test_what_was_made_otherwise_stands_before_what_follows_from_it(tmp_path: Path):
    before = trial(900)
    head = before[0].recipe.model_copy(update={"head": "gap-linear"})
    found = judged(tmp_path, [before], [changed(before, recipe=head, parameters=1)])
    assert [each.field for each in found.of("changed")] == ["recipe.head", "parameters"]


def test_times_stand_beside_how_far_all_cells_lie_apart(tmp_path: Path):
    def rows(*milliseconds: float) -> list[Row]:
        times = enumerate(map(steps, milliseconds))
        return [trial(900, seed=seed, first=seed, train=each) for seed, each in times]

    (one,) = judged(tmp_path, rows(*[20.0] * 8), rows(*[20.0] * 7, 30.0)).of("advisory")
    assert one.field == "train_ms"
    assert "95 % of the cells of these two runs lie within 1.00 of the usual ratio" in one.message


def test_runs_of_which_no_cell_has_a_result_in_both_are_not_comparable_unless_one_is_lost(tmp_path: Path):
    gone: Row = (failed_record("crashed", "boom"), None)
    for name, before, after in (("both", gone, gone), ("again", gone, trial(900))):
        with pytest.raises(NotComparableError, match="no cell has a result in both runs"):
            judged(tmp_path / name, [before], [after])
    assert judged(tmp_path / "lost", [trial(900)], [gone]).exit_code == 1


def test_a_margin_that_is_no_number_is_refused(tmp_path: Path):
    finished_run(tmp_path / "baseline", [trial(900)], margins={"test_loss": 0.5})
    finished_run(tmp_path / "current", [trial(900)])
    facts = tmp_path / "baseline" / "run.json"
    facts.write_text(facts.read_text().replace("0.5", "NaN"))
    with pytest.raises(UserError, match=r"margins\.test_loss"):
        compare_folders(tmp_path / "baseline", tmp_path / "current")
