"""Data-size curves as tables: who wins at how many training images, and whether more would help."""

import pandas as pd

from harness.analysis.contests import contests, training_images
from harness.analysis.data_sizes import TIMES, Outlook, SizeCurves, Winner, outlook, size_curves
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.reports.row_names import RowNames, row_names
from harness.reports.strategies import how_told, points
from harness.reports.tables import markdown, number
from harness.statistics import Prediction

__all__ = ["data_sizes"]

_CURVES = 40
_HELP = "more images"


def data_sizes(found: Standings) -> str:
    """The section: two tables a backbone; "" where no rows differ in training images alone."""
    curves = size_curves(found)
    if not curves:
        return ""
    names = row_names(found)
    parts = [_curve(names, curve) for curve in curves[:_CURVES]]
    parts.append(_how(found, curves))
    if len(curves) > _CURVES:
        parts.append(f"The first {_CURVES} of {len(curves):,} groups, by their most accurate row.")
    return "\n\n".join(parts)


def _how(found: Standings, curves: list[SizeCurves]) -> str:
    told = "Test accuracy in %, with its 95 % interval, by the number of training images."
    tests = [each for curve in curves for each in curve.contests]
    if tests:
        told += f" {how_told(contests(found), tests)}"
    told += (
        " The extrapolation fits error = a + b n^-c to the accuracies of a strategy, a point a size; its "
        "interval is of the curve. It takes for granted that further images are like those that are there."
    )
    told += _how_fitted(curves)
    parts = (row for curve in curves for setup in curve.setups for row in setup.rows)
    if any(len(row.records) == 1 and row.cell.train_images is not None for row in parts):
        told += (
            " Where a part was drawn by a single seed, no interval holds what another draw of these images "
            "would give; of few images that can be points."
        )
    return told


def _how_fitted(curves: list[SizeCurves]) -> str:
    """How many points the fits have for their parameters; "" without a fit."""
    fits = [fit for curve in curves for fit in map(outlook, curve.strategies) if fit.curve.parameters]
    if not fits:
        return ""
    parameters = len(fits[0].curve.parameters or ())
    counts = sorted({len(fit.curve.points) for fit in fits})
    points = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    told = f" A fit has {parameters} parameters (a, b and c) and here {points} points."
    if counts[0] <= parameters:
        told += (
            " With no more points than parameters nothing is left over to show whether this law holds, and "
            "the interval takes it for granted."
        )
    return told


def _curve(names: RowNames, curve: SizeCurves) -> str:
    rows = curve.strategies
    table = {"training images": [f"{size:,}" for size in curve.sizes]}
    table |= {names.strategy(_any(own)): [_accuracy(own.get(size)) for size in curve.sizes] for own in rows}
    parts = [f"### {names.series(curve.first)}"]
    if len(rows) > 1:
        table["most accurate"] = [_winner(names, curve.winner(setup)) for setup in curve.setups]
    parts.append(markdown(pd.DataFrame(table), right={"training images"}))
    if len(rows) > 1:
        parts.append(_crossings(names, curve))
    parts.append(_outlooks(names, [outlook(own) for own in rows]))
    return "\n\n".join(parts)


def _any(rows: dict[int, Row]) -> Row:
    return next(iter(rows.values()))


def _accuracy(row: Row | None) -> str:
    if row is None:
        return "-"
    interval = row.interval
    return f"{100 * row.accuracy:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _winner(names: RowNames, winner: Winner) -> str:
    told = names.strategy(winner.row)
    if winner.tied:
        told += f", tied with {', '.join(map(names.strategy, winner.tied))}"
    if winner.untested:
        told += f"; not tested against {', '.join(map(names.strategy, winner.untested))}"
    return told


def _crossings(names: RowNames, curve: SizeCurves) -> str:
    sentences = []
    for each in curve.crossings():
        few, many = names.strategy(each.few), names.strategy(each.many)
        if each.once:
            sentences.append(
                f"{few} is significantly better than {many} at {max(each.at_few):,} images and {many} at "
                f"{min(each.at_many):,}: they cross in between."
            )
        else:
            sizes = (f"{few} at {_sizes(each.at_few)}", f"{many} at {_sizes(each.at_many)}")
            sentences.append(
                f"{few} and {many} change places more than once: {sizes[0]}, {sizes[1]} are better."
            )
    if sentences:
        return " ".join(sentences)
    return "No two strategies change places beyond doubt."


def _sizes(sizes: tuple[int, ...]) -> str:
    return " and ".join(f"{size:,}" for size in sizes)


def _outlooks(names: RowNames, found: list[Outlook]) -> str:
    told = [each for each in found if each.helps is not None]
    lines = [
        f"- {names.strategy(each.row)}: no extrapolation, since {each.here.reason}."
        for each in found
        if each.helps is None
    ]
    parts = []
    if told:
        table = [
            {
                "strategy": names.strategy(each.row),
                "points": f"{len(each.curve.points)}",
                "images": f"{training_images(each.row.first):,}",
                "curve there (%)": number(each.here.accuracy, 1, 100),
                **{
                    f"at {times} times (%)": _predicted(prediction)
                    for times, prediction in zip(TIMES, each.beyond, strict=True)
                },
                _HELP: _help(each),
            }
            for each in told
        ]
        frame = pd.DataFrame(table)
        parts.append(markdown(frame, right={"points", "images", "curve there (%)"}))
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])


def _predicted(prediction: Prediction) -> str:
    if prediction.accuracy is None or prediction.interval is None:
        return "-"
    low, high = prediction.interval.low, prediction.interval.high
    return f"{100 * prediction.accuracy:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _help(each: Outlook) -> str:
    farthest = each.beyond[-1]
    if not each.helps or farthest.accuracy is None or each.here.accuracy is None:
        return "not shown to help"
    return f"help: {points(farthest.accuracy - each.here.accuracy)} points at {TIMES[-1]} times"
