"""Overfitting as tables and sentences."""

from pathlib import Path

import pytest
from fakes import Row, epoch
from fakes_compare import standings, trial
from tables import table

from harness.reports.columns import columns
from harness.reports.overfitting import overfitting

AUGMENTED = {"strategy": "augmented-extraction"}


def history(*gaps: float) -> tuple[object, ...]:
    """Epochs with these gaps, in points, of which the first has the lowest validation loss."""
    return tuple(
        epoch(number, accuracy=0.8 + gap / 100, validation_accuracy=0.8, validation_loss=0.4 + 0.1 * number)
        for number, gap in enumerate(gaps, 1)
    )


def told(folder: Path, *rows: Row) -> str:
    return overfitting(standings(folder, rows))


def test_a_row_tells_its_gap_onset_and_rise(tmp_path: Path):
    (line,) = table(told(tmp_path, trial(900, history=history(1, 5, 9), gap_opens_at=2)))
    assert (line["gap (points)"], line["gap at last (points)"]) == ("1.0", "9.0")
    assert (line["gap opens (epoch)"], line["best (epoch)"], line["epochs after"]) == ("2", "1", "2")
    assert (line["loss at best"], line["loss at last"], line["rise (%)"]) == ("0.500", "0.700", "40.0")


def test_seeds_have_their_spread_and_say_in_how_many_the_gap_opened(tmp_path: Path):
    rows = [
        trial(900, history=history(1, 5), gap_opens_at=2),
        trial(900, history=history(1, 7), gap_opens_at=None, seed=1),
    ]
    (line,) = table(told(tmp_path, *rows))
    assert line["gap at last (points)"] == "6.0 (SD 1.4)"
    assert line["gap opens (epoch)"] == "- (1 of 2 seeds)"


@pytest.mark.parametrize(
    ("opened", "told_as"), [((8, None, 13), "13 (2 of 3 seeds)"), ((8, None, None), "- (1 of 3 seeds)")]
)
def test_the_gap_opens_where_the_leaderboard_says(
    opened: tuple[int | None, ...], told_as: str, tmp_path: Path
):
    """A gap that never opens counts as opening last in both."""
    rows = [
        trial(900, history=history(1, 5), gap_opens_at=each, seed=seed) for seed, each in enumerate(opened)
    ]
    found = standings(tmp_path, rows)
    (line,) = table(overfitting(found))
    assert line["gap opens (epoch)"] == told_as
    assert columns(found.tables[0].rows)["gap opens (epoch)"] == [told_as.split(maxsplit=1)[0]]


def test_what_augmentation_and_depth_change_is_told_as_it_was_observed(tmp_path: Path):
    rows = [
        trial(900, history=history(1, 5, 9)),
        trial(900, history=history(0, 1), **AUGMENTED),
        trial(900, history=history(0, 2), depth="blocks:1"),
        trial(900, history=history(0, 3), depth="blocks:2"),
    ]
    text = told(tmp_path, *rows)
    assert (
        "With augmentation on a frozen base the gap at the last epoch changes by -8.0 points, after 2 epochs "
        "in place of 3." in text
    )
    assert (
        "From the shallowest to the deepest fine-tuning the gap at the last epoch changes by +1.0 points."
        in text
    )


def test_over_several_backbones_there_is_a_table_by_strategy(tmp_path: Path):
    rows = [
        trial(900, history=history(1, last), backbone=name, gap_opens_at=opens)
        for name, last, opens in (("VGG16", 5, 2), ("VGG19", 9, None))
    ]
    text = told(tmp_path, *rows)
    by_strategy, by_row = text.split("\n\n")[:2]
    (line,) = table(by_strategy)
    assert (line["rows"], line["gap at last, mean (points)"], line["gap opens (rows)"]) == (
        "2",
        "7.0",
        "1 of 2",
    )
    assert len(table(by_row)) == 2


def test_one_backbone_needs_no_table_by_strategy(tmp_path: Path):
    assert (
        told(tmp_path, trial(900, history=history(1, 2))).count("|:--") == 2
    )  # two columns flush left, of one table


def test_pairs_over_backbones_are_counted_with_the_range_of_their_change(tmp_path: Path):
    rows = [
        row
        for name, last in (("VGG16", 4), ("VGG19", 12))
        for row in (
            trial(900, history=history(1, 8), backbone=name),
            trial(900, history=history(1, last), backbone=name, **AUGMENTED),
        )
    ]
    assert "changes by -4.0 to +4.0 points (2 pairs of rows, lower in 1)." in told(tmp_path, *rows)


def test_devices_and_parts_of_the_training_images_are_not_put_together(tmp_path: Path):
    """With one seed on two devices and two sizes of training set, no figure is a mean over these."""
    rows = [
        trial(900, history=history(1, last + more), backbone=name, device=device, train_images=images)
        for name, last in (("VGG16", 4), ("VGG19", 6))
        for device, images, more in (("cpu", None, 0), ("gpu", None, 10), ("cpu", 500, 20))
    ]
    by_strategy = table(told(tmp_path, *rows).split("\n\n")[0])
    assert {line["strategy"]: (line["rows"], line["gap at last, mean (points)"]) for line in by_strategy} == {
        "fast-extraction, cpu, 2,000 training images": ("2", "5.0"),
        "fast-extraction, gpu, 2,000 training images": ("2", "15.0"),
        "fast-extraction, cpu, 500 training images": ("2", "25.0"),
    }


def test_a_pair_on_two_devices_is_told_for_each_and_not_counted_twice(tmp_path: Path):
    rows = [
        row
        for device, last in (("cpu", 4), ("gpu", 6))
        for row in (
            trial(900, history=history(1, 8), device=device),
            trial(900, history=history(1, last), device=device, **AUGMENTED),
        )
    ]
    text = told(tmp_path, *rows)
    assert "on a frozen base (cpu) the gap at the last epoch changes by -4.0 points." in text
    assert "on a frozen base (gpu) the gap at the last epoch changes by -2.0 points." in text
    assert "pairs of rows" not in text


def test_rows_without_epochs_are_counted_and_alone_are_no_section(tmp_path: Path):
    probe = trial(900, strategy="linear-probe", history=[epoch(1, strength=1.0)])
    text = told(tmp_path / "both", probe, trial(900, history=history(1, 2)))
    assert "1 row without epochs has no gap: linear-probe." in text
    assert told(tmp_path / "alone", probe) == ""
