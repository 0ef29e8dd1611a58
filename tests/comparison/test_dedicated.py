"""Times as a gate: base and head in turn, two halves that must agree."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes_compare import DISTURBED
from fakes_judged import ELSEWHERE, kinds
from fakes_timing import selfcheck, timing_record, timing_run
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.timing_rows import read_timings
from harness.comparison.compare import compare_folders
from harness.comparison.dedicated import Ratios, resolved
from harness.comparison.finding import Judgement
from harness.comparison.sides import NotComparableError
from harness.errors import UserError
from harness.statistics import spread_of_repeats
from harness.timing.records import TimingRecord

IN_TURN = "bhhbbhhb"
"""Who was timed when: base, head, head, base, and the same again."""


def passes(
    base: Sequence[float], head: Sequence[float], order: str = IN_TURN, **changed: Any
) -> tuple[list[TimingRecord], list[TimingRecord]]:
    """Base and head with these times a pass (milliseconds), timed an hour after each other in that order.

    `disturbed` names the passes of the head that other work disturbed.
    """
    disturbed = changed.pop("disturbed", ())
    sides: dict[str, list[TimingRecord]] = {"b": [], "h": []}
    for hour, side in enumerate(order):
        number = len(sides[side]) + 1
        state = {"state": DISTURBED} if side == "h" and number in disturbed else {}
        milliseconds = (base if side == "b" else head)[number - 1]
        started = f"2025-01-02T{hour:02d}:00:00+00:00"
        sides[side].append(timing_record(milliseconds, in_pass=number, started=started, **state, **changed))
    return sides["b"], sides["h"]


def judged(
    folder: Path, both: tuple[Sequence[TimingRecord], Sequence[TimingRecord]], **options: Any
) -> Judgement:
    for name, records in zip(("base", "head"), both, strict=True):
        count = max((record.in_pass for record in records), default=4)
        timing_run(folder / name, records, passes=count, **options)
    return compare_folders(folder / "base", folder / "head", dedicated=True)


FLAT = (50.0,) * 4


def test_a_step_that_is_slower_in_both_halves_is_a_regression(tmp_path: Path):
    found = judged(tmp_path, passes(FLAT, (65.0, 66.0, 64.0, 65.0)))
    (one,) = found.findings
    assert (one.kind, one.severity, one.field) == ("time", "regression", "step_ms")
    assert one.difference == pytest.approx(1.30)
    assert "median ratio 1.300, 88 % interval 1.280 to 1.320, halves 1.310 and 1.290; margin" in one.message
    assert (found.exit_code, found.dedicated) == (1, True)


def test_a_step_that_is_faster_in_both_halves_is_improved(tmp_path: Path):
    assert kinds(judged(tmp_path, passes((65.0,) * 4, FLAT)).findings) == [("time", "improved", "step_ms")]


def test_the_same_times_are_no_finding(tmp_path: Path):
    assert judged(tmp_path, passes(FLAT, (50.1, 49.9, 50.2, 49.8))).findings == ()


def test_a_half_that_does_not_agree_fails_nothing(tmp_path: Path):
    found = judged(tmp_path, passes(FLAT, (65.0, 66.0, 50.0, 50.1)))
    assert kinds(found.findings) == [("time", "undecided", "step_ms")]
    assert "which do not agree" in found.findings[0].message


def test_a_machine_that_drifts_is_not_taken_for_a_slower_head(tmp_path: Path):
    """The machine is slower by a tenth with each timing; unpaired, the last passes would decide."""
    hours = dict(enumerate(IN_TURN))
    times = {side: [50 * 1.1**hour for hour, who in hours.items() if who == side] for side in "bh"}
    assert judged(tmp_path, passes(times["b"], times["h"])).of("regression") == ()


def test_the_first_half_alone_decides_nothing_and_neither_does_one_pass(tmp_path: Path):
    assert judged(tmp_path, passes(FLAT, (90.0, 50.0, 50.0, 50.0))).of("regression") == ()


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("bbbbhhhh", "base and head were not timed in turn"),
        ("bbhhhhbb", "base and head were not timed in turn"),
        ("bhbhbhbh", "base and head were not timed in turn"),
        ("bhhbbhbh", "base and head were not timed in turn"),
        ("bhhbhbbh", None),
        ("hbbhbhhb", None),
        ("bhhb", "--dedicated needs 4 passes of both, found 2 and 2"),
    ],
)
def test_times_that_were_not_taken_in_turn_are_refused_with_how_it_is_done(
    tmp_path: Path, order: str, told: str | None
):
    both = passes(FLAT, (70.0,) * 4, order)
    if told is None:
        assert judged(tmp_path, both).exit_code == 1
        return
    with pytest.raises(UserError, match=told) as caught:
        judged(tmp_path, both)
    assert "`--passes 1` for the base" in caught.value.hint


def test_times_of_which_it_cannot_be_told_who_came_first_are_refused(tmp_path: Path):
    base, head = passes(FLAT, (70.0,) * 4)
    head = [record.model_copy(update={"started": base[0].started}) for record in head]
    base = [record.model_copy(update={"started": base[0].started}) for record in base]
    with pytest.raises(UserError, match="not timed in turn"):
        judged(tmp_path, (base, head))


def test_a_cell_that_was_timed_again_later_is_undecided_and_the_others_are_judged(tmp_path: Path):
    """The first pass of the base's VGG16 was disturbed, and taken again at the end."""
    good, late = passes(FLAT, FLAT), passes(FLAT, (70.0,) * 4, backbone="VGG16")
    late[0][0] = late[0][0].model_copy(update={"started": "2025-01-02T20:00:00+00:00"})
    found = judged(tmp_path, (good[0] + late[0], good[1] + late[1]))
    (one,) = found.findings
    assert (one.severity, one.cells) == ("undecided", (late[0][0].name,))
    assert "not timed in turn" in one.message


