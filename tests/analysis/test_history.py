"""Histories: values in the order of time, what is joined and what is not, and the commit of each step."""

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import ENVIRONMENT, failed_record, finished_run
from fakes_compare import DISTURBED, steps
from fakes_history import commit_of, environment, nights, result, timed_night

from harness.analysis.history import CellHistory, History, Series, changed, read_history
from harness.errors import UserError

NOISY = [20.3, 19.8, 20.1, 19.9, 20.2, 20.0, 19.7, 20.2, 20.1, 19.9]


def only(history: History) -> CellHistory:
    (cell,) = history.cells
    return cell


def series(history: History, name: str) -> Series:
    (found,) = (each for each in only(history).series if each.metric.name == name)
    return found


def steps_of(history: History, name: str) -> list[tuple[str, str]]:
    """The commits before and after each step of a metric."""
    cell, found = only(history), series(history, name)
    return [(cell.entries[each.before].commit, cell.entries[each.after].commit) for each in found.steps]


def run(folder: Path, night: int, **changed: Any) -> Path:
    return finished_run(folder / f"run-{night}", [result(night, **changed)]).path


# What is read


def test_runs_stand_in_the_order_of_time_whatever_their_names_say(tmp_path: Path):
    finished_run(tmp_path / "a", [result(5)])
    finished_run(tmp_path / "b", [result(1)])
    finished_run(tmp_path / "c", [result(3)])
    found = only(read_history([tmp_path]))
    assert [entry.commit for entry in found.entries] == [commit_of(night) for night in (1, 3, 5)]


def test_the_order_of_the_arguments_has_no_part(tmp_path: Path):
    """Two of the runs started in the same second, and one of them is there twice."""
    runs = [run(tmp_path, 0), run(tmp_path, 1), run(tmp_path, 2, started=result(1)[0].started)]
    runs.append(finished_run(tmp_path / "copy", [result(1)]).path)
    found = [read_history(order) for order in permutations(runs)]
    assert all(each == found[0] for each in found)
    assert (found[0].doubled, only(found[0]).tied) == (1, 1)


def test_a_run_named_twice_counts_once(tmp_path: Path):
    one = run(tmp_path, 0)
    found = read_history([one, tmp_path, one])
    assert (found.runs, found.doubled, len(only(found).entries)) == (1, 0, 1)


def test_one_run_is_a_history_without_steps(tmp_path: Path):
    found = read_history([run(tmp_path, 0)])
    assert {each.kind for each in only(found).series} == {"few"}
    assert only(found).steps == 0


def test_a_cell_that_failed_in_a_run_is_told_and_no_value(tmp_path: Path):
    nights(tmp_path, 900, 900)
    name = result(2)[0].name
    failed = failed_record("oom", "no memory", commit=commit_of(2), started=result(2)[0].started, size=160)
    assert failed.name == name
    finished_run(tmp_path / "night-02", [(failed, None)])
    found = read_history([tmp_path])
    assert [entry.failure for entry in only(found).entries] == ["", "", "oom"]
    assert series(found, "test_accuracy").readings[2] is None
    assert "inter_op threads" in only(found).entries[1].facts
    assert "threads" not in " ".join(changed(only(found).entries[1], only(found).entries[2]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "no such folder"),
        (lambda path: path.mkdir() or path, "no run is in this folder"),
        (lambda path: path.write_text("x") and path, "expected a folder, found a file"),
        (lambda path: finished_run(path, []).path, "it has no records yet"),
    ],
)
def test_what_is_no_run_is_told(make: Any, message: str, tmp_path: Path):
    with pytest.raises(UserError, match=message):
        read_history([make(tmp_path / "there")])


def test_several_runs_without_a_record_are_each_named(tmp_path: Path):
    for name in ("one", "two"):
        finished_run(tmp_path / name, [])
    with pytest.raises(UserError, match="expected runs with records, found none") as caught:
        read_history([tmp_path])
    assert all(f"/{name}: it has no records yet" in caught.value.hint for name in ("one", "two"))


def test_where_nothing_is_left_the_damaged_file_is_the_error(tmp_path: Path):
    path = next((run(tmp_path, 0) / "records").glob("*.json"))
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="damaged, and no record any more") as caught:
        read_history([tmp_path])
    assert caught.value.where == str(path)
    assert caught.value.hint.startswith("Delete the file")


def test_where_nothing_is_left_of_several_runs_each_damaged_file_is_named(tmp_path: Path):
    paths = [next((run(tmp_path, night) / "records").glob("*.json")) for night in range(2)]
    for path in paths:
        path.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="expected runs with records, found none") as caught:
        read_history([tmp_path])
    assert all(path.name in caught.value.hint for path in paths)


