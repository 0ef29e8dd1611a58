"""The contract of every strategy in the registry: a new module is tested without a new test.

Each is trained through on the smallest real backbone (calibrated random weights, 32 px); what
several tests look at is trained once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fakes_training import (
    KERAS_ARRAYS,
    copies,
    draw_images,
    make_trainer,
    moved,
    norm_hash,
    prepared,
    quick_recipe,
    tiny_base,
    trained_from,
)
from numpy.typing import NDArray

from harness.backbones import backbone
from harness.depth import parse_depth
from harness.records import Epoch
from harness.strategies import NO_DEPTH, STRATEGIES, AnyPhase, Phase, Strategy
from harness.training.base import build_base, calibrate
from harness.training.classifier import build_head
from harness.training.cut import find_cut
from harness.training.fit import Fitted, Trainer
from harness.training.freezing import frozen_hash

pytestmark = KERAS_ARRAYS

ROW = backbone("MobileNet-0.25")
SIZE = 32
RECIPE = quick_recipe(head="gap-dense256-dropout")


TRAINED = [strategy for strategy in STRATEGIES.values() if strategy.phases(RECIPE, NO_DEPTH)]
"""The strategies that train something; zero shot has its tests in test_zero_shot.py."""


def phases_of(strategy: Strategy) -> tuple[AnyPhase, ...]:
    return strategy.phases(RECIPE, "blocks:1" if strategy.takes_depth else NO_DEPTH)


def epochs_of(phase: AnyPhase) -> int:
    return phase.epochs if isinstance(phase, Phase) else len(phase.strengths)


@dataclass(frozen=True)
class Trained:
    """One training from the same base; `moved` and the hashes are taken right after `fit`."""

    trainer: Trainer
    fitted: Fitted
    base: Any
    moved: set[str]
    norms: tuple[str, str]
    frozen: str
    probabilities: NDArray[np.float32]


def figures(history: list[Epoch]) -> NDArray[np.float64]:
    """What is measured in each epoch, except seconds."""
    return np.array(
        [(epoch.loss, epoch.accuracy, epoch.validation_loss, epoch.validation_accuracy) for epoch in history],
        dtype=np.float64,
    )


@pytest.fixture(scope="module")
def base() -> Any:
    keras.utils.set_random_seed(0)
    base = build_base(ROW, SIZE, None)
    calibrate(base, prepared(ROW, draw_images(32, SIZE, seed=9)[0]))
    return base


@pytest.fixture(scope="module")
def train(base: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Trained]:
    """Train a strategy from the same start; the same arguments are trained once."""
    start = copies(base.weights)
    done: dict[tuple[Any, ...], Trained] = {}

    def run(strategy: Strategy, seed: int, attempt: int = 0) -> Trained:
        key = (strategy.name, seed, attempt)
        if key not in done:
            for variable, value in zip(base.weights, start, strict=True):
                variable.assign(value)
            cache = tmp_path_factory.mktemp("cache")
            trainer = make_trainer(
                base,
                cache,
                row=ROW,
                recipe=strategy.adapt(RECIPE),
                seed=seed,
                size=SIZE,
                scratch=strategy.weights == "scratch",
            )
            norms = norm_hash(base)
            fitted = trainer.fit(phases_of(strategy))
            changed, after, frozen = moved(base.weights, start), norm_hash(base), frozen_hash(base)
            probabilities = trainer.predict_test(fitted)[1]
            done[key] = Trained(trainer, fitted, base, changed, (norms, after), frozen, probabilities)
        return done[key]

    return run


each_strategy = pytest.mark.parametrize("strategy", TRAINED, ids=lambda strategy: strategy.name)


@each_strategy
def test_it_makes_one_epoch_for_each_epoch_of_each_phase_on_the_whole_split(
    train: Callable[..., Trained], strategy: Strategy
) -> None:
    history = train(strategy, 0).trainer.history

    wanted = [
        (phase.name, number, 20) for phase in phases_of(strategy) for number in range(1, epochs_of(phase) + 1)
    ]
    assert [(epoch.phase, epoch.epoch, epoch.images) for epoch in history] == wanted


@each_strategy
def test_every_figure_of_its_epochs_is_a_number(train: Callable[..., Trained], strategy: Strategy) -> None:
    trained = train(strategy, 0)

    assert np.isfinite(figures(trained.trainer.history)).all()
    assert all(epoch.seconds > 0 for epoch in trained.trainer.history)
    assert trained.fitted.best in trained.trainer.history


@each_strategy
def test_it_moves_the_layers_of_its_depths_and_no_others(
    train: Callable[..., Trained], strategy: Strategy
) -> None:
    trained = train(strategy, 0)

    wanted: set[str] = set()
    for phase in phases_of(strategy):
        wanted |= trained_from(trained.base, find_cut(trained.base, ROW, parse_depth(phase.depth)).index)
    if strategy.weights == "scratch":
        wanted = {variable.path for variable in trained.base.weights}
    assert trained.moved == wanted


@each_strategy
def test_it_moves_the_head(train: Callable[..., Trained], strategy: Strategy) -> None:
    trained = train(strategy, 0)
    keras.utils.set_random_seed(0)
    start = copies(build_head(strategy.adapt(RECIPE), 2, trained.base.output).weights)

    head = trained.fitted.model.full.get_layer("head")

    assert len(moved(head.weights, start)) == len(start)


@each_strategy
def test_what_it_freezes_stays_as_it_was(train: Callable[..., Trained], strategy: Strategy) -> None:
    trained = train(strategy, 0)

    assert (trained.norms[0] == trained.norms[1]) == (strategy.weights != "scratch")
    assert trained.frozen == trained.fitted.frozen_sha256


@each_strategy
def test_its_test_labels_were_read_once_and_do_not_open_again(
    train: Callable[..., Trained], strategy: Strategy
) -> None:
    trained = train(strategy, 0)

    with pytest.raises(RuntimeError, match="once"):
        trained.trainer.predict_test(trained.fitted)


@each_strategy
def test_it_predicts_every_test_image(train: Callable[..., Trained], strategy: Strategy) -> None:
    probabilities = train(strategy, 0).probabilities

    assert probabilities.shape == (11, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


# Seeds (trap 30) ----------------------------------------------------------------------------

Result = tuple[NDArray[np.float64], NDArray[np.float32]]


def require_seed_to_matter(run: Callable[[int, int], Result]) -> None:
    """The same seed twice gives the same figures and predictions, another seed gives others."""
    first, again, other = run(0, 0), run(0, 1), run(1, 0)
    for told, same, different in zip(first, again, other, strict=True):
        np.testing.assert_allclose(same, told, atol=1e-4)
        assert np.abs(different - told).max() > 1e-3


class DeafTrainer(Trainer):
    """Has the seed in its name and never uses it."""

    def fit(self, phases: tuple[AnyPhase, ...]) -> Fitted:
        self.seed = 7
        return super().fit(phases)


class UnseededTrainer(Trainer):
    """Takes what the process' generator happens to give."""

    generator = np.random.default_rng(0)

    def fit(self, phases: tuple[AnyPhase, ...]) -> Fitted:
        self.seed = int(self.generator.integers(1 << 30))
        return super().fit(phases)


