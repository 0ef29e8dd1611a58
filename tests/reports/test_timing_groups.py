"""What is ranked together, and what never is."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from fakes import ENVIRONMENT
from fakes_timing import both_passes, selfcheck, timing_run

from harness.analysis.timing_rows import read_timings
from harness.backbones import backbone
from harness.reports.timing_groups import Group, comparable
from harness.timing.records import TimingRecord

OTHER_MACHINE = ENVIRONMENT.model_copy(update={"processor": "Another Processor"})


def groups(path: Path, *records: TimingRecord) -> list[Group]:
    checks = [selfcheck(), selfcheck(device="gpu")]
    return comparable(read_timings(timing_run(path, records, checks=checks)).rows)


def placed(group: Group) -> list[tuple[str, int | None]]:
    return [(row.cell.backbone, rank) for row, rank in zip(group.rows, group.ranks, strict=True)]


def native(*names: str, **changed: Any) -> list[TimingRecord]:
    return [
        record
        for name in names
        for record in both_passes(backbone=name, size=backbone(name).native_size, **changed)
    ]


def test_rows_stand_by_time_and_those_the_machine_cannot_tell_apart_share_a_rank(tmp_path: Path):
    records = [
        *both_passes(60.0, backbone="VGG16"),
        *both_passes(40.1, backbone="Xception"),
        *both_passes(40.0, backbone="MobileNet"),
    ]
    (group,) = groups(tmp_path, *records)
    assert placed(group) == [("MobileNet", 1), ("Xception", 1), ("VGG16", 3)]


def test_equal_times_stand_by_name_whatever_the_order_of_the_plan(tmp_path: Path):
    names = ("Xception", "MobileNet", "VGG16")
    orders = set()
    for number, order in enumerate(permutations(names)):
        records = [record for name in order for record in both_passes(40.0, backbone=name)]
        (group,) = groups(tmp_path / str(number), *records)
        orders.add(tuple(placed(group)))
    assert orders == {(("MobileNet", 1), ("VGG16", 1), ("Xception", 1))}


def test_a_row_with_doubts_worsens_no_rank(tmp_path: Path):
    records = [*both_passes(10.0, 20.0, backbone="VGG16"), *both_passes(40.0)]
    (group,) = groups(tmp_path, *records)
    assert placed(group) == [("VGG16", None), ("MobileNet", 1)]


@pytest.mark.parametrize(
    "other",
    [
        {"jit": True},
        {"precision": "mixed_bfloat16"},
        {"device": "gpu"},
        {"batch": 32},
        {"step": "fine-tuning", "depth": "blocks:1"},
        {"environment": OTHER_MACHINE},
        {"size": 128},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_differs_in_more_than_the_backbone_is_never_ranked_together(
    other: dict[str, Any], tmp_path: Path
):
    records = [*both_passes(50.0), *both_passes(10.0, backbone="VGG16", **other)]
    assert [[row.cell.backbone for row in group.rows] for group in groups(tmp_path, *records)] == [
        ["MobileNet"],
        ["VGG16"],
    ]


def test_depths_of_one_strategy_are_compared_each_by_itself(tmp_path: Path):
    records = [
        record for depth in ("blocks:1", "all") for record in both_passes(step="fine-tuning", depth=depth)
    ]
    assert [group.title for group in groups(tmp_path, *records)] == [
        "Train step of fine-tuning blocks:1 at 160 px, batch 8, cpu, float32",
        "Train step of fine-tuning all at 160 px, batch 8, cpu, float32",
    ]


def test_native_sizes_are_one_table_and_a_common_size_another(tmp_path: Path):
    records = [*both_passes(), *both_passes(backbone="Xception"), *native("MobileNet", "Xception")]
    found = groups(tmp_path, *records)
    assert [group.title for group in found] == [
        "Inference at 160 px, batch 8, cpu, float32",
        "Inference at native size, batch 8, cpu, float32",
    ]
    assert [group.native for group in found] == [False, True]
    assert sorted(row.cell.size for row in found[1].rows) == [224, 299]


def test_a_native_size_that_others_share_stands_in_both_tables(tmp_path: Path):
    records = [*native("MobileNet", "Xception"), *both_passes(backbone="Xception", size=224)]
    found = [
        [(row.cell.backbone, row.cell.size) for row in group.rows] for group in groups(tmp_path, *records)
    ]
    assert [sorted(rows) for rows in found] == [
        [("MobileNet", 224), ("Xception", 224)],
        [("MobileNet", 224), ("Xception", 299)],
    ]


def test_a_common_size_that_is_some_backbones_native_one_is_one_table(tmp_path: Path):
    records = [*native("MobileNet"), *both_passes(backbone="Xception", size=224)]
    (group,) = groups(tmp_path, *records)
    assert group.title == "Inference at 224 px, batch 8, cpu, float32"


def test_backbones_of_one_native_size_are_told_with_that_size(tmp_path: Path):
    (group,) = groups(tmp_path, *native("MobileNet", "VGG16"))
    assert (group.title, group.native) == ("Inference at 224 px, batch 8, cpu, float32", True)


def test_rows_of_the_published_protocol_are_in_no_group(tmp_path: Path):
    assert groups(tmp_path, *native("MobileNet", protocol="keras-table")) == []


def test_jit_stands_in_the_title(tmp_path: Path):
    (group,) = groups(tmp_path, *both_passes(jit=True))
    assert group.title == "Inference at 160 px, batch 8, cpu, float32, jit"
