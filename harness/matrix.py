"""A matrix file and the cells it expands to.

A matrix is a TOML file: a name, where the images come from, and one or more grids whose axes
are multiplied out.  Everything in it is checked when it is read, so that a misspelt name costs a
second and not an hour; messages carry the file, the line and the near names.  Nothing here
imports Keras.
"""

import itertools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.backbones import backbone, select
from harness.depth import parse_depth
from harness.errors import UserError, few, unknown
from harness.recipes import RECIPES, Recipe
from harness.strategies import NO_DEPTH, strategy

__all__ = ["Cell", "DataSpec", "Grid", "Matrix", "load_matrix"]

Weights = Literal["imagenet", "smoke-base", "random"]


Seed = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]  # what NumPy and Keras take


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

    `backbones` takes names, patterns (`ResNet*`), "required" and "all".  `depths` applies to the
    strategies that take one, `learning_rates` to those that have one (in place of the recipe's rate
    for that strategy), `weights` to those that do not bring their own, and `seeds` where one decides
    anything.
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
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    devices: Annotated[tuple[Literal["cpu", "gpu"], ...], Field(min_length=1)] = ("cpu",)
    precisions: Annotated[
        tuple[Literal["float32", "mixed_float16", "mixed_bfloat16"], ...], Field(min_length=1)
    ] = ("float32",)


@dataclass(frozen=True)
class Cell:
    """One row of the matrix: everything that names one training.  `size` is in pixels."""

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

    @property
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
                f"{self.size}px",
                f"seed{self.seed}",
                self.device,
                self.precision,
            )
        )

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


class Matrix(_Strict):
    """A checked matrix; `recipes` holds every recipe that a grid names, the derived ones too."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    data: DataSpec = DataSpec()
    grid: Annotated[tuple[Grid, ...], Field(min_length=1)]
    minutes_per_cell: Annotated[float, Field(gt=0)] = 240
    recipes: dict[str, Recipe] = {}

    def cells(self) -> tuple[Cell, ...]:
        """The cells in the order of the file, each once."""
        found: dict[str, Cell] = {}
        for grid in self.grid:
            for cell in _expand(grid):
                found.setdefault(cell.name, cell)
        return tuple(found.values())


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
            # Random weights are drawn from the seed, so there it has a part whatever the strategy.
            seeds = grid.seeds if adaptation.seeded or own_weights == "random" else grid.seeds[:1]
            for depth, rate, seed in itertools.product(
                grid.depths if adaptation.takes_depth else (NO_DEPTH,),
                grid.learning_rates if adaptation.schedule and grid.learning_rates else (None,),
                seeds,
            ):
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
                )


@dataclass(frozen=True)
class _Text:
    """The matrix file's own text, so that a message can say where in it a word stands."""

    path: str
    text: str

    def at(self, word: str, *, key: bool = False) -> str:
        """`file:line` of the first line with that word as a key or a value, else `file`."""
        quoted = re.escape(word)
        if not word:
            return self.path
        as_key = rf"(^\s*\[*[\w.]*|[{{,]\s*)\b{quoted}\b\]*\s*(=|$)"
        pattern = as_key if key else rf"(?<![\w.-]){quoted}(?![\w.-])"
        for number, line in enumerate(self.text.splitlines(), start=1):
            if re.search(pattern, line.split("#")[0]):
                return f"{self.path}:{number}"
        return self.path


def load_matrix(path: Path) -> Matrix:
    """Read and check a matrix file; raise `UserError` for whatever is wrong with it."""
    if path.is_dir():
        inside = sorted(found.name for found in path.glob("*.toml"))
        raise UserError(
            "expected a matrix file (TOML), found a folder",
            where=str(path),
            hint=f"Matrices in it: {few(inside)}." if inside else "Images are named with --data, not here.",
        )
    try:
        text = _Text(str(path), path.read_text(encoding="utf-8"))
        document = tomllib.loads(text.text)
    except (FileNotFoundError, NotADirectoryError):
        beside = sorted(found.name for found in path.parent.glob("*.toml"))
        hint = f"Matrices there: {', '.join(beside)}." if beside else "Matrices are TOML files."
        raise UserError(f"no matrix file {path}", hint=hint) from None
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 text: {error}", where=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"not valid TOML: {error}", where=str(path)) from None
    if "recipes" in document:
        raise unknown("key", "recipes", _top_keys(), where=text.at("recipes", key=True))
    recipes = _recipes(document.pop("recipe", {}), text)
    try:
        matrix = Matrix.model_validate({**document, "recipes": recipes})
    except ValidationError as error:
        raise _explain(error, Matrix, text) from None
    _check(matrix, text)
    return matrix


def _recipes(tables: Any, text: _Text) -> dict[str, Recipe]:
    """The built-in recipes and those that the file derives from them."""
    recipes = dict(RECIPES)
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UserError(
            "recipe: expected tables of recipes",
            where=text.at("recipe", key=True),
            hint='Write for example: [recipe.NAME], and below it base = "default" and what differs.',
        )
    for name, table in tables.items():
        if name in RECIPES or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            problem = "is built in" if name in RECIPES else "is not made of a-z, 0-9 and -"
            raise UserError(
                f"a recipe of the matrix needs a name of its own; {name!r} {problem}",
                where=text.at(name, key=True),
            )
        base = table.pop("base", "default")
        if base not in list(recipes):
            raise unknown("recipe", str(base), recipes, where=text.at(str(base)))
        if "name" in table:
            known = [key for key in Recipe.model_fields if key != "name"]
            raise unknown("key", "name", known, where=text.at(name, key=True))
        merged = recipes[base].model_dump() | {
            "name": name,
            "base": recipes[base].base or base,
            "summary": ", ".join([base, *(f"{key} {_told(value)}" for key, value in table.items())]),
        }
        for key, value in table.items():
            old = merged.get(key)
            merged[key] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
        try:
            recipes[name] = Recipe.model_validate(merged)
        except ValidationError as error:
            raise _explain(error, Recipe, text) from None
    return recipes


