"""The leaderboard, and trap 15: a failure is not a zero."""

import re
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from fakes import ENVIRONMENT, Row, answers, epoch, failed_record, finished_run, measured, record, row
from tables import section, table

from harness.analysis.standings import read_run, read_standings
from harness.errors import UserError
from harness.records import DeviceState, Epoch, Record
from harness.reports import leaderboard
from harness.reports.leaderboard import render_leaderboard
from harness.running.folder import RunFolder

BEST = row(answers(98), backbone="MobileNet")
SAME = row(answers(97, first=1), backbone="Xception")
WORST = row(answers(60), backbone="VGG16")
RANDOM = row(answers(99), backbone="MobileNet", weights="random")
CRASHED = (failed_record("crashed", "it broke | badly\nin line two", backbone="ResNet50"), None)
SKIPPED = (failed_record("skipped", "weights are not here", backbone="VGG19"), None)


def rendered(folder: Path, *rows: Row, missing: tuple[str, ...] = ()) -> str:
    return render_leaderboard(finished_run(folder, rows, missing))


def ranked(text: str) -> list[tuple[str, str]]:
    return [(each["backbone"], each["rank"]) for each in table(section(text, "Ranked"))]


# Ranks


def test_rows_stand_by_accuracy_and_those_the_images_cannot_tell_apart_share_a_rank(tmp_path: Path):
    text = rendered(tmp_path, WORST, SAME, BEST)
    assert ranked(text) == [("MobileNet", "1"), ("Xception", "1"), ("VGG16", "3")]
    assert "2 of 3 rows share the first rank" in text


def test_ties_of_several_seeds_are_of_images_and_seeds(tmp_path: Path):
    several = [row(answers(right), backbone="Xception", seed=seed) for seed, right in enumerate((90, 94))]
    assert "the test images and seeds cannot tell them apart" in rendered(tmp_path / "seeds", BEST, *several)
    assert "the test images cannot tell them apart" in rendered(tmp_path / "one", BEST, SAME)


def test_a_less_accurate_row_of_a_better_rank_is_explained_where_there_is_one(tmp_path: Path):
    def several(backbone: str, *rights: int) -> list[Row]:
        return [row(answers(right, 1000), backbone=backbone, seed=n) for n, right in enumerate(rights)]

    rows = [*several("MobileNet", 950, 950, 950), *several("Xception", 930, 930, 930)]
    text = rendered(tmp_path / "spread", *rows, *several("VGG16", 860, 925, 980))
    assert ranked(text) == [("MobileNet", "1"), ("Xception", "2"), ("VGG16", "1")]
    assert "A less accurate row can have a better rank" in text
    assert "its seeds spread more" in text
    assert "A less accurate row" not in rendered(tmp_path / "none", *rows)


def test_a_clear_winner_is_called_one(tmp_path: Path):
    text = rendered(tmp_path / "two", WORST, BEST)
    assert ranked(text) == [("MobileNet", "1"), ("VGG16", "2")]
    assert "The first row is significantly better than the other." in text
    third = row(answers(50), backbone="VGG19")
    assert "better than every other." in rendered(tmp_path / "three", WORST, BEST, third)


def test_a_single_row_is_said_to_beat_nobody(tmp_path: Path):
    text = rendered(tmp_path, BEST)
    assert ranked(text) == [("MobileNet", "1")]
    assert "row is significantly better" not in text
    assert "share the first rank" not in text


def test_ties_are_ordered_by_loss_and_then_by_name(tmp_path: Path):
    rows = [
        row(answers(90), loss=0.3, backbone="VGG16"),
        row(answers(90), loss=0.2, backbone="Xception"),
        row(answers(90), loss=0.2, backbone="MobileNet"),
    ]
    assert [name for name, _ in ranked(rendered(tmp_path, *rows))] == ["MobileNet", "Xception", "VGG16"]


def test_the_order_is_by_full_precision(tmp_path: Path):
    # Both read 90.0 %.
    rows = [row(answers(8999, 10000), backbone="VGG16"), row(answers(9001, 10000), backbone="Xception")]
    assert [name for name, _ in ranked(rendered(tmp_path, *rows))] == ["Xception", "VGG16"]


