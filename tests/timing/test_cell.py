"""Timing cells: what a table of axes multiplies out to, and what a cell is called."""

from typing import Any

import pytest

from harness.strategies import STRATEGIES
from harness.timing.cell import TimingCell, TimingGrid, has_train_step


def cells(**axes: Any) -> list[TimingCell]:
    return list(TimingGrid(**({"backbones": ("MobileNet",)} | axes)).cells())


def test_inference_at_native_size_on_the_cpu_is_what_a_table_of_backbones_means():
    assert cells(backbones=("MobileNet", "Xception")) == [
        TimingCell("MobileNet", "inference", "none", 224, 32, "cpu", "float32", False, "blocks"),
        TimingCell("Xception", "inference", "none", 299, 32, "cpu", "float32", False, "blocks"),
    ]


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        ("sizes", (96, 160)),
        ("batches", (1, 8, 32)),
        ("devices", ("cpu", "gpu")),
        ("precisions", ("float32", "mixed_float16", "mixed_bfloat16")),
        ("jit", (False, True)),
    ],
)
def test_every_axis_multiplies_the_cells_and_gives_each_a_name_of_its_own(axis: str, values: tuple[Any, ...]):
    found = cells(**{axis: values, "backbones": ("MobileNet", "MobileNetV2")})
    assert len(found) == 2 * len(values)
    assert len({cell.name for cell in found}) == len(found)


def test_depths_apply_only_to_steps_that_take_one():
    found = cells(steps=("inference", "fast-extraction", "fine-tuning"), depths=("blocks:1", "all"))
    assert [(cell.step, cell.depth) for cell in found] == [
        ("inference", "none"),
        ("fast-extraction", "none"),
        ("fine-tuning", "blocks:1"),
        ("fine-tuning", "all"),
    ]


def test_groups_and_patterns_are_expanded_and_a_size_is_of_the_backbone():
    found = cells(backbones=("VGG*", "required"), sizes=("native", 160))
    assert [cell.backbone for cell in found][:4] == ["VGG16", "VGG16", "VGG19", "VGG19"]
    assert len(found) == 2 * 17
    assert {cell.size for cell in found} == {224, 299, 160}


def test_a_name_holds_every_axis_and_what_is_not_usual():
    plain = TimingCell("MobileNet", "fine-tuning", "blocks:1", 160, batch=8)
    assert plain.name == "MobileNet/fine-tuning/blocks:1/160px/batch8/cpu/float32"
    other = TimingCell(
        "MobileNet", "inference", "none", 224, 32, "gpu", "mixed_float16", True, protocol="keras-table"
    )
    assert other.name == "MobileNet/inference/none/224px/batch32/gpu/mixed_float16/jit/keras-table"


def test_a_label_tells_a_depth_where_there_is_one():
    (tuned,) = cells(steps=("fine-tuning",), depths=("layers:4",))
    (plain,) = cells()
    assert (tuned.label, plain.label) == ("fine-tuning layers:4", "inference")


def test_what_is_solved_or_only_read_has_no_train_step():
    assert {name for name in STRATEGIES if not has_train_step(name)} == {"linear-probe", "zero-shot"}
