"""Data-size curves as tables: who wins at how many training images, what more gave, and what they would."""

from collections.abc import Sequence

import pandas as pd

from harness.analysis.contests import LEVEL, Contest, contests, training_images
from harness.analysis.data_sizes import (
    LEAST_GAIN,
    TIMES,
    Growth,
    Outlook,
    SizeCurves,
    Step,
    Winner,
    growths,
    size_curves,
)
from harness.analysis.rows import Row
from harness.analysis.standings import Standings
from harness.reports.row_names import RowNames, row_names
from harness.reports.strategies import ONE_SEED, against, how_compared, how_told, p_text, points
from harness.reports.tables import markdown, number
from harness.statistics import MCNEMAR, Interval, Prediction
from harness.text import counted

__all__ = ["data_sizes"]

_CURVES = 40
_STEP, _HELP = "training images", "more images"


def data_sizes(found: Standings) -> str:
    """The section: three tables a backbone; "" where no rows differ in training images alone."""
    curves = size_curves(found)
    if not curves:
        return ""
    names, grown = row_names(found), growths(found, curves)
    shown = list(zip(curves, grown, strict=True))[:_CURVES]
    parts = [_curve(names, *each) for each in shown]
    parts.append(_how(found, curves, [growth for each in grown for growth in each]))
    if len(curves) > _CURVES:
        parts.append(f"The first {_CURVES} of {len(curves):,} groups, by their most accurate row.")
    return "\n\n".join(parts)


def _how(found: Standings, curves: list[SizeCurves], grown: list[Growth]) -> str:
    told = "Test accuracy in %, with its 95 % interval, by the number of training images."
    tests = [each for curve in curves for each in curve.contests]
    if tests:
        told += f" {how_told(contests(found), tests)}"
    told += _how_measured(grown)
    told += (
        " The extrapolation fits error = a + b n^-c to the accuracies of a strategy, a point a size; its "
        "interval is of the gain over the curve at the largest size. All sizes are tested on the same "
        "images, so what these add to every accuracy alike is not in it. More images are said to help where "
        f"all of the interval is {points(LEAST_GAIN)} points or more, since such a curve always rises. It "
        "takes for granted that further images are like those that are there."
    )
    told += _how_fitted([each.outlook for each in grown])
    parts = (row for curve in curves for setup in curve.setups for row in setup.rows)
    if any(len(row.records) == 1 and row.cell.train_images is not None for row in parts):
        told += (
            " Where a part was drawn by a single seed, no interval holds what another draw of these images "
            "would give; of few images that can be points."
        )
    return told


def _how_measured(grown: Sequence[Growth]) -> str:
    """How the measured gains were tested; "" where no strategy has two sizes."""
    tested = [each.last for each in grown if each.last]
    if not tested:
        return ""
    methods = {step.found.method for each in grown for step in each.steps}
    told = (
        f" Measured gains are of two sizes of one strategy on the same images ({how_compared(methods)}); "
        "their intervals are each step's own, not adjusted. The last step of each strategy is tested: p is "
        f"adjusted by Holm's method over one family of {counted(len(tested), 'test')}, the last steps of all "
        f"strategies in this run; helped means p below {LEVEL:g}."
    )
    return told + (f" {ONE_SEED}" if MCNEMAR in methods else "")


def _how_fitted(outlooks: Sequence[Outlook]) -> str:
    """How many points the fits have for their parameters; "" without a fit."""
    fits = [each.curve for each in outlooks if each.curve.parameters]
    if not fits:
        return ""
    parameters = len(fits[0].parameters or ())
    counts = sorted({len(fit.points) for fit in fits})
    points = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    told = f" A fit has {parameters} parameters (a, b and c) and here {points} points."
    if counts[0] <= parameters:
        told += (
            " With no more points than parameters nothing is left over to show whether this law holds, and "
            "the interval takes it for granted."
        )
    return told


def _curve(names: RowNames, curve: SizeCurves, grown: list[Growth]) -> str:
    rows = [each.rows for each in grown]
    table = {"training images": [f"{size:,}" for size in curve.sizes]}
    table |= {names.strategy(_any(own)): [_accuracy(own.get(size)) for size in curve.sizes] for own in rows}
    parts = [f"### {names.series(curve.first)}"]
    if len(rows) > 1:
        table["most accurate"] = [_winner(names, curve.winner(setup)) for setup in curve.setups]
    parts.append(markdown(pd.DataFrame(table), right={"training images"}))
    if len(rows) > 1:
        parts.append(_crossings(names, curve))
    parts += _measured(names, grown)
    parts.append(_outlooks(names, [each.outlook for each in grown]))
    return "\n\n".join(parts)


def _measured(names: RowNames, grown: Sequence[Growth]) -> list[str]:
    """What each next size gave: a sentence for each strategy's last step, and all steps in a table."""
    lines = [f"- {_last(names, each.last, each.steps[-1])}" for each in grown if each.last]
    if not lines:
        return []
    told = [
        (names.strategy(_any(each.rows)), {(step.smaller, step.larger): step.found for step in each.steps})
        for each in grown
    ]
    every = sorted({step for _, steps in told for step in steps})
    table = {_STEP: [f"{smaller:,} to {larger:,}" for smaller, larger in every]}
    table |= {
        f"{name} (points)": [
            _gain(steps[step].difference, steps[step].interval) if step in steps else "-" for step in every
        ]
        for name, steps in told
    }
    return [
        "What more images gave, as measured:",
        "\n".join(lines),
        markdown(pd.DataFrame(table), right=set()),
    ]


def _last(names: RowNames, last: Contest, step: Step) -> str:
    smaller, larger = f"{step.smaller:,}", f"{step.larger:,}"
    told = f"{larger} images are not shown to have helped over {smaller}:"
    if last.better is last.other:
        told = f"more images helped up to {larger}; {larger} against {smaller}:"
    elif last.better is last.base:
        told = f"{larger} images gave less than {smaller}:"
    return f"{names.strategy(last.other)}: {told} {against(last)}, p {p_text(last.p_value)}."


def _gain(gain: float, interval: Interval) -> str:
    return f"{points(gain)} ({points(interval.low)} to {points(interval.high)})"


def _finely(gain: float, interval: Interval) -> str:
    """In hundredths of a point: the least gain that counts is a tenth."""
    shown = (f"{100 * each + 0.0:+.2f}" for each in (gain, interval.low, interval.high))
    return "{} ({} to {})".format(*shown)


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
                "sizes": f"{len(each.curve.points)}",
                "images": f"{training_images(each.row.first):,}",
                "curve there (%)": number(each.here.accuracy, 1, 100),
                **{
                    f"gain at {times} times (points)": _predicted(prediction)
                    for times, prediction in zip(TIMES, each.beyond, strict=True)
                },
                _HELP: _help(each),
            }
            for each in told
        ]
        frame = pd.DataFrame(table)
        parts.append("What further images would give, by the fitted curve:")
        parts.append(markdown(frame, right={"sizes", "images", "curve there (%)"}))
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])


def _predicted(prediction: Prediction) -> str:
    if prediction.gain is None or prediction.gain_interval is None:
        return "-"
    return _finely(prediction.gain, prediction.gain_interval)


def _help(each: Outlook) -> str:
    gain = each.beyond[-1].gain
    if not each.helps or gain is None:
        return "not shown to help"
    return f"help: {points(gain)} points at {TIMES[-1]} times"
