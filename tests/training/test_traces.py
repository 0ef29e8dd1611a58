"""How often a train step is traced: no more often than one batch needs, and every trace more is seen."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from fakes_training import KERAS_ARRAYS, make_trainer, tiny_base

from harness.data.batches import feature_batches, image_batches
from harness.strategies import Phase
from harness.training import fit
from harness.training.fit import Trainer
from harness.training.traces import make_variables, traced

pytestmark = KERAS_ARRAYS

HEAD = Phase("head", "none", False, 3, 1e-2)
AUGMENTED = Phase("head", "none", True, 2, 1e-2)
TUNING = Phase("fine-tuning", "blocks:1", True, 2, 1e-3)


def trained(cache: Path, *phases: Phase) -> Trainer:
    """Twenty images in batches of eight: the last batch is smaller."""
    trainer = make_trainer(tiny_base(), cache)
    trainer.fit(phases)
    return trainer


@pytest.mark.parametrize("head", [HEAD, AUGMENTED], ids=["features", "images"])
def test_neither_a_smaller_last_batch_nor_another_epoch_is_traced_again(tmp_path: Path, head: Phase) -> None:
    assert trained(tmp_path, head, TUNING).traces == {"head": 1, "fine-tuning": 1}


def test_variables_that_the_first_step_makes_are_seen_as_another_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "make_variables", lambda *_: None)

    assert trained(tmp_path, HEAD).traces["head"] > 1


def test_making_variables_early_changes_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early = trained(tmp_path / "early", AUGMENTED, TUNING)
    monkeypatch.setattr(fit, "make_variables", lambda *_: None)
    late = trained(tmp_path / "late", AUGMENTED, TUNING)

    figures = [
        [(epoch.loss, epoch.accuracy, epoch.validation_loss) for epoch in trainer.history]
        for trainer in (early, late)
    ]
    assert figures[0] == figures[1]


def test_a_head_that_is_taken_over_keeps_the_traces_of_its_training(tmp_path: Path) -> None:
    trained(tmp_path, HEAD)

    taking = trained(tmp_path, HEAD, TUNING)

    assert taking.reused == ["head"]
    assert taking.traces == {"head": 1, "fine-tuning": 1}


@pytest.mark.parametrize(
    ("phase", "name", "real"),
    [(HEAD, "feature_batches", feature_batches), (AUGMENTED, "image_batches", image_batches)],
    ids=["features", "images"],
)
def test_batches_of_changing_declared_shapes_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: Phase, name: str, real: Any
) -> None:
    sizes = iter((8, 7, 6))

    def fixed(*arguments: Any, **options: Any) -> Any:
        size = next(sizes)
        rows = real(*arguments, **options).unbatch().batch(size, drop_remainder=True)
        return rows.apply(tf.data.experimental.assert_cardinality(20 // size))

    monkeypatch.setattr(fit, name, fixed)

    assert trained(tmp_path, phase).traces["head"] > 1


# The counter itself ---------------------------------------------------------------------------


def small_model(*, jit: bool = False, eager: bool = False) -> Any:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile(optimizer="adam", loss="mse", metrics=["mse"], jit_compile=jit, run_eagerly=eager)
    return model


ROWS = np.arange(12, dtype=np.float32).reshape(4, 3) / 12


def step_on(model: Any) -> Any:
    """The model's step as a function of a number that has no part in it."""
    data = tf.constant(ROWS), tf.zeros((4, 1))
    make_variables(model, data[1])
    return tf.function(lambda _: model.train_step(data)["loss"])


def test_a_python_number_that_changes_is_traced_again_and_a_tensor_is_not() -> None:
    counts = []
    for numbers in ((1, 2, 3), tuple(tf.constant(number) for number in (1, 2, 3))):
        model = small_model()
        with traced(model) as traces:
            step = step_on(model)
            for number in numbers:
                step(number)
        counts.append(traces.count)

    assert counts == [3, 1]


def test_a_step_compiled_by_xla_is_counted_too() -> None:
    model = small_model(jit=True)
    make_variables(model, np.zeros((1, 1), np.float32))
    with traced(model) as traces:
        model.fit(ROWS, np.zeros((4, 1), np.float32), epochs=3, verbose=0)

    assert traces.count == 1


def test_a_step_without_a_graph_counts_every_time() -> None:
    model = small_model(eager=True)
    with traced(model) as traces:
        model.fit(ROWS, np.zeros((4, 1), np.float32), epochs=3, verbose=0)

    assert traces.count == 3


def test_what_was_counted_before_the_first_step_is_undone() -> None:
    model = small_model()
    make_variables(model, np.ones((2, 1), np.float32))

    assert model.optimizer.built
    assert int(model.optimizer.iterations) == 0
    assert {float(keras.ops.sum(variable)) for variable in model.metrics_variables} == {0.0}


def test_the_model_is_left_with_its_own_step() -> None:
    model = small_model()
    own = model.train_step
    with traced(model):
        assert model.train_step != own

    assert model.train_step == own
