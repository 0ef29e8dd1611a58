"""One cell from pixels to numbers: the accuracy pass, then the timing pass over the same model.

This runs in the worker's process.  Accuracy comes first, because timing trains on.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from harness.backbones import backbone
from harness.data.manifest import Manifest
from harness.data.pixels import PixelCache
from harness.export.builder import keep_model
from harness.records import Measured, Predictions, Seconds, StepTimes
from harness.running.job import Job, Outcome, Progress
from harness.strategies import Phase
from harness.strategies.zero_shot import imagenet_classes
from harness.timing.device import thread_counts, visible_devices
from harness.timing.state import watch_device
from harness.timing.steps import BLOCKS, BRIEF, Step, inference_step, measure, training_step
from harness.training.base import build_base, calibrate, preprocessed
from harness.training.cut import without_last_blocks
from harness.training.fit import Fitted, Trainer, untrained
from harness.training.splits import open_splits
from harness.training.zero_shot import build_zero_shot

__all__ = ["CellFailedError", "run_cell"]

_CALIBRATION_IMAGES = 64


class CellFailedError(Exception):
    """A cell went wrong after it had begun; carries the cause and what was measured until then."""

    def __init__(self, error: Exception, measured: Measured) -> None:
        super().__init__(str(error))
        self.error = error
        self.measured = measured


def run_cell(job: Job, report: Callable[[Progress], None]) -> Outcome:
    """Train, test and time one cell.

    Raises `CellFailedError` for what goes wrong from the first phase on, and whatever went wrong
    before that as it is.
    """
    began = time.perf_counter()
    planned, cell = job.planned, job.planned.cell
    if planned.weights is None:
        raise ValueError("a cell without weights was not skipped")
    # A user's keras.json must not change what a cell computes.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_dtype_policy(cell.precision)
    keras.utils.set_random_seed(cell.seed)
    manifest = Manifest.load(job.manifest)
    pixels = PixelCache(job.pixels, job.decode_seconds).open()
    train, validation, test = open_splits(manifest, pixels, train_images=cell.train_images, seed=cell.seed)
    # All images were decoded at once; those that take no part here are no cost of this result.
    used = len(train.ids) + len(validation.ids) + len(test.ids)
    decode_seconds = job.decode_seconds * (used / len(manifest.entries))
    row = backbone(cell.backbone)
    zero_shot = None
    if not planned.phases:
        groups = imagenet_classes(manifest.classes)
        if groups is None:
            raise ValueError("a cell whose classes it does not suit was not skipped")
        zero_shot = build_zero_shot(row, cell.size, planned.weights.path, groups)
        base = zero_shot.full
    else:
        base = build_base(row, cell.size, planned.weights.path)
        base, row = without_last_blocks(base, row, planned.recipe.drop_blocks)
    if cell.weights in ("random", "scratch"):
        rows = np.random.default_rng(cell.seed).permutation(len(train.ids))[:_CALIBRATION_IMAGES]
        calibrate(base, preprocessed(row, planned.recipe.preprocessing, train.pixels[np.sort(rows)]))
    trainer = Trainer(
        base=base,
        row=row,
        recipe=planned.recipe,
        seed=cell.seed,
        train=train,
        validation=validation,
        test=test,
        classes=len(manifest.classes),
        cache=job.cache,
        feature_facts=_feature_facts(job, manifest),
        report=lambda *numbers: report(Progress(*numbers)),
        scratch=cell.weights == "scratch",
    )
    devices, threads = visible_devices(), thread_counts()

    def measured(**more: Any) -> Measured:
        seconds = Seconds(
            decode=decode_seconds,
            extraction=sum(
                part.seconds for name, part in trainer.extraction.items() if not name.startswith("test")
            ),
            extraction_reused=tuple(name for name, part in trainer.extraction.items() if part.reused),
            training=sum(epoch.seconds for epoch in trainer.history),
            training_reused=tuple(trainer.reused),
            validation=sum(epoch.validation_seconds for epoch in trainer.history),
            test=more.pop("test_seconds", 0.0),
            cell=time.perf_counter() - began,
        )
        return Measured(
            history=tuple(trainer.history),
            seconds=seconds,
            devices=devices,
            threads=threads,
            train_traces=dict(trainer.traces),
            extraction_peak_bytes=max((part.peak_bytes for part in trainer.extraction.values()), default=0),
            **more,
        )

    try:
        fitted = untrained(zero_shot) if zero_shot else trainer.fit(planned.phases)
        test_began = time.perf_counter()
        labels, probabilities, scored = trainer.predict_test(fitted)
        test_seconds = time.perf_counter() - test_began
        if job.keep is not None:  # now: timing trains on
            report(Progress("saving", 1, 1, 0, 1))
            keep_model(fitted.model.full, job.keep)
        report(Progress("timing", 1, 1, 0, 1))
        images = _batch(train.pixels, planned.recipe.batch)
        timed = partial(_timed, device=cell.device, brief=planned.brief)
        inference = timed(inference_step(fitted.model.full, images), len(images))
        training, jit = _time_training(trainer, fitted, timed)
    except Exception as error:
        raise CellFailedError(error, measured()) from error
    return Outcome(
        "ok",
        "",
        measured(
            best=fitted.best,
            chosen=fitted.chosen,
            variables_trained=fitted.variables,
            variables_moved=fitted.moved,
            jit=jit,
            test_accuracy=scored.accuracy,
            test_loss=scored.loss,
            test_images=len(test.ids),
            test_seconds=test_seconds,
            parameters=fitted.model.full.count_params(),
            parameters_trainable=fitted.trainable,
            boundary=fitted.model.cut.boundary,
            frozen_sha256=fitted.frozen_sha256,
            inference_step=inference,
            train_step=training,
        ),
        Predictions(np.array(test.ids), labels, probabilities),
    )


def _batch(rows: Any, size: int) -> Any:
    """A batch of exactly that size, repeating rows if there are fewer: a static shape."""
    return np.asarray(rows[np.sort(np.arange(size) % len(rows))], dtype=np.float32)


def _time_training(
    trainer: Trainer, fitted: Fitted, timed: Callable[[Step, int], StepTimes]
) -> tuple[StepTimes | None, bool | None]:
    """Time the last phase's step, on live images or on cached features as it was trained.

    Returns the times, and whether the step was compiled with XLA; nothing where no step was taken.
    """
    if not isinstance(fitted.phase, Phase):
        return None, None
    recipe = trainer.recipe
    trained, live = trainer.compile(fitted.model, fitted.phase)
    arrays = (trainer.train.pixels,) if live else trainer.train_features
    labels = _batch(trainer.train.labels, recipe.batch)
    step = training_step(trained, [_batch(array, recipe.batch) for array in arrays], labels)
    return timed(step, recipe.batch), bool(trained.jit_compile)


def _timed(step: Step, batch: int, *, device: str, brief: bool) -> StepTimes:
    return measure(step, batch=batch, effort=BRIEF if brief else BLOCKS, watch=watch_device(device))


def _feature_facts(job: Job, manifest: Manifest) -> dict[str, Any]:
    planned, cell = job.planned, job.planned.cell
    random = (
        {"seed": cell.seed, "calibration": _CALIBRATION_IMAGES, "train_images": cell.train_images}
        if cell.weights == "random"
        else {}
    )
    return {
        "backbone": cell.backbone,
        "weights": planned.weights.sha256 if planned.weights else "",
        "preprocessing": planned.recipe.preprocessing,
        "resize": planned.recipe.resize,
        "drop_blocks": planned.recipe.drop_blocks,
        "size": cell.size,
        "precision": cell.precision,
        "device": cell.device,
        "manifest": manifest.sha256,
        "code": job.code,
        "environment": job.environment,
        **random,
    }
