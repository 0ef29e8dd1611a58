"""The columns of a table of rows: the values behind their texts."""

import pytest
from fakes import answers, record, row
from fakes_page import standing, trained
from fakes_standings import DISTURBED, result
from fakes_standings import steps as made

from harness.analysis.device_times import Reading, anywhere, on_devices
from harness.metrics import METRICS
from harness.reports.columns import Column, columns, detailed


def found(heading: str, *rows: tuple[float, dict[str, object]]) -> Column:
    made = [standing(trained(accuracy, **cell)) for accuracy, cell in rows]  # type: ignore[arg-type]
    (column,) = [each for each in detailed(made, every=True) if each.heading == heading]
    return column


def test_values_are_in_full_precision_behind_rounded_texts():
    column = found("test accuracy (%)", (0.98001, {}), (0.98, {"seed": 1}))
    assert (column.texts, column.values) == (("98.0", "98.0"), (0.98001, 0.98))


def test_numbers_among_the_columns_of_a_cell_sort_as_numbers():
    column = found("size (px)", (0.9, {"size": 96}), (0.9, {"size": 224}))
    assert (column.texts, column.values) == (("96", "224"), (96.0, 224.0))


def test_words_sort_as_words():
    column = found("backbone", (0.9, {"backbone": "VGG16"}), (0.9, {"backbone": "Xception"}))
    assert column.values == column.texts == ("VGG16", "Xception")


def test_a_published_figure_has_a_value_and_what_has_none_lacks_one():
    exercise: dict[str, object] = {"recipe": "dog-cat-exercise-01", "backbone": "VGG16", "size": 150}
    tuned = exercise | {"strategy": "fine-tuning", "depth": "blocks:1"}
    column = found("published (%)", (0.9, tuned), (0.9, exercise), (0.9, {}))
    assert column.texts[0] == "94.1"
    assert column.texts[1].endswith(" val.")
    assert column.texts[2] == "-"
    assert column.values[0] == 0.941
    assert column.values[1] == pytest.approx(float(column.texts[1].split()[0]) / 100, abs=0.0005)
    assert column.values[2] is None


def test_every_metric_is_there_only_where_it_is_asked_for():
    rows = [standing(trained(0.9))]
    usual = {each.heading for each in detailed(rows)}
    assert {each.heading for each in METRICS if not each.column}.isdisjoint(usual)
    assert {each.heading for each in METRICS} <= {each.heading for each in detailed(rows, every=True)}


def test_the_texts_of_a_leaderboard_are_those_of_its_columns():
    rows = [standing(trained(0.9)), standing(trained(0.8, seed=1))]
    assert columns(rows) == {each.heading: list(each.texts) for each in detailed(rows)}
    marked = columns(rows, marked=True)["test accuracy (%)"]
    assert marked == ["**90.0**", "80.0"]


def test_times_on_two_devices_have_each_their_values():
    cpu, _ = row(answers(90))
    gpu = record(device="gpu", measured=cpu.measured.model_copy(update={"train_step": None}))
    (first, second) = [
        each
        for each in detailed([standing(cpu)], devices=on_devices([cpu], [cpu, gpu]))
        if each.heading.startswith("train on")
    ]
    assert (first.heading, second.heading) == ("train on cpu (ms/step)", "train on gpu (ms/step)")
    assert (first.values, second.values) == ((pytest.approx(20.0),), (None,))


def bold(*milliseconds: float, **steps: object) -> frozenset[int]:
    """The places of the best of these inference times."""
    rows = [
        standing(result(inference=made(time, **steps), size=100 + place))  # type: ignore[arg-type]
        for place, time in enumerate(milliseconds)
    ]
    (column,) = [each for each in detailed(rows) if each.heading == "inference (ms/step)"]
    return column.best


def test_all_times_that_one_measurement_does_not_tell_from_the_lowest_are_the_best():
    assert bold(100, 129, 131) == {0, 1}


def test_where_one_measurement_tells_no_time_from_the_lowest_none_is_the_best():
    assert bold(100, 129, 110) == frozenset()


def test_a_disturbed_time_is_neither_the_best_nor_what_others_are_told_from():
    assert bold(1, 2, state=DISTURBED) == frozenset()


def test_an_accuracy_is_the_best_only_where_none_is_shown_higher():
    column = found("test accuracy (%)", (0.98, {}), (0.98, {"size": 96}), (0.97, {"size": 128}))
    assert column.best == {0, 1}


@pytest.mark.parametrize(("within", "best"), [(0.05, {0}), (0.5, {0, 1}), (None, {0, 1})])
def test_beside_a_timing_run_of_the_machine_its_resolution_counts(within: float | None, best: set[int]):
    times = (100.0, 110.0, 200.0)
    rows = [standing(result(inference=made(time), size=100 + place)) for place, time in enumerate(times)]
    readings = {
        ("inference_ms", anywhere(row.first)): Reading(time, "", within)
        for row, time in zip(rows, times, strict=True)
    }
    (column,) = [
        each for each in detailed(rows, devices={"cpu": readings}) if each.heading == "inference (ms/step)"
    ]
    assert column.best == best
