"""What a timing run keeps: whole, read as written, refused when damaged."""

from pathlib import Path

import pytest
from fakes_timing import both_passes, selfcheck, timing_record

from harness.errors import UserError
from harness.timing.cell import TimingCell
from harness.timing.records import TimingFacts, TimingFolder


def test_records_of_both_passes_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = TimingFolder(tmp_path)
    records = both_passes(50, 60, jit=True)
    for record in records:
        folder.save(record)

    assert list(folder.load()) == records


def test_a_cell_that_is_timed_again_takes_the_place_of_its_record(tmp_path: Path) -> None:
    folder = TimingFolder(tmp_path)
    folder.save(timing_record())
    folder.save(timing_record())

    assert len(list(folder.load())) == 1


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    folder = TimingFolder(tmp_path)
    folder.save(timing_record())
    (path,) = folder.records.iterdir()
    path.write_text(path.read_text()[:200])

    with pytest.raises(UserError, match="not a TimingRecord") as caught:
        list(folder.load())
    assert path.name in str(caught.value)


def test_a_folder_without_a_timing_run_says_how_one_is_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="transferbench time"):
        TimingFolder(tmp_path).facts()


def test_facts_and_the_test_of_each_device_are_kept(tmp_path: Path) -> None:
    folder = TimingFolder(tmp_path)
    facts = TimingFacts(matrix="m", command="transferbench time m.toml", passes=2, seed=0, keys={"a": "b"})
    checks = [selfcheck(device="cpu"), selfcheck(device="gpu")]
    folder.write_facts(facts)
    for check in checks:
        folder.save_check(check)

    assert folder.facts() == facts
    assert folder.checks() == checks


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "MobileNet/inference/none/160px/batch32/cpu/float32"),
        ({"jit": True}, "MobileNet/inference/none/160px/batch32/cpu/float32/jit"),
        ({"protocol": "keras-table"}, "MobileNet/inference/none/160px/batch32/cpu/float32/keras-table"),
        (
            {"step": "fine-tuning", "depth": "all", "precision": "mixed_float16"},
            "MobileNet/fine-tuning/all/160px/batch32/cpu/mixed_float16",
        ),
    ],
)
def test_a_cells_name_tells_what_is_timed(changed: dict[str, object], name: str) -> None:
    usual: dict[str, object] = {"backbone": "MobileNet", "step": "inference", "depth": "none", "size": 160}

    assert TimingCell(**(usual | changed)).name == name  # type: ignore[arg-type]