def test_a_damaged_night_among_others_is_left_out_and_the_rest_is_told(tmp_path: Path):
    nights(tmp_path, 900, 900, 870, 870)
    path = next((tmp_path / "night-01" / "records").glob("*.json"))
    path.write_bytes(path.read_bytes()[:100])
    found = read_history([tmp_path])
    assert steps_of(found, "test_accuracy") == [(commit_of(0), commit_of(2))]
    assert (found.runs, [left.file for left in found.unread]) == (3, [f"records/{path.name}"])


def test_the_runs_that_are_counted_are_those_of_the_cells_that_were_chosen(tmp_path: Path):
    run(tmp_path, 0)
    run(tmp_path, 1, backbone="VGG16")
    assert read_history([tmp_path]).runs == 2
    assert read_history([tmp_path], cells="VGG16").runs == 1


@pytest.mark.parametrize("name", ["run.json", "records/*.json"])
def test_another_schema_version_is_left_out_and_named(name: str, tmp_path: Path):
    run(tmp_path, 0)
    old = run(tmp_path, 1)
    (file,) = old.glob(name)
    text = file.read_text(encoding="utf-8").replace('"schema_version": 1', '"schema_version": 0')
    file.write_text(text, encoding="utf-8")
    found = read_history([tmp_path])
    assert [entry.commit for entry in only(found).entries] == [commit_of(0)]
    (left,) = found.unread
    assert left.run == "/".join(old.parts[-2:])
    assert "schema version" in left.reason


def test_a_metric_that_no_run_has_is_told_with_those_they_have(tmp_path: Path):
    run(tmp_path, 0)
    with pytest.raises(UserError, match="no run has a value of gap_opens_at") as caught:
        read_history([tmp_path], metrics=["gap_opens_at"])
    assert "test_accuracy" in caught.value.hint


def test_cells_are_chosen_by_name(tmp_path: Path):
    finished_run(tmp_path / "run", [result(0), result(0, backbone="VGG16")])
    assert only(read_history([tmp_path], cells="vgg16")).cell.startswith("VGG16/")
    with pytest.raises(UserError, match="unknown cell"):
        read_history([tmp_path], cells="ResNet50")


# What is joined


def test_other_images_are_another_series(tmp_path: Path):
    run(tmp_path, 0)
    run(tmp_path, 1, manifest="b" * 64)
    found = read_history([tmp_path])
    assert [len(cell.entries) for cell in found.cells] == [1, 1]
    assert {cell.manifest[0] for cell in found.cells} == {"a", "b"}


def test_another_machine_has_a_history_of_its_own_the_one_with_most_runs_first(tmp_path: Path):
    run(tmp_path, 0, environment=environment(processor="Another"))
    run(tmp_path, 1)
    run(tmp_path, 2)
    found = read_history([tmp_path])
    assert [machine.processor for machine in found.machines] == ["A Processor", "Another"]
    assert [len(cell.entries) for cell in found.cells] == [2, 1]


@pytest.mark.parametrize(
    "facts",
    [
        {"keras": "3.1"},
        {"settings": {"OMP_NUM_THREADS": "1"}},
        {"python": "3.12.0"},
        {"memory_bytes": ENVIRONMENT.memory_bytes - (1 << 20)},
    ],
)
def test_other_versions_and_settings_are_the_same_machine(facts: dict[str, Any], tmp_path: Path):
    run(tmp_path, 0)
    run(tmp_path, 1, environment=environment(**facts))
    assert len(only(read_history([tmp_path])).entries) == 2


def test_a_driver_of_a_gpu_may_change_on_a_machine_and_the_gpu_may_not(tmp_path: Path):
    for night, gpu in enumerate(("A (driver 1)", "A (driver 2)", "B (driver 2)")):
        run(tmp_path, night, environment=environment(gpus=(gpu,)))
    assert [len(cell.entries) for cell in read_history([tmp_path]).cells] == [2, 1]


def test_timing_runs_have_a_history_too(tmp_path: Path):
    for night, time in enumerate(NOISY[:5] + [1.3 * each for each in NOISY[5:]]):
        timed_night(tmp_path / f"{night}", night, time)
    found = read_history([tmp_path])
    assert steps_of(found, "inference_ms") == [(commit_of(4), commit_of(5))]
    assert [each.metric.name for each in only(found).series] == ["inference_ms", "peak_memory_bytes"]


