"""The command line: exit codes, messages, and what must not be imported."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import (
    MATRIX,
    answers,
    failed,
    failed_record,
    finished_run,
    image_folder,
    matrix_file,
    put,
    row,
)
from fakes_timing import both_passes, timing_run

from harness import __version__
from harness.backbones import backbone
from harness.cli import main
from harness.data.sources import FolderSource
from harness.running.folder import RunFolder
from harness.running.probe import Seen

FIRST = "MobileNet-0.25/random/fast-extraction/none/default/32px/seed0/cpu/float32"
PRETRAINED = MATRIX.replace('"random"', '"imagenet"')
ARCHIVE = MATRIX.replace('"synthetic"', '"cats_dogs"')
FOLDER = MATRIX.replace('data = { source = "synthetic", train = 4, validation = 4, test = 4 }\n', "")


pytestmark = pytest.mark.usefixtures("alone")


# The command itself


def test_the_version_is_printed(command):
    ended = command("--version")
    assert (ended.code, ended.out) == (0, f"transferbench {__version__}\n")


def test_help_lists_the_commands_and_the_exit_codes(command):
    ended = command("--help")
    assert ended.code == 0
    for word in ("plan", "run", "report", "publish", "NO_COLOR", "70", "130"):
        assert word in ended.out


@pytest.mark.parametrize("name", ["plan", "run", "backbones", "curves", "plots", "report", "publish"])
def test_the_help_of_a_command_has_an_example(name: str, command):
    assert re.search(rf"Examples?: transferbench {name} ", command(name, "--help").out)


@pytest.mark.parametrize("words", [["plam"], ["plan"], ["plan", "m.toml", "--offlin"], ["report", "a", "b"]])
def test_a_command_that_is_not_understood_exits_with_2(words: list[str], command):
    assert command(*words).code == 2


def test_plan_report_and_help_import_neither_tensorflow_nor_keras(tmp_path: Path):
    finished_run(tmp_path / "run", [row(answers(90))])
    timing_run(tmp_path / "timings", both_passes())
    matrix_file(tmp_path)
    script = """
import sys
from harness import cli
runs = [f"{command} {folder}" for command in ("report", "publish") for folder in ("run", "timings")]
for words in ("--help", "plan matrix.toml", "backbones", "curves run", "report run --html", *runs):
    sys.argv = ["transferbench", *words.split()]
    try:
        cli.main()
    except SystemExit as end:
        assert not end.code, (words, end.code)
