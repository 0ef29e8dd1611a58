"""What the records of a timing run amount to: figures against ones computed here by hand, and doubts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import ENVIRONMENT
from fakes_timing import (
    CEILING,
    blocks,
    both_passes,
    failed_timing,
    selfcheck,
    timed,
    timing_record,
    timing_run,
)

from harness.analysis.timing_rows import TimingRow, Timings, read_timings
from harness.errors import UserError
from harness.records import DeviceState, Memory
from harness.reports.timing_groups import comparable
from harness.timing.records import SelfCheck, TimingRecord, Work

OTHER_MACHINE = ENVIRONMENT.model_copy(update={"processor": "Another Processor"})
GPU = "/job:localhost/replica:0/task:0/device:GPU:0"


def timings(path: Path, *records: TimingRecord, **options: Any) -> Timings:
    return read_timings(timing_run(path, records, **options))


def one_row(path: Path, *records: TimingRecord, **options: Any) -> TimingRow:
    (row,) = timings(path, *records, **options).rows
    return row


def ranks(found: Timings) -> dict[str, int | None]:
    """The rank of each backbone, in the one group that there is."""
    (group,) = comparable(found.rows)
    return {row.cell.backbone: rank for row, rank in zip(group.rows, group.ranks, strict=True)}


# Times


def test_a_row_is_the_mean_of_its_passes_however_many_blocks_each_has(tmp_path: Path):
    """The median of all blocks thrown together would be 100: the pass with a block more decides alone."""
    records = [timing_record(*[100.0] * 11, in_pass=1), timing_record(*[110.0] * 10, in_pass=2)]
    row = one_row(tmp_path, *records)
    assert row.milliseconds == pytest.approx(105)
    assert row.images_per_second == pytest.approx(8 / 0.105)
    assert row.blocks == 21


def test_the_interval_covers_what_the_passes_disagree_on(tmp_path: Path):
    """Of ten blocks, the second smallest and the second largest; of both passes the outermost."""
    first, second = [10.0 + step for step in range(10)], [30.0 + step for step in range(10)]
    row = one_row(tmp_path, timing_record(*first), timing_record(*second, in_pass=2))
    assert (row.interval.low, row.interval.high) == (pytest.approx(11), pytest.approx(38))
    assert row.interval.confidence == pytest.approx(0.9785, abs=1e-4)


def test_the_interval_is_worth_what_its_least_sure_pass_is(tmp_path: Path):
    row = one_row(tmp_path, timing_record(*range(1, 11)), timing_record(*range(1, 6), in_pass=2))
    assert row.interval.confidence == 0.9375


def test_p90_is_that_of_all_blocks(tmp_path: Path):
    first, second = range(1, 11), range(11, 21)
    row = one_row(tmp_path, timing_record(*first), timing_record(*second, in_pass=2))
    assert row.p90_milliseconds == pytest.approx(float(np.quantile([*first, *second], 0.9)))


@pytest.mark.parametrize(("passes", "differ"), [((50.0, 55.0), 0.1), ((55.0, 50.0), 0.1), ((50.0,), None)])
def test_passes_differ_by_the_slowest_over_the_fastest(
    passes: Sequence[float], differ: float | None, tmp_path: Path
):
    row = one_row(tmp_path, *(timing_record(each, in_pass=number) for number, each in enumerate(passes, 1)))
    assert row.passes_differ == (None if differ is None else pytest.approx(differ))


def test_the_published_protocols_mean_is_over_all_blocks_of_a_pass(tmp_path: Path):
    row = one_row(tmp_path, timing_record(10.0, 20.0, 60.0), timing_record(40.0, 40.0, in_pass=2))
    assert row.mean_milliseconds == pytest.approx(35)
    assert row.milliseconds == pytest.approx(30)


def test_the_first_step_and_the_build_are_told_by_themselves(tmp_path: Path):
    records = [
        timing_record(in_pass=number, build_seconds=build, times=blocks(50.0, first_seconds=first))
        for number, build, first in ((1, 1.0, 9.0), (2, 3.0, 7.0))
    ]
    row = one_row(tmp_path, *records)
    assert (row.build_seconds, row.first_step_seconds) == (2.0, 8.0)


# Input


@pytest.mark.parametrize(
    ("fed", "bound"),
    [(50.0, False), (53.0, False), (55.1, None), (58.0, True), (100.0, True), (40.0, False)],
)
def test_a_row_is_input_bound_where_fed_steps_are_a_tenth_slower(
    fed: float, bound: bool | None, tmp_path: Path
):
    row = one_row(tmp_path, *both_passes(50.0, end_to_end=blocks(fed)))
    assert row.end_to_end_milliseconds == pytest.approx(fed)
    assert row.input_bound is bound


@pytest.mark.parametrize(("fed", "bound"), [(54.0, None), (60.0, None), (100.0, None), (110.0, True)])
def test_whether_a_row_is_input_bound_cannot_be_told_below_the_resolution(
    fed: float, bound: bool | None, tmp_path: Path
):
    rough = selfcheck(a=(50, 70, 40), b=(70, 50, 40))
    row = one_row(tmp_path, *both_passes(50.0, end_to_end=blocks(fed)), checks=[rough])
    assert row.tie_width is not None
    assert 0.2 < row.tie_width < 1
    assert row.input_bound is bound


def test_a_pipeline_that_takes_next_to_nothing_does_not_bind_however_fed_steps_vary(tmp_path: Path):
    quick = one_row(tmp_path / "quick", *both_passes(50.0, input=blocks(1.0), end_to_end=blocks(90.0)))
    assert quick.input_bound is False
    unsure = both_passes(50.0, input=blocks(1.0, stable=False), end_to_end=blocks(90.0))
    assert one_row(tmp_path / "unsure", *unsure).input_bound is True


def test_whether_a_row_is_input_bound_is_unknown_where_fed_steps_did_not_settle(tmp_path: Path):
    row = one_row(tmp_path, *both_passes(50.0, end_to_end=blocks(100.0, stable=False)))
    assert row.input_bound is None


def test_whether_a_row_is_input_bound_is_unknown_where_a_pass_was_not_fed(tmp_path: Path):
    records = [timing_record(50.0), timing_record(50.0, in_pass=2, end_to_end=None)]
    row = one_row(tmp_path, *records)
    assert (row.end_to_end_milliseconds, row.input_bound) == (None, None)


def test_whether_a_row_is_input_bound_is_unknown_where_the_resolution_is(tmp_path: Path):
    assert one_row(tmp_path, *both_passes(50.0, end_to_end=blocks(90.0)), checks=[]).input_bound is None


# Work and ceilings


def test_achieved_and_attainable_speed_on_a_worked_example(tmp_path: Path):
    """A milliard multiply-adds in 50 ms are 40 GFLOP/s.

    The product reaches 100, so that is 40 %.  The step does 2e9 operations on 1e9 bytes; at 10 GB/s that
    allows 20 GFLOP/s, of which 40 are 200 % (what it moved was in a cache).
    """
    row = one_row(tmp_path, *both_passes(50.0, work=Work(multiply_adds=10**9, moved_bytes=10**9)))
    assert row.flops == pytest.approx(40e9)
    assert row.product_share == pytest.approx(0.4)
    assert row.roofline_share == pytest.approx(2.0)


def test_the_roofline_is_flat_where_much_is_computed_for_each_byte(tmp_path: Path):
    row = one_row(tmp_path, *both_passes(50.0, work=Work(multiply_adds=10**9, moved_bytes=10**6)))
    assert row.roofline_share == row.product_share == pytest.approx(0.4)


def test_the_ceiling_is_the_best_of_the_run_for_every_row(tmp_path: Path):
    """Broken variant: each row's own processes; rows that were slowed then reach large shares of little."""
    fast = CEILING.model_copy(update={"flops": 110e9, "bytes_per_second": 8e9})
    records = [timing_record(), timing_record(in_pass=2, ceilings=(fast, CEILING))]
    found = timings(tmp_path, *records, *both_passes(50.0, backbone="VGG16")).rows
    assert [(row.ceiling.flops, row.ceiling.bytes_per_second) for row in found if row.ceiling] == [
        (110e9, 10e9)
    ] * 2


