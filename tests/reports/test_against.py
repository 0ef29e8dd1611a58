"""Run against run as a page."""

import re
from pathlib import Path

import pytest
from fakes import Row, failed_record, finished_run
from fakes_compare import steps, trial
from fakes_timing import both_passes, timing_run
from tables import section, table

from harness.errors import UserError
from harness.reports.against import render_against


def rendered(folder: Path, first: list[Row], second: list[Row]) -> str:
    paths = folder / "first", folder / "second"
    for path, rows in zip(paths, (first, second), strict=True):
        finished_run(path, rows)
    return render_against(*paths)


def test_a_change_that_is_sure_is_told_and_one_that_is_not_is_not(tmp_path: Path):
    other = trial(900, backbone="VGG16")
    text = rendered(tmp_path, [trial(900), other], [trial(960), trial(902, first=50, backbone="VGG16")])
    accuracy = section(text, "Accuracy")
    assert "The test images tell 1 of 2 rows apart" in accuracy
    assert "- MobileNet-0.25 at 160 px, fast-extraction is better in the second run: +6.0 points." in accuracy
    assert {line["backbone"]: line["verdict"] for line in table(accuracy)} == {
        "MobileNet-0.25 at 160 px": "better",
        "VGG16 at 160 px": "cannot be told apart",
    }


def test_rows_are_named_by_what_tells_them_apart(tmp_path: Path):
    rows = [trial(900), trial(900, recipe="smoke"), trial(500, weights="random")]
    lines = table(section(rendered(tmp_path, rows, rows), "Accuracy"))
    assert {(line["backbone"], line["strategy"]) for line in lines} == {
        ("MobileNet-0.25 at 160 px, recipe default", "fast-extraction (imagenet)"),
        ("MobileNet-0.25 at 160 px, recipe smoke", "fast-extraction (imagenet)"),
        ("MobileNet-0.25 at 160 px, recipe default", "fast-extraction (random)"),
    }


def test_the_same_run_again_says_that_every_answer_is_the_same(tmp_path: Path):
    text = rendered(tmp_path, [trial(900)], [trial(900)])
    assert "Every answer to every image is the same in both runs." in text
    assert "none of 1 row apart" in text


def test_other_images_are_refused_but_their_times_are_compared(tmp_path: Path):
    text = rendered(tmp_path, [trial(900)], [trial(960, manifest="b" * 64, train=steps(10.0))])
    assert "No accuracies are compared" in text
    assert "other images: manifest aaaaaaaaaaaa against bbbbbbbbbbbb" in text
    assert "+6.0" not in text
    assert "second is faster by a factor of 2.00" in section(text, "Time")


def test_runs_without_a_name_in_common_say_so_and_not_that_the_images_differ(tmp_path: Path):
    first = [trial(900, backbone=name) for name in ("VGG16", "VGG19", "Xception", "ResNet50", "ResNet101")]
    text = rendered(tmp_path, first, [trial(900, recipe="smoke")])
    accuracy = section(text, "Accuracy")
    assert "no name of a row is in both runs" in accuracy
    assert "The second has MobileNet-0.25/imagenet/fast-extraction/none/smoke/160px/cpu/float32." in accuracy
    assert "and 2 more" in accuracy
    assert "The images are the same." in accuracy


def test_runs_without_a_name_in_common_on_other_images_are_not_said_to_share_them(tmp_path: Path):
    text = rendered(tmp_path, [trial(900)], [trial(900, backbone="VGG16", manifest="b" * 64)])
    assert "no name of a row is in both runs" in text
    assert "The images are the same." not in text


def test_rows_of_one_run_and_rows_without_a_result_are_named(tmp_path: Path):
    failed = (failed_record("oom", "no memory", seed=1), None)
    text = rendered(tmp_path, [trial(900), trial(900, backbone="VGG16")], [trial(900), failed])
    left = section(text, "Rows that are not compared")
    assert re.search(r"only in the first run: VGG16/", left)
    assert "a seed has no result: MobileNet-0.25/" in left


def test_times_have_a_heading_only_where_there_are_several_machines(tmp_path: Path):
    one, gpu = trial(900), trial(900, device="gpu", train=steps(10.0))
    assert "###" not in rendered(tmp_path / "one", [one], [one])
    several = rendered(tmp_path / "several", [one, gpu], [one, gpu])
    assert re.findall(r"^### .* (cpu|gpu) against .* (cpu|gpu)$", several, flags=re.MULTILINE) == [
        *(("cpu", "cpu"), ("gpu", "cpu"), ("cpu", "gpu"), ("gpu", "gpu"))
    ]
    assert "time only" not in several


def test_timing_runs_are_compared_by_time_alone(tmp_path: Path):
    for name, time in (("first", 50.0), ("second", 100.0)):
        records = [
            each for backbone in ("VGG16", "Xception") for each in both_passes(time, backbone=backbone)
        ]
        timing_run(tmp_path / name, records)
    text = render_against(tmp_path / "first", tmp_path / "second")
    assert "# tiny against tiny: timing runs" in text
    assert "inference step: the geometric mean of 2 ratios is 2.00" in text
    assert "ccuracy" not in text


def test_timing_runs_of_other_cells_have_nothing_to_compare(tmp_path: Path):
    timing_run(tmp_path / "first", both_passes(50.0, backbone="VGG16"))
    timing_run(tmp_path / "second", both_passes(50.0, backbone="Xception"))
    assert "No cell was timed in both runs" in render_against(tmp_path / "first", tmp_path / "second")


def test_a_run_and_a_timing_run_are_not_compared(tmp_path: Path):
    finished_run(tmp_path / "run", [trial(900)])
    timing_run(tmp_path / "timing", both_passes(50.0))
    with pytest.raises(UserError, match="expected another run of trainings, found a timing run"):
        render_against(tmp_path / "run", tmp_path / "timing")
    with pytest.raises(UserError, match="expected another timing run, found a run of trainings"):
        render_against(tmp_path / "timing", tmp_path / "run")


def test_a_run_is_not_compared_with_itself_or_with_nothing(tmp_path: Path):
    finished_run(tmp_path / "run", [trial(900)])
    with pytest.raises(UserError, match="the same folder twice"):
        render_against(tmp_path / "run", tmp_path / "run" / ".." / "run")
    with pytest.raises(UserError, match="no run is in this folder"):
        render_against(tmp_path / "run", tmp_path / "nowhere")
