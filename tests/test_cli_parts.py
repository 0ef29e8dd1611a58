"""The command line on a part of a matrix, and on one that trains nothing."""

from pathlib import Path

import pytest
from fakes import MATRIX, matrix_file

from harness.running.folder import RunFolder

TWO = MATRIX.replace('["MobileNet-0.25"]', '["MobileNet-0.25", "MobileNet-0.5"]')

pytestmark = pytest.mark.usefixtures("alone")


def test_a_run_of_some_backbones_runs_their_cells_and_its_command_says_so(tmp_path: Path, command, executor):
    matrix_file(tmp_path, TWO)
    words = ["run", "matrix.toml", "--out", "out", "--backbones", "MobileNet-0.5", "--backbones", "VGG*"]
    assert command(*words, "--devices", "cpu").code == 0
    assert {name.split("/")[0] for name in executor.ran} == {"MobileNet-0.5"}
    kept = RunFolder(tmp_path / "out").facts().command
    assert kept.endswith("--out out --backbones MobileNet-0.5 --backbones 'VGG*' --devices cpu")


def test_the_rest_of_a_matrix_goes_to_the_same_folder_and_nothing_runs_twice(
    tmp_path: Path, command, executor
):
    matrix_file(tmp_path, TWO)
    command("run", "matrix.toml", "--backbones", "MobileNet-0.5")
    assert len(executor.ran) == 4
    ended = command("run", "matrix.toml")
    assert (ended.code, len(executor.ran)) == (0, 8)
    assert "8 cells, 4 of them finished before" in ended.out
    executor.jobs.clear()
    ended = command("run", "matrix.toml", "--backbones", "MobileNet-0.5")
    assert executor.ran == []
    assert "the folder also holds 4 records of other cells, data or settings; not shown" in ended.out


def test_plan_shows_a_part_of_a_matrix_too(tmp_path: Path, command):
    matrix_file(tmp_path, TWO)
    assert command("plan", "matrix.toml", "--backbones", "MobileNet-0.5").out.endswith("4 cells: 4 ready\n")


@pytest.mark.parametrize("name", ["plan", "run", "prefetch"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backbones", "VGG16"], "nothing is left of matrix 'tiny' with backbones VGG16 alone\nIt has"),
        (["--backbones", "VGG"], "unknown backbone 'VGG'\nDid you mean VGG1"),
        (["--devices", "tpu"], "unknown device 'tpu'\nDid you mean gpu or cpu?"),
    ],
)
def test_a_part_that_is_not_there_exits_with_2(
    name: str, words: list[str], message: str, tmp_path: Path, command, executor
):
    ended = command(name, matrix_file(tmp_path), *words)
    assert ended.code == 2
    assert f"transferbench: {message}" in ended.err
    assert executor.jobs == []


@pytest.mark.parametrize("name", ["plan", "run", "prefetch"])
def test_a_matrix_without_trainings_exits_with_2_and_names_the_command_for_it(
    name: str, tmp_path: Path, command, executor
):
    ended = command(name, matrix_file(tmp_path, 'name = "m"\n[[timing]]\nbackbones = ["VGG16"]\n'))
    assert ended.code == 2
    assert "this matrix has only [[timing]] tables\n" in ended.err
    assert "transferbench time" in ended.err
    assert executor.jobs == []


def test_a_part_without_trainings_is_told_apart_from_a_matrix_without(tmp_path: Path, command):
    text = MATRIX + '[[timing]]\nbackbones = ["VGG16"]\n'
    ended = command("plan", matrix_file(tmp_path, text), "--backbones", "VGG16")
    assert ended.code == 2
    assert "what is left of this matrix has only [[timing]] tables\n" in ended.err
