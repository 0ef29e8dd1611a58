"""Times as a gate: base and head in turn, two halves that must agree."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes_compare import DISTURBED
from fakes_judged import ELSEWHERE, kinds
from fakes_timing import failed_timing, selfcheck, timing_record, timing_run
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.compare import compare_folders
from harness.comparison.dedicated import Ratios, resolved
from harness.comparison.finding import Judgement
from harness.comparison.sides import NotComparableError
from harness.errors import UserError
from harness.metrics import MARGINS
from harness.statistics import spread_of_repeats, spread_of_successive
from harness.timing.records import SelfCheck, TimingRecord

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


STEADY = selfcheck()


def judged(
    folder: Path,
    both: tuple[Sequence[TimingRecord], Sequence[TimingRecord]],
    checks: Sequence[SelfCheck] = (STEADY, STEADY),
) -> Judgement:
    """What is found; `checks` are the A/A tests of base and head."""
    for name, records, own in zip(("base", "head"), both, checks, strict=True):
        count = max((record.in_pass for record in records), default=4)
        timing_run(folder / name, records, passes=count, checks=[own])
    return compare_folders(folder / "base", folder / "head", dedicated=True)


FLAT = (50.0,) * 4


def test_a_step_that_is_slower_in_both_halves_is_a_regression(tmp_path: Path):
    found = judged(tmp_path, passes(FLAT, (65.0, 66.0, 64.0, 65.0)))
    (one,) = found.findings
    assert (one.kind, one.severity, one.field) == ("time", "regression", "step_ms")
    assert one.difference == pytest.approx(1.30)
    assert "median ratio 1.300, 88 % interval 1.280 to 1.320; " in one.message
    assert one.message.endswith("%: slower")
    assert (found.exit_code, found.dedicated) == (1, True)


def test_each_half_is_told_as_a_run_of_the_experiment(tmp_path: Path):
    (one,) = judged(tmp_path, passes(FLAT, (65.0, 66.0, 64.0, 65.0))).findings
    assert "first run 1.310 (passes 1, 2), second run 1.290 (passes 3, 4)" in one.message


def test_a_step_that_is_faster_in_both_halves_is_improved(tmp_path: Path):
    assert kinds(judged(tmp_path, passes((65.0,) * 4, FLAT)).findings) == [("time", "improved", "step_ms")]


def test_the_same_times_are_within_the_margin_and_told_with_their_ratio(tmp_path: Path):
    found = judged(tmp_path, passes(FLAT, (50.1, 49.9, 50.2, 49.8)))
    (one,) = found.findings
    assert (one.severity, one.difference, one.after) == ("within", pytest.approx(1), pytest.approx(50.0))
    assert one.interval is not None
    assert (one.interval.low, one.interval.high) == (pytest.approx(0.996), pytest.approx(1.004))
    assert (found.exit_code, found.unchanged) == (0, one.cells)


def test_a_half_that_does_not_agree_fails_nothing(tmp_path: Path):
    found = judged(tmp_path, passes(FLAT, (65.0, 66.0, 50.0, 50.1)))
    assert kinds(found.findings) == [("time", "undecided", "step_ms")]
    assert found.findings[0].message.endswith("%: the two runs do not agree")


def test_where_both_runs_are_slower_and_one_pair_is_not_it_is_undecided_and_said_why(tmp_path: Path):
    base, head = (50.0,) * 6, (65.0, 45.0, 65.0, 65.0, 65.0, 65.0)
    found = judged(tmp_path, passes(base, head, "bhhbbhhbbhhb"))
    assert kinds(found.findings) == [("time", "undecided", "step_ms")]
    assert found.findings[0].message.endswith("%: the interval holds 1")


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
    one, other = found.findings
    assert (other.severity, other.cells) == ("within", (good[0][0].name,))
    assert (one.severity, one.cells) == ("undecided", (late[0][0].name,))
    assert "not timed in turn" in one.message


def test_a_pass_that_was_disturbed_is_left_out_and_where_too_few_are_left_it_is_said(tmp_path: Path):
    good, few = passes(FLAT, FLAT), passes(FLAT, (70.0,) * 4, disturbed=(2,), backbone="VGG16")
    one, other = judged(tmp_path / "few", (good[0] + few[0], good[1] + few[1])).findings
    assert (one.severity, other.severity) == ("undecided", "within")
    assert "others took 50 % of the cores (pass 2)" in one.message
    both = passes((50.0,) * 6, (50.0, 90.0, 50.0, 50.0, 50.0, 50.0), "bhhbbhhbbhhb", disturbed=(2,))
    (one,) = judged(tmp_path / "enough", both).findings
    assert (one.severity, one.before, one.after) == ("within", 50.0, 50.0)
    assert "(passes 1, 3)" in one.message


def test_a_pass_that_failed_on_one_side_is_told_where_too_few_are_left(tmp_path: Path):
    good, few = passes(FLAT, FLAT), passes(FLAT, FLAT, backbone="VGG16")
    few[1][1] = failed_timing(in_pass=2, backbone="VGG16")
    one, _ = judged(tmp_path, (good[0] + few[0], good[1] + few[1])).findings
    assert one.message == "its time cannot be judged: 3 of 4 passes of the head have a time"


def test_where_a_pass_of_every_cell_failed_it_is_not_said_that_they_were_not_timed_in_turn(tmp_path: Path):
    base, head = passes(FLAT, FLAT)
    head[2] = failed_timing(in_pass=3)
    with pytest.raises(NotComparableError, match="3 of 4 passes of the head have a time"):
        judged(tmp_path, (base, head))


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
    assert kinds(found.findings) == [("cells", "regression", "status"), ("time", "within", "step_ms")]


# The margin

ALIKE = (50.0, 50.5, 49.5, 50.2, 49.8, 50.1)
VARIED = (50.0, 55.0, 45.0, 52.0, 48.0, 50.0)
WOBBLING = (50.0, 52.0, 48.0, 50.0)
"""Times of an A/A test on a steady machine and on an unsteady one, and of passes that differ."""


def test_the_wider_of_the_two_witnesses_is_the_margin():
    steady, unsteady = spread_of_repeats(ALIKE), spread_of_repeats(VARIED)
    wobbling = spread_of_successive(WOBBLING)
    assert resolved(unsteady, FLAT, 2) == pytest.approx(unsteady.width(2))
    assert resolved(steady, WOBBLING, 2) == pytest.approx(wobbling.width(2))
    assert resolved(unsteady, WOBBLING, 2) == max(unsteady.width(2), wobbling.width(2))


def test_more_pairs_resolve_more():
    steady = spread_of_repeats(ALIKE)
    assert resolved(steady, WOBBLING, 3) < resolved(steady, WOBBLING, 2)


def test_without_an_aa_test_the_margin_is_at_least_that_of_an_unknown_machine():
    assert resolved(None, FLAT, 2) == MARGINS["train_ms"].value < resolved(None, (30.0, 60.0, 30.0, 60.0), 2)


UNSTEADY = selfcheck(a=VARIED[:3], b=VARIED[3:])


def test_a_machine_that_is_unsteady_with_the_base_passes_what_a_steady_one_fails(tmp_path: Path):
    slower = passes(FLAT, (54.0,) * 4)
    assert judged(tmp_path / "steady", slower).exit_code == 1
    assert judged(tmp_path / "aa", slower, [UNSTEADY, STEADY]).exit_code == 0
    wobbling = passes(WOBBLING, [1.08 * each for each in WOBBLING])
    assert judged(tmp_path / "passes", wobbling).exit_code == 0


def test_an_aa_test_that_the_head_widened_does_not_widen_the_margin(tmp_path: Path):
    slower = passes(FLAT, (54.0,) * 4)
    assert judged(tmp_path, slower, [STEADY, UNSTEADY]).exit_code == 1


def test_a_head_that_became_erratic_in_all_its_cells_does_not_pass_for_that(tmp_path: Path):
    """Ten and more cells, which are enough for a report to tell a machine's resolution from its passes."""
    erratic = (58.0, 90.0, 60.0, 85.0), (90.0, 58.0, 85.0, 60.0)
    cells = [passes(FLAT, erratic[number % 2], size=96 + 32 * number) for number in range(12)]
    base, head = ([record for cell in cells for record in cell[side]] for side in (0, 1))
    found = judged(tmp_path, (base, head))
    assert len({cell for each in found.of("regression") for cell in each.cells}) == 12


