"""Stand-ins and builders for the tests: no TensorFlow, no training, milliseconds."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from harness.backbones import WeightsFile
from harness.environment import Environment
from harness.export.model_file import ModelFacts
from harness.matrix import Cell, Matrix
from harness.matrix_file import load_matrix
from harness.recipes import RECIPES
from harness.records import (
    DataFacts,
    Epoch,
    Measured,
    Memory,
    Predictions,
    Record,
    Seconds,
    StepTimes,
    WeightsFacts,
    file_stem,
)
from harness.running.folder import PlannedCell, RunFacts, RunFolder
from harness.running.job import Job, Outcome, Progress
from harness.running.run import Request
from harness.running.view import RunView
from harness.strategies import strategy
from harness.training.scoring import cross_entropies

SPLITS = ("train", "validation", "test")

MATRIX = """\
name = "tiny"
data = { source = "synthetic", train = 4, validation = 4, test = 4 }

[[grid]]
backbones = ["MobileNet-0.25"]
strategies = ["fast-extraction", "fine-tuning"]
depths = ["blocks:1"]
sizes = [32]
weights = ["random"]
seeds = [0, 1]
"""
"""Four cells that need neither files nor weights."""


def nothing(*_: Any) -> None:
    """Take the place of a progress function."""


# Images


def png(seed: int, size: tuple[int, int] = (12, 10)) -> bytes:
    """The bytes of a small PNG whose content depends on the seed."""
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "PNG")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def put(path: Path, content: bytes) -> Path:
    """Write a file, making its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def image_folder(root: Path, classes: Sequence[str] = ("cats", "dogs"), each: int = 2) -> Path:
    """Make `root/split/class/*.png`, every content once."""
    seed = 0
    for split in SPLITS:
        for label in classes:
            for number in range(each):
                put(root / split / label / f"{number}.png", png(seed))
                seed += 1
    return root


# Matrices and requests


def matrix(folder: Path, text: str = MATRIX) -> Matrix:
    """Read a matrix from a text."""
    return load_matrix(matrix_file(folder, text))


def matrix_file(folder: Path, text: str = MATRIX) -> Path:
    """Write a matrix file."""
    return put(folder / "matrix.toml", text.encode())


def request(folder: Path, text: str = MATRIX, **changed: Any) -> Request:
    """A request whose every folder lies in `folder`."""
    usual: dict[str, Any] = {
        "matrix": matrix(folder, text),
        "data": None,
        "weights_dir": None,
        "out": folder / "out",
        "cache": folder / "cache",
        "offline": True,
        "command": "transferbench run matrix.toml",
    }
    return Request(**(usual | changed))


def view() -> RunView:
    """A view that writes to nowhere."""
    return RunView(Console(file=io.StringIO()))


# Outcomes and records

ENVIRONMENT = Environment(
    system="Linux x86_64",
    processor="A Processor",
    cores=2,
    memory_bytes=8 << 30,
    python="3.11.0",
    libraries={"keras": "3.0", "tensorflow": "2.0"},
    settings={},
)


def epoch(number: int = 1, phase: str = "head", **changed: Any) -> Epoch:
    """One epoch with plausible numbers."""
    usual: dict[str, Any] = {
        "phase": phase,
        "epoch": number,
        "loss": 0.3,
        "accuracy": 0.9,
        "validation_loss": 0.4,
        "validation_accuracy": 0.85,
        "images": 4,
        "seconds": 1.0,
        "validation_seconds": 0.5,
    }
    return Epoch(**(usual | changed))


def own_loss(predictions: Predictions) -> float:
    """The loss that predictions give, in nats."""
    return float(cross_entropies(predictions.probabilities, predictions.labels).mean())


def answers(right: int, images: int = 100, *, first: int = 0) -> Predictions:
    """Predictions of which `right` are right, from image `first` on (round the corner)."""
    correct = np.roll(np.arange(images) < right, first)
    labels = np.arange(images, dtype=np.int64) % 2
    chosen = np.where(correct, labels, 1 - labels)
    probabilities = np.where(np.arange(2)[None, :] == chosen[:, None], 0.9, 0.1).astype(np.float32)
    return Predictions(np.array([f"id{number}" for number in range(images)]), labels, probabilities)


