"""A matrix and the cells it expands to.

A matrix is a TOML file: a name, where the images come from, and one or more grids whose axes
are multiplied out: `[[grid]]` for trainings, `[[timing]]` for steps that are timed by themselves.
`harness.matrix_file` reads and checks it.  Nothing here imports Keras.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.backbones import backbone, select
from harness.errors import UserError, few, unknown
from harness.recipes import Recipe
from harness.strategies import NO_DEPTH, strategy
from harness.timing.cell import TimingCell, TimingGrid

__all__ = ["Cell", "DataSpec", "Grid", "Matrix", "without_seed"]

Weights = Literal["imagenet", "smoke-base", "random"]
Table = TypeVar("Table", "Grid", TimingGrid)

_DEVICES = ("cpu", "gpu")

Seed = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]  # what NumPy and Keras take
Margins = dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSpec(_Strict):
    """Where the images come from.

    "folder" reads `train|validation|test/<class>/*` under `path` or `--data`; "synthetic" draws
    `train`, `validation` and `test` images of the target classes from `seed` (200, 200 and 400 unless
    said otherwise); "cats_dogs" splits the public archive into as many (2,000, 1,000 and 1,000).
    """

    source: Literal["folder", "synthetic", "cats_dogs"] = "folder"
    path: str | None = None
    train: Annotated[int, Field(ge=2)] = 200
    validation: Annotated[int, Field(ge=2)] = 200
    test: Annotated[int, Field(ge=2)] = 400
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="before")
    @classmethod
    def _counts_of_cats_dogs(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("source") == "cats_dogs":
            return {"train": 2000, "validation": 1000, "test": 1000} | values
        return values

    @model_validator(mode="after")
    def _no_key_is_ignored(self) -> "DataSpec":
        drawn = {"train", "validation", "test", "seed"}
        idle = self.model_fields_set & (drawn if self.source == "folder" else {"path"})
        if idle:
            raise ValueError(f"{', '.join(sorted(idle))} means nothing for source {self.source!r}")
        return self


class Grid(_Strict):
    """Axes that are multiplied out, each where it means something.

    `backbones` takes names, patterns (`ResNet*`), "required", "table" and "all".  `depths` applies to the
    strategies that take one, `learning_rates` to those that have one (in place of the recipe's rate
    for that strategy), `weights` to those that do not bring their own, `train_images` (that many of the
    training images, or "all") to those that train, and `seeds` where one decides anything.  `margins` are
    those of the grid's cells, by metric, where they differ from the matrix's.
    """

    backbones: Annotated[tuple[str, ...], Field(min_length=1)]
    strategies: Annotated[tuple[str, ...], Field(min_length=1)]
    sizes: Annotated[
        tuple[Annotated[int, Field(strict=True)] | Literal["native"], ...], Field(min_length=1)
    ] = ("native",)
    depths: tuple[str, ...] = ()
    recipes: Annotated[tuple[str, ...], Field(min_length=1)] = ("default",)
    learning_rates: tuple[Annotated[float, Field(gt=0, le=10)], ...] = ()
    weights: Annotated[tuple[Weights, ...], Field(min_length=1)] = ("imagenet",)
    # A part has an image of every class, and there are two classes at least.
    train_images: Annotated[
        tuple[Annotated[int, Field(ge=2, strict=True)] | Literal["all"], ...], Field(min_length=1)
    ] = ("all",)
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    devices: Annotated[tuple[Literal["cpu", "gpu"], ...], Field(min_length=1)] = ("cpu",)
    precisions: Annotated[
        tuple[Literal["float32", "mixed_float16", "mixed_bfloat16"], ...], Field(min_length=1)
    ] = ("float32",)
    margins: Margins = {}


@dataclass(frozen=True)
class Cell:
    """One row of the matrix: everything that names one training.

    `size` is in pixels.  `train_images` is how many of the training images take part (`harness.data.part`
    says which), None for all of them.
    """

    backbone: str
    weights: str
    strategy: str
    depth: str
    recipe: str
    size: int
    seed: int
    device: str = "cpu"
    precision: str = "float32"
    learning_rate: float | None = None
    train_images: int | None = None

    @cached_property  # reports of thousands of records ask for it again and again
    def name(self) -> str:
        """The cell's name: what people read, and what runs are compared by."""
        return "/".join(
            (
                self.backbone,
                self.weights,
                self.strategy,
                self.depth,
                self.recipe,
                *([] if self.learning_rate is None else [f"lr{self.learning_rate:g}"]),
                *([] if self.train_images is None else [f"train{self.train_images}"]),
                f"{self.size}px",
                f"seed{self.seed}",
                self.device,
                self.precision,
            )
        )

    @cached_property
    def configuration(self) -> str:
        """The cell's name without its seed: what the seeds are repetitions of."""
        return without_seed(self.name)

    @property
    def label(self) -> str:
        """The strategy with its depth and its learning rate, for tables."""
        parts = [self.strategy]
        if self.depth != NO_DEPTH:
            parts.append(self.depth)
        if self.learning_rate is not None:
            parts.append(f"lr {self.learning_rate:g}")
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def without_seed(name: str) -> str:
    """The configuration of a cell of which only the name is known."""
    parts = name.split("/")
    # By its place: a recipe may be called seed0 too.
    return "/".join([*parts[:-3], *parts[-2:]])


