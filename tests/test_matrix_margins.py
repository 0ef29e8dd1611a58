"""How much worse than a baseline a cell may be: what a matrix may say of it."""

from pathlib import Path

import pytest
from fakes import matrix

from harness.errors import UserError

TEXT = """\
name = "m"
margins = { test_accuracy = 0.05 }

[[grid]]
backbones = ["MobileNet"]
strategies = ["fast-extraction"]

[[grid]]
backbones = ["Xception", "MobileNet"]
strategies = ["fast-extraction"]
margins = { test_accuracy = 0.1, test_loss = 1 }
"""
MOBILENET = "MobileNet/imagenet/fast-extraction/none/default/224px/seed0/cpu/float32"
XCEPTION = "Xception/imagenet/fast-extraction/none/default/299px/seed0/cpu/float32"


def problem(folder: Path, text: str) -> str:
    """The message for a matrix that is refused, the file without its folder."""
    with pytest.raises(UserError) as caught:
        matrix(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_grids_margins_count_for_its_cells_and_the_matrixs_for_the_others(tmp_path: Path):
    margins = matrix(tmp_path, TEXT).cell_margins()
    assert margins[XCEPTION] == {"test_accuracy": 0.1, "test_loss": 1.0}


def test_a_cell_of_several_grids_has_the_margins_of_the_first(tmp_path: Path):
    assert matrix(tmp_path, TEXT).cell_margins()[MOBILENET] == {"test_accuracy": 0.05}


def test_margins_are_no_part_of_a_cell(tmp_path: Path):
    loose = matrix(tmp_path, TEXT.replace("0.05", "0.5").replace("0.1,", "0.5,"))
    assert loose.cells() == matrix(tmp_path, TEXT).cells()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("{ test_accuracy = 0.05", "{ accuracy = 0.05"),
            "matrix.toml:2: unknown metric with a margin 'accuracy'\nDid you mean test_accuracy",
        ),
        (
            ("test_loss = 1", "chosen_epoch = 1"),
            "matrix.toml:11: unknown metric with a margin 'chosen_epoch'\n",
        ),
        (
            ("test_accuracy = 0.05", "test_accuracy = 5"),
            "matrix.toml:2: margins.test_accuracy: expected a share (0..1), got 5\nWrite 0.05 for 5 points.",
        ),
        (
            ("test_accuracy = 0.1", "test_accuracy = -0.1"),
            "matrix.toml:11: grid.margins.test_accuracy: input should be greater than or equal to 0",
        ),
        (
            ("test_accuracy = 0.05", "test_accuracy = nan"),
            "matrix.toml:2: margins.test_accuracy: input should be",
        ),
        (
            ("test_accuracy = 0.05", "test_accuracy = true"),
            "matrix.toml:2: margins.test_accuracy: input should be a valid number",
        ),
        (("{ test_accuracy = 0.05 }", "0.05"), "matrix.toml:2: margins: input should be a valid dict"),
    ],
)
def test_a_mistake_in_margins_is_told_with_its_line(tmp_path: Path, change: tuple[str, str], message: str):
    assert problem(tmp_path, TEXT.replace(*change)).startswith(message)
