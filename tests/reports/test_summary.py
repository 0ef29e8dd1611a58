"""What the terminal shows of a run's leaderboard."""

from pathlib import Path

from fakes import answers, failed_record, finished_run, row

from harness.analysis.standings import Standings, read_standings
from harness.reports.summary import render_summary

REASON = "no GPU is visible to TensorFlow\n" + "One hint of many words. " * 10
TUNED = {"strategy": "fine-tuning", "depth": "blocks:1"}


def standings(folder: Path) -> Standings:
    rows = [
        row(answers(98), backbone="Xception", strategy="augmented-extraction"),
        row(answers(97, first=1), **TUNED),
        row(answers(60), backbone="VGG16", **TUNED),
        row(answers(99), backbone="VGG19", weights="random"),
        (failed_record("skipped", REASON, backbone="VGG19"), None),
        (failed_record("skipped", REASON, backbone="ResNet50"), None),
    ]
    return read_standings(finished_run(folder, rows, ["DenseNet121/not/started"]))


def test_a_row_has_its_rank_accuracy_interval_and_seconds(tmp_path: Path):
    lines = [line.split() for line in render_summary(standings(tmp_path)).splitlines()]
    assert ["1", "Xception", "augmented-extraction", "98.0", "93.0", "to", "99.4", "10"] in lines
    assert ["3", "VGG16", "fine-tuning", "blocks:1", "60.0", "50.2", "to", "69.1", "10"] in lines
    assert ["VGG19", "fast-extraction", "99.0", "94.6", "to", "99.8", "10"] in lines  # a control: no rank


def test_it_keeps_the_width_of_a_terminal_and_is_no_markdown(tmp_path: Path):
    text = render_summary(standings(tmp_path), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "2 of 3 rows share the first rank" in text
    assert "|" not in text
    assert "##" not in text


def test_in_a_pipe_a_row_and_a_reason_are_a_line_each(tmp_path: Path):
    text = render_summary(standings(tmp_path))
    assert f"  skipped: {' '.join(REASON.split()).replace('Flow One', 'Flow. One')}" in text.splitlines()


def test_what_tells_rows_apart_has_a_column(tmp_path: Path):
    sizes = [row(answers(90), size=size) for size in (96, 160)]
    texts = [
        render_summary(read_standings(finished_run(tmp_path / name, rows)))
        for name, rows in (("sizes", sizes), ("one", sizes[:1]))
    ]
    assert ["(px)" in text for text in texts] == [True, False]


def test_rows_with_unequal_numbers_of_seeds_say_how_many(tmp_path: Path):
    rows = [row(answers(90), seed=0), row(answers(91), seed=1), row(answers(80), backbone="VGG16")]
    lines = render_summary(read_standings(finished_run(tmp_path, rows))).splitlines()
    (head,) = (line for line in lines if "seeds" in line)
    assert head


def test_a_row_on_a_part_of_the_training_images_says_on_how_many(tmp_path: Path):
    rows = [row(answers(90 - images), train_images=images) for images in (2, 20)]
    text = render_summary(read_standings(finished_run(tmp_path, rows)))
    shown = [line.split() for line in text.splitlines()]
    assert [line[3] for line in shown if "fast-extraction" in line] == ["2", "20"]
    assert ["images", "accuracy", "interval", "result"] in shown


def test_cells_without_a_result_stand_with_their_reason_once(tmp_path: Path):
    text = render_summary(standings(tmp_path))
    assert text.count("no GPU is visible") == 1
    assert text.index("VGG19/imagenet/") < text.index("ResNet50/imagenet/") < text.index("no GPU is visible")
    assert "DenseNet121/not/started\n  not run: " in text


def test_of_many_cells_with_one_reason_the_first_are_named_and_the_rest_counted(tmp_path: Path):
    rows = [(failed_record("skipped", "so", seed=seed), None) for seed in range(20)]
    text = render_summary(read_standings(finished_run(tmp_path, rows)))
    assert text.count("MobileNet-0.25/") == 8
    assert "and 12 more\n  skipped: so" in text
