"""The report of a history: steps as sentences, a table a cell, pictures, JSON that says the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import failed_record, finished_run
from fakes_compare import DISTURBED, steps
from fakes_history import commit_of, environment, nights, result, timed_night
from tables import section, table

from harness.analysis.history import History, read_history
from harness.reports.history import MOST_SHOWN, render_history, render_history_markdown, write_history
from harness.reports.history_facts import history_facts

SLOWER = (20.3, 19.8, 20.1, 19.9, 20.2, 26.0, 25.8, 26.2, 26.1, 25.9)


@pytest.fixture
def slower(tmp_path: Path) -> History:
    """Ten nights, the train step 30 % slower from the sixth on."""
    return read_history([nights(tmp_path / "runs", *[900] * 10, trains=SLOWER)])


def markdown(history: History) -> str:
    return render_history_markdown(history, {})


def cells(history: History) -> list[dict[str, str]]:
    """The table of the runs of the one cell."""
    part = section(markdown(history), "Cells")
    return table(part.split("\n\n| metric")[0])


def test_a_step_is_told_with_its_size_and_both_commits(slower: History):
    told = section(markdown(slower), "Steps")
    assert "train +29 % (20.1 to 26.0 ms/step), worse: " in told
    assert (
        f"after {commit_of(4)} (2025-01-05), with {commit_of(5)} (2025-01-06); versions are the same" in told
    )


def test_the_terminal_tells_the_same_step(slower: History):
    text = render_history(slower)
    assert text.startswith("1 cell in 10 runs on 1 machine, 2025-01-01 to 2025-01-10.")
    assert "- train +29 % (20.1 to 26.0 ms/step), worse: after" in text


def test_an_accuracy_moves_by_points_and_a_loss_by_nats(tmp_path: Path):
    told = section(markdown(read_history([nights(tmp_path, 900, 900, 870, 870)])), "Steps")
    assert "test accuracy -3.0 points (90.0 to 87.0 %), worse" in told
    assert "test loss +0.066 nats (0.325 to 0.391 nats), worse" in told


def test_a_gain_is_called_better(tmp_path: Path):
    told = render_history(read_history([nights(tmp_path, 870, 870, 900, 900)]))
    assert "test accuracy +3.0 points (87.0 to 90.0 %), better" in told


def test_changed_versions_stand_beside_the_step_and_in_the_table(tmp_path: Path):
    for night in range(4):
        changed = environment(keras="3.1" if night >= 2 else "3.0")
        finished_run(tmp_path / f"{night}", [result(night, 900 - 30 * (night >= 2), environment=changed)])
    found = read_history([tmp_path])
    assert "changed there: keras 3.0 to 3.1" in section(markdown(found), "Steps")
    told = [line["changed from the run before"] for line in cells(found)]
    assert told == ["-", "", "keras 3.0 to 3.1", ""]


def test_a_step_between_runs_of_one_key_is_not_the_codes(tmp_path: Path):
    found = read_history([nights(tmp_path, *[900] * 10, trains=SLOWER, key="f" * 64)])
    assert "nothing that a result depends on changed there" in section(markdown(found), "Steps")


def test_every_value_stands_with_its_interval_and_a_step_is_marked(slower: History):
    lines = cells(slower)
    assert [line["commit"] for line in lines] == [commit_of(night) for night in range(10)]
    assert lines[0]["test accuracy (%)"] == "90.0 (88.0 to 91.7)"
    assert lines[0]["train (ms/step)"] == "20.3 (20.3 to 20.3)"
    assert lines[5]["train (ms/step)"] == "26.0 (26.0 to 26.0), step"


def test_a_doubt_and_a_failure_stand_in_place_of_a_plain_value(tmp_path: Path):
    nights(tmp_path, 900)
    finished_run(tmp_path / "1", [result(1, times=steps(60.0, state=DISTURBED))])
    failed = failed_record("oom", "no memory", commit=commit_of(2), started=result(2)[0].started)
    finished_run(tmp_path / "2", [(failed, None)])
    lines = cells(read_history([tmp_path], metrics=["train_ms"]))
    assert [line["train (ms/step)"] for line in lines] == [
        "20.0 (20.0 to 20.0)",
        "60.0 (60.0 to 60.0), disturbed",
        "oom",
    ]


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_with_few_runs_it_says_how_many_a_step_needs(tmp_path: Path):
    text = one_line(render_history(read_history([nights(tmp_path, 900)])))
    assert "No step can be told yet in 6 series (a metric of a cell). " in text
    assert "Where values have noise, a step needs 6 runs with a value that counts." in text


def test_without_a_step_it_says_in_how_many_metrics_none_was_found(tmp_path: Path):
    text = one_line(render_history(read_history([nights(tmp_path, *[900] * 7)])))
    assert "6 of 6 series (a metric of a cell) could be judged: none of them moved beyond its noise." in text
    assert "have fewer" not in text


def test_what_could_not_be_judged_is_not_said_to_have_stayed(tmp_path: Path):
    """Of four runs an accuracy and a loss that repeat can be judged, and nothing that has noise."""
    history = read_history([nights(tmp_path, *[900] * 4)])
    for text in (render_history(history), section(markdown(history), "Steps")):
        assert "2 of 6 series (a metric of a cell) could be judged: none of them moved" in one_line(text)
        assert "with a value that counts: 4 series have fewer." in one_line(text)
    facts = history_facts(history)
    assert (facts["series"], facts["series_judged"]) == (6, 2)


def test_what_moved_is_counted_among_what_could_be_judged(slower: History):
    assert "6 of 6 series (a metric of a cell) could be judged: 1 of them moved." in one_line(
        markdown(slower)
    )


def test_cells_that_all_failed_leave_nothing_to_judge(tmp_path: Path):
    failed = failed_record("oom", "no memory")
    finished_run(tmp_path, [(failed, None)])
    assert "No cell has a result, so there is nothing to judge." in render_history(read_history([tmp_path]))


def test_what_lies_between_the_runs_of_a_step_is_told_by_its_kind(tmp_path: Path):
    """An outlier has a value that counts; only one in doubt does not, and a failed run has none."""
    nights(tmp_path, *[900] * 8, trains=(*SLOWER[:4], 60.0, *SLOWER[5:8]))
    for night in range(8, 13):
        finished_run(tmp_path / f"night-{night:02d}", [result(night, train=SLOWER[night - 3])])
    finished_run(tmp_path / "night-05", [result(5, times=steps(60.0, state=DISTURBED))])
    failed = failed_record("oom", "no memory", commit=commit_of(6), started=result(6)[0].started, size=160)
    finished_run(tmp_path / "night-06", [(failed, None)])
    found = read_history([tmp_path], metrics=["train_ms"])
    told = section(markdown(found), "Steps")
    between = "between them 1 outlier, 1 run with a value in doubt, 1 run without a value"
    assert f"with {commit_of(7)} (2025-01-08); {between}; versions are the same" in told


def test_outliers_beside_a_step_are_values_that_count(tmp_path: Path):
    trains = (*SLOWER[:4], 60.0, *SLOWER[5:])
    text = render_history(read_history([nights(tmp_path, *[900] * 10, trains=trains)]))
    assert "; between them 1 outlier; " in one_line(text)
    assert "without a value" not in text
    assert "10 of 10" in text


def test_newest_values_far_off_are_told_and_not_called_a_step(tmp_path: Path):
    found = read_history([nights(tmp_path, *[900] * 10, trains=(*SLOWER[:5], *SLOWER[:4], 40.0))])
    told = section(markdown(found), "Steps")
    assert f"train: the newest value lies far off the level before, from {commit_of(9)} on" in told


def test_another_machine_is_named_and_set_apart(tmp_path: Path):
    nights(tmp_path, 900, 900)
    finished_run(tmp_path / "x", [result(5, environment=environment(processor="Another | one"))])
    text = markdown(read_history([tmp_path]))
    assert "- machine 1: A Processor, 2 cores" in text
    assert r"- machine 2: Another \| one, 2 cores" in text
    assert text.count("\n### ") == 2


def test_other_images_stand_apart_by_their_hash(tmp_path: Path):
    nights(tmp_path, 900)
    finished_run(tmp_path / "x", [result(5, manifest="b" * 64)])
    text = markdown(read_history([tmp_path]))
    assert "There are 2 sets of images" in text
    assert "images bbbbbbbbbbbb" in text


def test_what_was_left_out_is_named(tmp_path: Path):
    nights(tmp_path, 900)
    finished_run(tmp_path / "قطط", [])
    text = render_history(read_history([tmp_path]))
    assert "Left out: " in text
    assert "قطط" in text
    assert "it has no records yet" in text


def test_the_terminal_counts_the_values_that_count(tmp_path: Path):
    """Twelve runs, eight of them in doubt: too few values, not too few runs."""
    nights(tmp_path, *[900] * 4)
    for night in range(4, 12):
        finished_run(tmp_path / f"{night}", [result(night, times=steps(60.0, state=DISTURBED))])
    text = render_history(read_history([tmp_path], metrics=["train_ms"]))
    (line,) = (line for line in text.splitlines() if line.startswith("train (ms/step)"))
    assert "4 of 12" in line
    assert line.endswith("too few that count")


def test_a_cell_on_two_machines_is_one_cell_with_two_histories(tmp_path: Path):
    names = [f"Net{number}" for number in range(MOST_SHOWN - 2)]
    finished_run(tmp_path / "a", [result(0, backbone=name) for name in names])
    other = environment(processor="Another")
    finished_run(tmp_path / "b", [result(0, backbone=name, environment=other) for name in names])
    text = one_line(render_history(read_history([tmp_path])))
    assert text.startswith(f"{len(names)} cells in 2 runs on 2 machines, ")
    assert f"In all {2 * len(names)} histories: each machine and set of images has its own." in text
    assert f"{2 * len(names) - MOST_SHOWN} more histories without room here" in text


def test_many_reasons_for_what_was_left_out_are_counted(tmp_path: Path):
    nights(tmp_path, *[900] * 12)
    for number, path in enumerate(sorted(tmp_path.glob("night-*/records/*.json"))[:11]):
        path.write_text("{" + " " * number + "x", encoding="utf-8")  # the message names the column
    text = markdown(read_history([tmp_path]))
    assert text.count("Left out: ") == 9
    assert "Left out: 3 more for other reasons" in text


def test_many_cells_are_counted_in_the_terminal_those_with_steps_first(tmp_path: Path):
    for night in range(4):
        moved = result(night, 900 - 30 * (night >= 2), backbone="ZNet")
        rows = [result(night, backbone=f"Net{number}") for number in range(MOST_SHOWN + 2)]
        finished_run(tmp_path / f"{night}", [*rows, moved])
    text = render_history(read_history([tmp_path]))
    assert "3 more cells without room here" in text
    assert text.index("ZNet/") < text.index("Net0/")


def test_a_terminal_keeps_its_width_but_for_names(slower: History):
    text = render_history(slower, width=70)
    assert max(len(line) for line in text.splitlines() if "/float32" not in line) <= 70


def test_json_says_what_the_report_says(slower: History):
    facts: Any = json.loads(json.dumps(history_facts(slower), allow_nan=False))
    (machine,) = facts["machines"]
    (cell,) = machine["cells"]
    assert [run["commit"] for run in cell["runs"]] == [commit_of(night) for night in range(10)]
    train = cell["metrics"]["train_ms"]
    assert [each["value"] for each in train["values"]] == pytest.approx(SLOWER)
    (step,) = train["steps"]
    assert (step["last_before"]["commit"], step["first_after"]["commit"]) == (commit_of(4), commit_of(5))
    assert step["text"] in markdown(slower)
    assert cell["metrics"]["test_accuracy"]["steps"] == []


def test_files_are_written_with_a_picture_for_each_cell_of_two_runs(tmp_path: Path):
    for night in range(2):
        rows = [result(night), result(night, recipe="терпеливый")]
        finished_run(
            tmp_path / "runs" / f"{night}", [*rows, *([result(0, backbone="VGG16")] if not night else [])]
        )
    written = write_history(read_history([tmp_path / "runs"]), tmp_path / "out")
    assert {path.name for path in written} == {path.name for path in (tmp_path / "out").iterdir()}
    assert sorted(path.suffix for path in written) == [".json", ".md", ".png", ".png", ".svg", ".svg"]
    text = (tmp_path / "out" / "history.md").read_text(encoding="utf-8")
    assert all(f"]({path.name})" in text for path in written if path.suffix == ".png")


def test_the_same_runs_give_the_same_files(slower: History, tmp_path: Path):
    first = [path.read_bytes() for path in write_history(slower, tmp_path / "one")]
    assert [path.read_bytes() for path in write_history(slower, tmp_path / "two")] == first


def test_timing_runs_are_told_in_the_same_way(tmp_path: Path):
    for night, time in enumerate(SLOWER):
        timed_night(tmp_path / f"{night}", night, time)
    told = section(markdown(read_history([tmp_path])), "Steps")
    assert "inference +29 % (20.1 to 26.0 ms/step), worse" in told
