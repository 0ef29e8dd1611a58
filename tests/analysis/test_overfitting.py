"""Overfitting: gaps and losses of the last phase, over seeds, and what is compared with what."""

from pathlib import Path

import pytest
from fakes import Row, epoch
from fakes_compare import seeds, standings, trial

from harness.analysis.overfitting import Fit, augmented, deepened, fits, without_epochs

AUGMENTED = {"strategy": "augmented-extraction"}
HISTORY = (
    epoch(1, accuracy=0.80, validation_accuracy=0.80, validation_loss=0.5),
    epoch(2, accuracy=0.90, validation_accuracy=0.85, validation_loss=0.4),
    epoch(3, accuracy=0.95, validation_accuracy=0.84, validation_loss=0.5),
    epoch(4, accuracy=0.99, validation_accuracy=0.84, validation_loss=0.6),
)


def own(folder: Path, *rows: Row) -> list[Fit]:
    ((_, found),) = fits(standings(folder, rows))
    return found


def test_the_gap_and_the_loss_stand_at_the_chosen_and_at_the_last_epoch(tmp_path: Path):
    (fit,) = own(tmp_path, trial(900, history=HISTORY))
    assert (fit.gap, fit.last_gap) == pytest.approx((0.05, 0.15))
    assert (fit.best, fit.last, fit.after_best) == (2, 4, 2)
    assert (fit.best_loss, fit.last_loss, fit.loss_rise) == pytest.approx((0.4, 0.6, 0.5))


def test_only_the_last_phase_counts(tmp_path: Path):
    tuning = (epoch(1, phase="fine-tuning", validation_loss=0.3), epoch(2, phase="fine-tuning"))
    (fit,) = own(tmp_path, trial(900, depth="blocks:1", history=(*HISTORY, *tuning)))
    assert (fit.best, fit.last) == (1, 2)


def test_seeds_give_means_spreads_and_how_many_opened(tmp_path: Path):
    wider = (*HISTORY[:3], HISTORY[3].model_copy(update={"validation_accuracy": 0.80}))
    rows = [
        trial(900, history=HISTORY, gap_opens_at=3),
        trial(900, history=wider, gap_opens_at=None, seed=1),
    ]
    (fit,) = own(tmp_path, *rows)
    assert fit.last_gap == pytest.approx((0.15 + 0.19) / 2)
    assert fit.spreads[1] == pytest.approx(0.04 / 2**0.5)
    assert (fit.opened, fit.opens_at) == (1, None)  # never counts as last


def test_one_seed_has_no_spread(tmp_path: Path):
    (fit,) = own(tmp_path, trial(900, history=HISTORY))
    assert fit.spreads == (None, None)


def test_a_seed_without_a_number_leaves_no_mean(tmp_path: Path):
    unknown = (*HISTORY[:3], HISTORY[3].model_copy(update={"validation_accuracy": None}))
    rows = [trial(900, history=HISTORY), trial(900, history=unknown, seed=1)]
    (fit,) = own(tmp_path, *rows)
    assert fit.last_gap is None
    assert fit.gap is not None


def test_rows_without_epochs_are_named_and_not_fitted(tmp_path: Path):
    probe = trial(900, strategy="linear-probe", history=[epoch(1, strength=1.0)])
    zero = trial(900, strategy="zero-shot", weights="imagenet-top", history=())
    found = standings(tmp_path, [probe, zero])
    assert fits(found) == []
    assert {row.cell.strategy for row in without_epochs(found)} == {"linear-probe", "zero-shot"}


def test_augmentation_is_compared_on_a_frozen_base_with_the_same_seeds(tmp_path: Path):
    rows = [*seeds([900, 901]), *seeds([900, 901], **AUGMENTED), trial(900, depth="blocks:1")]
    ((plain, other),) = augmented(own(tmp_path / "same", *rows))
    assert (plain.row.cell.strategy, other.row.cell.strategy) == ("fast-extraction", "augmented-extraction")
    assert augmented(own(tmp_path / "other", *seeds([900, 901]), trial(900, **AUGMENTED))) == []


def test_depth_is_compared_from_the_shallowest_to_the_deepest(tmp_path: Path):
    rows = [trial(900, depth=f"blocks:{number}") for number in (3, 1, 2)]
    ((first, last),) = deepened(own(tmp_path, *rows))
    assert (first.row.cell.depth, last.row.cell.depth) == ("blocks:1", "blocks:3")