def _told(value: Any) -> str:
    """A recipe's changed value as words."""
    if isinstance(value, dict):
        return " ".join(f"{key} {inner}" for key, inner in value.items())
    return str(value)


def _explain(error: ValidationError, root: type[BaseModel], text: _Text) -> UserError:
    """Turn one of pydantic's findings into one sentence with its place.

    A misspelt key comes before the required key that it leaves missing.
    """
    findings = error.errors()
    finding = next((each for each in findings if each["type"] == "extra_forbidden"), findings[0])
    names = _names(finding["loc"])
    key = names[-1] if names else ""
    if finding["type"] == "extra_forbidden":
        return unknown("key", key, _keys(root, finding["loc"]), where=text.at(key, key=True))
    given = finding["input"]
    if finding["type"] == "literal_error" and isinstance(given, str):
        choices = re.findall(r"'([^']+)'", finding["ctx"]["expected"])
        return unknown(f"value of {key!r}:", given, choices, where=text.at(given))
    place = text.at(key, key=True) if key else text.path
    came = "" if finding["type"] == "missing" else f", got {given!r}"
    # The branches of a union complain one by one of the same value.
    messages = [
        other["msg"].lower().replace("tuple", "list")
        for other in findings
        if _names(other["loc"]) == names and other["input"] is given
    ]
    return UserError(f"{'.'.join(names)}: {'; or '.join(messages)}{came}", where=place)


def _names(location: tuple[int | str, ...]) -> list[str]:
    """The keys of a finding's place, without list positions and the branches of unions."""
    return [
        part
        for part in location
        if isinstance(part, str) and part != "int" and not part.startswith("literal[")
    ]


def _keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys allowed in the table that `location` points into."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is not None:
            inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
            model = next(
                (kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)),
                model,
            )
    if model is Matrix:
        return _top_keys()
    return [name for name in model.model_fields if name != "name"]


def _top_keys() -> list[str]:
    """What a matrix file may hold; `recipe` tables become the matrix's `recipes`."""
    return ["recipe" if name == "recipes" else name for name in Matrix.model_fields]


def _check(matrix: Matrix, text: _Text) -> None:
    """What needs the tables: names, depths, and sizes against each backbone's minimum."""
    for grid in matrix.grid:
        for name in grid.strategies:
            if strategy(name, where=text.at(name)).takes_depth and not grid.depths:
                raise UserError(
                    f"strategy {name!r} needs depths",
                    where=text.at(name),
                    hint='Add for example: depths = ["blocks:1", "blocks:2"]',
                )
        if grid.learning_rates and not any(strategy(name).schedule for name in grid.strategies):
            raise UserError(
                f"learning_rates means nothing for {', '.join(grid.strategies)}",
                where=text.at("learning_rates", key=True),
                hint="Leave it out, or give it a grid of its own.",
            )
        for name in grid.recipes:
            if name not in matrix.recipes:
                raise unknown("recipe", name, matrix.recipes, where=text.at(name))
        for name in select(grid.backbones, where=text.at):
            _check_backbone(name, grid, matrix, text)


def _check_backbone(name: str, grid: Grid, matrix: Matrix, text: _Text) -> None:
    row = backbone(name)
    for recipe in (matrix.recipes[recipe] for recipe in grid.recipes):
        place = text.at(recipe.name)
        if recipe.preprocessing == "rescale" and row.preprocessing == "none":
            raise UserError(
                f"recipe {recipe.name!r} divides by 255, and so does {name} itself: its preprocessing is "
                "built in",
                where=place,
                hint='Use a recipe with preprocessing = "native" for it.',
            )
        if recipe.drop_blocks >= len(row.blocks):
            raise UserError(
                f"recipe {recipe.name!r} drops {recipe.drop_blocks} blocks of {name}, which has "
                f"{len(row.blocks)}",
                where=place,
                hint="Leave at least one.",
            )
    kept = min(len(row.blocks) - matrix.recipes[recipe].drop_blocks for recipe in grid.recipes)
    for size in grid.sizes:
        if size != "native" and size < row.minimum_size:
            raise UserError(
                f"{name} needs images of at least {row.minimum_size} px, got {size}",
                where=text.at(str(size)),
                hint=f"Its native size is {row.native_size} px.",
            )
    for written in grid.depths:
        depth = parse_depth(written, where=text.at(written))
        if depth.kind == "none":
            raise UserError(
                "depth 'none' trains nothing of the base",
                where=text.at(written),
                hint="Strategies that freeze the whole base take no depth; leave it out of depths.",
            )
        if depth.kind == "blocks" and depth.count > kept:
            raise UserError(
                f"{written!r} is deeper than {name}, which has {kept} blocks",
                where=text.at(written),
                hint="Use 'all' to train the whole base.",
            )
    if "smoke-base" in grid.weights and name != "MobileNet-0.25":
        raise UserError(
            f"the small base of this project is a MobileNet-0.25, not a {name}",
            where=text.at("smoke-base"),
            hint='Choose weights = ["imagenet"] or ["random"] for other backbones.',
        )