def test_the_leaderboard_does_not_depend_on_the_order_of_the_plan(tmp_path: Path):
    texts = {
        rendered(tmp_path / str(number), *rows)
        for number, rows in enumerate(permutations([BEST, SAME, WORST]))
    }
    assert len({section(text, "Ranked") for text in texts}) == 1


def test_rendering_twice_gives_the_same_bytes(tmp_path: Path):
    folder = finished_run(tmp_path, [BEST, CRASHED, RANDOM])
    assert render_leaderboard(folder) == render_leaderboard(folder)


# Random weights


def test_controls_and_partial_rows_of_several_machines_name_them(tmp_path: Path):
    control = row(answers(55), weights="random")
    part = row(answers(90), backbone="VGG16")
    lacking = (failed_record("oom", "no memory", backbone="VGG16", seed=1), None)
    there = ENVIRONMENT.model_copy(update={"cores": 64})
    moved = [elsewhere(each, environment=there, key="d" * 64) for each in (control, part)]
    text = rendered(tmp_path, BEST, control, part, *moved, lacking)
    for title in ("Controls", "Some seeds have no result"):
        lines = table(section(text, title))
        assert {line["environment"] for line in lines} == {ENVIRONMENT.fingerprint, there.fingerprint}
    assert "environment" not in table(section(rendered(tmp_path / "one", BEST, control), "Controls"))[0]


def test_random_weights_are_never_ranked_and_stand_as_controls(tmp_path: Path):
    text = rendered(tmp_path, RANDOM, BEST)
    assert ranked(text) == [("MobileNet", "1")]
    assert section(text, "Ranked").count("| MobileNet") == 1
    (control,) = table(section(text, "Controls: random base, never ranked"))
    assert control["test accuracy (%)"] == "99.0"
    assert "rank" not in control


def test_what_weights_are_worth_is_told_against_the_same_cell_without_them(tmp_path: Path):
    control = row(answers(55), backbone="MobileNet", weights="random")
    text = rendered(tmp_path, BEST, control)
    assert "MobileNet, fast-extraction: weights 'imagenet' are +43.0 points against a random base" in text


def test_rates_and_weights_are_compared_with_a_random_base_each_by_itself(tmp_path: Path):
    rows = [
        row(answers(right), backbone="MobileNet", weights=weights, learning_rate=rate)
        for rate, weights, right in (
            *((1e-3, "imagenet", 90), (1e-3, "smoke-base", 80), (1e-3, "random", 50)),
            *((1e-4, "imagenet", 70), (1e-4, "random", 60)),
        )
    ]
    text = rendered(tmp_path, *rows)
    told = [line.split(": ", 1) for line in text.splitlines() if "against a random base" in line]
    assert sorted((head.rsplit(", ", 1)[1], rest.split(" points")[0]) for head, rest in told) == [
        ("fast-extraction lr 0.0001", "weights 'imagenet' are +10.0"),
        ("fast-extraction lr 0.001", "weights 'imagenet' are +40.0"),
        ("fast-extraction lr 0.001", "weights 'smoke-base' are +30.0"),
    ]


def test_cells_that_differ_in_more_than_weights_are_not_compared(tmp_path: Path):
    control = row(answers(55), backbone="MobileNet", weights="random", seed=1)
    assert "against a random base" not in rendered(tmp_path, BEST, control)


def test_a_run_of_random_weights_alone_has_no_ranked_table(tmp_path: Path):
    text = rendered(tmp_path, RANDOM)
    assert "## Ranked" not in text
    assert table(section(text, "Controls"))


# Failures


def check_failures_stand(render: Callable[[RunFolder], str], folder: Path) -> None:
    """Fail unless every failed or missing cell stands there with status and reason, and not as a number."""
    rows = [BEST, CRASHED, SKIPPED]
    text = render(finished_run(folder, rows, ["DenseNet121/not/started"]))
    for each in (CRASHED[0], SKIPPED[0]):
        lines = [line for line in text.splitlines() if line.startswith("|") and each.cell.backbone in line]
        assert lines, f"{each.name} is not in the report"
        for line in lines:
            assert each.status in line, f"{each.name} has no status"
            assert each.reason.split()[0] in line, f"{each.name} has no reason"
            assert not re.search(r"\|\s*(0\.0|nan|-)\s*\|", line), f"{each.name} has a number"
    assert re.search(r"DenseNet121/not/started\s*\|\s*not run\s*\|", text), (
        "a cell that was not run is missing"
    )


