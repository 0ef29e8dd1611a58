"""One cell's training: its phases, epoch by epoch, the best epoch, and the test read once.

Each epoch is one call of `fit` on an order drawn for that epoch; validation is scored by the
classifier on frozen features.  Nothing is timed in callbacks and none are used: they would make
Keras convert its logs in every step.
"""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from harness.backbones import Backbone
from harness.data.augmentation import draw_transforms
from harness.data.batches import feature_batches, image_batches, shuffled
from harness.depth import parse_depth
from harness.recipes import Recipe
from harness.records import Epoch
from harness.strategies import Phase
from harness.training.classifier import Classifier, build_head, loss_name, split_at
from harness.training.features import Features, extract, feature_key
from harness.training.freezing import Cut, compile_at_depth, find_cut, frozen_hash
from harness.training.scoring import Score, predict, score
from harness.training.splits import Split, TestSplit

__all__ = ["DivergedError", "Fitted", "Trainer"]

_OPTIMIZERS = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}


class DivergedError(Exception):
    """The training loss became infinite or not a number."""


@dataclass(frozen=True)
class Fitted:
    """A trained classifier at its chosen epoch, with what the last phase did.

    `trainable` counts parameters, `variables` and `moved` count the trained variables and those of
    them that changed.
    """

    model: Classifier
    phase: Phase
    best: Epoch
    chosen: Epoch
    trainable: int
    variables: int
    moved: int
    frozen_sha256: str


