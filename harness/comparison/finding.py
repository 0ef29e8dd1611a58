"""What a comparison finds: one finding a fact, and the judgement that they amount to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from harness.errors import EXIT_REGRESSION
from harness.statistics import Interval
from harness.text import quoted

__all__ = [
    "SEVERITIES",
    "Figure",
    "Finding",
    "Judgement",
    "Kind",
    "Severity",
    "Told",
    "Value",
    "by_worst",
    "folded",
    "untold",
    "value_text",
]

Severity = Literal["regression", "undecided", "changed", "advisory", "improved", "new", "within"]

SEVERITIES: Final[dict[Severity, str]] = {
    "regression": "worse than the margin allows, another structure, or a cell that is lost: it fails",
    "undecided": "nothing shows that it is worse, and nothing that it is not",
    "changed": "the two were not made in the same way",
    "advisory": "a time on a machine that others may use too",
    "improved": "better by more than the margin, and more than chance",
    "new": "only in the current run",
    "within": "another number, within its margin",
}
"""How much a finding matters, the worst first, and what it says."""

Kind = Literal[
    "cells", "structure", "record", "accuracy", "loss", "gap", "seeds", "memory", "time", "setup", "margin"
]

Value = str | float | int | bool | None


@dataclass(frozen=True)
class Finding:
    """One thing that the current run has otherwise than the baseline, and the cells that it concerns.

    `message` is a sentence without the cells' names; what comes from outside stands in backticks in it.
    `field` names what differs, `before` and `after` are its values in `unit`, where they are numbers those
    of the exports.  `difference` is after minus before, or for times after over before; `interval` is its
    interval, `margin` what it was held against.
    """

    kind: Kind
    severity: Severity
    message: str
    cells: tuple[str, ...] = ()
    field: str = ""
    unit: str = ""
    before: Value = None
    after: Value = None
    difference: float | None = None
    interval: Interval | None = None
    margin: float | None = None


@dataclass(frozen=True)
class Figure:
    """One number of one cell in both runs, as it is shown; "-" where there is none, or none to compare."""

    heading: str
    before: str
    after: str


@dataclass(frozen=True)
class Told:
    """What one of the two runs says of itself: matrix, harness commits, and when its first cell began."""

    matrix: str
    commits: tuple[str, ...]
    started: str


@dataclass(frozen=True)
class Judgement:
    """Two runs compared: every finding, the worst first.

    `cells` are the names that both runs planned, `planned` those that either did, `figures` what is shown of
    those with a result in both.  `dedicated` says that times were a gate.
    """

    baseline: Told
    current: Told
    cells: tuple[str, ...]
    planned: tuple[str, ...]
    findings: tuple[Finding, ...]
    figures: dict[str, tuple[Figure, ...]]
    dedicated: bool = False

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of that severity."""
        return tuple(each for each in self.findings if each.severity == severity)

    def cells_of(self, severity: Severity) -> tuple[str, ...]:
        """The cells that findings of that severity concern, each once."""
        return tuple(dict.fromkeys(name for each in self.of(severity) for name in each.cells))

    @property
    def exit_code(self) -> int:
        """What the command ends with: 1 where anything is a regression, else 0."""
        return EXIT_REGRESSION if self.of("regression") else 0

    @property
    def unchanged(self) -> tuple[str, ...]:
        """The cells that no finding concerns but those of the set-up, and of what is within its margin."""
        concerned = {
            name
            for each in self.findings
            if each.severity not in ("changed", "within", "new")
            for name in each.cells
        }
        return tuple(name for name in self.figures if name not in concerned)


def value_text(value: Value) -> str:
    """A value in a message: numbers with their thousands, what comes from outside in backticks."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else quoted(value)


def untold(cell: str, kind: Kind, field: str, words: str) -> Finding:
    """A fact that the current run tells and the baseline does not, so that nothing holds it to anything."""
    message = f"{words}: not told in the baseline, so it is not compared"
    return Finding(kind, "undecided", message, (cell,), field)


def folded(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that differ in nothing but their cells as one, which concerns the cells of all."""
    found: dict[Finding, dict[str, None]] = {}
    for each in findings:
        found.setdefault(replace(each, cells=()), {}).update(dict.fromkeys(each.cells))
    return [replace(each, cells=tuple(cells)) for each, cells in found.items()]


def by_worst(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings by severity; of one severity in the order in which they came."""
    order = list(SEVERITIES)
    return tuple(sorted(findings, key=lambda each: order.index(each.severity)))