@each_strategy
def test_the_seed_decides_the_training(train: Callable[..., Trained], strategy: Strategy) -> None:
    def run(seed: int, attempt: int) -> Result:
        trained = train(strategy, seed, attempt)
        return figures(trained.trainer.history), trained.probabilities

    if strategy.seeded:
        require_seed_to_matter(run)
    else:
        np.testing.assert_array_equal(run(0, 0)[1], run(1, 0)[1])


def on_the_tiny_base(kind: type[Trainer], cache: Path) -> Callable[[int, int], Result]:
    def run(seed: int, _: int) -> Result:
        trainer = make_trainer(tiny_base(), cache, seed=seed, kind=kind)
        fitted = trainer.fit((Phase("head", NO_DEPTH, False, 2, 1e-2),))
        return figures(trainer.history), trainer.predict_test(fitted)[1]

    return run


def test_the_seed_decides_the_training_on_the_tiny_base(tmp_path: Path) -> None:
    require_seed_to_matter(on_the_tiny_base(Trainer, tmp_path))


@pytest.mark.parametrize("kind", [DeafTrainer, UnseededTrainer])
def test_the_check_rejects_a_trainer_that_ignores_its_seed(kind: type[Trainer], tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        require_seed_to_matter(on_the_tiny_base(kind, tmp_path))


@pytest.mark.parametrize("augmented", [False, True], ids=["cached", "live"])
def test_the_seed_decides_the_order_of_images_too(
    augmented: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one start of the head for all seeds, order and augmentation still tell them apart."""
    set_random_seed = keras.utils.set_random_seed
    monkeypatch.setattr(keras.utils, "set_random_seed", lambda _: set_random_seed(0))
    losses = []
    for seed in (0, 0, 1):
        trainer = make_trainer(tiny_base(), tmp_path, seed=seed)
        trainer.fit((Phase("head", "none", augmented, 1, 1e-2),))
        losses.append(trainer.history[0].loss)

    assert losses[1] == pytest.approx(losses[0], abs=1e-6)
    assert abs(losses[2] - losses[0]) > 1e-4
