"""Machine against machine as tables: times alone."""

from pathlib import Path

from fakes import ENVIRONMENT, Row
from fakes_compare import DISTURBED, standings, steps, trial

from harness.records import DeviceState
from harness.reports.machines import machines

ELSEWHERE = ENVIRONMENT.model_copy(update={"cores": 64, "libraries": {"keras": "3.0", "tensorflow": "2.1"}})
NAMES = ("VGG16", "VGG19", "Xception")


def told(folder: Path, *rows: Row) -> str:
    return machines(standings(folder, rows))


def both(**changed: object) -> list[Row]:
    """Three backbones on the CPU, and ten times as fast on the other place."""
    fast = {"train": steps(2.0), "inference": steps(6.0), **changed}
    return [row for name in NAMES for row in (trial(900, backbone=name), trial(950, backbone=name, **fast))]


def test_devices_of_one_run_stand_against_each_other_by_time_alone(tmp_path: Path):
    text = told(tmp_path, *both(device="gpu"))
    assert "### gpu against cpu, time only" in text
    assert "inference step: the geometric mean of 3 ratios is 0.100" in text
    assert "| VGG16 at 160 px, fast-extraction" in text
    assert "accuracy" not in text
    assert "90.0" not in text


def test_other_environments_are_named_with_what_they_differ_in(tmp_path: Path):
    rows = both(environment=ELSEWHERE)
    moved = [
        (row.model_copy(update={"key": f"{number:010d}{0:054d}"}), found)
        for number, (row, found) in enumerate(rows)
    ]
    text = told(tmp_path, *moved)
    here, there = ENVIRONMENT.fingerprint, ELSEWHERE.fingerprint
    assert f"### {there} cpu against {here} cpu, time only" in text
    assert "- they differ in cores 2 and 64" in text
    assert "- they differ in library versions: tensorflow 2.0 and 2.1" in text


def test_a_disturbed_time_stands_apart_with_its_reason(tmp_path: Path):
    text = told(tmp_path, *both(device="gpu", train=steps(2.0, state=DISTURBED)))
    assert "Not compared, 3 times:" in text
    assert "gpu: others took 50 % of the cores" in text
    assert "train step of fast-extraction: " not in text


def test_what_disturbed_the_seeds_is_told_once_by_the_worst(tmp_path: Path):
    rows = [
        trial(900, seed=seed, device=device, train=steps(20.0, state=DeviceState(others_share=share)))
        for device in ("cpu", "gpu")
        for seed, share in enumerate((0.4, 0.73, 0.5))
    ]
    text = told(tmp_path, *rows)
    assert "cpu: others took 73 % of the cores (the worst of 3); gpu: others took 73 %" in text
    assert text.count("others took") == 2


def test_one_cell_alone_is_told_without_a_mean(tmp_path: Path):
    rows = [trial(900), trial(900, device="gpu", train=steps(4.0), inference=steps(60.0))]
    text = told(tmp_path, *rows)
    assert "train step of fast-extraction: of one cell, gpu is faster by a factor of 5.00." in text
    assert "inference step: of one cell, the two cannot be told apart." in text


def test_one_machine_has_no_section(tmp_path: Path):
    assert told(tmp_path, trial(900), trial(900, depth="blocks:1")) == ""


def test_machines_without_a_cell_in_common_have_no_section(tmp_path: Path):
    assert told(tmp_path, trial(900), trial(900, backbone="VGG16", device="gpu")) == ""