import harness.running.executor, harness.running.run, harness.running.view
print("imported:", sorted({"tensorflow", "keras"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_the_installed_command_ends_with_a_message_and_no_traceback(tmp_path: Path):
    script = Path(sys.executable).with_name("transferbench")
    done = subprocess.run(
        [script, "plan", "no.toml"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "transferbench: no matrix file no.toml\nMatrices are TOML files.\n"


@pytest.mark.parametrize("error", [KeyError("a"), OSError("no name of a file"), MemoryError()])
def test_an_error_of_the_program_itself_has_an_exit_code_of_its_own_and_its_traceback(
    error: Exception, exit_code, capsys, monkeypatch: pytest.MonkeyPatch
):
    def breaks(*_: object) -> None:
        raise error

    monkeypatch.setattr("harness.backbones.select", breaks)
    assert exit_code(main, "backbones") == 70
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Traceback (most recent call last):\n")
    assert told.err.splitlines()[-1].startswith(type(error).__name__)


# plan


def test_plan_shows_every_cell_as_a_row(tmp_path: Path, command):
    ended = command("plan", matrix_file(tmp_path))
    assert ended.code == 0
    assert "4 cells" in ended.out
    assert ended.out.count("MobileNet-0.25") == 4
    for word in ("fine-tuning", "blocks:1", "default", "32", "random"):
        assert word in ended.out


def test_plan_says_why_a_cell_will_be_skipped(tmp_path: Path, command):
    ended = command("plan", matrix_file(tmp_path, PRETRAINED), "--offline")
    assert ended.code == 0
    assert "[1] skipped: 1 weights file not in " in " ".join(ended.out.split())
    assert ended.out.endswith("4 cells: 4 skipped\n")


def test_plan_says_what_will_be_downloaded(tmp_path: Path, command):
    ended = command("plan", matrix_file(tmp_path, PRETRAINED))
    assert ended.out.count(backbone("MobileNet-0.25").weights.name) == 1
    assert ended.out.endswith("4 cells: 4 after a download\n")


def test_plan_as_json_is_a_list_of_cells(tmp_path: Path, command):
    rows = json.loads(command("plan", matrix_file(tmp_path), "--json").out)
    assert rows[0]["name"] == FIRST
    assert (
        rows[0] | {"backbone": "MobileNet-0.25", "depth": "none", "size": 32, "seed": 0, "skip": None}
        == rows[0]
    )


def test_plan_as_json_carries_the_whole_reason(tmp_path: Path, command):
    rows = json.loads(command("plan", matrix_file(tmp_path, PRETRAINED), "--json", "--offline").out)
    assert all(backbone("MobileNet-0.25").weights.url in each["skip"] for each in rows)


def test_weights_in_the_named_folder_are_not_missing(tmp_path: Path, command):
    put(tmp_path / "shelf" / backbone("MobileNet-0.25").weights.name, b"weights")
    words = [
        "plan",
        matrix_file(tmp_path, PRETRAINED),
        "--offline",
        "--json",
        "--weights-dir",
        tmp_path / "shelf",
    ]
    assert {each["skip"] for each in json.loads(command(*words).out)} == {None}


@pytest.mark.parametrize("name", ["plan", "run"])
def test_a_weights_folder_that_is_not_there_is_refused(name: str, tmp_path: Path, command):
    ended = command(name, matrix_file(tmp_path), "--weights-dir", "shelf")
    assert ended.code == 2
    assert ended.err.startswith("transferbench: shelf: no such folder\n--weights-dir names a folder")


@pytest.mark.parametrize("name", ["plan", "run"])
def test_a_mistake_in_a_matrix_is_told_with_file_and_line(name: str, tmp_path: Path, command, executor):
    matrix_file(tmp_path, MATRIX.replace("MobileNet-0.25", "MobileNet-0.3"))
    ended = command(name, "matrix.toml")
    assert ended.code == 2
    assert ended.err.startswith(
        "transferbench: matrix.toml:5: unknown backbone 'MobileNet-0.3'\nDid you mean MobileNet-0.5"
    )
    assert executor.jobs == []
    assert not (tmp_path / "results").exists()


def test_markup_in_a_message_is_shown_as_it_is(tmp_path: Path, command):
    matrix_file(tmp_path, MATRIX.replace("MobileNet-0.25", "[bold]x[/bold]"))
    assert "unknown backbone '[bold]x[/bold]'" in command("plan", "matrix.toml").err


def test_colour_is_used_on_a_terminal_and_switched_off_by_no_color(
    tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    matrix_file(tmp_path, PRETRAINED)
    assert "\x1b[33m" in command("plan", "matrix.toml", "--offline").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[33m" not in command("plan", "matrix.toml", "--offline").out


# backbones


def test_backbones_lists_them_all_or_those_that_are_meant(command):
    assert "46 backbones" in command("backbones").out
    assert [row["name"] for row in json.loads(command("backbones", "VGG*", "MobileNet", "--json").out)] == [
        "VGG16",
        "VGG19",
        "MobileNet",
    ]


def test_a_pattern_without_a_backbone_exits_with_2(command):
    ended = command("backbones", "VGG15")
    assert (ended.code, ended.out) == (2, "")
    assert "unknown backbone 'VGG15'\nDid you mean VGG19 or VGG16" in ended.err


# doctor


@pytest.mark.parametrize(
    ("words", "code"), [([], 0), (["--require-gpu"], 1), (["--require-gpu", "--json"], 1)]
)
def test_a_missing_gpu_decides_the_exit_code_only_where_one_is_required(
    words: list[str], code: int, command, monkeypatch: pytest.MonkeyPatch
):
    seen = Seen(devices=("/physical_device:CPU:0",), built_for_cuda=True, why_no_gpu="no driver")
    monkeypatch.setattr("harness.running.probe.probe", lambda: seen)
    monkeypatch.setattr("harness.doctor.shutil.which", lambda name: None)
    ended = command("doctor", *words)
    assert ended.code == code
    assert ("No GPU is visible to TensorFlow: no driver." in ended.out) == bool(code)


# run


def test_a_run_ends_with_the_leaderboard_and_where_it_lies(tmp_path: Path, command, executor):
    ended = command("run", matrix_file(tmp_path), "--out", "out")
    assert ended.code == 0
    assert executor.ran[0] == FIRST
    assert "Controls: random base, never ranked" in ended.out
    assert "How to read this" not in ended.out
    assert "|" not in ended.out
    assert ended.out.endswith("leaderboard: out/leaderboard.md\ncomparisons: out/comparisons.md\n")
    assert (tmp_path / "out" / "leaderboard.md").read_text().startswith("# Leaderboard: tiny\n")


def test_a_run_goes_to_results_under_its_name_by_default(tmp_path: Path, command, executor):
    command("run", matrix_file(tmp_path))
    assert len(executor.ran) == 4
    assert (tmp_path / "results" / "runs" / "tiny" / "leaderboard.md").is_file()


def test_a_run_with_a_failed_cell_exits_with_1_and_says_where_the_reason_is(
    tmp_path: Path, command, executor
):
    executor.outcomes = {FIRST: failed("crashed", "it broke")}
    ended = command("run", matrix_file(tmp_path), "--out", "out")
    assert ended.code == 1
    assert "it broke" in ended.out
    assert ended.err == "transferbench: 1 of 4 cells has no result; the leaderboard says why\n"


def test_a_run_without_weights_exits_with_1_and_says_how_to_get_them(tmp_path: Path, command, executor):
    ended = command("run", matrix_file(tmp_path, PRETRAINED), "--out", "out", "--offline")
    assert ended.code == 1
    assert executor.ran == []
    leaderboard = (tmp_path / "out" / "leaderboard.md").read_text()
    file = backbone("MobileNet-0.25").weights
    assert f"looked for {file.name} in {tmp_path / 'keras-home' / 'models'}" in leaderboard
    assert f"download {file.url}" in leaderboard


def test_an_interrupted_run_exits_with_130_and_goes_on_with_the_same_command(
    tmp_path: Path, command, executor
):
    second = FIRST.replace("seed0", "seed1")
    executor.outcomes = {second: KeyboardInterrupt()}
    words = ["run", matrix_file(tmp_path), "--out", "out"]
    ended = command(*words)
    assert ended.code == 130
    assert ended.err == (
        "transferbench: interrupted; finished cells are kept in out, the same command goes on from there\n"
    )
    executor.outcomes = {}
    executor.jobs.clear()
    assert command(*words).code == 0
    assert executor.ran[0] == second
    assert len(executor.ran) == 3


def test_an_interruption_while_images_are_listed_exits_with_130(
    tmp_path: Path, command, executor, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderSource, "manifest", interrupted)
    ended = command("run", matrix_file(tmp_path, FOLDER), "--data", tmp_path)
    assert (ended.code, ended.err) == (130, "transferbench: interrupted; nothing was written\n")
    assert executor.jobs == []


def test_an_interruption_outside_a_run_exits_with_130(
    tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.matrix_file.load_matrix", interrupted)
    assert command("plan", matrix_file(tmp_path)).code == 130


def test_data_is_taken_from_the_option_or_the_environment(
    tmp_path: Path, command, executor, monkeypatch: pytest.MonkeyPatch
):
    image_folder(tmp_path / "photos")
    matrix_file(tmp_path, FOLDER)
    assert command("run", "matrix.toml", "--out", "a", "--data", "photos").code == 0
    monkeypatch.setenv("TRANSFERBENCH_DATA", str(tmp_path / "photos"))
    assert command("run", "matrix.toml", "--out", "b").code == 0
    assert len(executor.ran) == 8


def test_a_folder_named_for_a_matrix_that_draws_its_images_is_refused(tmp_path: Path, command, executor):
    image_folder(tmp_path / "photos")
    ended = command("run", matrix_file(tmp_path), "--data", "photos")
    assert ended.code == 2
    assert "this matrix has its own images (synthetic), so --data has no part in it" in ended.err
    assert executor.jobs == []


def test_a_folder_from_the_environment_has_no_part_in_drawn_images_and_their_command(
    tmp_path: Path, command, executor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRANSFERBENCH_DATA", str(tmp_path / "photos"))
    assert command("run", matrix_file(tmp_path), "--out", "out").code == 0
    assert executor.ran
    assert "--data" not in RunFolder(tmp_path / "out").facts().command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the matrix reads a folder of images, and no folder was named"),
        (["--data", "nowhere"], "nowhere: no such folder"),
        (["--data", "matrix.toml"], "matrix.toml: expected a folder, found a file"),
    ],
)
def test_data_that_cannot_be_used_exits_with_2_and_makes_nothing(
    words: list[str], message: str, tmp_path: Path, command, executor
):
    matrix_file(tmp_path, FOLDER)
    ended = command("run", "matrix.toml", *words)
    assert ended.code == 2
    assert f"transferbench: {message}\n" in ended.err
    assert executor.jobs == []
    assert not (tmp_path / "results").exists()


def test_an_output_folder_of_another_matrix_exits_with_2(tmp_path: Path, command, executor):
    finished_run(tmp_path / "out", [row(answers(90))])
    matrix_file(tmp_path, MATRIX.replace('"tiny"', '"other"'))
    ended = command("run", "matrix.toml", "--out", "out")
    assert ended.code == 2
    assert "out: the output folder holds a run of matrix 'tiny', not 'other'\n" in ended.err
    assert executor.jobs == []


def test_images_that_are_left_out_are_named(tmp_path: Path, command, executor):
    put(image_folder(tmp_path / "photos") / "train" / "cats" / "empty.jpg", b"")
    ended = command("run", matrix_file(tmp_path, FOLDER), "--data", "photos")
    assert ended.code == 0
    assert "1 file left out:\n  train/cats/empty.jpg: the file is empty\n" in ended.out
    assert executor.jobs


@pytest.mark.parametrize("given", ["--data DIR", "--data=DIR", "environment"])
def test_the_command_that_is_kept_does_the_same_again_and_tells_no_path_of_the_machine(
    given: str, tmp_path: Path, command, executor, monkeypatch: pytest.MonkeyPatch
):
    photos = image_folder(tmp_path / "photos")
    matrix = matrix_file(tmp_path, FOLDER)
    if given == "environment":
        monkeypatch.setenv("TRANSFERBENCH_DATA", str(photos))
    words = [] if given == "environment" else given.replace("DIR", str(photos)).split()
    command("run", matrix, *words, "--out", "out", "--offline")
    kept = RunFolder(Path("out")).facts().command
    assert kept.startswith("transferbench run matrix.toml --data photos")
    assert kept.endswith("--out out --offline")
    assert str(tmp_path) not in kept
    assert executor.jobs


def test_data_named_for_the_public_archive_takes_its_place(tmp_path: Path, command, executor):
    image_folder(tmp_path / "photos")
    matrix_file(tmp_path, ARCHIVE)
    assert command("run", "matrix.toml", "--out", "out", "--data", "photos", "--offline").code == 0
    facts = RunFolder(tmp_path / "out").facts()
    assert (facts.data, len(executor.ran)) == ("folder", 4)
    assert "--data photos" in facts.command


def test_a_folder_from_the_environment_does_not_take_the_place_of_the_archive(
    tmp_path: Path, command, executor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRANSFERBENCH_DATA", str(image_folder(tmp_path / "photos")))
    assert command("run", matrix_file(tmp_path, ARCHIVE), "--offline").code == 2
    assert executor.ran == []


# report and publish


def test_report_writes_the_leaderboard_again_from_records_alone(tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(90)), (failed_record("oom", "too large", seed=1), None)])
    ended = command("report", "run")
    assert (ended.code, ended.out) == (0, "run/leaderboard.md\nrun/comparisons.md\n")
    text = (tmp_path / "run" / "leaderboard.md").read_text()
    assert "90.0" in text
    assert "too large" in text


def test_report_after_a_run_changes_nothing(tmp_path: Path, command, executor):
    command("run", matrix_file(tmp_path), "--out", "out")
    before = (tmp_path / "out" / "leaderboard.md").read_bytes()
    command("report", "out")
    assert (tmp_path / "out" / "leaderboard.md").read_bytes() == before
    assert len(executor.ran) == 4


def test_report_writes_to_the_named_file(tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(90))])
    assert command("report", "run", "--out", "x/board.md").out == "x/board.md\nx/comparisons.md\n"
    assert (tmp_path / "x" / "board.md").is_file()


def test_report_writes_the_page_too_where_it_is_asked_for(tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(90))])
    ended = command("report", "run", "--html")
    assert (ended.code, ended.out) == (0, "run/leaderboard.md\nrun/comparisons.md\nrun/page.html\n")
    assert "90.0" in (tmp_path / "run" / "page.html").read_text()
    assert (
        command("report", "run", "--html", "--out", "x/board.md").out
        == "x/board.md\nx/comparisons.md\nx/page.html\n"
    )


def test_a_page_that_would_take_the_leaderboards_place_exits_with_2(tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(90))])
    ended = command("report", "run", "--html", "--out", "page.html")
    assert ended.code == 2
    assert not (tmp_path / "page.html").exists()


