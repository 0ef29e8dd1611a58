"""What the rows of a comparison are called: by what tells them apart in their run, and no more."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.contests import training_images
from harness.analysis.rows import Row
from harness.analysis.standings import Standings, kept
from harness.strategies import strategy
from harness.text import trained_on

__all__ = ["RowNames", "apart", "full_names", "names_among", "row_names"]

# What a row's name has behind backbone and strategy, where rows differ in it.
_PARTS: tuple[Callable[[Row], str], ...] = (
    lambda row: f"{row.cell.weights} weights",
    lambda row: f"recipe {row.cell.recipe}",
    lambda row: trained_on(row.cell.train_images),
    lambda row: row.cell.device,
    lambda row: row.cell.precision,
)


@dataclass(frozen=True)
class RowNames:
    """What rows differ in: recipe, weights, device, precision, environment, images."""

    differing: frozenset[str]

    def setup(self, row: Row) -> str:
        """The backbone with its size, and whatever else a run's setups differ in."""
        images = [_facts(row)["images"]] if self._says("images") else []
        return ", ".join([self.series(row), *images])

    def series(self, row: Row) -> str:
        """The same without the number of training images."""
        told = _facts(row)
        parts = [told[name] for name in ("recipe", "device", "precision", "environment") if self._says(name)]
        return ", ".join([f"{row.cell.backbone} at {row.cell.size} px", *parts])

    def strategy(self, row: Row) -> str:
        """The strategy with depth and learning rate, and its weights where a run has several kinds."""
        own = strategy(row.cell.strategy).weights
        weights = f" ({row.first.weights.kind})" if self._says("weights") and not own else ""
        return row.cell.label + weights

    def pool(self, row: Row) -> str:
        """What rows that may be put together have in common, of what a run's rows differ in."""
        told = _facts(row)
        return ", ".join(
            told[name] for name in ("device", "precision", "environment", "images") if self._says(name)
        )

    def row(self, row: Row) -> str:
        """The whole name: setup and strategy."""
        return f"{self.setup(row)}, {self.strategy(row)}"

    def _says(self, name: str) -> bool:
        return name in self.differing


def full_names(rows: Sequence[Row]) -> list[str]:
    """What each of these rows is called in a sentence: backbone, strategy, and what else tells them apart."""
    return [
        f"{row.cell.backbone} {row.cell.label}{more}" for row, more in zip(rows, apart(rows), strict=True)
    ]


def apart(rows: Sequence[Row]) -> list[str]:
    """What tells these rows apart behind backbone and strategy, each part behind a comma."""
    parts = [text for text in _PARTS if len({text(row) for row in rows}) > 1]
    backbones = {row.cell.backbone for row in rows}
    # A backbone has its own size; it is told where one is there with several.
    if len({(row.cell.backbone, row.cell.size) for row in rows}) > len(backbones):
        parts.insert(0, lambda row: f"{row.cell.size} px")
    return ["".join(f", {text(row)}" for text in parts) for row in rows]


@kept
def row_names(found: Standings) -> RowNames:
    """What the ranked rows of a run differ in."""
    return names_among(row for table in found.tables for row in table.rows)


def names_among(rows: Iterable[Row]) -> RowNames:
    """What these rows differ in."""
    facts = [_facts(row) for row in rows]
    names = facts[0] if facts else {}
    return RowNames(
        frozenset(name for name in names if len({each[name] for each in facts if each[name]}) > 1)
    )


def _facts(row: Row) -> dict[str, str]:
    record, cell = row.first, row.cell
    return {
        "recipe": f"recipe {cell.recipe}",
        # A strategy's own weights are told by its name.
        "weights": "" if strategy(cell.strategy).weights else record.weights.kind,
        "device": cell.device,
        "precision": cell.precision,
        "environment": f"environment {record.environment.fingerprint}",
        "images": trained_on(training_images(record)),
    }
