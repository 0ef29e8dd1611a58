"""Times of one configuration on several devices, side by side."""

from pathlib import Path

import pytest
from fakes import ENVIRONMENT, answers, finished_run, measured, row
from fakes_timing import selfcheck, timing_record, timing_run
from tables import section, table

from harness.analysis.device_times import anywhere, on_devices, other_devices
from harness.analysis.resolution import aa_spread
from harness.analysis.standings import read_standings
from harness.analysis.timing_rows import TimingRow, read_timings
from harness.records import DeviceState, Record
from harness.reports.leaderboard import leaderboard, render_leaderboard

GPU = row(answers(90), device="gpu")


def faster(factor: float, **changed: object) -> tuple[Record, object]:
    """The same cell, its steps so many times as fast."""
    record, predictions = row(answers(90), **changed)
    step = record.measured.train_step
    assert step is not None
    quick = step.model_copy(update={"block_seconds": tuple(each / factor for each in step.block_seconds)})
    changes = {"train_step": quick, "inference_step": quick}
    return record.model_copy(
        update={"measured": measured(predictions).model_copy(update=changes)}
    ), predictions


def timings(folder: Path, **changed: object) -> tuple[TimingRow, ...]:
    usual: dict[str, object] = {"backbone": "MobileNet-0.25", "batch": 32, "device": "cpu"}
    records = [timing_record(in_pass=number, **(usual | changed)) for number in (1, 2)]
    return read_timings(timing_run(folder, records)).rows


def test_times_on_two_devices_stand_beside_each_other_and_rank_apart(tmp_path: Path):
    folder = finished_run(tmp_path, [faster(10, device="gpu"), row(answers(80))])
    text = render_leaderboard(folder)
    parts = [part for part in text.split("\n## ") if part.startswith("Ranked by test accuracy (")]
    lines = [table(part)[0] for part in parts]
    assert len(lines) == 2
    for line in lines:
        assert (line["train on cpu (ms/step)"], line["train on gpu (ms/step)"]) == ("20.0", "2.0")
        assert (line["inference on cpu (ms/step)"], line["inference on gpu (ms/step)"]) == ("20.0", "2.0")
        assert line["rank"] == "1"


def test_a_run_on_one_device_names_none(tmp_path: Path):
    (line,) = table(section(render_leaderboard(finished_run(tmp_path, [GPU])), "Ranked"))
    assert "train (ms/step)" in line


def test_a_row_has_no_times_beside_its_own_where_all_are_of_one_device():
    assert other_devices([GPU[0]], [GPU[0], faster(2, device="gpu", seed=1)[0]]) == {}


def test_a_row_has_the_times_of_other_records_and_of_a_timing_run_beside_its_own(tmp_path: Path):
    cpu, rows = faster(10)[0], timings(tmp_path)
    assert list(other_devices([GPU[0]], [GPU[0], cpu])) == ["cpu", "gpu"]
    assert list(other_devices([GPU[0]], [GPU[0]], rows)) == ["cpu", "gpu"]


def test_a_timing_run_gives_the_other_device(tmp_path: Path):
    found = read_standings(finished_run(tmp_path / "run", [GPU]))
    rows = timings(tmp_path / "timings")
    (line,) = table(section(leaderboard(found, rows), "Ranked"))
    assert line["inference on cpu (ms/step)"] == f"{rows[0].milliseconds:.1f}"
    assert line["train on cpu (ms/step)"] == "-"
    assert line["inference on gpu (ms/step)"] == "20.0"


@pytest.mark.parametrize(
    "other",
    [{"batch": 8}, {"size": 224}, {"backbone": "VGG16"}, {"precision": "mixed_float16"}, {"jit": True}],
)
def test_a_timing_of_another_step_is_not_taken(other: dict[str, object], tmp_path: Path):
    found = on_devices([GPU[0]], [GPU[0]], timings(tmp_path, **other))
    assert list(found) == ["gpu"]


def test_a_doubtful_timing_is_marked(tmp_path: Path):
    rows = timings(tmp_path, state=DeviceState(others_share=0.9))
    found = on_devices([GPU[0]], [GPU[0]], rows)
    assert {reading.doubt for reading in found["cpu"].values()} == {"doubtful"}


def test_the_records_own_time_goes_before_a_timing_runs(tmp_path: Path):
    rows = timings(tmp_path, device="gpu")
    found = on_devices([GPU[0]], [GPU[0]], rows)
    assert {reading.value for reading in found["gpu"].values()} == {20.0}


def checked(folder: Path, device: str) -> TimingRow:
    """A row of two passes on a machine and device with an A/A test."""
    records = [
        timing_record(in_pass=number, backbone="MobileNet-0.25", batch=32, device=device) for number in (1, 2)
    ]
    (row,) = read_timings(timing_run(folder, records, checks=[selfcheck(device=device)])).rows
    return row


def test_a_time_carries_what_a_timing_run_says_its_machine_resolves(tmp_path: Path):
    """Its own time is the mean of two passes, a training's was measured once."""
    there, here = checked(tmp_path / "cpu", "cpu"), checked(tmp_path / "gpu", "gpu")
    found = on_devices([GPU[0]], [GPU[0]], [there, here])
    within = {device: {each.within for each in readings.values()} for device, readings in found.items()}
    assert within == {"cpu": {there.tie_width}, "gpu": {here.tie_width_of_one}}


def test_a_single_time_is_told_apart_as_the_self_check_says_of_one_measurement(tmp_path: Path):
    row = checked(tmp_path, "cpu")
    spread = aa_spread(selfcheck(device="cpu"))
    assert row.tie_width == pytest.approx(spread.width(2))
    assert row.tie_width_of_one == pytest.approx(spread.width(1))


OTHER = ENVIRONMENT.model_copy(update={"processor": "Another Processor"})


def test_a_column_never_mixes_machines(tmp_path: Path):
    """Another machine's time of the same cell is neither averaged in nor taken where this one has none."""
    here, there = GPU[0], faster(10, device="gpu", environment=OTHER, seed=1)[0]
    rows = timings(tmp_path, device="gpu", environment=OTHER)
    found = on_devices([here], [here, there], rows)
    assert list(found) == ["gpu"]
    assert {reading.value for reading in found["gpu"].values()} == {20.0}


def test_machines_of_another_device_are_told_apart():
    cpus = [faster(factor, environment=each)[0] for factor, each in ((1, ENVIRONMENT), (2, OTHER))]
    found = on_devices([GPU[0]], [GPU[0], *cpus])
    name = anywhere(GPU[0])
    assert {device: each["train_ms", name].value for device, each in found.items()} == {
        f"cpu of {ENVIRONMENT.fingerprint}": pytest.approx(20.0),
        f"cpu of {OTHER.fingerprint}": pytest.approx(10.0),
        "gpu": pytest.approx(20.0),
    }


def test_the_machine_of_a_timing_run_is_named(tmp_path: Path):
    found = read_standings(finished_run(tmp_path / "run", [GPU]))
    text = leaderboard(found, timings(tmp_path / "timings", environment=OTHER))
    assert "- times on cpu from a timing run: Another Processor, 2 cores" in text