def test_an_aa_test_of_another_device_says_nothing(tmp_path: Path):
    slower = passes(FLAT, (54.0,) * 4)
    assert judged(tmp_path, slower, [selfcheck(device="gpu"), STEADY]).exit_code == 0


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


def share_of(
    verdict: str,
    true_ratio: float,
    *,
    pairs: int = 6,
    deviation: float = 0.03,
    drift: float = 0.0,
    erratic: float = 1.0,
    checked: float = 1.0,
) -> float:
    """How often a cell has that verdict, on a simulated machine.

    One measurement of the base varies by `deviation` (of its logarithm), one of the head by `erratic` times
    that and one of the A/A test, which is of another cell, by `checked` times that.  The machine wanders by
    `drift` from one timing to the next, but not during the A/A test, which is short.
    """
    random = np.random.default_rng(7)
    trials, count = 2000, 0
    head_first = np.arange(pairs) % 2 == 1
    for _ in range(trials):
        aa = np.exp(random.normal(0, checked * deviation, 10))
        wander = np.cumsum(random.normal(0, drift, 2 * pairs)).reshape(pairs, 2)
        base = np.where(head_first, wander[:, 1], wander[:, 0]) + random.normal(0, deviation, pairs)
        head = np.where(head_first, wander[:, 0], wander[:, 1]) + random.normal(0, erratic * deviation, pairs)
        ratios = [float(each) for each in true_ratio * np.exp(head - base)]
        margin = resolved(spread_of_repeats(aa), [float(each) for each in np.exp(base)], pairs // 2)
        found = Ratios(tuple(ratios[: pairs // 2]), tuple(ratios[pairs // 2 :]))
        count += found.verdict(margin) == verdict
    return count / trials


@pytest.mark.parametrize("drift", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("pairs", [4, 6, 8])
def test_identical_code_fails_in_fewer_than_one_case_of_a_hundred(pairs: int, drift: float):
    assert share_of("slower", 1.0, pairs=pairs, drift=drift) < 0.01


@pytest.mark.parametrize("pairs", [4, 6])
def test_so_does_that_of_a_cell_which_is_less_steady_than_the_one_of_the_aa_test(pairs: int):
    assert share_of("slower", 1.0, pairs=pairs, checked=1 / 3) < 0.01


@pytest.mark.parametrize("drift", [0.0, 0.01])
def test_a_step_that_is_30_per_cent_slower_is_nearly_always_found(drift: float):
    assert share_of("slower", 1.3, drift=drift) > 0.98


def test_the_fewest_passes_find_it_a_little_less_often():
    assert 0.95 < share_of("slower", 1.3, pairs=4) < share_of("slower", 1.3, pairs=8)


def test_a_slower_head_that_is_three_times_as_erratic_is_still_found_mostly():
    assert share_of("slower", 1.3, erratic=3.0) > 0.9


def test_an_erratic_head_that_is_no_slower_seldom_fails():
    assert share_of("slower", 1.0, erratic=3.0) < 0.02