def test_a_page_of_a_timing_run_exits_with_2_and_writes_nothing(tmp_path: Path, command):
    timing_run(tmp_path / "timings", both_passes())
    ended = command("report", "timings", "--html")
    assert ended.code == 2
    assert "this is a timing run" in ended.err
    assert not (tmp_path / "timings" / "timing.md").exists()


def test_report_of_a_timing_run_writes_report_and_csv_again(tmp_path: Path, command):
    timing_run(tmp_path / "timings", both_passes())
    ended = command("report", "timings")
    assert (ended.code, ended.out) == (0, "timings/timing.md\ntimings/timings.csv\n")
    assert "Inference at 160 px" in (tmp_path / "timings" / "timing.md").read_text()


def test_publish_of_a_timing_run_tells_where_it_went(tmp_path: Path, command):
    timing_run(tmp_path / "timings", both_passes())
    ended = command("publish", "timings")
    places = ("records/tiny", "leaderboards/tiny/README.md", "leaderboards/tiny/timings.csv")
    assert (ended.code, ended.out.split()) == (0, [f"results/{place}" for place in places])


@pytest.mark.parametrize("name", ["report", "curves", "publish"])
def test_a_run_that_is_not_there_exits_with_2(name: str, command):
    ended = command(name, "nowhere")
    assert ended.code == 2
    assert "transferbench: nowhere: no run is in this folder (it has no run.json)\n" in ended.err


