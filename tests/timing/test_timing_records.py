"""What a timing run keeps: whole, read as written, refused when damaged."""

from pathlib import Path

import fakes
import pytest

from harness.errors import UserError
from harness.records import StepTimes
from harness.timing.cell import TimingCell
from harness.timing.records import SelfCheck, Timed, TimingFacts, TimingFolder, TimingRecord

CELL = TimingCell("MobileNet", "fine-tuning", "blocks:1", 160, batch=8, jit=True)


def record(in_pass: int = 1) -> TimingRecord:
    step = StepTimes(
        batch=8,
        first_seconds=1.0,
        warm_up_steps=6,
        stable=True,
        steps_per_block=5,
        block_seconds=(0.1, 0.2),
    )
    return TimingRecord(
        status="ok",
        name=CELL.name,
        key="k" * 64,
        cell=CELL,
        in_pass=in_pass,
        place=3,
        environment=fakes.ENVIRONMENT,
        commit="0123456789ab",
        started="2025-01-02T03:04:05+00:00",
        timed=Timed(build_seconds=1.5, step=step),
    )


def test_records_of_both_passes_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = TimingFolder(tmp_path)
    folder.save(record(1))
    folder.save(record(2))

    assert list(folder.load()) == [record(1), record(2)]


def test_a_cell_that_is_timed_again_takes_the_place_of_its_record(tmp_path: Path) -> None:
    folder = TimingFolder(tmp_path)
    folder.save(record())
    folder.save(record())

    assert len(list(folder.load())) == 1


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    folder = TimingFolder(tmp_path)
    folder.save(record())
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
    checks = [
        SelfCheck(
            cell=TimingCell("MobileNet", "inference", "none", 160, device=device),
            key="k",
            environment=fakes.ENVIRONMENT,
            started="2025-01-02T03:04:05+00:00",
            a=(0.1, 0.2),
            b=(0.1, 0.3),
        )
        for device in ("cpu", "gpu")
    ]
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
