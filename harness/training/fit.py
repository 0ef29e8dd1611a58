"""One cell's training: its phases, epoch by epoch, the best epoch, and the test read once.

Each epoch is one call of `fit` on an order drawn for that epoch; validation is scored by the
classifier on frozen features.  Nothing is timed in callbacks and none are used: they would make
Keras convert its logs in every step.
"""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from harness.backbones import Backbone
from harness.data.augmentation import draw_transforms
from harness.data.batches import feature_batches, image_batches, shuffled
from harness.data.pixels import Pixels
from harness.depth import parse_depth
from harness.recipes import Recipe
from harness.records import Epoch
from harness.strategies import NO_DEPTH, AnyPhase, Phase, Probe
from harness.training.base import batch_norms
from harness.training.classifier import Classifier, build_head, loss_name, split_at
from harness.training.cut import Cut, find_cut
from harness.training.features import Features, extract, feature_key
from harness.training.freezing import compile_at_depth, frozen_hash
from harness.training.kept_heads import KeptHead, keep_head, kept_head
from harness.training.probe import pooled, try_strengths
from harness.training.scoring import Score, predict, score
from harness.training.splits import Split, TestSplit
from harness.training.traces import make_variables, traced

__all__ = ["OPTIMIZERS", "DivergedError", "Fitted", "Trainer", "untrained"]

OPTIMIZERS = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
"""The optimizers by the names that recipes give them."""


class DivergedError(Exception):
    """The training loss became infinite or not a number."""


@dataclass(frozen=True)
class Fitted:
    """A trained classifier at its chosen epoch, with what the last phase did.

    `trainable` counts parameters, `variables` and `moved` count the trained variables and those of
    them that changed.  Where nothing was trained (zero shot) there is no phase and no epoch.
    """

    model: Classifier
    phase: AnyPhase | None
    best: Epoch | None
    chosen: Epoch | None
    trainable: int
    variables: int
    moved: int
    frozen_sha256: str


def untrained(model: Classifier) -> Fitted:
    """A classifier that is used as it is."""
    return Fitted(model, None, None, None, 0, 0, 0, frozen_hash(model.full))