def measured(predictions: Predictions, loss: float | None = None) -> Measured:
    """What a finished cell measured, with its predictions' accuracy, and their loss unless one is given."""
    steps = StepTimes(
        batch=32,
        first_seconds=2.0,
        warm_up_steps=2,
        stable=True,
        steps_per_block=5,
        block_seconds=(0.010, 0.030, 0.020),
    )
    return Measured(
        history=(epoch(1), epoch(2, loss=0.2, validation_loss=0.3)),
        best=epoch(2, loss=0.2, validation_loss=0.3),
        chosen=epoch(2, loss=0.2, validation_loss=0.3),
        test_accuracy=float(predictions.correct.mean()),
        test_loss=own_loss(predictions) if loss is None else loss,
        test_images=len(predictions.ids),
        parameters=218_544,
        parameters_trainable=66_000,
        boundary="conv_pw_13",
        frozen_sha256="f" * 64,
        train_step=steps,
        inference_step=steps,
        seconds=Seconds(decode=1.0, extraction=2.0, training=3.0, validation=4.0, test=5.0, cell=12.0),
        devices=("/physical_device:CPU:0",),
        threads={"inter_op": 0, "intra_op": 0},
    )


def ok(right: int = 90, images: int = 100) -> Outcome:
    """The outcome of a cell that ended well."""
    predictions = answers(right, images)
    return Outcome("ok", "", measured(predictions), predictions)


def failed(status: Any, reason: str) -> Outcome:
    """The outcome of a cell that did not."""
    return Outcome(status, reason, Measured())


def record(**changed: Any) -> Record:
    """A record; `backbone`, `strategy`, `depth`, `recipe`, `seed` ... name its cell."""
    cell_facts: dict[str, Any] = {
        "backbone": "MobileNet-0.25",
        "weights": "imagenet",
        "strategy": "fast-extraction",
        "depth": "none",
        "recipe": "default",
        "size": 160,
        "seed": 0,
    }
    named = {
        key: changed.pop(key)
        for key in (*cell_facts, "device", "precision", "learning_rate", "train_images")
        if key in changed
    }
    cell = Cell(**(cell_facts | named))
    recipe = RECIPES.get(cell.recipe, RECIPES["default"])
    usual: dict[str, Any] = {
        "status": "ok",
        "name": cell.name,
        "key": (cell.name.encode().hex() + "0" * 64)[-64:],
        "cell": cell,
        "recipe": recipe,
        "phases": strategy(cell.strategy).phases(recipe, cell.depth),
        "data": DataFacts(
            source="folder",
            manifest_sha256="a" * 64,
            classes=("cats", "dogs"),
            counts={split: {"cats": 50, "dogs": 50} for split in SPLITS},
            left_out=1,
        ),
        "weights": WeightsFacts(kind=cell.weights, name="w.h5", sha256="b" * 64, origin="weights folder"),
        "environment": ENVIRONMENT,
        "commit": "0123456789ab",
        "started": "2025-01-02T03:04:05+00:00",
        "measured": measured(answers(90)),
        "memory": Memory(kind="anonymous", peak_bytes=1_200_000_000, inherited_bytes=600_000_000),
        "gap": 0.05,
        "gap_opens_at": None,
    }
    return Record(**(usual | changed))


def model_facts(**changed: Any) -> ModelFacts:
    """What a model file says of itself."""
    usual: dict[str, Any] = {
        "classes": ("cats", "dogs"),
        "size": 16,
        "resize": "bilinear",
        "preprocessing": "native",
        "cell": "MobileNet-0.25/imagenet/fast-extraction/none/default/16px/seed0/cpu/float32",
        "key": "c" * 64,
        "backbone": "MobileNet-0.25",
        "strategy": "fast-extraction",
        "recipe": "default",
        "weights": "imagenet",
        "weights_sha256": "b" * 64,
        "manifest_sha256": "a" * 64,
        "commit": "0123456789ab",
        "version": "0.1.0",
    }
    return ModelFacts(**(usual | changed))


def failed_record(status: str, reason: str, **changed: Any) -> Record:
    """The record of a cell without a result."""
    return record(status=status, reason=reason, measured=Measured(), gap=None, **changed)


Row = tuple[Record, Predictions | None]


def row(predictions: Predictions, loss: float | None = None, **changed: Any) -> Row:
    """A finished record and its predictions."""
    return record(measured=measured(predictions, loss), **changed), predictions


