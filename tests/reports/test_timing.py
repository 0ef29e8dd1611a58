"""The timing report: its numbers against ones computed here, and failures that are never zeros."""

import csv
import io
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from fakes import ENVIRONMENT
from fakes_timing import (
    CEILING,
    blocks,
    both_passes,
    failed_timing,
    selfcheck,
    timing_record,
    timing_run,
)
from tables import section, table

from harness.backbones import backbone
from harness.errors import UserError
from harness.records import DeviceState
from harness.reports.report import write_report
from harness.reports.timing import render_timing
from harness.reports.timing_csv import timing_csv
from harness.timing.records import TimingFolder, TimingRecord, Work

TITLE = "Inference at 160 px, batch 8, cpu, float32"
FIRST = tuple(100.0 + step for step in range(10))
SECOND = tuple(102.0 + step for step in range(10))
WORK = Work(multiply_adds=2_500_000_000, moved_bytes=1_000_000_000)
CAREFUL = [
    timing_record(
        *times,
        in_pass=number,
        input=blocks(7.25),
        end_to_end=blocks(120.0),
        build_seconds=2.0,
        work=WORK,
        ceilings=(CEILING,),
        parameters=4_250_000,
    )
    for number, times in ((1, FIRST), (2, SECOND))
]


def rendered(path: Path, *records: TimingRecord, **options: Any) -> str:
    return render_timing(timing_run(path, records, **options))


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def native(**changed: Any) -> list[TimingRecord]:
    """Three backbones in the published order of the CPU: MobileNet, ResNet50, Xception."""
    names = {"MobileNet": 20.0, "ResNet50": 60.0, "Xception": 110.0}
    return [
        record
        for name, time in names.items()
        for record in both_passes(time, backbone=name, size=backbone(name).native_size, **changed)
    ]


# Numbers


def test_the_tables_show_what_is_computed_here_from_the_blocks(tmp_path: Path):
    """Mean of the medians 104.5 and 106.5; second smallest of one pass, second largest of the other."""
    text = rendered(tmp_path, *CAREFUL)
    part = section(text, TITLE)
    time, around, work = (table(each)[0] for each in part.split("\n### "))
    step = (median(FIRST) + median(SECOND)) / 2
    assert time == {
        "rank": "1",
        "backbone": "MobileNet",
        "ms/step": f"{step:.1f}",
        "95 % interval": "101.0 to 110.0",
        "p90 (ms)": "109.1",
        "images/s": f"{8000 / step:.1f}",
        "passes differ (%)": f"{100 * (106.5 / 104.5 - 1):.1f}",
    }
    assert around == {
        "backbone": "MobileNet",
        "build + first step (s)": "2.0 + 2.0",
        "input (ms)": "7.25",
        "end to end (ms)": "120.0",
        "host peak (MB)": "1,200",
    }
    speed = (
        2 * 2.5 / (step / 1000)
    )  # GFLOP/s; the ceiling is 100, and 5 operations a byte at 10 GB/s allow 50
    assert work == {
        "backbone": "MobileNet",
        "multiply-adds (G)": "2.50",
        "GFLOP/s": f"{speed:.1f}",
        "of product (%)": f"{speed:.1f}",
        "of roofline (%)": f"{100 * speed / 50:.1f}",
        "parameters (M)": "4.25",
    }
    assert "Every row is input-bound." in part
    assert "20 blocks a row." in part


def test_which_rows_are_input_bound_is_told_above_their_table(tmp_path: Path):
    rough = selfcheck(a=(50, 70, 40), b=(70, 50, 40))
    fed = {"MobileNet": 51.0, "VGG16": 60.0, "Xception": 150.0}
    records = [
        record
        for name, time in fed.items()
        for record in both_passes(50.0, backbone=name, end_to_end=blocks(time))
    ]
    text = rendered(tmp_path / "rough", *records, checks=[rough])
    assert (
        "- Input-bound, 1 of 3 rows: Xception. Whether the input holds them back cannot be told at this "
        "resolution: MobileNet, VGG16.\n"
    ) in text
    assert "- No row is input-bound.\n" in rendered(tmp_path / "one", *records[:2])


def test_times_around_a_step_that_did_not_settle_are_marked_and_the_mark_is_explained(tmp_path: Path):
    restless = blocks(60.0).model_copy(update={"stable": False})
    text = rendered(tmp_path / "restless", *both_passes(50.0, end_to_end=restless))
    (row,) = table(section(text, TITLE).split("\n### ")[1])
    assert row["end to end (ms)"] == "60.00 ~"
    assert "~ marks" in text
    assert "~" not in rendered(tmp_path / "settled", *both_passes(50.0))