def test_the_ceiling_of_another_precision_is_another(tmp_path: Path):
    fast = CEILING.model_copy(update={"flops": 900e9})
    other = both_passes(backbone="VGG16", precision="mixed_bfloat16", ceilings=(fast,))
    found = {row.cell.precision: row.ceiling for row in timings(tmp_path, *both_passes(), *other).rows}
    assert {name: each.flops for name, each in found.items() if each} == {
        "float32": CEILING.flops,
        "mixed_bfloat16": 900e9,
    }


def test_a_row_without_a_ceiling_borrows_none_from_another(tmp_path: Path):
    rows = timings(tmp_path, *both_passes(backbone="VGG16"), *both_passes(ceilings=())).rows
    shares = {row.cell.backbone: (row.product_share, row.roofline_share) for row in rows}
    assert shares["MobileNet"] == (None, None)
    assert shares["VGG16"][0] == pytest.approx(0.4)


def test_a_step_that_ran_on_another_device_has_neither_share_nor_rank(tmp_path: Path):
    found = timings(tmp_path, *both_passes(), *both_passes(backbone="VGG16", placed_on=GPU))
    (strayed,) = [row for row in found.rows if row.cell.backbone == "VGG16"]
    assert (strayed.ceiling, strayed.product_share, strayed.roofline_share) == (None, None, None)
    assert strayed.doubts[0] == f"asked for cpu, ran on {GPU} (pass 1)"
    assert ranks(found) == {"MobileNet": 1, "VGG16": None}


