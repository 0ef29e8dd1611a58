"""Tables of timings in a matrix file: what they mean, and what is refused, with its line."""

from pathlib import Path

import pytest
from fakes import matrix

from harness.errors import UserError

TIMING = """\
name = "m"

[[timing]]
backbones = ["MobileNet"]
steps = ["inference"]
"""
"""The least that is usual; what a test appends stands in line 6."""
GRID = """\
name = "m"

[[grid]]
backbones = ["MobileNet"]
strategies = ["fine-tuning"]
depths = ["blocks:14"]
sizes = [64]

"""
"""A table of trainings in lines 3 to 7; the next one begins in line 9."""


def problem(folder: Path, text: str) -> str:
    """The message for a matrix that is refused, the file without its folder."""
    with pytest.raises(UserError) as caught:
        matrix(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_matrix_may_hold_timings_alone(tmp_path: Path):
    loaded = matrix(tmp_path, TIMING)
    assert loaded.cells() == ()
    assert [cell.name for cell in loaded.timing_cells()] == [
        "MobileNet/inference/none/224px/batch32/cpu/float32"
    ]


def test_trainings_and_timings_stand_beside_each_other(tmp_path: Path):
    loaded = matrix(tmp_path, GRID + TIMING.split("\n", 2)[2])
    assert (len(loaded.cells()), len(loaded.timing_cells())) == (1, 1)


def test_a_timing_named_twice_stands_once(tmp_path: Path):
    loaded = matrix(tmp_path, TIMING + "sizes = [224, 'native']\n" + TIMING.split("\n", 2)[2])
    assert len(loaded.timing_cells()) == 1


def test_a_matrix_without_any_table_is_refused(tmp_path: Path):
    assert "expected a [[grid]] or a [[timing]] table" in problem(tmp_path, 'name = "m"\n')


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('"inference"', '"inferense"'),
            "matrix.toml:5: unknown step 'inferense'\nDid you mean inference? Choices: inference, augmented-",
        ),
        (
            ('"inference"', '"linear-probe"'),
            "matrix.toml:5: unknown step 'linear-probe'\n",
        ),
        (('"inference"', '"fine-tuning"'), "matrix.toml:5: strategy 'fine-tuning' needs depths\nAdd for"),
        (('"MobileNet"', '"MobilNet"'), "matrix.toml:4: unknown backbone 'MobilNet'\nDid you mean MobileNet"),
        (
            ("[[timing]]", "[[timings]]"),
            "matrix.toml:3: unknown key 'timings'\nDid you mean timing",
        ),
        (("steps =", "step ="), "matrix.toml:5: unknown key 'step'\nDid you mean steps?"),
        (('["inference"]', "[]"), "matrix.toml:5: timing.steps: list should have at least 1 item"),
    ],
)
def test_a_mistake_in_a_timing_is_told_with_its_line(tmp_path: Path, change: tuple[str, str], message: str):
    assert problem(tmp_path, TIMING.replace(*change)).startswith(message)


@pytest.mark.parametrize("step", ["linear-probe", "zero-shot"])
def test_strategies_without_a_train_step_are_no_choice(tmp_path: Path, step: str):
    found = problem(tmp_path, TIMING.replace('"inference"', f'"{step}"'))
    choices = found.split("Choices: ")[1]
    assert choices == "inference, augmented-extraction, fast-extraction, fine-tuning, from-scratch."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('depths = ["block:1"]', "unknown depth 'block:1'\nDid you mean blocks:N?"),
        ('depths = ["none"]', "depth 'none' trains nothing of the base\n"),
        ('depths = ["blocks:15"]', "'blocks:15' is deeper than MobileNet, which has 14 blocks\nUse 'all'"),
        ("sizes = [31]", "MobileNet needs images of at least 32 px, got 31\nIts native size is 224 px."),
        ("batches = [0]", "timing.batches: input should be greater than or equal to 1, got 0"),
        ('devices = ["tpu"]', "unknown value of 'devices': 'tpu'\nDid you mean gpu or cpu?"),
        (
            'precisions = ["float16"]',
            "unknown value of 'precisions': 'float16'\nDid you mean float32 or mixed_float16",
        ),
        ('protocol = "keras"', "unknown value of 'protocol': 'keras'\nDid you mean keras-table?"),
        ('strategies = ["fine-tuning"]', "unknown key 'strategies'\n"),
    ],
)
def test_a_mistake_in_an_axis_is_told_with_its_line(tmp_path: Path, line: str, message: str):
    assert problem(tmp_path, f"{TIMING}{line}\n").startswith(f"matrix.toml:6: {message}")


def test_the_published_protocol_times_inference_alone(tmp_path: Path):
    text = TIMING + 'protocol = "keras-table"\n'
    assert matrix(tmp_path, text).timing_cells()[0].protocol == "keras-table"
    found = problem(tmp_path, text.replace('["inference"]', '["inference", "fast-extraction"]'))
    assert found.startswith(
        "matrix.toml:5: protocol 'keras-table' times inference alone, got step 'fast-extraction'\n"
    )


@pytest.mark.parametrize(
    ("backbone", "line"),
    [
        ("VGG16", 'steps = ["fine-tuning"]'),
        ("VGG16", 'depths = ["blocks:14"]'),
        ("Xception", "sizes = [64]"),
        ("VGG16", "sizes = 64"),
    ],
)
def test_a_word_that_a_table_before_holds_too_is_told_in_its_own_table(
    tmp_path: Path, backbone: str, line: str
):
    text = f'{GRID}[[timing]]\nbackbones = ["{backbone}"]\n{line}\n'
    assert problem(tmp_path, text).startswith("matrix.toml:11: ")


def test_the_second_of_two_tables_is_told_apart_from_the_first(tmp_path: Path):
    table = TIMING.split("\n", 2)[2]
    large, small = table.replace("MobileNet", "VGG16"), table.replace("MobileNet", "Xception")
    text = f'name = "m"\n{large}sizes = [64]\n{small}sizes = [64]\n'
    assert problem(tmp_path, text).startswith(
        "matrix.toml:9: Xception needs images of at least 71 px, got 64"
    )
