"""Machine against machine: what is matched, how sure a ratio is, and what is not compared."""

import math
from pathlib import Path
from typing import Any

import pytest
from fakes import ENVIRONMENT, Row, failed_record
from fakes_compare import DISTURBED, steps, trial
from fakes_timing import both_passes, selfcheck, timing_run

from harness.analysis.machines import (
    Duel,
    Kind,
    duels,
    environment_changes,
    environment_differences,
    of_records,
    of_timing_rows,
    places,
    same_machine,
)
from harness.analysis.timing_rows import read_timings
from harness.records import StepTimes

ELSEWHERE = ENVIRONMENT.model_copy(update={"processor": "Another Processor"})


def against(first: list[Row], second: list[Row]) -> tuple[dict[str, Kind], list[Duel]]:
    kinds, doubtful = duels(of_records(row[0] for row in first), of_records(row[0] for row in second))
    return {kind.name: kind for kind in kinds}, doubtful


def timed(train: float | StepTimes, inference: float = 60.0, **changed: Any) -> Row:
    step = train if isinstance(train, StepTimes) else steps(train)
    return trial(900, train=step, inference=steps(inference), **changed)


def test_a_ratio_is_the_second_time_over_the_first():
    kinds, _ = against([timed(20.0)], [timed(10.0, 90.0, device="gpu")])
    assert {name: kind.ratio for name, kind in kinds.items()} == pytest.approx(
        {"train step of fast-extraction": 0.5, "inference step": 1.5}
    )


def test_the_geometric_mean_its_spread_and_the_order_are_told_by_kind_of_step():
    names = ("VGG16", "VGG19", "Xception")
    first = [timed(time, backbone=name) for name, time in zip(names, (10.0, 20.0, 40.0), strict=True)]
    second = [timed(time, backbone=name) for name, time in zip(names, (10.0, 40.0, 160.0), strict=True)]
    kind = against(first, second)[0]["train step of fast-extraction"]
    assert kind.ratio == pytest.approx(2.0)
    assert kind.spread == pytest.approx(2.0)
    assert kind.ranks is not None
    assert kind.ranks[0] == pytest.approx(1.0)


def test_one_cell_has_neither_spread_nor_order():
    kind = against([timed(10.0)], [timed(20.0)])[0]["train step of fast-extraction"]
    assert (kind.spread, kind.ranks) == (None, None)


def labels(*changed: dict[str, Any]) -> list[str]:
    """Of train steps, then of inference steps."""
    found = of_records(timed(20.0, **each)[0] for each in changed)
    return [each.label for kind in ("train", "inference") for each in found if each.kind.startswith(kind)]


def test_recipe_precision_and_weights_are_told_where_times_differ_in_them_alone():
    extraction = "MobileNet-0.25 at 160 px, fast-extraction"
    assert labels({}, {"backbone": "VGG16", "recipe": "smoke"})[0] == extraction
    assert labels({}, {"recipe": "smoke"}) == [
        f"{extraction}, recipe default",
        f"{extraction}, recipe smoke",
        "MobileNet-0.25 at 160 px, recipe default",
        "MobileNet-0.25 at 160 px, recipe smoke",
    ]
    assert labels({}, {"precision": "mixed_float16"})[1::2] == [
        f"{extraction}, mixed_float16",
        "MobileNet-0.25 at 160 px, mixed_float16",
    ]
    assert labels({}, {"weights": "random"}) == [
        f"{extraction}, weights imagenet",
        f"{extraction}, weights random",
        "MobileNet-0.25 at 160 px",
    ]


def test_timing_rows_of_two_precisions_have_labels_of_their_own(tmp_path: Path):
    both = [each for kind in ("float32", "mixed_float16") for each in both_passes(50.0, precision=kind)]
    found = of_timing_rows(read_timings(timing_run(tmp_path, both)).rows)
    assert [each.label.split(", ")[-1] for each in found] == ["float32", "mixed_float16"]


def test_cells_of_one_place_alone_are_not_matched():
    kinds, doubtful = against([timed(10.0)], [timed(20.0, backbone="VGG16")])
    assert (kinds, doubtful) == ({}, [])


def test_failed_cells_have_no_time():
    assert of_records([failed_record("oom", "no memory")]) == []


def test_the_inference_steps_of_all_strategies_are_repeats_of_one_thing():
    rows = [timed(20.0, 50.0), timed(300.0, 80.0, strategy="augmented-extraction")]
    (inference,) = [each for each in of_records(row[0] for row in rows) if each.kind == "inference step"]
    assert inference.milliseconds == (50.0, 80.0)
    assert inference.typical == pytest.approx(math.sqrt(50 * 80))


def test_repeats_give_the_interval_and_a_single_time_its_blocks():
    """Student's t of two against two; of one block set, the ends of both medians."""
    first = [timed(10.0), timed(11.0, seed=1)]
    second = [timed(20.0), timed(22.0, seed=1)]
    (duel,) = against(first, second)[0]["train step of fast-extraction"].duels
    interval, rests = duel.interval
    spread = math.log(1.1) / math.sqrt(2)  # of two logarithms, the same on both sides
    half = 4.302653 * spread  # t of 2 degrees of freedom, times sqrt(1/2 + 1/2)
    assert rests == "repeats"
    assert (interval.low, interval.high) == pytest.approx((2 * math.exp(-half), 2 * math.exp(half)))
    blocks = steps(*(9.0 + 0.1 * number for number in range(11)))
    (single,) = against([timed(blocks)], [timed(20.0)])[0]["train step of fast-extraction"].duels
    interval, rests = single.interval
    assert rests == "blocks"
    assert interval.low < single.ratio < interval.high
    assert interval.confidence < 0.97  # of the two together


