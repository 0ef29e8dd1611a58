"""A matrix narrowed to some backbones and devices."""

from pathlib import Path

import pytest
from fakes import matrix

from harness.errors import UserError
from harness.matrix import Matrix

TEXT = """\
name = "m"

[[grid]]
backbones = ["VGG16", "MobileNet", "ResNet*"]
strategies = ["fast-extraction"]
devices = ["gpu"]

[[timing]]
backbones = ["required"]
devices = ["gpu", "cpu"]

[[timing]]
backbones = ["MobileNet", "Xception"]
batches = [1]
"""


@pytest.fixture
def whole(tmp_path: Path) -> Matrix:
    return matrix(tmp_path, TEXT)


def test_nothing_named_leaves_every_cell(whole: Matrix):
    assert whole.only().cells() == whole.cells()
    assert whole.only().timing_cells() == whole.timing_cells()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["MobileNet"], {"MobileNet"}),
        (["VGG*"], {"VGG16", "VGG19"}),
        (["VGG16", "Xception"], {"VGG16", "Xception"}),
    ],
)
def test_backbones_are_named_as_in_a_matrix_and_those_alone_are_left(
    whole: Matrix, words: list[str], names: set[str]
):
    left = whole.only(words)
    assert left.cells() == tuple(cell for cell in whole.cells() if cell.backbone in names)
    assert left.timing_cells() == tuple(cell for cell in whole.timing_cells() if cell.backbone in names)
    assert {cell.backbone for cell in left.timing_cells()} == names


def test_a_group_keeps_what_the_matrix_has_of_it_in_the_matrixs_order(whole: Matrix):
    assert [cell.backbone for cell in whole.only(["required"]).cells()][:3] == [
        "VGG16",
        "MobileNet",
        "ResNet50",
    ]


def test_a_device_keeps_its_cells_and_tables_without_one_go(whole: Matrix):
    left = whole.only(devices=["cpu"])
    assert left.grid == ()
    assert left.timing_cells() == tuple(cell for cell in whole.timing_cells() if cell.device == "cpu")
    assert len(left.timing) == 2
    assert len(whole.only(devices=["gpu"]).timing) == 1


def test_backbones_and_devices_narrow_together(whole: Matrix):
    left = whole.only(["Xception"], ["cpu"])
    assert [(cell.backbone, cell.device, cell.batch) for cell in left.timing_cells()] == [
        ("Xception", "cpu", 32),
        ("Xception", "cpu", 1),
    ]


def test_a_narrowed_matrix_keeps_its_name_images_and_recipes(whole: Matrix):
    left = whole.only(["MobileNet"])
    assert (left.name, left.data, left.recipes) == (whole.name, whole.data, whole.recipes)


def test_where_nothing_is_left_the_choices_are_told(whole: Matrix):
    with pytest.raises(UserError) as caught:
        whole.only(["NASNetLarge"], ["gpu"])
    assert caught.value.problem == (
        "nothing is left of matrix 'm' with backbones NASNetLarge and devices gpu alone"
    )
    assert caught.value.hint.startswith("It has backbones VGG16, MobileNet, ResNet50, ")
    assert caught.value.hint.endswith("; devices cpu, gpu.")


@pytest.mark.parametrize(
    ("backbones", "devices", "message"),
    [
        (["VGG15"], [], "unknown backbone 'VGG15'\nDid you mean VGG19 or VGG16"),
        ([], ["tpu"], "unknown device 'tpu'\nDid you mean gpu or cpu? Choices: cpu, gpu."),
    ],
)
def test_unknown_words_are_told_with_near_ones(
    whole: Matrix, backbones: list[str], devices: list[str], message: str
):
    with pytest.raises(UserError) as caught:
        whole.only(backbones, devices)
    assert str(caught.value).startswith(message)
