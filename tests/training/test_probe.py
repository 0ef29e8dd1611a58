"""Logistic regression on pooled features: what it finds, and that its head is that of the solver."""

import warnings

import numpy as np
import pytest
from fakes_training import KERAS_ARRAYS, draw_splits, make_trainer, quick_recipe, tiny_base
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from harness.strategies import Probe
from harness.training import probe
from harness.training.probe import pooled, try_strengths
from harness.training.scoring import predict, score

pytestmark = KERAS_ARRAYS

Set = tuple[NDArray[np.float64], NDArray[np.int64]]


def clouds(images: int, classes: int, seed: int) -> Set:
    """Classes whose centres lie apart, in features of very different scales."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    centres = np.random.default_rng(0).normal(size=(classes, 6))
    return (centres[labels] + random.normal(size=(images, 6))) * 10.0 ** np.arange(-3, 3) + 5, labels


def test_pooling_is_the_mean_over_height_and_width() -> None:
    features = np.random.default_rng(0).normal(size=(700, 3, 2, 4)).astype(np.float32)

    np.testing.assert_allclose(pooled(features), features.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_head_says_what_the_solver_says_on_standardised_features(classes: int) -> None:
    train, validation = clouds(300, classes, 1), clouds(100, classes, 2)
    (tried,) = try_strengths(train, validation, (0.1,), lambda _: None)
    scaler = StandardScaler().fit(train[0])
    solver = LogisticRegression(C=0.1, max_iter=2000).fit(scaler.transform(train[0]), train[1])
    wanted = solver.predict_proba(scaler.transform(validation[0]))

    logits = validation[0] @ tried.kernel + tried.bias
    logits = np.concatenate([np.zeros_like(logits), logits], axis=1) if classes == 2 else logits
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert tried.validation.loss == pytest.approx(score(wanted.astype(np.float32), validation[1]).loss, 1e-3)


def test_a_feature_that_never_changes_does_no_harm() -> None:
    features, labels = clouds(100, 2, 1)
    features[:, 2] = 7.0

    (tried,) = try_strengths((features, labels), (features, labels), (0.1,), lambda _: None)

    assert np.isfinite(tried.kernel).all()
    assert tried.train.accuracy > 0.8


def test_the_weaker_the_penalty_the_closer_the_fit() -> None:
    losses = [
        each.train.loss
        for each in try_strengths(clouds(200, 2, 1), clouds(50, 2, 2), (1e-4, 1e-2, 1.0), lambda _: None)
    ]

    assert losses == sorted(losses, reverse=True)


class Complaining(LogisticRegression):
    """Warns at every fit, of what the test says."""

    kind: type[Warning] = RuntimeWarning

    def fit(self, *arguments):
        warnings.warn("by the way", self.kind, stacklevel=2)
        return super().fit(*arguments)


@pytest.mark.filterwarnings("ignore:by the way")
def test_a_warning_that_is_not_of_convergence_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "LogisticRegression", Complaining)

    tried = list(try_strengths(clouds(100, 2, 1), clouds(50, 2, 2), (1e-3, 1e-2, 1e-1), lambda _: None))

    assert [each.strength for each in tried] == [1e-3, 1e-2, 1e-1]


def test_a_fit_that_finds_no_end_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_ITERATIONS", 1)

    with pytest.raises(RuntimeError, match=r"no logistic regression even at C = 0\.1"):
        list(try_strengths(clouds(100, 2, 1), clouds(50, 2, 2), (0.1, 1.0), lambda _: None))


def test_validation_chooses_and_the_keras_head_is_the_chosen_one(tmp_path) -> None:
    trainer = make_trainer(tiny_base(), tmp_path, recipe=quick_recipe(head="gap-linear"))

    fitted = trainer.fit((Probe("probe", (1e-6, 1e-3, 1e-1)),))

    assert [epoch.strength for epoch in trainer.history] == [1e-6, 1e-3, 1e-1]
    assert fitted.chosen == min(trainer.history, key=lambda epoch: epoch.validation_loss)
    found = score(
        predict(fitted.model.full, [trainer.validation.pixels.astype(np.float32)], 8),
        trainer.validation.labels,
    )
    assert found.loss == pytest.approx(fitted.chosen.validation_loss, rel=1e-3)
    assert found.accuracy == fitted.chosen.validation_accuracy


def test_several_classes_have_a_probe_too(tmp_path) -> None:
    splits = draw_splits(16, train=30, classes=3)
    trainer = make_trainer(tiny_base(), tmp_path, recipe=quick_recipe(), classes=3, splits=splits)

    fitted = trainer.fit((Probe("probe", (1e-3, 1e-1)),))

    assert trainer.predict_test(fitted)[1].shape == (11, 3)
    assert fitted.trainable == sum(
        value.numpy().size for value in fitted.model.full.get_layer("head").weights
    )
