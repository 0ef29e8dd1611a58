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

from harness.data.pixels import PixelRows
from harness.strategies import Phase
from harness.training import fit
from harness.training.features import feature_key
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
    def with_norms_trainable(model: Any, base: Any, cut: Any, optimizer: Any, loss: str, **_: Any) -> None:
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


# Options of a schedule ----------------------------------------------------------------------


def test_patience_ends_a_phase_that_gets_no_better(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path, splits=upside_down())

    fitted = trainer.fit((Phase("head", "none", False, 9, 1e-2, patience=2),))

    assert [epoch.epoch for epoch in trainer.history] == [1, 2, 3]
    assert fitted.chosen.epoch == 1


def test_an_epoch_cut_short_counts_the_images_that_it_saw(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path)

    trainer.fit((Phase("head", "none", False, 2, 1e-2, steps_per_epoch=2),))

    assert [epoch.images for epoch in trainer.history] == [16, 16]


def test_the_learning_rate_rises_over_the_warm_up_and_stays(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path)  # 20 images, batch 8: 3 steps an epoch

    rate = trainer._rate(Phase("head", "none", False, 9, 0.6, warm_up_epochs=2))

    assert [round(float(rate(step)), 6) for step in range(8)] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6]


def test_the_warm_up_counts_the_steps_that_an_epoch_really_has(tmp_path: Path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path)  # 3 steps an epoch, whatever is asked for

    rate = trainer._rate(Phase("head", "none", False, 9, 0.6, warm_up_epochs=1, steps_per_epoch=100))

    assert float(rate(2)) == pytest.approx(0.6)


def test_without_a_warm_up_the_rate_is_a_number(tmp_path: Path) -> None:
    assert make_trainer(tiny_base(), tmp_path)._rate(HEAD) == HEAD.learning_rate


# A head that an earlier cell trained --------------------------------------------------------


def tuned(cache: Path, *, seed: int = 0, recipe: Any = None, head: Phase = HEAD) -> tuple[Trainer, Any]:
    trainer = make_trainer(tiny_base(), cache, seed=seed, recipe=recipe)
    return trainer, trainer.predict_test(trainer.fit((head, TUNING)))[1]


@pytest.mark.parametrize("head", [HEAD, AUGMENTED], ids=["cached", "augmented"])
def test_fine_tuning_takes_over_a_head_that_was_trained_in_the_same_way(tmp_path: Path, head: Phase) -> None:
    first = make_trainer(tiny_base(), tmp_path / "a")
    first.fit((head,))

    taking, found = tuned(tmp_path / "a", head=head)
    training, wanted = tuned(tmp_path / "b", head=head)

    assert (taking.reused, training.reused) == (["head"], [])
    assert taking.history[: head.epochs] == first.history
    # What the features of that phase cost is a part of both, taken over or not.
    assert taking.extraction.keys() == training.extraction.keys()
    for name, part in first.extraction.items():
        assert (taking.extraction[name].seconds, taking.extraction[name].reused) == (part.seconds, True)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    losses = [[epoch.loss for epoch in trainer.history] for trainer in (taking, training)]
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-4)


def test_a_head_with_dropout_goes_on_as_if_it_had_been_trained_here(tmp_path: Path) -> None:
    recipe = quick_recipe(head="gap-dense256-dropout")
    make_trainer(tiny_base(), tmp_path / "a", recipe=recipe).fit((HEAD,))

    taking, found = tuned(tmp_path / "a", recipe=recipe)
    _, wanted = tuned(tmp_path / "b", recipe=recipe)

    assert taking.reused == ["head"]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"recipe": quick_recipe(optimizer="rmsprop")},
        {"recipe": quick_recipe(batch=7)},
        {"head": Phase("head", "none", False, 3, 2e-2)},
        {"head": Phase("head", "none", True, 3, 1e-2)},
    ],
    ids=["seed", "optimizer", "batch", "rate", "augmented"],
)
def test_a_head_that_was_trained_otherwise_is_not_taken_over(tmp_path: Path, other: dict[str, Any]) -> None:
    make_trainer(tiny_base(), tmp_path).fit((HEAD,))

    assert tuned(tmp_path, **other)[0].reused == []


