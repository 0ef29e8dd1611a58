"""That a suite of many train steps in one process gives back what each of them took."""

import gc
import weakref
from typing import Any

import keras
from graphs import let_go

from harness.timing.cell import TimingCell
from harness.timing.subject import build_subject

CELL = TimingCell(backbone="MobileNet-0.25", step="fine-tuning", depth="blocks:1", size=32, batch=2)


def held_by_a_train_step() -> list[Any]:
    """Weak references to the weights and slots of a train step that was taken and left."""
    subject = build_subject(CELL)
    subject.step()
    variables = [*subject.model.weights, *subject.model.optimizer.variables]
    return [weakref.ref(variable.value.handle) for variable in variables]


def alive(references: list[Any]) -> int:
    return sum(reference() is not None for reference in references)


def test_a_train_step_that_was_taken_leaves_nothing_behind():
    taken = held_by_a_train_step()
    let_go()
    assert (alive(taken), len(taken) > 100) == (0, True)


def test_keras_own_clearing_does_not_let_go_of_it():
    taken = held_by_a_train_step()
    keras.utils.clear_session()
    gc.collect()
    assert alive(taken) > 0
    let_go()
    assert alive(taken) == 0