def drops_failures(folder: RunFolder) -> str:
    """A broken renderer: what has no result is passed over."""
    found = read_standings(folder)
    return leaderboard._header(found.facts, found.records) + leaderboard._ranked(
        found.tables[0], found, named=False
    )


def counts_failures_as_zero(folder: RunFolder) -> str:
    """A broken renderer: what has no result has an accuracy of 0.0."""
    _, records = read_run(folder)
    rows = [(each.name, each.status, each.reason, each.measured.test_accuracy or 0.0) for each in records]
    return "\n".join("| " + " | ".join(map(str, each)).replace("\n", " ") + " |" for each in rows)


@pytest.mark.parametrize("broken", [drops_failures, counts_failures_as_zero])
def test_the_check_refuses_a_renderer_that_hides_failures(broken: Callable[[RunFolder], str], tmp_path: Path):
    with pytest.raises(AssertionError, match=r"is not in the report|has a number"):
        check_failures_stand(broken, tmp_path)


def test_failed_and_missing_cells_stand_with_status_and_reason_and_no_number(tmp_path: Path):
    check_failures_stand(render_leaderboard, tmp_path)


@pytest.mark.parametrize("status", ["oom", "timeout", "diverged", "crashed", "skipped"])
def test_every_status_but_ok_stands_without_a_result(tmp_path: Path, status: str):
    each = (failed_record(status, "for a reason"), None)
    (line,) = table(section(rendered(tmp_path, each, BEST), "Without a result"))
    assert line == {"cell": each[0].name, "status": status, "reason": "for a reason"}


def test_a_reason_with_line_breaks_and_bars_does_not_break_the_table(tmp_path: Path):
    (line,) = table(section(rendered(tmp_path, CRASHED), "Without a result"))
    assert re.sub(r"\\", "", line["reason"]) == "it broke | badly in line two"


def test_a_reason_and_its_hint_are_two_sentences(tmp_path: Path):
    each = (failed_record("skipped", "no GPU is visible\nRun the cell elsewhere."), None)
    (line,) = table(section(rendered(tmp_path, each), "Without a result"))
    assert line["reason"] == "no GPU is visible. Run the cell elsewhere."


def test_a_run_in_which_all_failed_is_a_report_without_ranks(tmp_path: Path):
    text = rendered(tmp_path, CRASHED, SKIPPED)
    assert "## Ranked" not in text
    assert len(table(section(text, "Without a result"))) == 2


def test_a_run_without_records_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="this run has no records yet"):
        rendered(tmp_path, missing=("a/cell",))


def test_a_folder_without_a_run_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="no run is in this folder"):
        render_leaderboard(RunFolder(tmp_path))


def test_records_of_an_earlier_plan_take_no_part(tmp_path: Path):
    folder = finished_run(tmp_path, [BEST])
    folder.records.save(*WORST)
    assert [each.name for each in read_run(folder)[1]] == [BEST[0].name]


def test_a_number_that_is_missing_is_a_dash(tmp_path: Path):
    bare, predictions = row(answers(90))
    measured = bare.measured.model_copy(update={"train_step": None, "seconds": None, "parameters": None})
    (line,) = table(
        section(rendered(tmp_path, (bare.model_copy(update={"measured": measured}), predictions)), "Ranked")
    )
    assert (line["train (ms/step)"], line["to result (s)"], line["parameters (M)"]) == ("-", "-", "-")
    assert line["gap opens (epoch)"] == "-"


# What a row says


def test_a_row_is_in_the_units_of_its_heading(tmp_path: Path):
    (line,) = table(section(rendered(tmp_path, row(answers(970, 1000), seed=3)), "Ranked"))
    assert line == {
        "rank": "1",
        "backbone": "MobileNet-0.25",
        "strategy": "fast-extraction",
        "size (px)": "160",
        "seed": "3",
        "test accuracy (%)": "97.0",
        "95 % interval": "95.7 to 97.9",
        "test loss": "0.171",
        "gap (points)": "5.0",
        "gap opens (epoch)": "-",
        "epoch": "2",
        "train (ms/step)": "20.0",
        "inference (ms/step)": "20.0",
        "to result (s)": "10",
        "parameters (M)": "0.22",
        "trainable (M)": "0.07",
        "peak memory (MB)": "1,200",
    }