def test_a_pass_that_was_disturbed_is_left_out_and_where_too_few_are_left_it_is_said(tmp_path: Path):
    good, few = passes(FLAT, FLAT), passes(FLAT, (70.0,) * 4, disturbed=(2,), backbone="VGG16")
    (one,) = judged(tmp_path / "few", (good[0] + few[0], good[1] + few[1])).findings
    assert one.severity == "undecided"
    assert "others took 50 % of the cores (pass 2)" in one.message
    both = passes((50.0,) * 6, (50.0, 90.0, 50.0, 50.0, 50.0, 50.0), "bhhbbhhbbhhb", disturbed=(2,))
    assert judged(tmp_path / "enough", both).findings == ()


def test_a_gate_that_could_judge_nothing_is_not_open(tmp_path: Path):
    with pytest.raises(NotComparableError, match="others took 50 % of the cores"):
        judged(tmp_path, passes(FLAT, (70.0,) * 4, disturbed=(2,)))


def test_another_machine_is_refused(tmp_path: Path):
    base, head = passes(FLAT, FLAT)
    head = [record.model_copy(update={"environment": ELSEWHERE}) for record in head]
    with pytest.raises(UserError, match="compares times of one machine"):
        judged(tmp_path, (base, head))


def test_a_lost_cell_fails_here_too(tmp_path: Path):
    both, more = passes(FLAT, FLAT), passes(FLAT, FLAT, backbone="VGG16")
    found = judged(tmp_path, (both[0] + more[0], both[1]))
    assert kinds(found.findings) == [("cells", "regression", "status")]


# The margin