# Steps


def test_a_slower_step_is_named_by_the_commits_on_both_sides(tmp_path: Path):
    trains = (*NOISY[:5], *(1.3 * each for each in NOISY[5:]))
    found = read_history([nights(tmp_path, *[900] * 10, trains=trains)])
    assert steps_of(found, "train_ms") == [(commit_of(4), commit_of(5))]
    (step,) = series(found, "train_ms").steps
    assert step.share == pytest.approx(0.3, abs=0.03)
    assert steps_of(found, "test_accuracy") == []


def test_noise_alone_is_no_step(tmp_path: Path):
    found = read_history([nights(tmp_path, *[900] * 10, trains=tuple(NOISY))])
    assert only(found).steps == 0
    assert series(found, "train_ms").noise == pytest.approx(0.012, abs=0.008)


def test_an_accuracy_without_noise_moves_with_any_change(tmp_path: Path):
    found = read_history([nights(tmp_path, 900, 900, 900, 899)])
    assert series(found, "test_accuracy").kind == "exact"
    assert steps_of(found, "test_accuracy") == [(commit_of(2), commit_of(3))]
    assert steps_of(found, "test_loss") == [(commit_of(2), commit_of(3))]


def test_an_accuracy_that_never_repeats_has_noise(tmp_path: Path):
    found = read_history([nights(tmp_path, 900, 903, 898, 901, 899, 902, 870, 873, 868, 871)])
    assert series(found, "test_accuracy").kind == "noisy"
    assert steps_of(found, "test_accuracy") == [(commit_of(5), commit_of(6))]


def test_the_same_inputs_with_another_result_are_noise_and_no_step(tmp_path: Path):
    """Of one key nothing has changed that a result depends on."""
    found = read_history([nights(tmp_path, 900, 900, 900, 899, key="f" * 64)])
    assert series(found, "test_accuracy").kind == "few"
    assert steps_of(found, "test_accuracy") == []


def test_accuracies_that_agree_by_chance_are_no_proof_of_determinism(tmp_path: Path):
    """Their losses differ, so the trainings did."""
    for night, (right, loss) in enumerate([(900, 0.21), (900, 0.22), (890, 0.23)]):
        made, predictions = result(night, right)
        measured = made.measured.model_copy(update={"test_loss": loss})
        finished_run(tmp_path / f"{night}", [(made.model_copy(update={"measured": measured}), predictions)])
    assert series(read_history([tmp_path]), "test_accuracy").kind == "few"


def test_counts_have_no_noise_even_of_two_runs(tmp_path: Path):
    for night, count in enumerate((100, 200)):
        made, predictions = result(night)
        measured = made.measured.model_copy(update={"parameters_trainable": count})
        finished_run(tmp_path / f"{night}", [(made.model_copy(update={"measured": measured}), predictions)])
    found = read_history([tmp_path], metrics=["parameters_trainable"])
    assert steps_of(found, "parameters_trainable") == [(commit_of(0), commit_of(1))]


def test_one_count_alone_cannot_be_judged(tmp_path: Path):
    run(tmp_path, 0)
    found = read_history([tmp_path], metrics=["parameters_trainable"])
    assert series(found, "parameters_trainable").kind == "few"


def test_twice_the_memory_is_a_step_though_memory_never_varied(tmp_path: Path):
    for night in range(8):
        made, predictions = result(night)
        assert made.memory is not None
        memory = made.memory.model_copy(update={"peak_bytes": 10**9 * (2 if night >= 4 else 1)})
        finished_run(tmp_path / f"{night}", [(made.model_copy(update={"memory": memory}), predictions)])
    assert steps_of(read_history([tmp_path]), "peak_memory_bytes") == [(commit_of(3), commit_of(4))]


def test_with_few_runs_no_step_is_invented(tmp_path: Path):
    trains = (20.0, 20.1, 20.0, 40.0, 40.1)
    found = read_history([nights(tmp_path, *[900] * 5, trains=trains)])
    assert series(found, "train_ms").kind == "few"
    assert steps_of(found, "train_ms") == []


def test_one_slow_run_is_an_outlier(tmp_path: Path):
    trains = (*NOISY[:4], 40.0, *NOISY[5:])
    found = series(read_history([nights(tmp_path, *[900] * 10, trains=trains)]), "train_ms")
    assert (found.steps, found.outliers, found.unsettled) == ((), (4,), ())


