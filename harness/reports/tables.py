"""What reports in markdown have in common: tables, numbers, and the line that names a machine."""

import math
from collections.abc import Collection, Iterable

import pandas as pd

from harness.environment import Environment
from harness.text import sentences

__all__ = ["commits", "in_one_cell", "machine", "markdown", "number", "significant"]


def markdown(frame: pd.DataFrame, *, right: Collection[str]) -> str:
    """A frame of texts as a markdown table, with some columns flush right."""
    align = ["right" if name in right else "left" for name in frame.columns]
    return frame.to_markdown(index=False, disable_numparse=True, colalign=align) or ""


def number(value: float | None, digits: int, factor: float = 1.0) -> str:
    """A number with so many decimals, "-" where there is none."""
    return "-" if value is None else f"{round(factor * value, digits) + 0.0:,.{digits}f}"


def significant(value: float | None, digits: int, factor: float = 1.0) -> str:
    """A number with at least so many significant digits, zeros at its end too; "-" where there is none."""
    if value is None or not value:
        return number(value, 0)
    return number(value, max(0, digits - 1 - math.floor(math.log10(abs(factor * value)))), factor)


def in_one_cell(text: str) -> str:
    """A message that can stand in a markdown table: sentences in one line, its bars escaped."""
    return sentences(text).replace("|", r"\|")


def commits(found: Iterable[str]) -> str:
    """The harness's own commits in a line; outside a checkout there is none to tell."""
    return ", ".join(sorted({commit or "unknown (not run from a checkout)" for commit in found}))


def machine(environment: Environment) -> str:
    """A machine and its versions in a line."""
    return (
        f"{environment.processor}, {environment.cores} cores, "
        f"{environment.memory_bytes / 2**30:.0f} GiB, {environment.system}; "
        f"{''.join(f'{gpu}; ' for gpu in environment.gpus)}"
        f"Python {environment.python}, Keras {environment.libraries.get('keras', 'unknown')}, "
        f"TensorFlow {environment.libraries.get('tensorflow', 'unknown')}"
    )