@dataclass
class Trainer:
    """Trains the phases of one cell on one base.

    `report(phase, epoch, epochs, images, all_images)` is called as images pass;
    `feature_facts` name the base and the images for the caches.  With `scratch` the base starts from
    nothing and trains as a whole, batch norm too.  `history`, `extraction`, `reused` and `traces` (how
    often the train step of a phase was traced) fill as training goes on, so that a cell that fails keeps
    what it had.
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
    scratch: bool = False
    history: list[Epoch] = field(default_factory=list)
    extraction: dict[str, Features] = field(default_factory=dict)
    reused: list[str] = field(default_factory=list)
    traces: dict[str, int] = field(default_factory=dict)
    train_features: tuple[NDArray[Any], ...] = ()

    def fit(self, phases: tuple[AnyPhase, ...]) -> Fitted:
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
            if isinstance(phase, Probe):
                fitted = self._probe(phase, cuts[number], head)
            elif fitted is not None or len(phases) == 1 or not self._take_over(phase, head):
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
        optimizer = OPTIMIZERS[self.recipe.optimizer](self._rate(phase))
        loss = loss_name(self.classes)
        compile_at_depth(trained, self.base, model.cut, optimizer, loss, scratch=self.scratch)
        return trained, live

    @property
    def _labels(self) -> NDArray[Any]:
        """The training labels as the loss takes them."""
        return self.train.labels.astype(np.float32 if self.classes == 2 else np.int32)

    def _rate(self, phase: Phase) -> Any:
        """The learning rate, which rises linearly over the steps of the warm-up if there is one."""
        whole = math.ceil(len(self.train.labels) / self.recipe.batch)
        steps = min(phase.steps_per_epoch or whole, whole)
        warm_up = round(phase.warm_up_epochs * steps)
        if warm_up < 2:
            return phase.learning_rate
        return keras.optimizers.schedules.PolynomialDecay(
            phase.learning_rate / warm_up, warm_up - 1, end_learning_rate=phase.learning_rate
        )

    def _phase(self, number: int, phase: Phase, cut: Cut, head: Any) -> Fitted:
        model = split_at(self.base, head, self.row, self.recipe, cut, scratch=self.scratch)
        trained, live = self.compile(model, phase)
        frozen = frozen_hash(self.base)
        variables = trained.trainable_variables
        # From scratch the statistics of batch norm are a part of what an epoch has reached.
        state = trained.weights if self.scratch else variables
        start = _copies(variables)
        validation = self._features(model, "validation", self.validation.pixels, self.validation.ids)
        features = () if live else self._features(model, "train", self.train.pixels, self.train.ids)
        self.train_features = features

        first, since = len(self.history), 0
        best, chosen, kept, lowest = None, None, _copies(state), math.inf
        make_variables(trained, self._labels[:1])
        with traced(trained) as traces:
            for epoch in range(1, phase.epochs + 1):
                done = self._epoch(number, phase, epoch, trained, features, model, validation)
                self.history.append(done)
                # A loss that is not finite has become None in the record's epoch.
                if done.loss is None or done.validation_loss is None:
                    raise DivergedError(f"the loss was not a finite number in epoch {epoch} of {phase.name}")
                improved = done.validation_loss < lowest
                since = 0 if improved else since + 1
                if improved:
                    best, lowest = done, done.validation_loss
                if improved or self.recipe.select == "last":
                    chosen, kept = done, _copies(state)
                if phase.patience is not None and since >= phase.patience:
                    break
        self.traces[phase.name] = traces.count
        for variable, value in zip(state, kept, strict=True):
            variable.assign(value)
        moved = [not np.array_equal(old, new) for old, new in zip(start, _copies(variables), strict=True)]
        hashed = frozen_hash(self.base)
        self._check_moves(phase, cut, variables, moved, changed=hashed != frozen)
        assert best is not None and chosen is not None  # noqa: PT018 (a phase has an epoch)
        if number == 0 and not cut.boundary:
            costs = {name: (part.seconds, part.peak_bytes) for name, part in self.extraction.items()}
            variables_now, history = tuple(_copies(head.variables)), tuple(self.history[first:])
            trained_head = KeptHead(variables_now, history, best, chosen, costs, traces.count)
            keep_head(self._head_folder(phase), trained_head)
        return Fitted(
            model=model,
            phase=phase,
            best=best,
            chosen=chosen,
            trainable=sum(value.size for value in start),
            variables=len(moved),
            moved=sum(moved),
            frozen_sha256=hashed,
        )

    def _take_over(self, phase: Phase, head: Any) -> bool:
        """Give the head what an earlier cell trained in exactly this first phase, if one did."""
        kept = None if phase.depth != NO_DEPTH else kept_head(self._head_folder(phase))
        if kept is None:
            return False
        for variable, value in zip(head.variables, kept.variables, strict=True):
            variable.assign(value)
        self.history += kept.history
        for name, (seconds, peak) in kept.extraction.items():
            self.extraction[name] = Features((), seconds, peak, reused=True)
        self.traces[phase.name] = kept.traces
        self.reused.append(phase.name)
        return True

    def _head_folder(self, phase: Phase) -> Path:
        """Where the head of a first phase is kept: named by all that it depends on."""
        recipe = self.recipe
        settings = {"head", "dropout", "optimizer", "batch", "select", *(["augmentation"] * phase.augmented)}
        facts = recipe.model_dump(include=settings) | {"phase": asdict(phase), "seed": self.seed}
        facts["images"] = self.train.ids  # a part of the manifest's, it may be
        return self.cache / "heads" / feature_key(base=self.feature_facts, **facts)

    def _probe(self, phase: Probe, cut: Cut, head: Any) -> Fitted:
        """Set a linear head to the logistic regression that validation likes best."""
        model = split_at(self.base, head, self.row, self.recipe, cut)
        compile_at_depth(model.classifier, self.base, cut, "sgd", loss_name(self.classes))
        (validation,) = self._features(model, "validation", self.validation.pixels, self.validation.ids)
        (train,) = self._features(model, "train", self.train.pixels, self.train.ids)
        images, strengths = len(self.train.labels), len(phase.strengths)
        tried = list(
            try_strengths(
                (pooled(train), self.train.labels),
                (pooled(validation), self.validation.labels),
                phase.strengths,
                lambda number: self.report(phase.name, number, strengths, images, images),
            )
        )
        epochs = [
            Epoch(
                phase=phase.name,
                epoch=number,
                loss=each.train.loss,
                accuracy=each.train.accuracy,
                validation_loss=each.validation.loss,
                validation_accuracy=each.validation.accuracy,
                images=images,
                seconds=each.seconds,
                validation_seconds=0.0,
                validation_images=len(self.validation.labels),
                strength=each.strength,
            )
            for number, each in enumerate(tried, start=1)
        ]
        self.history += epochs
        best = min(range(len(tried)), key=lambda number: tried[number].validation.loss)
        kernel, bias = head.trainable_variables
        kernel.assign(tried[best].kernel)
        bias.assign(tried[best].bias)
        return Fitted(
            model=model,
            phase=phase,
            best=epochs[best],
            chosen=epochs[best],
            trainable=tried[best].kernel.size + tried[best].bias.size,
            variables=2,
            moved=2,
            frozen_sha256=frozen_hash(self.base),
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
        all_images = len(self.train.labels)
        order = shuffled(np.arange(all_images), seed=self.seed, phase=number, epoch=epoch)
        if phase.steps_per_epoch is not None:
            order = order[: phase.steps_per_epoch * self.recipe.batch]
        labels, passed = self._labels, 0

        def on_rows(rows: int) -> None:
            nonlocal passed
            passed += rows
            self.report(phase.name, epoch, phase.epochs, passed, len(order))

        if features:
            batches = feature_batches(features, order, self.recipe.batch, labels=labels, on_rows=on_rows)
        else:
            transforms = draw_transforms(
                self.recipe.augmentation,
                images=all_images,
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
        probabilities = predict(model.classifier, validation, self.recipe.batch)
        scored = score(probabilities, self.validation.labels)
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
            validation_images=len(probabilities),
            learning_rate=float(trained.optimizer.learning_rate),
        )

    def _features(
        self, model: Classifier, split: str, pixels: Pixels, ids: tuple[str, ...]
    ) -> tuple[Any, ...]:
        """A split as the classifier takes it: cached frontier tensors, or pixels without a trunk."""
        if model.trunk is None:
            return (pixels,)
        # A part of the training images has features, and seconds, of its own.
        key = feature_key(**self.feature_facts, split=split, images=ids, boundary=model.cut.boundary)
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
        self, phase: Phase, cut: Cut, variables: list[Any], moved: list[bool], *, changed: bool
    ) -> None:
        """A training that moved what is frozen, or nothing where it should, has no result.

        `changed` says whether what does not train by gradient (statistics too) is other than before.
        """
        if changed and not self.scratch:
            raise RuntimeError(f"frozen variables of the base changed during {phase.name}")
        if self.scratch and batch_norms(self.base) and not changed:
            raise RuntimeError(f"batch norm did not train during {phase.name}")
        # The head always moves, so it must not stand in for the base.
        tail = {id(variable) for variable in self.base.trainable_variables} if cut.boundary else set()
        parts: dict[str, list[bool]] = {"the head": [], "the base": []}
        for variable, has_moved in zip(variables, moved, strict=True):
            parts["the base" if id(variable) in tail else "the head"].append(has_moved)
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
