"""A timing run on a machine that is scripted: order, passes, the A/A test, resume, failures."""

from pathlib import Path

import fakes
import pytest
from fakes_timing import FakeTimer, timed

from harness.errors import UserError
from harness.records import DeviceState, Memory
from harness.running import timing_run
from harness.running.job import TimingOutcome
from harness.running.timing_run import ROUNDS, TimingRequest, check_cell, check_machine, time_matrix
from harness.timing.cell import TimingCell
from harness.timing.records import TimingFolder

MATRIX = """\
name = "steps"

[[timing]]
backbones = ["MobileNet-0.25", "MobileNet-0.5", "MobileNet"]
steps = ["inference", "fine-tuning"]
depths = ["blocks:1"]
sizes = [96]
batches = [4]
"""


def request(folder: Path, text: str = MATRIX, **changed: object) -> TimingRequest:
    usual = {
        "matrix": fakes.matrix(folder, text),
        "out": folder / "out",
        "command": "transferbench time m.toml",
    }
    return TimingRequest(**(usual | changed))  # type: ignore[arg-type]


def test_every_cell_is_timed_once_a_pass(tmp_path: Path) -> None:
    timer = FakeTimer()

    records = time_matrix(request(tmp_path), timer, fakes.view())

    names = [cell.name for cell in fakes.matrix(tmp_path, MATRIX).timing_cells()]
    assert len(names) == 6
    assert sorted(timer.of_matrix) == sorted(2 * names)
    assert sorted(timer.of_matrix[:6]) == sorted(names)
    assert [(record.in_pass, record.place) for record in records] == [
        (number, place) for number in (1, 2) for place in range(6)
    ]


def test_each_pass_has_an_order_of_its_own_that_the_seed_draws(tmp_path: Path) -> None:
    orders = []
    for number, seed in enumerate((0, 0, 1)):
        timer = FakeTimer()
        time_matrix(request(tmp_path, out=tmp_path / str(number), seed=seed), timer, fakes.view())
        orders.append(timer.of_matrix)

    assert orders[0] == orders[1] != orders[2]
    assert orders[0][:6] != orders[0][6:]


def test_records_are_there_when_it_is_interrupted_and_are_not_made_again(tmp_path: Path) -> None:
    class Interrupted(FakeTimer):
        def time(self, *arguments: object) -> tuple[TimingOutcome, Memory | None]:
            if len(self.of_matrix) == 8:
                raise KeyboardInterrupt
            return super().time(*arguments)  # type: ignore[arg-type]

    first, second = Interrupted(), FakeTimer()
    with pytest.raises(KeyboardInterrupt):
        time_matrix(request(tmp_path), first, fakes.view())
    assert len(list(TimingFolder(tmp_path / "out").load())) == 8

    records = time_matrix(request(tmp_path), second, fakes.view())

    assert len(second.asked) == 4
    assert len(records) == 12


def test_another_version_of_the_code_is_timed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time_matrix(request(tmp_path), FakeTimer(), fakes.view())
    monkeypatch.setattr(timing_run, "code_sha256", lambda: "another")
    timer = FakeTimer()

    time_matrix(request(tmp_path), timer, fakes.view())

    assert len(timer.of_matrix) == 12


def test_a_failure_is_recorded_with_its_reason_and_tried_again(tmp_path: Path) -> None:
    def too_big(cell: TimingCell) -> TimingOutcome:
        if cell.backbone == "MobileNet" and cell.size == 96:
            return TimingOutcome("oom", "out of memory")
        return TimingOutcome("ok", "", timed())

    records = time_matrix(request(tmp_path), FakeTimer(too_big), fakes.view())
    again = FakeTimer()
    time_matrix(request(tmp_path), again, fakes.view())

    lost = [record for record in records if record.status != "ok"]
    assert {(record.status, record.reason, record.timed) for record in lost} == {
        ("oom", "out of memory", None)
    }
    assert len(lost) == len(again.of_matrix) == 4


def test_the_time_limit_is_the_matrixs(tmp_path: Path) -> None:
    timer = FakeTimer()

    time_matrix(request(tmp_path, "minutes_per_cell = 2\n" + MATRIX), timer, fakes.view())

    assert timer.limits[-1] == 120


# The A/A test -------------------------------------------------------------------------------


def test_the_machine_is_tested_once_before_the_first_pass(tmp_path: Path) -> None:
    timer = FakeTimer()
    time_matrix(request(tmp_path), timer, fakes.view())
    time_matrix(request(tmp_path, passes=3), timer, fakes.view())

    first = timer.asked[: 2 * ROUNDS]
    assert {cell.name for cell in first} == {check_cell("cpu", 4).name}
    assert len(timer.asked) == 2 * ROUNDS + 3 * 6
    (check,) = TimingFolder(tmp_path / "out").checks()
    assert len(check.a) == len(check.b) == ROUNDS


