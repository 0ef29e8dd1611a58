"""What is timed: one kind of step of one backbone in one setting.  No Keras import.

A timing needs neither images nor weight files: its batch is drawn by code, and its weights are random
and calibrated, since the time of a step does not depend on what the numbers are.
"""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.backbones import backbone, select
from harness.recipes import RECIPES
from harness.strategies import NO_DEPTH, Phase, strategy

__all__ = ["INFERENCE", "KERAS_TABLE", "RECIPE", "STEPS", "TimingCell", "TimingGrid", "has_train_step"]

INFERENCE = "inference"
"""The step that passes a batch through base and head; every other step is a strategy's train step."""

KERAS_TABLE = "keras-table"
"""The protocol of the table on the keras.io applications page: 10 repetitions of 30 batches."""

STEPS = "steps"
"""The stage of a timing in which its step runs on a resident batch; the memory of it is what is told."""

RECIPE = RECIPES["default"]
"""Head, optimizer and augmentation of every timed step."""


@dataclass(frozen=True)
class TimingCell:
    """One row of a timing matrix; `size` is in pixels, `batch` in images.

    `step` is "inference" or the name of a strategy, whose last phase's train step is meant.  Under the
    protocol "keras-table" the backbone carries its ImageNet head; under "blocks" the head of the default
    recipe for two classes.
    """

    backbone: str
    step: str
    depth: str
    size: int
    batch: int = 32
    device: str = "cpu"
    precision: str = "float32"
    jit: bool = False
    protocol: str = "blocks"

    @property
    def name(self) -> str:
        """The cell's name: what people read, and what runs are compared by."""
        parts = [self.backbone, self.step, self.depth, f"{self.size}px", f"batch{self.batch}"]
        parts += [self.device, self.precision, *(["jit"] if self.jit else [])]
        return "/".join(parts + ([self.protocol] if self.protocol != "blocks" else []))

    @property
    def label(self) -> str:
        """The step with its depth, for tables."""
        return self.step if self.depth == NO_DEPTH else f"{self.step} {self.depth}"

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


class TimingGrid(BaseModel):
    """Axes that are multiplied out; `depths` apply to the strategies that take one.

    `steps` takes "inference" and the names of strategies that train by steps.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbones: Annotated[tuple[str, ...], Field(min_length=1)]
    steps: Annotated[tuple[str, ...], Field(min_length=1)] = (INFERENCE,)
    depths: tuple[str, ...] = ()
    sizes: Annotated[
        tuple[Annotated[int, Field(strict=True)] | Literal["native"], ...], Field(min_length=1)
    ] = ("native",)
    batches: Annotated[tuple[Annotated[int, Field(ge=1, strict=True)], ...], Field(min_length=1)] = (32,)
    devices: Annotated[tuple[Literal["cpu", "gpu"], ...], Field(min_length=1)] = ("cpu",)
    precisions: Annotated[
        tuple[Literal["float32", "mixed_float16", "mixed_bfloat16"], ...], Field(min_length=1)
    ] = ("float32",)
    jit: Annotated[tuple[bool, ...], Field(min_length=1)] = (False,)
    protocol: Literal["blocks", "keras-table"] = "blocks"

    def cells(self) -> Iterator[TimingCell]:
        """The cells of this grid, in the order of its axes."""
        settings = itertools.product(self.devices, self.precisions, self.jit, self.batches)
        for (device, precision, jit, batch), name, size in itertools.product(
            settings, select(self.backbones), self.sizes
        ):
            for step in self.steps:
                takes_depth = step != INFERENCE and strategy(step).takes_depth
                for depth in self.depths if takes_depth else (NO_DEPTH,):
                    yield TimingCell(
                        backbone=name,
                        step=step,
                        depth=depth,
                        size=backbone(name).native_size if size == "native" else size,
                        batch=batch,
                        device=device,
                        precision=precision,
                        jit=jit,
                        protocol=self.protocol,
                    )


def has_train_step(name: str) -> bool:
    """Whether a strategy trains by steps: a linear probe is solved, and zero-shot trains nothing."""
    phases = strategy(name).phases(RECIPE, "all")
    return bool(phases) and isinstance(phases[-1], Phase)
