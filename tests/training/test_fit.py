"""One cell's training on the tiny base: epochs, the chosen one, and what ends it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fakes_training import (
    KERAS_ARRAYS,
    TINY_SIZE,
    copies,
    draw_splits,
    make_trainer,
    moved,
    quick_recipe,
    relative_gap,
    tiny_base,
    trained_from,
)

from harness.strategies import Phase
from harness.training import fit
from harness.training.fit import DivergedError, Fitted, Trainer
from harness.training.freezing import compile_at_depth
from harness.training.scoring import predict, score
from harness.training.splits import Split, TestSplit

pytestmark = KERAS_ARRAYS

HEAD = Phase("head", "none", False, 3, 1e-2)
AUGMENTED = Phase("head", "none", True, 2, 1e-2)
TUNING = Phase("fine-tuning", "blocks:1", True, 2, 1e-3)


def upside_down() -> tuple[Split, Split, TestSplit]:
    """Validation labels are swapped, so that the better the training, the worse validation."""
    train, validation, test = draw_splits(TINY_SIZE)
    return train, Split(validation.pixels, 1 - validation.labels, validation.ids), test


def validation_loss(trainer: Trainer, fitted: Fitted) -> float:
    """The loss of the model as it stands now, on live pixels."""
    pixels = trainer.validation.pixels.astype(np.float32)
    return score(predict(fitted.model.full, [pixels], 8), trainer.validation.labels).loss


# The chosen epoch ---------------------------------------------------------------------------


def require_the_best_epochs_weights(trainer: Trainer, fitted: Fitted) -> None:
    """The model has the weights of the epoch with the lowest validation loss."""
    lowest = min(trainer.history, key=lambda epoch: epoch.validation_loss)
    assert fitted.best == fitted.chosen == lowest
    assert validation_loss(trainer, fitted) == pytest.approx(lowest.validation_loss, rel=1e-3)


@pytest.mark.parametrize("phase", [HEAD, AUGMENTED, TUNING], ids=lambda phase: f"{phase.name}-{phase.depth}")
def test_the_epoch_with_the_lowest_validation_loss_is_restored(phase: Phase, tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path, splits=upside_down())

    fitted = trainer.fit((phase,))

    assert fitted.best.epoch == 1
    require_the_best_epochs_weights(trainer, fitted)


def test_the_check_rejects_the_last_epochs_weights(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path, splits=upside_down(), recipe=quick_recipe(select="last"))

    fitted = trainer.fit((HEAD,))

    with pytest.raises(AssertionError):
        require_the_best_epochs_weights(trainer, fitted)


def test_a_recipe_may_select_the_last_epoch(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path, splits=upside_down(), recipe=quick_recipe(select="last"))

    fitted = trainer.fit((HEAD,))

    assert fitted.chosen == trainer.history[-1]
    assert fitted.best == trainer.history[0]
    assert validation_loss(trainer, fitted) == pytest.approx(trainer.history[-1].validation_loss, rel=1e-3)


def test_the_next_phase_starts_from_the_chosen_epoch_of_the_last(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path, splits=upside_down())
    barely = Phase("fine-tuning", "blocks:1", True, 1, 1e-7)

    trainer.fit((HEAD, barely))

    best, *_, tuned = trainer.history
    assert tuned.validation_loss == pytest.approx(best.validation_loss, rel=1e-3)


def test_a_later_phase_moves_its_own_depth_too(tmp_path: Path) -> None:
    base = tiny_base()
    before = copies(base.weights)

    fitted = make_trainer(base, tmp_path).fit((HEAD, TUNING))

    assert moved(base.weights, before) == trained_from(base, fitted.model.cut.index)
    assert fitted.model.cut.boundary == "block3_conv"
    assert fitted.phase == TUNING


def test_the_trainable_parameters_are_those_of_the_last_phase(tmp_path: Path) -> None:
    fitted = make_trainer(tiny_base(), tmp_path).fit((HEAD, TUNING))

    convolution, head = 3 * 3 * 8 * 12 + 12, 12 + 1
    assert fitted.trainable == convolution + head
    assert (fitted.variables, fitted.moved) == (4, 4)


# Epochs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [HEAD, AUGMENTED], ids=["cached", "live"])
def test_every_epoch_trains_on_the_whole_split(phase: Phase, tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path)

    trainer.fit((phase,))

    assert [epoch.images for epoch in trainer.history] == [20] * phase.epochs


def test_progress_reaches_the_whole_split_in_every_epoch_and_never_passes_it(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int, int, int]] = []
    trainer = make_trainer(tiny_base(), tmp_path, report=lambda *numbers: calls.append(numbers))

    trainer.fit((AUGMENTED,))

    assert ("head", 1, 2, 20, 20) in calls
    assert ("head", 2, 2, 20, 20) in calls
    assert ("validation features", 1, 1, 10, 10) in calls
    assert all(images <= of for *_, images, of in calls)


def test_training_learns_what_can_be_learned(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path)

    fitted = trainer.fit((Phase("head", "none", False, 30, 3e-2),))

    _, _, scored = trainer.predict_test(fitted)
    assert scored.accuracy > 0.8


def test_more_than_two_classes_are_trained_and_tested(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path, classes=3)

    fitted = trainer.fit((HEAD, TUNING))

    labels, probabilities, _ = trainer.predict_test(fitted)
    assert set(labels) == {0, 1, 2}
    assert probabilities.shape == (11, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("phase", [HEAD, TUNING], ids=["cached", "tuned"])
def test_test_probabilities_are_those_of_the_live_model(phase: Phase, tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path)
    fitted = trainer.fit((phase,))

    _, probabilities, _ = trainer.predict_test(fitted)

    live = fitted.model.full.predict_on_batch(trainer.test.pixels.astype(np.float32))
    assert relative_gap(probabilities[:, 1:], live) < 1e-3


def test_validation_and_test_features_are_shared_by_seeds(tmp_path: Path) -> None:
    first, second = (make_trainer(tiny_base(), tmp_path, seed=seed) for seed in (0, 1))

    for trainer in (first, second):
        trainer.predict_test(trainer.fit((HEAD,)))

    assert {name: part.reused for name, part in first.extraction.items()} == {
        "train@output": False,
        "validation@output": False,
        "test@output": False,
    }
    assert all(part.reused for part in second.extraction.values())


def test_the_whole_base_can_be_trained_without_a_cache(tmp_path: Path) -> None:
    base = tiny_base()
    before = copies(base.weights)
    trainer = make_trainer(base, tmp_path)

    fitted = trainer.fit((Phase("fine-tuning", "all", True, 1, 1e-3),))
    trainer.predict_test(fitted)

    assert moved(base.weights, before) == trained_from(base, 0)
    assert trainer.extraction == {}


def test_the_heads_start_depends_on_the_seed_alone(tmp_path: Path) -> None:
    """Not on what building the base has drawn from the global generator."""
    histories = []
    for drawn in (0, 5):
        trainer = make_trainer(tiny_base(), tmp_path)
        for _ in range(drawn):
            keras.layers.Dense(3).build((None, 2))
        trainer.fit((HEAD,))
        histories.append([epoch.loss for epoch in trainer.history])

    assert histories[0] == pytest.approx(histories[1], rel=1e-5)


# What ends a training -----------------------------------------------------------------------


def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_its_history(tmp_path: Path) -> None:
    base = tiny_base()
    kernel = base.get_layer("block3_conv").kernel
    kernel.assign(np.full(kernel.shape, 1e38, np.float32))
    trainer = make_trainer(base, tmp_path)

    with pytest.raises(DivergedError, match="not a finite number in epoch 1 of head"):
        trainer.fit((HEAD,))

    assert [(epoch.epoch, epoch.loss) for epoch in trainer.history] == [(1, None)]


def test_a_learning_rate_of_ten_is_seen_in_the_history(tmp_path: Path) -> None:
    """Keras clips probabilities, so such a loss is large, not infinite: worse than guessing."""
    trainer = make_trainer(tiny_base(), tmp_path)

    trainer.fit((Phase("fine-tuning", "all", True, 2, 10.0),))

    assert max(epoch.loss for epoch in trainer.history) > 3 * np.log(2)


def test_a_training_that_moves_frozen_variables_has_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_norms_trainable(model: Any, base: Any, cut: Any, optimizer: Any, loss: str) -> None:
        compile_at_depth(model, base, cut, optimizer, loss)
        for layer in base.layers:
            layer.trainable = True
        model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], jit_compile=False)

    monkeypatch.setattr(fit, "compile_at_depth", with_norms_trainable)

    with pytest.raises(RuntimeError, match="frozen variables of the base changed during fine-tuning"):
        make_trainer(tiny_base(), tmp_path).fit((TUNING,))


def test_a_training_that_moves_nothing_has_no_result(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no variable of the head moved during head"):
        make_trainer(tiny_base(), tmp_path).fit((Phase("head", "none", False, 1, 0.0),))


def test_a_base_that_should_train_and_does_not_has_no_result(tmp_path: Path) -> None:
    """The head moves in any case and must not hide it."""
    base = tiny_base()
    dead = base.get_layer("block3_bn")
    dead.gamma.assign(np.zeros(12))
    dead.beta.assign(np.ones(12))

    with pytest.raises(RuntimeError, match="no variable of the base moved during fine-tuning"):
        make_trainer(base, tmp_path).fit((TUNING,))


def test_a_later_phase_cannot_freeze_what_an_earlier_one_has_trained(tmp_path: Path) -> None:
    """Its cached features would pass for those of the weights file."""
    trainer = make_trainer(tiny_base(), tmp_path)

    with pytest.raises(ValueError, match="freezes what an earlier one has trained"):
        trainer.fit((TUNING, HEAD))
    assert trainer.history == []


def test_test_probabilities_that_are_not_finite_leave_the_test_labels_unread(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path)
    fitted = trainer.fit((HEAD,))
    bias = fitted.model.full.get_layer("head").get_layer("prediction").bias
    bias.assign(np.full(1, np.nan))

    with pytest.raises(DivergedError, match="test probabilities"):
        trainer.predict_test(fitted)
    assert len(trainer.test.read_labels()) == 11


def test_a_strategy_without_phases_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without phases"):
        make_trainer(tiny_base(), tmp_path).fit(())