def test_the_widest_witness_of_what_the_machine_resolves_is_the_margin(tmp_path: Path):
    unsteady = selfcheck(a=(50.0, 55.0, 45.0), b=(52.0, 48.0, 50.0))
    records = passes(FLAT, FLAT)
    sides = [
        read_timings(timing_run(tmp_path / "base", records[0], passes=4, checks=[unsteady])),
        read_timings(timing_run(tmp_path / "head", records[1], passes=4)),
    ]
    expected = spread_of_repeats([*unsteady.a, *unsteady.b]).width(2)
    assert resolved(sides, "cpu", 2) == pytest.approx(expected)
    assert resolved(sides, "cpu", 2) > resolved(sides, "cpu", 3) > resolved(sides[1:], "cpu", 3)


def test_without_a_witness_the_margin_is_that_of_an_unknown_machine(tmp_path: Path):
    records, _ = passes(FLAT, FLAT)
    side = read_timings(timing_run(tmp_path, records, passes=4, checks=[]))
    assert resolved([side], "cpu", 2) == 0.3


def test_an_unsteady_machine_passes_what_a_steady_one_fails(tmp_path: Path):
    slower = passes(FLAT, (54.0,) * 4)
    unsteady = selfcheck(a=(50.0, 55.0, 45.0), b=(52.0, 48.0, 50.0))
    assert judged(tmp_path / "steady", slower).exit_code == 1
    assert judged(tmp_path / "unsteady", slower, checks=[unsteady]).exit_code == 0


# The rule

ratio = st.floats(0.2, 5.0)
halves = st.builds(
    Ratios,
    st.lists(ratio, min_size=2, max_size=4).map(tuple),
    st.lists(ratio, min_size=2, max_size=4).map(tuple),
)


@given(halves, st.floats(0.001, 0.5))
def test_swapped_slower_is_faster(found: Ratios, margin: float):
    # The median of two is their mean, so the two sides differ a little: just at the margin by a word.
    swapped = Ratios(*(tuple(1 / each for each in half) for half in (found.first, found.second)))
    words = found.verdict(margin), swapped.verdict(margin)
    assert words not in {("slower", "slower"), ("faster", "faster")}


@given(halves, st.floats(0.001, 0.5))
def test_a_half_below_the_margin_is_enough_not_to_fail(found: Ratios, margin: float):
    if min(found.halves) <= 1 + margin:
        assert found.verdict(margin) != "slower"


def share_of(verdict: str, true_ratio: float, *, pairs: int, deviation: float, drift: float) -> float:
    """How often a cell has that verdict, on a simulated machine.

    One measurement varies by `deviation` (of its logarithm), the machine wanders by `drift` from one timing
    to the next, and what it resolves is estimated anew each time, from an A/A test of ten measurements.
    """
    random = np.random.default_rng(7)
    trials, count = 1000, 0
    for _ in range(trials):
        margin = spread_of_repeats(np.exp(random.normal(0, deviation, 10))).width(pairs // 2)
        wander = np.cumsum(random.normal(0, drift, 2 * pairs))
        noise = random.normal(0, deviation, 2 * pairs)
        logs = wander + noise
        ratios = []
        for number, (one, other) in enumerate(pairwise(range(2 * pairs))):
            if number % 2 == 0:
                base, head = (one, other) if number % 4 == 0 else (other, one)
                ratios.append(true_ratio * float(np.exp(logs[head] - logs[base])))
        found = Ratios(tuple(ratios[: pairs // 2]), tuple(ratios[pairs // 2 :]))
        count += found.verdict(margin) == verdict
    return count / trials


@pytest.mark.parametrize(("pairs", "drift"), [(4, 0.0), (4, 0.01), (8, 0.0)])
def test_identical_code_fails_in_fewer_than_one_case_of_a_hundred(pairs: int, drift: float):
    assert share_of("slower", 1.0, pairs=pairs, deviation=0.02, drift=drift) < 0.01


@pytest.mark.parametrize("drift", [0.0, 0.01])
def test_a_step_that_is_30_per_cent_slower_is_nearly_always_found(drift: float):
    assert share_of("slower", 1.3, pairs=4, deviation=0.03, drift=drift) > 0.98
