"""Reading a matrix file: a matrix, or one sentence on what is wrong and where it stands.

Everything in the file is checked when it is read, so that a misspelt name costs a second and not an
hour; messages carry the file, the line and the near names.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.backbones import backbone, select
from harness.depth import Depth, parse_depth
from harness.errors import UserError, few, unknown
from harness.matrix import Grid, Matrix
from harness.metrics import MARGINS, metric
from harness.recipes import RECIPES, Recipe, Schedule
from harness.strategies import STRATEGIES, strategy
from harness.timing.cell import INFERENCE, KERAS_TABLE, TimingGrid, has_train_step

__all__ = ["load_matrix"]

_SHIPPED = Path("bench/matrices")  # in a clone, from where README's commands are given
# What a matrix may say; "none" is what strategies without a depth have.
_DEPTHS = ("all", "blocks:N", "layers:N", "fraction:F", "from:LAYER")


@dataclass(frozen=True)
class _Text:
    """The matrix file's own text, so that a message can say where in it a word stands.

    Words are looked for from line `first` on.
    """

    path: str
    text: str
    first: int = 1

    def table(self, kind: str, index: int) -> "_Text":
        """The text from the table `[[kind]]` of that index on."""
        return self._headed(rf"\[\[\s*{kind}\s*\]\]", index)

    def recipe(self, name: str) -> "_Text":
        """The text from the table `[recipe.NAME]` on."""
        return self._headed(rf"\[\s*recipe\s*\.\s*[\"']?{re.escape(name)}[\"']?\s*\]", 0)

    def _headed(self, head: str, index: int) -> "_Text":
        lines = enumerate(self.text.splitlines(), start=1)
        found = [number for number, line in lines if re.match(rf"\s*{head}", line)]
        return replace(self, first=found[index]) if index < len(found) else self

    def at(self, word: str, *, key: bool = False) -> str:
        """`file:line` of the first line with that word as a key or a value, else `file`."""
        quoted = re.escape(word)
        if not word:
            return self.path
        as_key = rf"(^\s*\[*[\w.]*|[{{,]\s*)\b{quoted}\b\]*\s*(=|$)"
        pattern = as_key if key else rf"(?<![\w.-]){quoted}(?![\w.-])"
        for number, line in enumerate(self.text.splitlines(), start=1):
            if number >= self.first and re.search(pattern, line.split("#")[0]):
                return f"{self.path}:{number}"
        return self.path


def load_matrix(path: Path) -> Matrix:
    """Read and check a matrix file; raise `UserError` for whatever is wrong with it."""
    if path.is_dir():
        inside = _matrices(path)
        raise UserError(
            "expected a matrix file (TOML), found a folder",
            where=str(path),
            hint=f"Matrices in it: {few(inside)}." if inside else "Images are named with --data, not here.",
        )
    try:
        text = _Text(str(path), path.read_text(encoding="utf-8"))
        document = tomllib.loads(text.text)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"no matrix file {path}", hint=_elsewhere(path.parent)) from None
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 text: {error}", where=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"not valid TOML: {error}", where=str(path)) from None
    if "recipes" in document:
        raise unknown("key", "recipes", _top_keys(), where=text.at("recipes", key=True))
    for kind in ("grid", "timing"):
        if isinstance(document.get(kind), dict):
            raise UserError(
                f"{kind}: expected tables, got one table in single brackets",
                where=text.at(kind, key=True),
                hint=f"Write [[{kind}]]: a matrix may have several.",
            )
    recipes = _recipes(document.pop("recipe", {}), text)
    try:
        matrix = Matrix.model_validate({**document, "recipes": recipes})
    except ValidationError as error:
        raise _explain(error, Matrix, text) from None
    _check(matrix, text)
    return matrix


def _matrices(folder: Path) -> list[str]:
    """The names of the matrix files in a folder; other TOML files, such as pyproject.toml, are none."""
    table = re.compile(r"^\s*\[\[\s*(grid|timing)\s*\]\]", re.MULTILINE)
    files = [path for path in folder.glob("*.toml") if path.is_file()]
    return sorted(
        path.name for path in files if table.search(path.read_text(encoding="utf-8", errors="replace"))
    )


def _elsewhere(folder: Path) -> str:
    """What to say of a matrix that is not in a folder."""
    if beside := _matrices(folder):
        return f"Matrices there: {', '.join(beside)}."
    if shipped := _matrices(_SHIPPED):
        return f"Matrices in {_SHIPPED}: {', '.join(shipped)}."
    return "Matrices are TOML files."


def _recipes(tables: Any, text: _Text) -> dict[str, Recipe]:
    """The built-in recipes and those that the file derives from them."""
    recipes = dict(RECIPES)
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UserError(
            "recipe: expected tables of recipes",
            where=text.at("recipe", key=True),
            hint='Write for example: [recipe.NAME], and below it base = "default" and what differs.',
        )
    whole = text
    for name, table in tables.items():
        text = whole.recipe(name)
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
        _check_warm_ups(recipes[name], text)
    return recipes


def _check_warm_ups(recipe: Recipe, text: _Text) -> None:
    for name, schedule in recipe:
        if isinstance(schedule, Schedule) and schedule.warm_up_epochs > schedule.epochs:
            raise UserError(
                f"{name}: a warm-up of {schedule.warm_up_epochs:g} epochs never ends in {schedule.epochs}",
                where=text.at("warm_up_epochs", key=True),
                hint="Write a warm_up_epochs well below epochs, for example 1.",
            )


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
    match finding["loc"]:
        case ("grid" | "timing" as kind, int(index), *_) if root is Matrix:
            text = text.table(kind, index)
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


_BRANCHES = ("int", "constrained-int")  # pydantic's names for the branch of a union that takes numbers


def _names(location: tuple[int | str, ...]) -> list[str]:
    """The keys of a finding's place, without list positions and the branches of unions."""
    return [
        part
        for part in location
        if isinstance(part, str) and part not in _BRANCHES and not part.startswith("literal[")
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
    """What needs the tables: names, depths, margins, and sizes against each backbone's minimum."""
    _check_margins(matrix.margins, text)
    for index, grid in enumerate(matrix.grid):
        _check_grid(grid, matrix, text.table("grid", index))
    for index, timing in enumerate(matrix.timing):
        _check_timing(timing, text.table("timing", index))


def _check_margins(margins: dict[str, float], text: _Text) -> None:
    for name, value in margins.items():
        place = text.at(name, key=True)
        if name not in MARGINS:
            raise unknown("metric with a margin", name, MARGINS, where=place)
        if metric(name).export_unit == "0..1" and value > 1:
            raise UserError(
                f"margins.{name}: expected a share (0..1), got {value:g}",
                where=place,
                hint=f"Write {value / 100:g} for {value:g} points.",
            )


def _check_grid(grid: Grid, matrix: Matrix, text: _Text) -> None:
    _check_margins(grid.margins, text)
    for name in grid.strategies:
        if strategy(name, where=text.at(name)).takes_depth and not grid.depths:
            raise _no_depths(name, text)
    if grid.learning_rates and not any(strategy(name).schedule for name in grid.strategies):
        raise UserError(
            f"learning_rates means nothing for {', '.join(grid.strategies)}",
            where=text.at("learning_rates", key=True),
            hint="Leave it out, or give it a grid of its own.",
        )
    if grid.train_images != ("all",) and not any(strategy(name).trains for name in grid.strategies):
        raise UserError(
            f"train_images means nothing for {', '.join(grid.strategies)}",
            where=text.at("train_images", key=True),
            hint="Leave it out, or give it a grid of its own.",
        )
    for name in grid.recipes:
        if name not in matrix.recipes:
            raise unknown("recipe", name, matrix.recipes, where=text.at(name))
    for name in select(grid.backbones, where=text.at):
        _check_backbone(name, grid, matrix, text)


def _check_timing(grid: TimingGrid, text: _Text) -> None:
    trained = [name for name in STRATEGIES if has_train_step(name)]
    for name in grid.steps:
        if name != INFERENCE and name not in trained:
            raise unknown("step", name, [INFERENCE, *trained], where=text.at(name))
        if name != INFERENCE and grid.protocol == KERAS_TABLE:
            raise UserError(
                f"protocol {KERAS_TABLE!r} times inference alone, got step {name!r}",
                where=text.at(name),
                hint=f'Write steps = ["{INFERENCE}"], or leave protocol out.',
            )
        if name != INFERENCE and strategy(name).takes_depth and not grid.depths:
            raise _no_depths(name, text)
    for name in select(grid.backbones, where=text.at):
        _check_sizes(name, grid.sizes, text)
        _check_depths(name, grid.depths, text)


def _no_depths(name: str, text: _Text) -> UserError:
    return UserError(
        f"strategy {name!r} needs depths",
        where=text.at(name),
        hint='Add for example: depths = ["blocks:1", "blocks:2"]',
    )


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
    _check_sizes(name, grid.sizes, text)
    for written in grid.recipes:
        _check_depths(name, grid.depths, text, matrix.recipes[written])
    if "smoke-base" in grid.weights and name != "MobileNet-0.25":
        raise UserError(
            f"the small base of this project is a MobileNet-0.25, not a {name}",
            where=text.at("smoke-base"),
            hint='Choose weights = ["imagenet"] or ["random"] for other backbones.',
        )


def _check_sizes(name: str, sizes: Sequence[int | str], text: _Text) -> None:
    row = backbone(name)
    for size in sizes:
        if isinstance(size, int) and size < row.minimum_size:
            raise UserError(
                f"{name} needs images of at least {row.minimum_size} px, got {size}",
                where=text.at(str(size)),
                hint=f"Its native size is {row.native_size} px.",
            )


def _check_depths(name: str, depths: Sequence[str], text: _Text, recipe: Recipe | None = None) -> None:
    """Check depths as they are written against a backbone, or against what a recipe leaves of it."""
    blocks, dropped = backbone(name).blocks, recipe.drop_blocks if recipe else 0
    kept, gone = blocks[: len(blocks) - dropped], blocks[len(blocks) - dropped :]
    after = f" after recipe {recipe.name!r} drops {dropped}" if recipe and dropped else ""
    for written in depths:
        depth = _depth(written, text)
        if depth.kind == "none":
            raise UserError(
                "depth 'none' trains nothing of the base",
                where=text.at(written),
                hint="Strategies that freeze the whole base take no depth; leave it out of depths.",
            )
        if depth.kind == "blocks" and depth.count > len(kept):
            raise UserError(
                f"{written!r} is deeper than {name}, which has {len(kept)} blocks{after}",
                where=text.at(written),
                hint="Use 'all' to train the whole base.",
            )
        if depth.kind == "from" and _in(gone, depth.layer) and not _in(kept, depth.layer):
            raise UserError(
                f"{written!r}: {name} has no such layer{after} blocks, the last ones",
                where=text.at(written),
                hint="Name a layer further down, or use 'all' to train what is left of the base.",
            )


def _in(blocks: Sequence[str], layer: str) -> bool:
    return any(re.match(pattern, layer) for pattern in blocks)


def _depth(written: str, text: _Text) -> Depth:
    try:
        return parse_depth(written)
    except UserError:
        error = unknown("depth", written, _DEPTHS, where=text.at(written))
        ranges = "N is 1 or more; F is a share of the parameters above 0 and at most 1, 0.3 for 30 %."
        raise UserError(error.problem, where=error.where, hint=f"{error.hint} {ranges}") from None