def test_recipes_and_weights_are_told_where_they_tell_rows_apart(tmp_path: Path):
    rows = [row(answers(90), recipe="smoke"), row(answers(80)), row(answers(70), weights="smoke-base")]
    lines = table(section(rendered(tmp_path, *rows), "Ranked"))
    assert [(line["recipe"], line["weights"]) for line in lines] == [
        ("smoke", "imagenet"),
        ("default", "imagenet"),
        ("default", "smoke-base"),
    ]


def test_a_step_time_that_did_not_settle_is_marked(tmp_path: Path):
    loose, predictions = row(answers(90))
    step = loose.measured.train_step.model_copy(update={"stable": False})
    measured = loose.measured.model_copy(update={"train_step": step})
    (line,) = table(
        section(rendered(tmp_path, (loose.model_copy(update={"measured": measured}), predictions)), "Ranked")
    )
    assert line["train (ms/step)"] == "20.0 (unstable)"
    assert line["inference (ms/step)"] == "20.0"


def test_the_header_names_command_machine_images_recipe_and_weights(tmp_path: Path):
    header = rendered(tmp_path, BEST).split("\n## ")[0]
    assert header.startswith("# Leaderboard: tiny\n")
    for fact in (
        "command: `transferbench run tiny.toml`",
        "A Processor, 2 cores, 8 GiB, Linux x86_64; Python 3.11.0, Keras 3.0, TensorFlow 2.0 ",
        f"(environment {ENVIRONMENT.fingerprint})",
        "commit: 0123456789ab; first cell started 2025-01-02",
        "100 train, 100 validation, 100 test; 2 classes (cats, dogs); 1 file left out; ",
        "manifest aaaaaaaaaaaa",
        "recipe default: ",
        "w.h5 (bbbbbbbbbbbb, weights folder)",
    ):
        assert fact in header


def test_a_record_without_a_commit_says_why(tmp_path: Path):
    text = rendered(tmp_path, elsewhere(BEST, commit=""))
    assert "- harness commit: unknown (not run from a checkout); " in text


def test_the_legend_names_the_tests_behind_the_ranks(tmp_path: Path):
    legend = section(rendered(tmp_path, BEST, SAME, WORST), "How to read this")
    assert all(word in legend for word in ("McNemar", "Holm", "Wilson", "seeds"))


def test_the_legend_names_only_tests_that_were_made(tmp_path: Path):
    several = [row(answers(right), seed=seed) for seed, right in enumerate((90, 91))]
    other = [row(answers(right), backbone="VGG16", seed=seed) for seed, right in enumerate((90, 91))]
    assert "McNemar" not in rendered(tmp_path / "seeds", *several, *other)
    assert "Student's t over images" not in rendered(tmp_path / "one", BEST, WORST)
    assert "Rows are compared" not in rendered(tmp_path / "alone", BEST)


# What is never ranked together


def elsewhere(each: Row, **changed: object) -> Row:
    """The same row from another machine, or on other images."""
    moved: Record = each[0].model_copy(update=changed)
    return moved, each[1]


OTHER_IMAGES = record().data.model_copy(update={"manifest_sha256": "c" * 64})


@pytest.mark.parametrize(
    "other",
    [
        elsewhere(WORST, environment=ENVIRONMENT.model_copy(update={"processor": "Another"})),
        elsewhere(WORST, data=OTHER_IMAGES),
        row(answers(60), precision="mixed_float16"),
        row(answers(60), device="gpu"),
    ],
    ids=["machine", "images", "precision", "device"],
)
def test_rows_that_cannot_be_compared_stand_in_tables_of_their_own(tmp_path: Path, other: Row):
    text = rendered(tmp_path, BEST, other)
    parts = [part for part in text.split("\n## ") if part.startswith("Ranked by test accuracy (environment")]
    assert [[line["rank"] for line in table(part)] for part in parts] == [["1"], ["1"]]