def test_the_ceiling_of_a_strayed_step_does_not_make_others_look_slowed(tmp_path: Path):
    huge = CEILING.model_copy(update={"flops": 1e15})
    strayed = [
        record
        for name in ("VGG16", "VGG19")
        for record in both_passes(backbone=name, placed_on=GPU, ceilings=(huge,))
    ]
    (sound,) = [row for row in timings(tmp_path, *strayed, *both_passes()).rows if not row.doubts]
    assert sound.cell.backbone == "MobileNet"


def test_work_that_passes_counted_differently_is_not_told(tmp_path: Path):
    records = [timing_record(), timing_record(in_pass=2, work=Work(multiply_adds=7, moved_bytes=7))]
    row = one_row(tmp_path, *records)
    assert (row.multiply_adds, row.flops, row.product_share) == (None, None, None)
    assert "passes counted different work" in row.doubts


# Memory and energy


def test_peaks_are_the_highest_of_the_passes(tmp_path: Path):
    records = [
        timing_record(
            in_pass=number,
            device_peak_bytes=peak,
            memory=Memory(kind="anonymous", peak_bytes=2 * peak, inherited_bytes=1),
        )
        for number, peak in ((1, 500), (2, 700))
    ]
    row = one_row(tmp_path, *records)
    assert (row.device_peak_bytes, row.host_peak_bytes, row.inherited_bytes) == (700, 1400, 1)


def test_energy_is_shared_out_over_every_measured_step(tmp_path: Path):
    """Ten blocks of four steps: 80 J are 2 J a step, and 8 images a step are 4 an joule."""
    row = one_row(tmp_path, *both_passes(state=DeviceState(joules=80.0)))
    assert (row.joules_per_step, row.images_per_joule) == (2.0, 4.0)


def test_energy_that_one_pass_does_not_tell_is_unknown(tmp_path: Path):
    records = [timing_record(state=DeviceState(joules=80.0)), timing_record(in_pass=2)]
    assert one_row(tmp_path, *records).joules_per_step is None


def test_the_state_of_the_device_is_told_over_all_passes(tmp_path: Path):
    states = [
        DeviceState(others_share=0.01, clocks_mhz=(1000.0, 1020.0), temperatures_c=(60.0, 71.0)),
        DeviceState(others_share=0.04, clocks_mhz=(1010.0,), temperatures_c=(65.0,)),
    ]
    records = [timing_record(in_pass=number, state=state) for number, state in enumerate(states, 1)]
    row = one_row(tmp_path, *records)
    assert (row.others_share, row.clock_mhz, row.temperature_c) == (0.04, 1010.0, 71.0)


# Doubts