def test_a_and_b_take_turns_so_that_drift_falls_on_both(tmp_path: Path) -> None:
    """A machine that gets slower by the same amount each time must not make one of them slower."""
    count = iter(range(1, 100))
    timer = FakeTimer(lambda _: TimingOutcome("ok", "", timed(1000 + 10 * next(count))))

    check = check_machine(check_cell("cpu", 4), timer, tmp_path, fakes.view(), rounds=4)

    assert sum(check.a) == pytest.approx(sum(check.b))


def test_a_test_without_a_result_says_why(tmp_path: Path) -> None:
    timer = FakeTimer(lambda _: TimingOutcome("skipped", "no GPU is visible to TensorFlow"))

    with pytest.raises(UserError, match="no GPU is visible"):
        check_machine(check_cell("gpu", 4), timer, tmp_path, fakes.view())


# The folder ---------------------------------------------------------------------------------


def test_a_matrix_without_timings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no \\[\\[timing\\]\\] tables"):
        time_matrix(request(tmp_path, fakes.MATRIX), FakeTimer(), fakes.view())


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    fakes.put(tmp_path / "out" / "thesis.txt", b"years of work")

    with pytest.raises(UserError, match="no timing run"):
        time_matrix(request(tmp_path), FakeTimer(), fakes.view())


def test_a_folder_of_another_matrix_is_refused(tmp_path: Path) -> None:
    time_matrix(request(tmp_path), FakeTimer(), fakes.view())

    with pytest.raises(UserError, match="timing run of matrix 'steps', not 'others'"):
        time_matrix(request(tmp_path, MATRIX.replace('"steps"', '"others"')), FakeTimer(), fakes.view())


# What makes a timing another one ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("code_sha256", lambda: "another"),
        ("current_environment", lambda: fakes.ENVIRONMENT.model_copy(update={"cores": 64})),
        ("current_environment", lambda: fakes.ENVIRONMENT.model_copy(update={"gpus": ("A GPU (driver 1)",)})),
        ("RECIPE", timing_run.RECIPE.model_copy(update={"head": "flatten-linear"})),
    ],
)
def test_the_key_follows_what_a_time_depends_on(
    name: str, other: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing_run, "current_environment", lambda: fakes.ENVIRONMENT)
    cell = check_cell("cpu", 4)
    before = timing_run.timing_key(cell)
    monkeypatch.setattr(timing_run, name, other)

    assert timing_run.timing_key(cell) != before


def beside_others(cell: TimingCell) -> TimingOutcome:
    """The timings of one backbone are disturbed."""
    share = 0.4 if cell.backbone == "MobileNet" and cell.size == 96 else 0.02
    return TimingOutcome("ok", "", timed(20.0, state=DeviceState(others_share=share)))


def test_what_other_work_disturbed_is_timed_again_by_the_same_command(tmp_path: Path) -> None:
    time_matrix(request(tmp_path), FakeTimer(beside_others), fakes.view())
    again, third = FakeTimer(), FakeTimer()
    time_matrix(request(tmp_path), again, fakes.view())
    time_matrix(request(tmp_path), third, fakes.view())

    assert len(again.of_matrix) == 4
    assert {name.partition("/")[0] for name in again.of_matrix} == {"MobileNet"}
    assert third.of_matrix == []


def test_what_other_work_disturbed_stands_where_that_was_asked_for_and_the_next_pass_is_made(
    tmp_path: Path,
) -> None:
    time_matrix(request(tmp_path, passes=1), FakeTimer(beside_others), fakes.view())
    again = FakeTimer()

    records = time_matrix(request(tmp_path, passes=2, keep_disturbed=True), again, fakes.view())

    assert len(again.of_matrix) == 6
    disturbed = [record for record in records if record.timed and record.timed.step.state.others_share == 0.4]
    assert {record.in_pass for record in disturbed} == {1}
    assert len(disturbed) == 2


def test_what_has_no_result_is_tried_again_even_where_what_was_disturbed_stands(tmp_path: Path) -> None:
    failing = FakeTimer(lambda _: TimingOutcome("oom", "out of memory"))
    time_matrix(request(tmp_path, passes=1), failing, fakes.view())
    again = FakeTimer()

    time_matrix(request(tmp_path, passes=1, keep_disturbed=True), again, fakes.view())

    assert len(again.of_matrix) == 6
