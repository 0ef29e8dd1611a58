"""What a recommendation must keep to: a metric and its bound, read from what a user writes."""

import math
import re
from dataclasses import dataclass, replace

from harness.errors import UserError
from harness.metrics import Metric, metric

__all__ = ["Limit", "limits", "read_share", "read_size"]

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-z]*)\s*")
_UNITS = {"b": 1} | {
    f"{letter}{kind}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for kind, base in (("b", 1000), ("ib", 1024))
}


@dataclass(frozen=True)
class Limit:
    """A bound on a metric, in the metric's export unit; an upper one unless higher is better.

    `option` is how the command line calls it; what its user writes is `factor` times the bound, in `unit`;
    `written` is that as it was written, where its unit is another.
    """

    option: str
    metric: Metric
    bound: float
    unit: str
    factor: float = 1.0
    written: str = ""

    @property
    def upper(self) -> bool:
        """Whether it bounds from above."""
        return self.metric.better == "lower"

    def admits(self, value: float | None) -> bool:
        """Whether a value is within it; one that was not measured is not."""
        if value is None or not math.isfinite(value):
            return False
        # Minutes times 60 may lie a rounding error below the seconds that they were made from.
        beyond = value > self.bound if self.upper else value < self.bound
        return not beyond or math.isclose(value, self.bound, rel_tol=1e-12)

    def near(self, value: float) -> bool:
        """Whether a time lies so close to the bound, on either side, that another run may be beyond it.

        That close is a convention (`Metric.within`): another run may differ by more.
        """
        return max(value, self.bound) <= (1 + self.metric.within) * min(value, self.bound) and (
            self.metric.within > 0
        )

    def admitting(self, value: float) -> str:
        """The option that would let a value in, rounded outwards."""
        shown = value * self.factor
        digits = 1 if not self.upper else max(0, 2 - math.floor(math.log10(shown)))
        rounded = round(shown, digits)
        if not replace(self, bound=rounded / self.factor).admits(value):
            rounded = round(rounded + (1 if self.upper else -1) * 10.0**-digits, digits)
        return f"{self.option} {rounded:.{digits}f}{self.unit if self.unit in ('%', 'MB') else ''}"

    def beyond(self, value: float) -> float:
        """How far a value is on the wrong side, as a share of the bound; of accuracies, of the errors."""
        if self.upper:
            return value / self.bound - 1
        return (1 - value) / max(1 - self.bound, 1e-3) - 1


def limits(
    *,
    max_ms: float | None = None,
    max_memory: str | None = None,
    min_accuracy: str | None = None,
    max_train_minutes: float | None = None,
) -> tuple[Limit, ...]:
    """The limits that were named: inference (ms a step), peak memory, accuracy, minutes to the result.

    Raises `UserError` for one that no row could be held to.
    """
    found = []
    if min_accuracy is not None:
        found.append(Limit("--min-accuracy", metric("test_accuracy"), read_share(min_accuracy), "%", 100))
    if max_ms is not None:
        bound = _positive("--max-ms", max_ms)
        found.append(Limit("--max-ms", metric("inference_ms"), bound, "ms/step"))
    if max_train_minutes is not None:
        bound = 60 * _positive("--max-train-minutes", max_train_minutes)
        found.append(Limit("--max-train-minutes", metric("to_result_s"), bound, "minutes", 1 / 60))
    if max_memory is not None:
        size = read_size(max_memory)
        found.append(
            Limit("--max-memory", metric("peak_memory_bytes"), size, "MB", 1e-6, " ".join(max_memory.split()))
        )
    return tuple(found)


def read_share(text: str) -> float:
    """An accuracy as a share: "0.97" or "97%"; raises `UserError` for anything else."""
    stripped = text.strip()
    percent = stripped.endswith("%")
    try:
        value = float(stripped.removesuffix("%"))
    except ValueError:
        value = math.nan
    share = value / 100 if percent else value
    if 0 <= share <= 1:
        return share
    hint = "Write 0.97 or 97%."
    if not percent and 1 < value <= 100:
        hint = f"Write {value / 100:g} or {value:g}%."
    raise UserError(f"--min-accuracy: expected a share from 0 to 1, or per cent, got {text!r}", hint=hint)


def read_size(text: str) -> float:
    """A size in bytes: "4GB" and "512MB" are decimal, "4GiB" binary; raises `UserError` for anything else."""
    found = _SIZE.fullmatch(text)
    unit = found[2].casefold() if found else ""
    if not found or unit not in _UNITS or float(found[1]) == 0:
        raise UserError(
            f"--max-memory: expected a size with its unit, got {text!r}",
            hint="Write 4GB or 512MB (decimal: 1 GB is 1,000 MB), or 4GiB or 512MiB (binary).",
        )
    return float(found[1]) * float(_UNITS[unit])


def _positive(option: str, value: float) -> float:
    if value > 0 and math.isfinite(value):
        return value
    raise UserError(f"{option}: expected a number above 0, got {value:g}", hint=f"For example: {option} 20")