SOUND: dict[str, Any] = {"state": DeviceState(others_share=0.1, clocks_mhz=(1000.0, 1049.0))}


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({"times": blocks(40.0, stable=False)}, "warm-up did not settle"),
        ({"state": DeviceState(throttled=("hot", "power"))}, "the device slowed itself down: hot, power"),
        ({"state": DeviceState(clocks_mhz=(1000.0, 1070.0, 1010.0))}, "clocks varied by 7 %"),
        ({"state": DeviceState(others_share=0.11)}, "others took 11 % of the cores"),
    ],
)
def test_what_speaks_against_a_time_is_told_and_takes_its_rank(
    changed: dict[str, Any], doubt: str, tmp_path: Path
):
    records = [timing_record(40.0, **SOUND), timing_record(40.0, in_pass=2, **(SOUND | changed))]
    found = timings(tmp_path, *records, *both_passes(50.0, backbone="VGG16", **SOUND))
    told = {row.cell.backbone: row.doubts for row in found.rows}
    assert told == {"MobileNet": (f"{doubt} (pass 2)",), "VGG16": ()}
    assert ranks(found) == {"MobileNet": None, "VGG16": 1}


@pytest.mark.parametrize(
    ("asked", "ran", "doubt"),
    [
        (True, False, "asked for XLA, ran without"),
        (False, True, "not asked for XLA, ran with"),
        (True, True, ""),
    ],
)
def test_a_cell_that_was_compiled_otherwise_than_it_asked_has_no_rank(
    asked: bool, ran: bool, doubt: str, tmp_path: Path
):
    records = [
        record.model_copy(update={"timed": timed(50.0, jit=ran)}) for record in both_passes(50.0, jit=asked)
    ]
    row = one_row(tmp_path, *records)
    assert row.doubts == ((f"{doubt} (pass 1)", f"{doubt} (pass 2)") if doubt else ())


@pytest.mark.parametrize(("flops", "slowed"), [(86e9, False), (84e9, True)])
def test_a_pass_whose_machine_was_slowed_is_found_by_its_matrix_product(
    flops: float, slowed: bool, tmp_path: Path
):
    slow = CEILING.model_copy(update={"flops": flops})
    others = [record for name in ("VGG16", "VGG19") for record in both_passes(backbone=name)]
    doubted = [timing_record(), timing_record(in_pass=2, ceilings=(slow, slow))]
    told = [doubt for row in timings(tmp_path, *others, *doubted).rows for doubt in row.doubts]
    expected = "the machine was slowed: matrix product 16 % below the run's median (pass 2)"
    assert told == ([expected] if slowed else [])


def test_a_noisier_machine_has_the_same_limit_for_its_matrix_product(tmp_path: Path):
    """Else the more its passes disagreed, the fewer of its rows would be in doubt."""
    rough = selfcheck(a=(50, 70, 40), b=(70, 50, 40))
    slow = CEILING.model_copy(update={"flops": 84e9})
    others = [record for name in ("VGG16", "VGG19") for record in both_passes(backbone=name)]
    doubted = [timing_record(), timing_record(in_pass=2, ceilings=(slow,))]
    rows = timings(tmp_path, *others, *doubted, checks=[rough]).rows
    assert sum("slowed" in doubt for row in rows for doubt in row.doubts) == 1


@pytest.mark.parametrize(("last", "drifts"), [(59.0, False), (61.0, True), (41.0, True)])
def test_blocks_that_drift_while_they_are_measured_take_the_rank(last: float, drifts: bool, tmp_path: Path):
    steady = timing_record(*[50.0] * 12)
    moving = timing_record(*[50.0] * 4, *[55.0] * 4, *[last] * 4, in_pass=2)
    row = one_row(tmp_path, steady, moving)
    moved = 100 * (max(last, 50) / min(last, 50) - 1)
    told = [f"its blocks drifted by {moved:.0f} % (pass 2)"] if drifts else []
    assert [doubt for doubt in row.doubts if "drifted" in doubt] == told


def test_a_ceiling_is_judged_beside_those_of_its_own_precision(tmp_path: Path):
    fast = CEILING.model_copy(update={"flops": 900e9})
    halves = [
        record
        for name in ("VGG16", "VGG19", "Xception")
        for record in both_passes(backbone=name, precision="mixed_bfloat16", ceilings=(fast,))
    ]
    assert [row.doubts for row in timings(tmp_path, *halves, *both_passes()).rows] == [()] * 4