def test_a_roofline_that_is_the_product_is_said_and_not_shown_twice(tmp_path: Path):
    fast = CEILING.model_copy(update={"bytes_per_second": 1e13})
    text = rendered(tmp_path / "product", *both_passes(50.0, work=WORK, ceilings=(fast,)))
    assert "of roofline (%)" not in text
    assert "the matrix product is the lower roof in every row" in text
    assert "Of roofline" not in text
    text = rendered(tmp_path / "memory", *both_passes(50.0, work=WORK, ceilings=(CEILING,)))
    assert "of roofline (%)" in text
    assert "Of roofline" in text
    assert "lower roof in every row" not in text


def test_a_train_step_tells_what_of_the_model_it_trains(tmp_path: Path):
    text = rendered(tmp_path, *both_passes(step="fine-tuning", depth="all", parameters_trainable=1_500_000))
    assert "| 1.50 / 4.00" in " ".join(text.split()).replace(" |", " |")


def test_columns_in_which_no_row_has_anything_are_left_out(tmp_path: Path):
    text = rendered(tmp_path / "cpu", *both_passes())
    assert "device peak" not in text
    assert "J/step" not in text
    assert "size (px)" not in text
    known = {"device_peak_bytes": 512_000_000, "state": DeviceState(joules=80.0)}
    (row,) = table(section(rendered(tmp_path / "gpu", *both_passes(**known)), TITLE).split("\n### ")[1])
    assert (row["device peak (MB)"], row["energy (J/step)"], row["images/J"]) == ("512", "2.00", "4.00")


def test_native_sizes_are_told_row_by_row(tmp_path: Path):
    part = section(rendered(tmp_path, *native()), "Inference at native size")
    assert [row["size (px)"] for row in table(part.split("\n### ")[0])] == ["224", "224", "299"]
    assert "published CPU column: 1.00 over 3 backbones (permutation test, p = 0.33)." in part


def test_a_common_size_is_not_compared_with_the_published_order(tmp_path: Path):
    times = {"MobileNet": 20.0, "ResNet50": 60.0, "Xception": 110.0}
    records = [record for name, time in times.items() for record in both_passes(time, backbone=name)]
    assert "published CPU column" not in rendered(tmp_path, *records)


def test_ceilings_are_medians_over_the_processes(tmp_path: Path):
    speeds = (90e9, 100e9, 104e9, 120e9)
    records = [
        timing_record(
            backbone=name, in_pass=number, ceilings=(CEILING.model_copy(update={"flops": speeds[place]}),)
        )
        for place, (name, number) in enumerate((name, n) for name in ("VGG16", "VGG19") for n in (1, 2))
    ]
    (row,) = table(section(rendered(tmp_path, *records), "Ceilings"))
    assert row["processes"] == "4"
    assert row["matrix product (GFLOP/s)"] == "102"
    assert row["range (GFLOP/s)"] == "90.0 to 120"
    assert (row["copy (GB/s)"], row["range (GB/s)"]) == ("10.0", "10.0 to 10.0")


# The header


def test_the_header_says_what_was_run_where_and_on_what(tmp_path: Path):
    header = rendered(tmp_path, *both_passes()).split("\n## ")[0]
    for told in (
        "# Time per step: tiny",
        "Weights are random and calibrated, images are noise",
        "- command: `transferbench time tiny.toml`",
        f"A Processor, 2 cores, 8 GiB, Linux x86_64; Python 3.11.0, Keras 3.0, TensorFlow 2.0 "
        f"(environment {ENVIRONMENT.fingerprint})",
        "- harness commit: 0123456789ab; first timing started 2025-01-02",
        "- 1 cell, each timed in 2 passes (a process of its own each time), the order shuffled with seed 0",
        "- resolution, cpu: A/A: MobileNet inference at 160 px",
        "With 2 passes a row this machine resolves differences of 1.8 % (from A/A 1.8 %)",
    ):
        assert told in header


def test_without_an_a_a_test_the_header_says_that_nothing_is_ranked(tmp_path: Path):
    text = rendered(tmp_path, *both_passes(), checks=[])
    assert "no row is ranked" in text.split("\n## ")[0]
    assert [row["rank"] for row in table(section(text, TITLE).split("\n### ")[0])] == ["-"]


def test_an_a_a_test_that_contradicts_itself_is_loud_in_the_header(tmp_path: Path):
    disturbed = selfcheck(a=(50.0, 50.1, 49.9), b=(52.0, 52.1, 51.9))
    header = rendered(tmp_path, *both_passes(), checks=[disturbed]).split("\n## ")[0]
    assert "**That interval does not hold 0" in header


def test_settings_that_change_times_stand_beside_the_machine(tmp_path: Path):
    pinned = ENVIRONMENT.model_copy(update={"settings": {"TF_NUM_INTRAOP_THREADS": "1"}})
    assert "; TF_NUM_INTRAOP_THREADS=1" in rendered(tmp_path, *both_passes(environment=pinned))