def test_missing_predictions_are_an_error_and_not_a_shorter_table(tmp_path: Path):
    folder = finished_run(tmp_path, [BEST, WORST])
    (tmp_path / "records" / f"{WORST[0].file_stem}.npz").unlink()
    with pytest.raises(UserError, match=r"the predictions of .* (cannot be read|are not there)"):
        render_leaderboard(folder)


def test_a_helper_makes_as_many_right_answers_as_asked():
    assert answers(98).correct.sum() == 98
    assert answers(97, first=1).correct.sum() == 97
    assert np.array_equal(answers(3, 5, first=1).correct, [False, True, True, True, False])


# What stands only where rows have it

EXERCISE = {"recipe": "dog-cat-exercise-01", "backbone": "VGG16", "size": 150}
TUNED = row(answers(93), **EXERCISE, strategy="fine-tuning", depth="from:block5_conv1")
FAST = row(answers(90), **EXERCISE)
SLIDES = row(
    answers(92),
    recipe="vgg19-fine-tuning-slides",
    backbone="VGG19",
    size=224,
    strategy="fine-tuning",
    depth="layers:4",
)


def with_history(each: Row, *history: Epoch) -> Row:
    """The row with these epochs, the last of them chosen."""
    kept, predictions = each
    measured = kept.measured.model_copy(
        update={"history": history, "best": history[-1], "chosen": history[-1]}
    )
    return kept.model_copy(update={"measured": measured}), predictions


def test_published_figures_stand_beside_the_rows_that_repeat_them(tmp_path: Path):
    lines = table(section(rendered(tmp_path, TUNED, SLIDES, FAST, BEST), "Ranked"))
    found = {line["backbone"] + line["strategy"][:4]: line for line in lines}
    assert {name: line["published (%)"] for name, line in found.items()} == {
        "VGG16fine": "94.1",
        "VGG19fine": "94.3",
        "VGG16fast": "90.7 val.",
        "MobileNetfast": "-",
    }
    assert [found[name]["published loss"] for name in ("VGG16fine", "VGG19fine")] == ["-", "0.134"]


def test_a_published_loss_has_a_column_only_where_one_is_known(tmp_path: Path):
    (line,) = table(section(rendered(tmp_path, FAST), "Ranked"))
    assert "published (%)" in line
    assert "published loss" not in line


KINDS = {
    "A linear probe": row(answers(90), strategy="linear-probe"),
    "Zero-shot": row(answers(90), strategy="zero-shot", weights="imagenet-top"),
    "From-scratch": row(answers(90), strategy="from-scratch", weights="scratch"),
    "Training images: a row": row(answers(90), train_images=50),
    "Published is": FAST,
}


def test_the_legend_tells_how_the_epochs_of_several_phases_are_counted(tmp_path: Path):
    told = "The epoch is counted within its phase"
    assert told in section(rendered(tmp_path / "two", TUNED), "How to read this")
    assert told not in section(rendered(tmp_path / "one", FAST), "How to read this")


@pytest.mark.parametrize("kind", KINDS)
def test_the_legend_explains_the_kinds_of_rows_that_there_are(kind: str, tmp_path: Path):
    legend = section(rendered(tmp_path, KINDS[kind], BEST), "How to read this")
    assert [each for each in KINDS if each in legend] == [kind]


def test_from_scratch_rows_are_ranked(tmp_path: Path):
    text = rendered(tmp_path, BEST, KINDS["From-scratch"])
    assert [name for name, _ in ranked(text)] == ["MobileNet", "MobileNet-0.25"]


def test_a_probe_has_no_epoch(tmp_path: Path):
    probe = with_history(KINDS["A linear probe"], epoch(7, "probe", strength=0.1, images=100))
    (line,) = table(section(rendered(tmp_path, probe), "Ranked"))
    assert line["epoch"] == "-"


@pytest.mark.parametrize(("weights", "title"), [("imagenet", "Ranked"), ("random", "Controls")])
def test_epochs_that_hold_fewer_images_than_the_split_are_told(weights: str, title: str, tmp_path: Path):
    """Trap 32: 20 steps of 20 images are 400 of 2,000."""
    short = row(answers(90), strategy="fine-tuning", depth="blocks:1", weights=weights)
    short = with_history(short, epoch(1, images=100), epoch(1, "fine-tuning", images=40))
    text = section(rendered(tmp_path, short), title)
    assert "- Recipe default, fine-tuning: trains on 40 of 100 images an epoch." in text
    assert "head: trains" not in text


