"""The strategies: every module of this package that has a `STRATEGY` is one.

To add a strategy, add a module; the matrix, the planner and the contract tests find it here.
"""

import pkgutil
from importlib import import_module

from harness.errors import unknown
from harness.strategies.strategy import NO_DEPTH, AnyPhase, Phase, Probe, Strategy

__all__ = ["NO_DEPTH", "STRATEGIES", "AnyPhase", "Phase", "Probe", "Strategy", "strategy"]


def _discover() -> dict[str, Strategy]:
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    rows = [module.STRATEGY for module in modules if hasattr(module, "STRATEGY")]
    return {row.name: row for row in sorted(rows, key=lambda row: row.name)}


STRATEGIES: dict[str, Strategy] = _discover()


def strategy(name: str, *, where: str = "") -> Strategy:
    """Return the strategy of that name; raise `UserError` with near names if there is none."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise unknown("strategy", name, STRATEGIES, where=where) from None