def test_slow_runs_at_the_end_are_not_settled(tmp_path: Path):
    trains = (*NOISY[:8], 30.0, 30.1)
    found = series(read_history([nights(tmp_path, *[900] * 10, trains=trains)]), "train_ms")
    assert (found.steps, found.outliers, found.unsettled) == ((), (8, 9), (8, 9))


def test_a_time_in_doubt_counts_for_no_step(tmp_path: Path):
    nights(tmp_path, *[900] * 10, trains=tuple(NOISY))
    disturbed = steps(60.0, state=DISTURBED)
    finished_run(tmp_path / "night-10", [result(10, times=disturbed)])
    found = series(read_history([tmp_path]), "train_ms")
    assert found.used == tuple(range(10))
    assert found.readings[10] is not None
    assert found.readings[10].doubt == "disturbed"


def test_a_step_is_told_across_runs_without_a_value_that_counts(tmp_path: Path):
    nights(tmp_path, *[900] * 10, trains=(*NOISY[:5], *(2 * each for each in NOISY[5:])))
    finished_run(tmp_path / "night-05", [result(5, times=steps(60.0, state=DISTURBED))])
    assert steps_of(read_history([tmp_path]), "train_ms") == [(commit_of(4), commit_of(6))]


def test_times_cannot_move_by_less_than_their_machine_resolves(tmp_path: Path):
    """Blocks that differ by 40 % within each process: a step of 4 % is not to be told."""
    low = (18.0, 22.0) * 5
    for night in range(12):
        factor = 1.04 if night >= 6 else 1.0
        times = steps(*(factor * each for each in low))
        finished_run(tmp_path / "unsteady" / f"{night}", [result(night, times=times)])
        finished_run(tmp_path / "steady" / f"{night}", [result(night, times=steps(20 * factor))])
    assert steps_of(read_history([tmp_path / "steady"]), "train_ms") == [(commit_of(5), commit_of(6))]
    assert steps_of(read_history([tmp_path / "unsteady"]), "train_ms") == []


def test_timing_runs_tell_what_the_machine_resolves_for_its_other_runs(tmp_path: Path):
    from fakes_timing import selfcheck

    trains = (*NOISY[:5], *(1.1 * each for each in NOISY[5:]))
    nights(tmp_path / "runs", *[900] * 10, trains=trains)
    unsteady = selfcheck(a=(50.0, 70.0, 40.0), b=(65.0, 45.0, 55.0))
    timed_night(tmp_path / "timings", 20, 50.0, checks=[unsteady])
    alone = read_history([tmp_path / "runs"])
    assert len(series(alone, "train_ms").steps) == 1
    both = read_history([tmp_path / "runs", tmp_path / "timings"])
    (cell,) = (each for each in both.cells if each.manifest)
    (found,) = (each for each in cell.series if each.metric.name == "train_ms")
    assert found.steps == ()


def test_a_step_tells_what_changed_beside_the_commit(tmp_path: Path):
    for night in range(4):
        environment_of_night = environment(keras="3.1" if night >= 2 else "3.0")
        run(tmp_path, night, right=900 - 10 * (night >= 2), environment=environment_of_night)
    (step,) = series(read_history([tmp_path]), "test_accuracy").steps
    assert step.changed == ("keras 3.0 to 3.1",)


def test_a_changed_recipe_and_other_weights_are_told(tmp_path: Path):
    for night in range(4):
        made, predictions = result(night, 900 - 10 * (night >= 2))
        if night >= 2:
            recipe = made.recipe.model_copy(update={"dropout": 0.25})
            weights = made.weights.model_copy(update={"sha256": "c" * 64})
            made = made.model_copy(update={"recipe": recipe, "weights": weights})
        finished_run(tmp_path / f"{night}", [(made, predictions)])
    (step,) = series(read_history([tmp_path]), "test_accuracy").steps
    assert step.changed == ("recipe dropout 0.5 to 0.25", "weights w.h5 bbbbbbbbbbbb to w.h5 cccccccccccc")


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_the_unit_of_a_time_has_no_part_in_its_steps(factor: float, tmp_path: Path):
    random = np.random.default_rng(1)
    trains = 20 * np.exp(0.02 * random.normal(size=12)) * np.where(np.arange(12) < 7, 1.0, 1.3)
    nights(tmp_path / "plain", *[900] * 12, trains=tuple(trains))
    nights(tmp_path / "scaled", *[900] * 12, trains=tuple(factor * trains))
    plain, scaled = (read_history([tmp_path / name]) for name in ("plain", "scaled"))
    assert steps_of(plain, "train_ms") == steps_of(scaled, "train_ms") == [(commit_of(6), commit_of(7))]