def test_an_epoch_on_a_part_is_short_only_if_it_is_shorter_than_the_part(tmp_path: Path):
    whole = with_history(row(answers(90), train_images=50), epoch(1, images=50))
    assert "images an epoch" not in rendered(tmp_path / "whole", whole)
    short = with_history(row(answers(90), train_images=50), epoch(1, images=40))
    assert "head: trains on 40 of 50 images an epoch" in rendered(tmp_path / "short", short)


def test_rows_on_parts_of_the_training_images_say_on_how_many(tmp_path: Path):
    rows = [row(answers(right), train_images=images) for right, images in ((90, None), (80, 5000), (70, 50))]
    lines = table(section(rendered(tmp_path / "several", *rows), "Ranked"))
    assert [line["training images"] for line in lines] == ["100 (all)", "5,000", "50"]
    # The header counts the whole split, so even what all rows share is said.
    (line,) = table(section(rendered(tmp_path / "one", rows[2]), "Ranked"))
    assert line["training images"] == "50"
    (line,) = table(section(rendered(tmp_path / "all", rows[0]), "Ranked"))
    assert "training images" not in line


def test_whole_epochs_are_not_remarked_on(tmp_path: Path):
    assert "images an epoch" not in rendered(tmp_path, with_history(BEST, epoch(1, images=100)))


def test_a_time_that_other_work_disturbed_is_marked_and_explained(tmp_path: Path):
    predictions = answers(90)
    quiet, loud = (
        measured(predictions).train_step.model_copy(update={"state": DeviceState(others_share=share)})
        for share in (0.02, 0.4)
    )
    found = measured(predictions).model_copy(update={"train_step": loud, "inference_step": quiet})

    text = render_leaderboard(finished_run(tmp_path, [(record(measured=found), predictions)]))

    assert text.count("20.0 (disturbed)") == 1
    assert "other processes took more than 10 % of the cores" in text


@pytest.mark.parametrize("factor", [1, 2])
def test_a_time_whose_seeds_disagree_is_marked_and_explained(factor: int, tmp_path: Path):
    rows = []
    for seed, milliseconds in enumerate((20, 20 * factor)):
        predictions = answers(90)
        found = measured(predictions)
        step = found.inference_step.model_copy(update={"block_seconds": (milliseconds / 1000,)})
        found = found.model_copy(update={"inference_step": step})
        rows.append((record(measured=found, seed=seed), predictions))
    text = render_leaderboard(finished_run(tmp_path, rows))
    assert ("30.0 (seeds differ by 100 %)" in text) == (factor == 2)
    assert ("A time whose seeds differ" in text) == (factor == 2)


def test_an_undisturbed_time_has_no_mark(tmp_path: Path):
    text = render_leaderboard(finished_run(tmp_path, [watched(row(answers(90)))]))

    assert "disturbed" not in text


def watched(each: Row) -> Row:
    """The same row, with what others took while its steps were timed: little."""
    found, predictions = each
    steps = {
        name: getattr(found.measured, name).model_copy(update={"state": DeviceState(others_share=0.02)})
        for name in ("train_step", "inference_step")
    }
    return found.model_copy(update={"measured": found.measured.model_copy(update=steps)}), predictions


@pytest.mark.parametrize("unknown", [0, 1, 2])
def test_times_that_nobody_watched_are_not_passed_off_as_undisturbed(unknown: int, tmp_path: Path):
    """Their rows are named where others were watched."""
    rows = [row(answers(90), backbone="VGG16"), row(answers(80), backbone="VGG19")]
    rows = [*rows[:unknown], *map(watched, rows[unknown:])]
    legend = section(render_leaderboard(finished_run(tmp_path, rows)), "How to read this")
    assert ("does not say that it was undisturbed" in legend) == (unknown > 0)
    assert ("is not recorded for 1 of 2 rows (VGG16 fast-extraction):" in legend) == (unknown == 1)
    assert ("is not recorded for any row:" in legend) == (unknown == 2)