@pytest.mark.parametrize(
    ("second", "check", "differ"),
    [
        (54.0, selfcheck(), ""),
        (56.0, selfcheck(), "12 %"),
        (56.0, selfcheck(a=(50, 55, 45), b=(55, 50, 45)), ""),
        (64.0, selfcheck(a=(50, 55, 45), b=(55, 50, 45)), "28 %"),
        (74.0, selfcheck(a=(50, 70, 40), b=(70, 50, 40)), ""),
        (76.0, selfcheck(a=(50, 70, 40), b=(70, 50, 40)), "52 %"),
    ],
)
def test_passes_may_differ_by_a_tenth_or_as_far_as_the_machine_resolves_and_never_by_half(
    second: float, check: SelfCheck, differ: str, tmp_path: Path
):
    row = one_row(tmp_path, *both_passes(50.0, second), checks=[check])
    assert row.doubts == ((f"passes differ by {differ}",) if differ else ())


def test_a_half_measured_row_says_so_and_has_no_rank(tmp_path: Path):
    records = [timing_record(40.0), failed_timing(in_pass=2), *both_passes(50.0, backbone="VGG16")]
    found = timings(tmp_path, *records)
    assert {row.cell.backbone: row.doubts for row in found.rows} == {
        "MobileNet": ("1 of 2 passes",),
        "VGG16": (),
    }
    assert ranks(found) == {"MobileNet": None, "VGG16": 1}


def test_passes_on_two_machines_make_no_whole_row(tmp_path: Path):
    records = [timing_record(), timing_record(in_pass=2, environment=OTHER_MACHINE)]
    assert [row.doubts for row in timings(tmp_path, *records).rows] == [("1 of 2 passes",)] * 2


# Which records count


def test_records_that_the_last_plan_did_not_ask_for_are_left_out(tmp_path: Path):
    stale = timing_record(1.0, key="f" * 64)
    extra = timing_record(1.0, in_pass=3)
    records = both_passes(50.0)
    folder = timing_run(tmp_path, [stale, extra, *records])
    (row,) = read_timings(folder).rows
    assert row.pass_milliseconds == (pytest.approx(50), pytest.approx(50))


def test_failures_and_what_was_not_run_are_no_rows(tmp_path: Path):
    records = [*both_passes(), failed_timing(backbone="VGG16"), failed_timing(backbone="VGG16", in_pass=2)]
    found = timings(tmp_path, *records, missing=["ResNet50/x"])
    assert [row.cell.backbone for row in found.rows] == ["MobileNet"]
    assert [record.in_pass for record in found.failed] == [1, 2]
    assert found.missing == {"ResNet50/x": 2}


def test_a_run_without_records_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="no records yet"):
        timings(tmp_path, missing=["MobileNet/x"])


# What the machine can tell apart


def test_without_a_check_and_with_few_rows_nothing_is_ranked(tmp_path: Path):
    found = timings(tmp_path, *both_passes(10.0), *both_passes(90.0, backbone="VGG16"), checks=[])
    assert ranks(found) == {"MobileNet": None, "VGG16": None}


@pytest.mark.parametrize(
    "check", [selfcheck(environment=OTHER_MACHINE), selfcheck(device="gpu"), selfcheck(a=(50,), b=(50,))]
)
def test_a_check_of_another_machine_or_device_or_of_one_measurement_counts_nothing(
    check: SelfCheck, tmp_path: Path
):
    assert one_row(tmp_path, *both_passes(), checks=[check]).tie_width is None


def test_the_wider_of_both_witnesses_counts(tmp_path: Path):
    names = ("VGG16", "VGG19", "Xception", "ResNet50", "ResNet101", "ResNet152", "MobileNet", "DenseNet121")
    names += ("DenseNet169", "DenseNet201", "InceptionV3", "NASNetMobile")
    random = np.random.default_rng(1)
    unsteady = [
        record
        for name in names
        for record in both_passes(*(50 * np.exp(random.normal(0, 0.02, 2))), backbone=name)
    ]
    quiet = timings(tmp_path / "quiet", *unsteady, checks=[selfcheck()]).resolutions[0]
    rough = selfcheck(a=(50, 60, 40), b=(60, 50, 40))
    loud = timings(tmp_path / "loud", *unsteady, checks=[rough]).resolutions[0]
    assert quiet.from_check is not None
    assert quiet.from_passes is not None
    assert loud.from_check is not None
    assert quiet.from_check < quiet.from_passes < loud.from_check
    assert (quiet.width, loud.width) == (quiet.from_passes, loud.from_check)