@pytest.mark.parametrize("name", ["report", "curves", "publish"])
def test_a_run_without_records_exits_with_2(name: str, tmp_path: Path, command):
    finished_run(tmp_path / "run", [], ["a/cell"])
    ended = command(name, "run")
    assert ended.code == 2
    assert "transferbench: run: this run has no records yet\nRun its matrix again" in ended.err


def test_report_of_an_interrupted_run_names_the_cells_that_were_not_run(tmp_path: Path, command, executor):
    executor.outcomes = {FIRST.replace("seed0", "seed1"): KeyboardInterrupt()}
    command("run", matrix_file(tmp_path), "--out", "out")
    command("report", "out")
    assert (tmp_path / "out" / "leaderboard.md").read_text().count("| not run") == 3


def test_curves_prints_the_picture_that_it_wrote_and_what_it_leaves_out(tmp_path: Path, command):
    skipped = failed_record("skipped", "no weights", seed=1)
    finished_run(tmp_path / "run", [row(answers(90)), (skipped, None)])
    ended = command("curves", "run")
    assert ended.out == f"run/curves.png\nWithout epochs, and so without a curve: {skipped.name}.\n"
    assert (tmp_path / "run" / "curves.png").is_file()


def test_no_command_changes_a_baseline(tmp_path: Path, command):
    """That is the session's alone, which prints first what differs."""
    finished_run(tmp_path / "run", [row(answers(90))])
    assert command("publish", "run", "--baseline").code == 2
    assert command("publish", "run").code == 0
    assert not (tmp_path / "results" / "baselines").exists()


def test_publish_prints_the_places_it_wrote(tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(90))])
    ended = command("publish", "run")
    places = ["results/records/tiny", "results/leaderboards/tiny.md", "results/leaderboards/tiny"]
    assert (ended.code, ended.out.splitlines()) == (0, places)
    assert (tmp_path / "results" / "leaderboards" / "tiny" / "map-accuracy.png").is_file()