def finished_run(
    folder: Path,
    rows: Sequence[Row],
    missing: Sequence[str] = (),
    margins: Mapping[str, float] | None = None,
) -> RunFolder:
    """A run's folder with these records, in this order, and cells that were planned and not run.

    `margins` are those of every cell.
    """
    run, own = RunFolder(folder), dict(margins or {})
    cells = [PlannedCell(name=each.name, key=each.key, margins=own) for each, _ in rows]
    cells += [PlannedCell(name=name, key="0" * 64, margins=own) for name in missing]
    run.write_facts(run_facts(cells=tuple(cells)))
    for each, predictions in rows:
        run.records.save(each, predictions)
    return run


def run_facts(**changed: Any) -> RunFacts:
    """What a run was asked to do."""
    usual: dict[str, Any] = {
        "matrix": "tiny",
        "command": "transferbench run tiny.toml",
        "data": "folder",
        "manifest_sha256": "a" * 64,
        "cells": (),
    }
    return RunFacts(**(usual | changed))


@dataclass
class FakeExecutor:
    """Ends every cell as it was told to: by the cell's name, else with `usual`.

    A model that is to be kept is a file of a few bytes.  An exception among the outcomes is raised.
    `ran` lists the names of the cells that came, `jobs` what came with them, `fetched` the names of the
    weights files that were asked for.
    """

    outcomes: Mapping[str, Outcome | BaseException] = field(default_factory=dict)
    usual: Outcome | BaseException = field(default_factory=ok)
    fetch: Callable[[str], str] = lambda _: "no network"
    jobs: list[Job] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    @property
    def ran(self) -> list[str]:
        """The names of the cells that came, in order."""
        return [job.planned.cell.name for job in self.jobs]

    def run(
        self, job: Job, limit_seconds: float, on_progress: Callable[[Progress], None]
    ) -> tuple[Outcome, Memory | None]:
        """End a cell as scripted."""
        self.jobs.append(job)
        self.limits.append(limit_seconds)
        on_progress(Progress("head", 1, 2, 2, 4))
        if job.keep is not None:
            put(job.keep.path, b"model")
        outcome = self.outcomes.get(job.planned.cell.name, self.usual)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome, Memory(kind="anonymous", peak_bytes=2, inherited_bytes=1)

    def fetch_weights(self, file: WeightsFile) -> str:
        """Download nothing; answer as scripted."""
        self.fetched.append(file.name)
        return self.fetch(file.name)


def many(folder: Path, count: int = 10_000, images: int = 1_000) -> RunFolder:
    """A run of so many finished rows on as many test images, written fast: one record, varied as text.

    Accuracies lie between 0.5 and 0.98, most in the upper half; predictions of equal accuracy are wrong on
    one of three different parts of the images.
    """
    run = RunFolder(folder)
    run.records.folder.mkdir(parents=True)
    first = record(measured=measured(answers(images, images)), learning_rate=0.5)
    text = first.model_dump_json()
    stored: dict[tuple[int, int], bytes] = {}
    cells = []
    for number in range(count):
        cell = replace(first.cell, backbone=f"Backbone{number}", learning_rate=(1 + number) / (2 * count))
        key = f"{number:064d}"
        right = 2 * round(images * (0.49 - 0.24 * (number / count) ** 2))
        varied = (
            text.replace(first.name, cell.name)
            .replace(first.key, key)
            .replace('"learning_rate":0.5', f'"learning_rate":{cell.learning_rate!r}')
            .replace(f'"backbone":"{first.cell.backbone}"', f'"backbone":"{cell.backbone}"')
            .replace('"test_accuracy":1.0', f'"test_accuracy":{right / images!r}')
        )
        stem = run.records.folder / file_stem(cell.name, key)
        stem.with_name(f"{stem.name}.json").write_text(varied, encoding="utf-8")
        part = (right, number % 3)
        if part not in stored:
            buffer = io.BytesIO()
            found = answers(right, images, first=part[1] * images // 3)
            np.savez_compressed(buffer, ids=found.ids, labels=found.labels, probabilities=found.probabilities)
            stored[part] = buffer.getvalue()
        stem.with_name(f"{stem.name}.npz").write_bytes(stored[part])
        cells.append(PlannedCell(name=cell.name, key=key))
    run.write_facts(run_facts(cells=tuple(cells)))
    return run
