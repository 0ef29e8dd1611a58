"""A timing cell as something that runs: its model, its step on a resident batch, and its input pipeline.

Images are noise, weights are random and calibrated on a few of them: a dead network would time numbers
that no trained one computes with (zeros and denormals).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from harness.backbones import backbone
from harness.data.augmentation import draw_transforms
from harness.data.batches import feature_batches, image_batches
from harness.depth import parse_depth
from harness.strategies import NO_DEPTH, Phase, strategy
from harness.timing.cell import INFERENCE, KERAS_TABLE, RECIPE, TimingCell
from harness.timing.steps import Step, inference_step, training_step
from harness.training.base import build_base, build_top, calibrate, preprocess, preprocessed
from harness.training.classifier import Classifier, build_head, loss_name, split_at
from harness.training.cut import find_cut
from harness.training.fit import OPTIMIZERS
from harness.training.freezing import compile_at_depth

__all__ = ["Subject", "build_subject"]

_CLASSES = 2
_CALIBRATION_IMAGES = 4
_SEED = 0
_BATCHES = 4
"""How many different batches of images there are; the pipeline passes through them again and again."""
_STREAM = 1000
"""How many batches the pipeline has before it ends and begins again: at its end it runs empty."""


@dataclass(frozen=True)
class Subject:
    """What is timed.

    `step` runs on a resident batch.  `batches()` is a new, endless pipeline of the batches that such a
    step is fed with in a real run: pixels (augmented, for strategies that do) or cached features.
    `updates()` tells how often the optimizer has changed the weights; None for inference.
    `parameters` counts those of the whole model, `trainable` those that the step changes.
    """

    model: Any
    step: Step
    batches: Callable[[], Any]
    augmented: bool
    updates: Callable[[], int] | None
    parameters: int
    trainable: int
    build_seconds: float


def build_subject(cell: TimingCell) -> Subject:
    """Build what a cell times; the device must be chosen before.

    Raises `UserError` for a depth that the backbone does not have.
    """
    began = time.perf_counter()
    # A user's keras.json must not change what is timed.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_dtype_policy(cell.precision)
    keras.utils.set_random_seed(_SEED)
    random = np.random.default_rng(_SEED)
    pixels = random.integers(0, 256, (_BATCHES * cell.batch, cell.size, cell.size, 3), dtype=np.uint8)
    images = pixels[: cell.batch].astype(np.float32)
    model = _build(cell, images)
    if cell.step == INFERENCE:
        return Subject(
            model=model.full,
            step=inference_step(model.full, images, jit=cell.jit),
            batches=lambda: image_batches(pixels, _stream(len(pixels), cell.batch), cell.batch).repeat(),
            augmented=False,
            updates=None,
            parameters=model.full.count_params(),
            trainable=0,
            build_seconds=time.perf_counter() - began,
        )
    phase = _phase(cell)
    labels = random.integers(0, _CLASSES, len(pixels)).astype(np.float32)
    trunk: Any = model.trunk
    live = phase.augmented or trunk is None
    trained = model.full if live else model.classifier
    inputs = [images] if live else keras.tree.flatten(trunk.predict_on_batch(images))
    step = training_step(trained, inputs, labels[: cell.batch], jit=cell.jit)

    def batches() -> Any:
        if not live:
            rows = _stream(cell.batch, cell.batch)
            return feature_batches(inputs, rows, cell.batch, labels=labels[: cell.batch]).repeat()
        rows = _stream(len(pixels), cell.batch)
        transforms = draw_transforms(
            RECIPE.augmentation, images=len(pixels), size=cell.size, seed=_SEED, phase=0, epoch=0
        )
        return image_batches(
            pixels,
            rows,
            cell.batch,
            labels=labels,
            transforms=transforms if phase.augmented else None,
        ).repeat()

    return Subject(
        model=trained,
        step=step,
        batches=batches,
        augmented=phase.augmented,
        updates=lambda: _updates(trained.optimizer),
        parameters=model.full.count_params(),
        trainable=sum(variable.shape.num_elements() for variable in trained.trainable_variables),
        build_seconds=time.perf_counter() - began,
    )


def _updates(optimizer: Any) -> int:
    # The loss scale of mixed_float16 counts every step, the optimizer inside it those that it let pass.
    return int(getattr(optimizer, "inner_optimizer", optimizer).iterations)


def _stream(rows: int, batch: int) -> NDArray[np.int64]:
    """The order of a pipeline that reads the same rows over and over without an end."""
    return np.resize(np.arange(rows), _STREAM * batch)


def _phase(cell: TimingCell) -> Phase:
    """The phase whose step is timed: the strategy's last."""
    phase = strategy(cell.step).phases(RECIPE, cell.depth)[-1]
    if not isinstance(phase, Phase):
        raise ValueError(f"{cell.step} has no train step")  # the matrix was checked when it was read
    return phase


def _build(cell: TimingCell, images: Any) -> Classifier:
    """The model of a cell, compiled at its depth if it is to train."""
    row, scratch = backbone(cell.backbone), False
    top = cell.protocol == KERAS_TABLE
    base = build_top(row, cell.size, None) if top else build_base(row, cell.size, None)
    calibrate(base, preprocessed(row, RECIPE.preprocessing, images[:_CALIBRATION_IMAGES]))
    if top:
        inputs = keras.Input(images.shape[1:])
        full = keras.Model(inputs, base(preprocess(row, RECIPE.preprocessing, inputs), training=False))
        return Classifier(find_cut(base, row, parse_depth(NO_DEPTH)), None, full, full)
    phase = None if cell.step == INFERENCE else _phase(cell)
    depth = phase.depth if phase else NO_DEPTH
    scratch = cell.step != INFERENCE and strategy(cell.step).weights == "scratch"
    cut = find_cut(base, row, parse_depth(depth))
    model = split_at(base, build_head(RECIPE, _CLASSES, base.output), row, RECIPE, cut, scratch=scratch)
    if phase:
        trained = model.full if phase.augmented or model.trunk is None else model.classifier
        optimizer = OPTIMIZERS[RECIPE.optimizer](phase.learning_rate)
        compile_at_depth(trained, base, cut, optimizer, loss_name(_CLASSES), scratch=scratch, jit=cell.jit)
    return model