class Matrix(_Strict):
    """A checked matrix; `recipes` holds every recipe that a grid names, the derived ones too.

    `margins` says by metric how much worse than a baseline a cell may be, where that is not the metric's own
    margin (`harness.metrics`).  `step_times` "brief" times the steps of every training for half a second
    after a short warm-up, which saves some three seconds a cell and tells no more than that a step is several
    times slower; a cell's key has a part of it.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    data: DataSpec = DataSpec()
    grid: tuple[Grid, ...] = ()
    timing: tuple[TimingGrid, ...] = ()
    minutes_per_cell: Annotated[float, Field(gt=0)] = 240
    step_times: Literal["full", "brief"] = "full"
    margins: Margins = {}
    recipes: dict[str, Recipe] = {}

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Matrix":
        if not self.grid and not self.timing:
            raise ValueError("expected a [[grid]] or a [[timing]] table")
        return self

    def cells(self) -> tuple[Cell, ...]:
        """The cells in the order of the file, each once."""
        found: dict[str, Cell] = {}
        for grid in self.grid:
            for cell in _expand(grid):
                found.setdefault(cell.name, cell)
        return tuple(found.values())

    def cell_margins(self) -> dict[str, dict[str, float]]:
        """The margins that the file sets, by cell and metric; a cell in several grids has the first one's."""
        found: dict[str, dict[str, float]] = {}
        for grid in self.grid:
            for cell in _expand(grid):
                found.setdefault(cell.name, self.margins | grid.margins)
        return found

    def timing_cells(self) -> tuple[TimingCell, ...]:
        """What is timed by itself, in the order of the file, each once."""
        return tuple({cell.name: cell for grid in self.timing for cell in grid.cells()}.values())

    def only(self, backbones: Sequence[str] = (), devices: Sequence[str] = ()) -> "Matrix":
        """Return the matrix with these backbones (names, patterns, groups) and devices alone.

        Nothing named leaves all.  Tables of which nothing is left go.  Raises `UserError`, with what there
        is to choose from, for an unknown word and where no table is left.
        """
        for device in devices:
            if device not in _DEVICES:
                raise unknown("device", device, _DEVICES)
        wanted = select(backbones) if backbones else None
        grid = tuple(filter(None, (_only(table, wanted, devices) for table in self.grid)))
        timing = tuple(filter(None, (_only(table, wanted, devices) for table in self.timing)))
        if not grid and not timing:
            tables: tuple[Grid | TimingGrid, ...] = (*self.grid, *self.timing)
            here = select(word for table in tables for word in table.backbones)
            there = sorted({device for table in tables for device in table.devices})
            asked = [f"backbones {', '.join(backbones)}"] if backbones else []
            asked += [f"devices {', '.join(devices)}"] if devices else []
            raise UserError(
                f"nothing is left of matrix {self.name!r} with {' and '.join(asked)} alone",
                hint=f"It has backbones {few(here, shown=30)}; devices {', '.join(there)}.",
            )
        return self.model_copy(update={"grid": grid, "timing": timing})

    def on_folder(self, *, where: str = "") -> "Matrix":
        """Return the matrix on a folder of images in place of the public archive.

        Raises `UserError` where the images are drawn by code.
        """
        if self.data.source == "synthetic":
            raise UserError(
                "this matrix has its own images (synthetic), so --data has no part in it",
                where=where,
                hint='Leave --data out, or use a matrix with data = { source = "folder" }.',
            )
        return self.model_copy(update={"data": DataSpec(path=self.data.path)})


def _only(table: Table, wanted: Sequence[str] | None, devices: Sequence[str]) -> Table | None:
    """The table with what is wanted of it, None if that is nothing."""
    kept = tuple(name for name in select(table.backbones) if wanted is None or name in wanted)
    places = tuple(device for device in table.devices if not devices or device in devices)
    return table.model_copy(update={"backbones": kept, "devices": places}) if kept and places else None


def _expand(grid: Grid) -> Iterator[Cell]:
    for device, precision, name, size, weights, recipe in itertools.product(
        grid.devices, grid.precisions, select(grid.backbones), grid.sizes, grid.weights, grid.recipes
    ):
        for adaptation in map(strategy, grid.strategies):
            own_weights = adaptation.weights or weights
            pixels = backbone(name).native_size
            # The ImageNet head knows the size that it was trained for.
            if size != "native" and adaptation.weights != "imagenet-top":
                pixels = size
            for depth, rate, images in itertools.product(
                grid.depths if adaptation.takes_depth else (NO_DEPTH,),
                grid.learning_rates if adaptation.schedule and grid.learning_rates else (None,),
                grid.train_images if adaptation.trains else ("all",),
            ):
                # Random weights and a part of the images are drawn from the seed, whatever the strategy.
                drawn = own_weights == "random" or images != "all"
                for seed in grid.seeds if adaptation.seeded or drawn else grid.seeds[:1]:
                    yield Cell(
                        backbone=name,
                        weights=own_weights,
                        strategy=adaptation.name,
                        depth=depth,
                        recipe=recipe,
                        size=pixels,
                        seed=seed,
                        device=device,
                        precision=precision,
                        learning_rate=rate,
                        train_images=None if images == "all" else images,
                    )