@dataclass
class Trainer:
    """Trains the phases of one cell on one base.

    `report(phase, epoch, epochs, images, all_images)` is called as images pass;
    `feature_facts` name the base and the images for the feature cache.  `history` and
    `extraction` fill as training goes on, so that a cell that fails keeps what it had.
    """

    base: Any
    row: Backbone
    recipe: Recipe
    seed: int
    train: Split
    validation: Split
    test: TestSplit
    classes: int
    cache: Path
    feature_facts: dict[str, Any]
    report: Callable[[str, int, int, int, int], None]
    history: list[Epoch] = field(default_factory=list)
    extraction: dict[str, Features] = field(default_factory=dict)
    train_features: tuple[NDArray[Any], ...] = ()

    def fit(self, phases: tuple[Phase, ...]) -> Fitted:
        """Train every phase in order; the next one starts from the chosen epoch of the last.

        Raises `DivergedError` when a loss is no longer finite, and `UserError` for a depth that the
        base does not have, before anything is trained.
        """
        cuts = [find_cut(self.base, self.row, parse_depth(phase.depth)) for phase in phases]
        if any(later.index > earlier.index for earlier, later in itertools.pairwise(cuts)):
            # The feature cache takes the trunk for the weights file's; it must not have been trained.
            raise ValueError("a later phase freezes what an earlier one has trained")
        # The head's start depends on the seed alone, whatever building the base has drawn.
        keras.utils.set_random_seed(self.seed)
        head = build_head(self.recipe, self.classes, self.base.output)
        fitted = None
        for number, phase in enumerate(phases):
            fitted = self._phase(number, phase, cuts[number], head)
        if fitted is None:
            raise ValueError("a strategy without phases trains nothing")
        return fitted

    def predict_test(self, fitted: Fitted) -> tuple[NDArray[np.int64], NDArray[np.float32], Score]:
        """Labels, probabilities and score of the test images, whose labels open for this once."""
        features = self._features(fitted.model, "test", self.test.pixels, self.test.ids)
        probabilities = predict(fitted.model.classifier, features, self.recipe.batch)
        if not np.isfinite(probabilities).all():
            raise DivergedError("the test probabilities are not finite numbers")
        labels = self.test.read_labels()
        return labels, probabilities, score(probabilities, labels)

    def compile(self, model: Classifier, phase: Phase) -> tuple[Any, bool]:
        """Compile what a phase trains, with a fresh optimizer; returns it and whether it takes images.

        Without augmentation, and with a trunk, that is the classifier on cached features.
        """
        live = phase.augmented or model.trunk is None
        trained = model.full if live else model.classifier
        optimizer = _OPTIMIZERS[self.recipe.optimizer](phase.learning_rate)
        compile_at_depth(trained, self.base, model.cut, optimizer, loss_name(self.classes))
        return trained, live

    def _phase(self, number: int, phase: Phase, cut: Cut, head: Any) -> Fitted:
        model = split_at(self.base, head, self.row, self.recipe, cut)
        trained, live = self.compile(model, phase)
        frozen = frozen_hash(self.base)
        variables = trained.trainable_variables
        before = _copies(variables)
        validation = self._features(model, "validation", self.validation.pixels, self.validation.ids)
        features = () if live else self._features(model, "train", self.train.pixels, self.train.ids)
        self.train_features = features

        best, chosen, weights, lowest = None, None, before, math.inf
        for epoch in range(1, phase.epochs + 1):
            done = self._epoch(number, phase, epoch, trained, features, model, validation)
            self.history.append(done)
            # A loss that is not finite has become None in the record's epoch.
            if done.loss is None or done.validation_loss is None:
                raise DivergedError(f"the loss was not a finite number in epoch {epoch} of {phase.name}")
            improved = done.validation_loss < lowest
            if improved:
                best, lowest = done, done.validation_loss
            if improved or self.recipe.select == "last":
                chosen, weights = done, _copies(variables)
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)
        moved = [not np.array_equal(old, new) for old, new in zip(before, weights, strict=True)]
        self._check_moves(phase, cut, variables, moved, frozen)
        assert best is not None and chosen is not None  # noqa: PT018 (a phase has an epoch)
        return Fitted(
            model=model,
            phase=phase,
            best=best,
            chosen=chosen,
            trainable=sum(value.size for value in before),
            variables=len(moved),
            moved=sum(moved),
            frozen_sha256=frozen,
        )

    def _epoch(
        self,
        number: int,
        phase: Phase,
        epoch: int,
        trained: Any,
        features: tuple[NDArray[Any], ...],
        model: Classifier,
        validation: tuple[NDArray[Any], ...],
    ) -> Epoch:
        images = len(self.train.labels)
        order = shuffled(np.arange(images), seed=self.seed, phase=number, epoch=epoch)
        labels = self.train.labels.astype(np.float32 if self.classes == 2 else np.int32)
        passed = 0

        def on_rows(rows: int) -> None:
            nonlocal passed
            passed += rows
            self.report(phase.name, epoch, phase.epochs, passed, images)

        if features:
            batches = feature_batches(features, order, self.recipe.batch, labels=labels, on_rows=on_rows)
        else:
            transforms = draw_transforms(
                self.recipe.augmentation,
                images=images,
                size=self.train.pixels.shape[1],
                seed=self.seed,
                phase=number,
                epoch=epoch,
            )
            batches = image_batches(
                self.train.pixels,
                order,
                self.recipe.batch,
                labels=labels,
                transforms=transforms if phase.augmented else None,
                on_rows=on_rows,
            )
        began = time.perf_counter()
        logs = trained.fit(batches, epochs=1, shuffle=False, verbose=0).history
        seconds = time.perf_counter() - began
        began = time.perf_counter()
        scored = score(predict(model.classifier, validation, self.recipe.batch), self.validation.labels)
        return Epoch(
            phase=phase.name,
            epoch=epoch,
            loss=float(logs["loss"][0]),
            accuracy=float(logs["accuracy"][0]),
            validation_loss=scored.loss,
            validation_accuracy=scored.accuracy,
            images=passed,
            seconds=seconds,
            validation_seconds=time.perf_counter() - began,
        )

    def _features(
        self, model: Classifier, split: str, pixels: NDArray[np.uint8], ids: tuple[str, ...]
    ) -> tuple[NDArray[Any], ...]:
        """A split as the classifier takes it: cached frontier tensors, or pixels without a trunk."""
        if model.trunk is None:
            return (pixels,)
        key = feature_key(**self.feature_facts, split=split, boundary=model.cut.boundary)
        found = extract(
            model.trunk,
            pixels,
            ids,
            self.cache / "features" / key,
            batch=self.recipe.batch,
            on_images=_counting(lambda done: self.report(f"{split} features", 1, 1, done, len(ids))),
        )
        self.extraction[f"{split}@{model.cut.boundary or 'output'}"] = found
        return found.arrays

    def _check_moves(
        self, phase: Phase, cut: Cut, variables: list[Any], moved: list[bool], frozen: str
    ) -> None:
        """A training that moved what is frozen, or nothing where it should, has no result."""
        if frozen_hash(self.base) != frozen:
            raise RuntimeError(f"frozen variables of the base changed during {phase.name}")
        # The head always moves, so it must not stand in for the base.
        tail = {id(variable) for variable in self.base.trainable_variables} if cut.boundary else set()
        parts: dict[str, list[bool]] = {"the head": [], "the base": []}
        for variable, changed in zip(variables, moved, strict=True):
            parts["the base" if id(variable) in tail else "the head"].append(changed)
        for part, changes in parts.items():
            if (changes or part == "the head" or tail) and not any(changes):
                raise RuntimeError(f"no variable of {part} moved during {phase.name}")


def _copies(variables: list[Any]) -> list[NDArray[Any]]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _counting(call: Callable[[int], None]) -> Callable[[int], None]:
    total = 0

    def add(images: int) -> None:
        nonlocal total
        total += images
        call(total)

    return add
