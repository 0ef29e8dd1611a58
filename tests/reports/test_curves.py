"""Learning curves: which cells, in which order of epochs, beside which published ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import Row, answers, epoch, failed_record, finished_run, record, row
from PIL import Image

from harness.errors import UserError
from harness.records import Epoch, Measured, Record
from harness.reports import curves
from harness.reports.curves import CELLS, Curves, draw_curves, find_curves, panel

EXERCISE: dict[str, Any] = {"recipe": "dog-cat-exercise-01", "backbone": "VGG16", "size": 150}
TUNED: dict[str, Any] = EXERCISE | {"strategy": "fine-tuning", "depth": "from:block5_conv1"}
ZERO_SHOT = row(answers(80), strategy="zero-shot", weights="imagenet-top")


def trained(*history: Epoch, chosen: int = -1, **cell: Any) -> Record:
    """A record with these epochs, one of them chosen."""
    each = record(**cell)
    measured = each.measured.model_copy(update={"history": history, "chosen": history[chosen]})
    return each.model_copy(update={"measured": measured})


def epochs(phase: str, count: int) -> tuple[Epoch, ...]:
    return tuple(epoch(number, phase) for number in range(1, count + 1))


def without_epochs(each: Row) -> Row:
    bare = each[0].measured.model_copy(update={"history": (), "chosen": None, "best": None})
    return each[0].model_copy(update={"measured": bare}), each[1]


PROBE = trained(
    *(epoch(number, "probe", strength=10.0**number) for number in (-2, -1, 0)),
    chosen=1,
    strategy="linear-probe",
)


# One cell


def test_phases_lie_one_behind_the_other():
    laid = panel(trained(*epochs("head", 20), *epochs("fine-tuning", 4), strategy="fine-tuning", depth="all"))
    assert [(each.phase, each.first, each.last) for each in laid.stretches] == [
        ("head", 1, 20),
        ("fine-tuning", 21, 24),
    ]
    assert laid.places == tuple(range(1, 25))


def test_the_chosen_epoch_is_that_of_its_own_phase():
    """Both phases have a second epoch."""
    history = (*epochs("head", 3), *epochs("fine-tuning", 3))
    assert panel(trained(*history, chosen=4, strategy="fine-tuning", depth="all")).chosen == 4


def test_a_cell_that_ended_before_one_was_chosen_has_none():
    each = failed_record("diverged", "inf").model_copy(
        update={"measured": Measured(history=epochs("head", 2))}
    )
    assert panel(each).chosen is None


def test_a_probe_is_laid_out_by_strength():
    laid = panel(PROBE)
    assert (laid.by_strength, laid.places, laid.chosen) == (True, (0.01, 0.1, 1.0), 1)


def test_published_curves_lie_behind_the_phases_that_they_belong_to():
    head, tuning = panel(trained(*epochs("head", 30), *epochs("fine-tuning", 100), **TUNED)).stretches
    assert (head.published[0].validation_accuracy, len(head.published)) == (0.8170, 30)
    assert (tuning.published[-1].validation_accuracy, len(tuning.published)) == (0.9300, 100)


def test_a_published_curve_goes_no_further_than_our_own():
    (head,) = panel(trained(*epochs("head", 2), **EXERCISE)).stretches
    assert [each.epoch for each in head.published] == [1, 2]


def test_other_cells_have_no_published_curve():
    assert panel(trained(*epochs("head", 3))).stretches[0].published == ()


# The scales


@pytest.mark.parametrize(
    ("accuracy", "floor"),
    [(0.97, 0.9), (0.85, 0.8), (0.73, 0.7), (0.55, 0.5), (0.5, 0.5), (0.47, 0.4), (0.1, 0.0)],
)
def test_accuracy_starts_at_a_round_share_below_all(accuracy: float, floor: float):
    low = epoch(1, accuracy=accuracy, validation_accuracy=0.98)
    high = epoch(2, accuracy=0.99, validation_accuracy=0.99)
    assert curves._scales([panel(trained(low, high))], 2).floor == floor


def test_a_loss_far_above_guessing_is_cut_off_and_said_to_be():
    wild = panel(trained(epoch(1, loss=40.0), epoch(2), epoch(3)))
    calm = panel(trained(epoch(1), epoch(2)))
    assert curves._scales([calm], 2) == curves._Scales(0.8, pytest.approx(0.42), False)
    assert curves._scales([wild, calm], 2) == curves._Scales(0.8, pytest.approx(0.8), True)


# Which cells


def names(found: Curves) -> list[str]:
    return [each.name for each in found.records]


def test_cells_stand_in_the_order_of_the_plan(tmp_path: Path):
    rows = [row(answers(60), backbone="VGG16"), row(answers(90))]
    assert names(find_curves(finished_run(tmp_path, rows))) == [each.name for each, _ in rows]


def test_cells_without_epochs_are_left_out_with_a_note(tmp_path: Path):
    found = find_curves(finished_run(tmp_path, [row(answers(90)), without_epochs(ZERO_SHOT)]))
    assert len(found.records) == 1
    assert found.notes == (f"Without epochs, and so without a curve: {ZERO_SHOT[0].name}.",)


def test_a_run_without_any_epoch_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match=r"no epoch was trained in .*/zero-shot"):
        find_curves(finished_run(tmp_path, [without_epochs(ZERO_SHOT)]))


def test_a_cell_is_chosen_by_its_name_a_part_of_it_or_a_pattern(tmp_path: Path):
    rows = [row(answers(60), backbone="VGG16"), row(answers(90)), row(answers(90), seed=1)]
    folder = finished_run(tmp_path, rows)
    assert names(find_curves(folder, rows[2][0].name)) == [rows[2][0].name]
    assert names(find_curves(folder, "MobileNet-0.25/*")) == [rows[1][0].name, rows[2][0].name]
    assert names(find_curves(folder, "vgg16")) == [rows[0][0].name]
    assert names(find_curves(folder, "16/*/seed?")) == [rows[0][0].name]


def test_a_cell_that_is_not_in_the_run_is_refused_with_near_names(tmp_path: Path):
    each = row(answers(90))
    with pytest.raises(UserError, match="Did you mean MobileNet"):
        find_curves(finished_run(tmp_path, [each]), each[0].name.replace("seed0", "seed1"))


def test_of_too_many_cells_the_first_are_shown_and_named(tmp_path: Path):
    rows = [row(answers(90), seed=seed) for seed in range(CELLS + 2)]
    found = find_curves(finished_run(tmp_path, rows))
    assert names(found) == [each.name for each, _ in rows[:CELLS]]
    (note,) = found.notes
    assert note.startswith(f"The first {CELLS} of {CELLS + 2} cells, {rows[0][0].name} to ")
    assert rows[CELLS - 1][0].name in note


# The picture


def test_a_title_names_what_tells_cells_apart():
    titles = curves._titles([record(seed=0), record(seed=1, backbone="VGG16")])
    assert titles == ["MobileNet-0.25, seed 0\nfast-extraction", "VGG16, seed 1\nfast-extraction"]


def test_a_title_names_the_part_of_the_training_images():
    several = curves._titles([record(train_images=1000), record()])
    assert several == [
        "MobileNet-0.25, 1,000 training images\nfast-extraction",
        "MobileNet-0.25, all training images\nfast-extraction",
    ]
    same = curves._titles([record(train_images=50, seed=seed) for seed in (0, 1)])
    assert same[1] == "MobileNet-0.25, 50 training images, seed 1\nfast-extraction"


def test_a_title_tells_that_a_cell_failed():
    failed = replace(record().cell, seed=1)
    titles = curves._titles([record(), record(status="diverged", reason="inf", seed=failed.seed)])
    assert titles[1].endswith("fast-extraction (diverged)")


def test_every_kind_of_cell_is_drawn_into_one_picture(tmp_path: Path):
    diverged = failed_record("diverged", "inf", seed=5)
    lost = epoch(2, loss=None, validation_loss=None)
    records = (
        trained(*epochs("head", 30), *epochs("fine-tuning", 100), **TUNED),
        trained(*epochs("head", 1)),
        PROBE,
        diverged.model_copy(update={"measured": Measured(history=(epoch(1), lost))}),
    )
    draw_curves(Curves("tiny", records, ("A note.",)), tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.width > 600
        assert picture.convert("L").getextrema() == (0, 255)


def test_an_svg_has_its_names_as_they_are_and_the_same_bytes_again(tmp_path: Path):
    found = Curves("tiny", (trained(*epochs("head", 2)),))
    for name in ("a.svg", "b.svg"):
        draw_curves(found, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "<!-- accuracy (%) -->" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize("name", ["curves.pdf", "curves"])
def test_another_ending_is_refused_and_nothing_is_written(name: str, tmp_path: Path):
    with pytest.raises(UserError, match=r"ends in \.png or \.svg"):
        draw_curves(Curves("tiny", (trained(*epochs("head", 2)),)), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