def test_a_disturbed_time_is_not_compared():
    disturbed = timed(steps(20.0, state=DISTURBED))
    kinds, (doubtful,) = against([timed(10.0)], [disturbed])
    assert list(kinds) == ["inference step"]
    assert "second: others took 50 % of the cores" in doubtful.doubt


def test_of_several_repeats_the_disturbed_ones_are_left_out():
    rows = [timed(10.0), timed(steps(90.0, state=DISTURBED), seed=1)]
    kinds, doubtful = against(rows, [timed(20.0)])
    assert kinds["train step of fast-extraction"].ratio == pytest.approx(2.0)
    assert doubtful == []


def test_an_unsettled_warm_up_another_batch_and_xla_on_one_side_are_not_compared():
    for other, why in (
        (timed(steps(20.0, stable=False)), "warm-up did not settle"),
        (timed(steps(20.0, batch=64)), "batch 32 against 64"),
    ):
        _, (doubtful,) = against([timed(10.0)], [other])
        assert why in doubtful.doubt
    row = timed(20.0)
    compiled = row[0].model_copy(update={"measured": row[0].measured.model_copy(update={"jit": True})})
    plain = row[0].model_copy(update={"measured": row[0].measured.model_copy(update={"jit": False})})
    _, doubtful_both = against([(plain, None)], [(compiled, None)])
    assert ["XLA off against on" in each.doubt for each in doubtful_both] == [True, True]


def test_timing_runs_are_compared_with_what_both_machines_resolve(tmp_path: Path):
    sure = selfcheck(a=(50.0, 50.5, 49.5), b=(50.2, 49.8, 50.1))
    first = read_timings(timing_run(tmp_path / "1", both_passes(50.0), checks=[sure]))
    check = sure.model_copy(update={"environment": ELSEWHERE})
    second = read_timings(
        timing_run(tmp_path / "2", both_passes(100.0, environment=ELSEWHERE), checks=[check])
    )
    (kind,), doubtful = duels(of_timing_rows(first.rows), of_timing_rows(second.rows))
    assert doubtful == []
    interval, rests = kind.duels[0].interval
    width = first.rows[0].tie_width
    assert width is not None
    assert rests == "resolution"
    assert interval.high / 2 == pytest.approx(1 + width)


def test_the_doubts_of_a_timing_report_count_here_too(tmp_path: Path):
    first = read_timings(timing_run(tmp_path / "1", both_passes(50.0)))
    second = read_timings(timing_run(tmp_path / "2", both_passes(50.0, 90.0)))
    kinds, (doubtful,) = duels(of_timing_rows(first.rows), of_timing_rows(second.rows))
    assert kinds == []
    assert "second: passes differ by 80 %" in doubtful.doubt


def test_devices_and_environments_are_places():
    rows = [timed(1.0), timed(2.0, device="gpu"), timed(3.0, environment=ELSEWHERE), timed(4.0, seed=1)]
    found = [place.key for place in places(of_records(row[0] for row in rows))]
    here, there = ENVIRONMENT.fingerprint, ELSEWHERE.fingerprint
    assert found == [(here, "cpu"), (here, "gpu"), (there, "cpu")]


def test_environments_tell_only_what_differs():
    other = ENVIRONMENT.model_copy(
        update={"cores": 64, "libraries": {"keras": "3.1", "tensorflow": "2.0"}, "settings": {"A": "1"}}
    )
    assert environment_differences(ENVIRONMENT, ENVIRONMENT) == []
    assert environment_differences(ENVIRONMENT, other) == [
        "cores 2 and 64",
        "library versions: keras 3.0 and 3.1",
        "settings: A none and 1",
    ]


def test_each_thing_that_differs_is_a_change_of_its_kind():
    other = ENVIRONMENT.model_copy(
        update={"python": "3.12.0", "gpus": ("A GPU",), "libraries": {"keras": "3.0"}, "settings": {"A": "1"}}
    )
    found = [
        (each.kind, each.name, each.before, each.after) for each in environment_changes(ENVIRONMENT, other)
    ]
    assert found == [
        ("machine", "GPUs", "", "A GPU"),
        ("python", "python", "3.11.0", "3.12.0"),
        ("library", "tensorflow", "2.0", ""),
        ("setting", "A", "", "1"),
    ]


def test_a_new_driver_is_a_version_and_not_another_machine():
    old, new = (ENVIRONMENT.model_copy(update={"gpus": (f"A GPU (driver {each})",)}) for each in (1, 2))
    (found,) = environment_changes(old, new)
    assert (found.kind, found.name, found.before, found.after) == ("library", "GPU driver", "1", "2")
    assert same_machine(old, new)


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"python": "3.12.0"}, True),
        ({"libraries": {"keras": "4.0"}}, True),
        ({"settings": {"TF_XLA_FLAGS": "x"}}, True),
        ({"memory_bytes": ENVIRONMENT.memory_bytes - 1_000_000}, True),
        ({"memory_bytes": 2 * ENVIRONMENT.memory_bytes}, False),
        ({"processor": "Another"}, False),
        ({"cores": 1}, False),
        ({"system": "Darwin arm64"}, False),
        ({"gpus": ("A GPU",)}, False),
    ],
)
def test_a_machine_is_the_same_whatever_its_versions_and_settings(changed: dict, same: bool):
    assert same_machine(ENVIRONMENT, ENVIRONMENT.model_copy(update=changed)) is same