# Doubts and failures


def test_a_row_with_doubts_keeps_its_place_loses_its_rank_and_says_why(tmp_path: Path):
    records = [*both_passes(10.0, 20.0, backbone="VGG16"), *both_passes(50.0)]
    part = section(rendered(tmp_path, *records), TITLE)
    shown = [(row["backbone"], row["rank"]) for row in table(part.split("\n### ")[0])]
    assert shown == [("VGG16", "-"), ("MobileNet", "1")]
    assert "- Without a rank, 1 of 2 rows:\n  - VGG16: passes differ by 100 %\n" in part


def test_what_has_no_result_stands_with_its_reason_and_nowhere_as_a_number(tmp_path: Path):
    records = [
        *both_passes(),
        failed_timing("oom", "no memory | at all\nin line two", backbone="VGG16"),
        failed_timing("timeout", "took too long", backbone="VGG16", in_pass=2),
    ]
    text = rendered(tmp_path, *records, missing=["ResNet50/x"])
    assert table(section(text, "Without a result")) == [
        {
            "cell": "VGG16/inference/none/160px/batch8/cpu/float32",
            "pass": "pass 1",
            "status": "oom",
            "reason": r"no memory \| at all in line two",
        },
        {
            "cell": "VGG16/inference/none/160px/batch8/cpu/float32",
            "pass": "pass 2",
            "status": "timeout",
            "reason": "took too long",
        },
        {
            "cell": "ResNet50/x",
            "pass": "2 passes",
            "status": "not run",
            "reason": "the run was interrupted before it",
        },
    ]
    assert "VGG16" not in section(text, TITLE)
    assert "4 of 6 timings have no result" in text


def test_a_run_in_which_everything_failed_has_a_report(tmp_path: Path):
    text = rendered(tmp_path, failed_timing(), failed_timing(in_pass=2))
    assert len(table(section(text, "Without a result"))) == 2
    assert "Ceilings" not in text
    assert "How to read" not in text


def test_an_interval_of_few_blocks_is_said_to_be_worth_less(tmp_path: Path):
    text = rendered(tmp_path, timing_record(*range(50, 55)), timing_record(*range(50, 55), in_pass=2))
    assert "their interval of the median is worth 93.8 % only" in text


def test_rendering_twice_gives_the_same_bytes(tmp_path: Path):
    folder = timing_run(tmp_path, [*CAREFUL, *native()])
    assert render_timing(folder) == render_timing(folder)
    assert timing_csv(folder) == timing_csv(folder)


# Side by side


def test_cpu_and_gpu_stand_side_by_side_and_are_never_ranked(tmp_path: Path):
    records = [
        *both_passes(50.0),
        *both_passes(5.0, device="gpu"),
        *both_passes(2.0, device="gpu", precision="mixed_float16"),
        *both_passes(40.0, backbone="VGG16"),
    ]
    text = rendered(tmp_path, *records, checks=[selfcheck(), selfcheck(device="gpu")])
    assert table(section(text, "CPU beside GPU")) == [
        {
            "step": "inference",
            "backbone": "MobileNet",
            "size (px)": "160",
            "batch": "8",
            "cpu, float32 (ms)": "50.00",
            "gpu, float32 (ms)": "5.000",
            "gpu, mixed_float16 (ms)": "2.000",
            "cpu / gpu, float32": "10.0",
        }
    ]


def test_an_unstable_time_is_marked_beside_others_and_makes_no_ratio(tmp_path: Path):
    records = [*both_passes(50.0, 80.0), *both_passes(5.0, device="gpu")]
    (row,) = table(section(rendered(tmp_path, *records), "CPU beside GPU"))
    assert row["cpu, float32 (ms)"] == "65.00 (unstable)"
    assert "cpu / gpu, float32" not in row


def test_a_run_on_one_device_has_nothing_side_by_side(tmp_path: Path):
    assert "CPU beside GPU" not in rendered(tmp_path, *both_passes())


# The published table


def test_the_published_protocol_stands_beside_the_published_columns(tmp_path: Path):
    records = native(protocol="keras-table", batch=32)
    part = section(rendered(tmp_path, *records), "Beside the published table: batch 32, float32")
    first = table(part)[0]
    published = backbone("MobileNet").published
    assert published is not None
    assert first == {
        "backbone": "MobileNet",
        "size (px)": "224",
        "cpu, float32 (ms/step)": "20.00",
        "published CPU (ms)": f"{published.cpu_ms}",
        "published GPU (ms)": f"{published.gpu_ms}",
    }
    assert "published CPU column: 1.00 over 3 backbones (permutation test, p = 0.33)." in part
    assert "VGG16 at 4.2 ms for 32 images would be 236 TFLOP/s" in part
    assert "The mean over 10 repetitions of 4 batches" in part


