"""Depth curves as tables: accuracy and cost against the share that trains, and where more stops paying."""

import pandas as pd

from harness.analysis.contests import Contest, contests
from harness.analysis.depths import SHARE, DepthCurve, depth_curves, unfrozen_share
from harness.analysis.standings import Standings
from harness.reports.columns import columns
from harness.reports.row_names import RowNames, row_names
from harness.reports.strategies import against, how_told, p_text, times
from harness.reports.tables import markdown, number

__all__ = ["depths"]

_SHOWN = ("test accuracy (%)", "95 % interval", "train (ms/step)", "to result (s)")
_CURVES = 40


def depths(found: Standings) -> str:
    """The section: a table a backbone; "" where none has two depths."""
    curves = depth_curves(found)
    if not curves:
        return ""
    names = row_names(found)
    told = how_told(contests(found), [each for curve in curves for each in curve.contests])
    parts = [_curve(names, curve) for curve in curves[:_CURVES]]
    unknown = any(unfrozen_share(row) is None for curve in curves[:_CURVES] for row in curve.rows)
    parts.append(f"{SHARE} {'It is - where the size of the base is not known. ' if unknown else ''}{told}")
    if len(curves) > _CURVES:
        parts.append(f"The first {_CURVES} of {len(curves):,} curves, by their most accurate row.")
    return "\n\n".join(parts)


def _curve(names: RowNames, curve: DepthCurve) -> str:
    title = names.setup(curve.setup.first)
    told = columns(curve.rows)
    table = {
        "strategy": [names.strategy(row) for row in curve.rows],
        "unfrozen share (%)": [number(unfrozen_share(row), 1, 100) for row in curve.rows],
        **{heading: told[heading] for heading in _SHOWN if heading in told},
    }
    right = set(table) - {"strategy", "95 % interval"}
    return f"### {title}\n\n{_sentence(names, curve)}\n\n{markdown(pd.DataFrame(table), right=right)}"


def _sentence(names: RowNames, curve: DepthCurve) -> str:
    first, last, enough = curve.depths[0], curve.depths[-1], curve.enough
    widest = next(each for each in curve.contests if each.base is first and each.other is last)
    cost = "" if widest.time_ratio is None else f", at {times(widest.time_ratio)} times the time"
    parts = []
    if not any(each.told_apart for each in curve.contests):
        parts.append(
            f"The depths cannot be told apart; {names.strategy(last)} against {names.strategy(first)}: "
            f"{against(widest)}{cost}."
        )
    else:
        parts += [_told(names, each) for each in _clearest(curve)]
        if enough is last:
            parts.append("So the deepest that was tried may not be where more depth stops paying.")
        elif enough is not first:
            parts.append(f"From {names.strategy(enough)} on, no deeper one is significantly better.")
    if curve.from_frozen and not any(each.better is each.other for each in curve.from_frozen):
        parts.append("No depth is significantly better than a frozen base.")
    return " ".join(parts)


def _clearest(curve: DepthCurve) -> list[Contest]:
    """Of each depth that another one beats, the clearest of these."""
    found: dict[int, Contest] = {}
    for each in curve.contests:
        if each.better is not None:
            beaten = id(each.base if each.better is each.other else each.other)
            if beaten not in found or each.p_value < found[beaten].p_value:
                found[beaten] = each
    return list(found.values())


def _told(names: RowNames, each: Contest) -> str:
    word = "better" if each.better is each.other else "worse"
    cost = "" if each.time_ratio is None else f", at {times(each.time_ratio)} times the time"
    return (
        f"{names.strategy(each.other)} is {word} than {names.strategy(each.base)}: {against(each)}, "
        f"p {p_text(each.p_value)}{cost}."
    )