def test_a_phase_that_is_the_whole_strategy_is_always_trained(tmp_path: Path) -> None:
    make_trainer(tiny_base(), tmp_path).fit((HEAD,))
    again = make_trainer(tiny_base(), tmp_path)
    again.fit((HEAD,))

    assert again.reused == []


# A part of the training images --------------------------------------------------------------


def on_part(*, copied: bool = False) -> tuple[Split, Split, TestSplit]:
    """The splits of every test, with a part of the training images, seen through their rows or copied."""
    train, validation, test = draw_splits(TINY_SIZE)
    rows = np.array([1, 2, 6, 7, 10, 13, 15, 16, 19])
    pixels = train.pixels[rows] if copied else PixelRows(train.pixels, rows)
    return Split(pixels, train.labels[rows], tuple(train.ids[row] for row in rows)), validation, test


@pytest.mark.parametrize("phase", [HEAD, AUGMENTED], ids=["cached", "live"])
def test_a_part_is_trained_on_as_if_there_were_no_other_images(phase: Phase, tmp_path: Path) -> None:
    seen = make_trainer(tiny_base(), tmp_path / "a", splits=on_part())
    alone = make_trainer(tiny_base(), tmp_path / "b", splits=on_part(copied=True))

    for trainer in (seen, alone):
        trainer.fit((phase,))

    assert [epoch.images for epoch in seen.history] == [9] * phase.epochs
    losses = [[epoch.loss for epoch in trainer.history] for trainer in (seen, alone)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def check_parts_stay_apart(cache: Path) -> None:
    """Fail if a cell on a part takes over what a cell on all training images has left in the cache."""
    make_trainer(tiny_base(), cache).fit((HEAD,))
    trainer = make_trainer(tiny_base(), cache, splits=on_part())
    trainer.fit((HEAD, TUNING))
    assert trainer.reused == [], "the head was trained on other images"
    assert {epoch.images for epoch in trainer.history} == {9}
    assert not trainer.extraction["train@output"].reused
    assert trainer.extraction["validation@output"].reused


def test_the_check_refuses_caches_that_overlook_which_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overlooking(**facts: object) -> str:
        return feature_key(**{name: fact for name, fact in facts.items() if name != "images"})

    monkeypatch.setattr(fit, "feature_key", overlooking)

    with pytest.raises(AssertionError, match="the head was trained on other images"):
        check_parts_stay_apart(tmp_path)


def test_a_part_has_features_and_heads_of_its_own_and_shares_what_is_validated_on(tmp_path: Path) -> None:
    check_parts_stay_apart(tmp_path)


# From scratch -------------------------------------------------------------------------------

SCRATCH = Phase("from-scratch", "all", True, 2, 1e-2)


def test_from_scratch_restores_the_statistics_of_the_chosen_epoch_too(tmp_path: Path) -> None:
    base = tiny_base(calibrated=False)
    trainer = make_trainer(base, tmp_path, splits=upside_down(), scratch=True)

    fitted = trainer.fit((SCRATCH,))

    assert validation_loss(trainer, fitted) == pytest.approx(fitted.chosen.validation_loss, rel=1e-3)


def test_from_scratch_whose_batch_norm_does_not_train_has_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frozen_norms(*arguments: Any, **_: Any) -> None:
        compile_at_depth(*arguments, scratch=False)

    monkeypatch.setattr(fit, "compile_at_depth", frozen_norms)

    with pytest.raises(RuntimeError, match="batch norm did not train during from-scratch"):
        make_trainer(tiny_base(), tmp_path, scratch=True).fit((SCRATCH,))