def test_the_published_protocol_shows_means_and_correlates_them(tmp_path: Path):
    """Xception's median is the smallest and its mean the largest, as published."""
    skewed = [10.0, 1000.0, 10.0, 1000.0, 10.0, 10.0, 1000.0, 10.0, 1000.0, 10.0]
    records = [record for record in native(protocol="keras-table") if record.cell.backbone != "Xception"]
    for number in (1, 2):
        kind = {"backbone": "Xception", "size": 299, "protocol": "keras-table", "in_pass": number}
        records.append(timing_record(*skewed, **kind))
    part = section(rendered(tmp_path, *records), "Beside the published")
    assert [row["cpu, float32 (ms/step)"] for row in table(part)] == ["20.00", "60.00", "406.0"]
    assert "published CPU column: 1.00 over 3 backbones" in part


def test_pairs_that_the_machine_cannot_tell_apart_are_counted_beside_the_correlation(tmp_path: Path):
    """20, 60 and 110 ms: a machine that resolves 91 % leaves the last two open."""
    rough = selfcheck(a=(50, 70, 40), b=(70, 50, 40))
    part = rendered(tmp_path / "rough", *native(protocol="keras-table"), checks=[rough])
    assert "1 of 3 pairs of rows are closer than the" in part
    assert "their order is open" not in rendered(tmp_path / "fine", *native(protocol="keras-table"))


def test_two_backbones_have_no_rank_correlation(tmp_path: Path):
    records = [record for record in native(protocol="keras-table") if record.cell.backbone != "ResNet50"]
    assert "too few rows for a rank correlation" in rendered(tmp_path, *records)


def test_a_doubtful_row_takes_no_part_in_the_correlation(tmp_path: Path):
    doubtful = both_passes(1.0, 9.0, backbone="VGG16", size=224, protocol="keras-table")
    part = section(rendered(tmp_path, *native(protocol="keras-table"), *doubtful), "Beside the published")
    assert "over 3 backbones" in part
    assert "- VGG16, cpu, float32: passes differ by 800 %" in part
    assert "5.000 (unstable)" in part


# CSV


def test_the_csv_holds_every_row_unrounded_with_its_ranks(tmp_path: Path):
    folder = timing_run(tmp_path, [*CAREFUL, *native()])
    found = {row["cell"]: row for row in lines(timing_csv(folder))}
    assert len(found) == 4
    careful = found["MobileNet/inference/none/160px/batch8/cpu/float32"]
    assert float(careful["ms_per_step"]) == pytest.approx(105.5, rel=1e-12)
    assert float(careful["flop_per_second"]) == pytest.approx(5e9 / 0.1055, rel=1e-12)
    assert float(careful["roofline_share"]) == pytest.approx(5e9 / 0.1055 / 50e9, rel=1e-12)
    assert (careful["rank_at_size"], careful["rank_at_native_size"]) == ("1", "")
    assert (careful["input_bound"], careful["device_peak_bytes"], careful["joules_per_step"]) == (
        "True",
        "",
        "",
    )
    xception = found["Xception/inference/none/299px/batch8/cpu/float32"]
    assert (xception["rank_at_size"], xception["rank_at_native_size"]) == ("", "3")


def test_a_cell_without_a_result_is_in_the_csv_without_figures(tmp_path: Path):
    records = [*both_passes(), failed_timing("oom", "no memory", backbone="VGG16")]
    failed, unrun = lines(timing_csv(timing_run(tmp_path, records, missing=["ResNet50/x"])))[1:]
    assert (failed["status"], failed["reason"], failed["backbone"]) == ("oom", "no memory", "VGG16")
    assert (unrun["cell"], unrun["status"]) == ("ResNet50/x", "not run")
    for row in (failed, unrun):
        assert {row[name] for name in ("ms_per_step", "images_per_second", "rank_at_size", "blocks")} == {""}


# Files


def test_the_report_of_a_timing_folder_is_written_with_its_csv(tmp_path: Path):
    folder = timing_run(tmp_path, both_passes())
    assert write_report(tmp_path) == [tmp_path / "timing.md", tmp_path / "timings.csv"]
    assert (tmp_path / "timing.md").read_text(encoding="utf-8") == render_timing(folder)
    assert (tmp_path / "timings.csv").read_text(encoding="utf-8") == timing_csv(folder)


def test_a_named_report_has_its_csv_beside_it(tmp_path: Path):
    timing_run(tmp_path / "run", both_passes())
    assert write_report(tmp_path / "run", tmp_path / "out.md") == [tmp_path / "out.md", tmp_path / "out.csv"]


def test_a_folder_without_any_run_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="no run is in this folder"):
        write_report(tmp_path)
    with pytest.raises(UserError, match="no timing run is in this folder"):
        render_timing(TimingFolder(tmp_path))
