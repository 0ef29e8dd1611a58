"""The reliability plot: accuracy against confidence, a small multiple for each of the telling rows.

Points are bins of confidence with Wilson's 95 % interval; below, how many images each holds.  A calibrated
row's points lie on the diagonal.
"""

import math
import textwrap
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from harness.analysis.answers import Answers
from harness.analysis.calibration import MOST_SEEDS, confidence, plain_errors, telling_rows
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings
from harness.records import Record
from harness.reports.plots.names import broken, run_title
from harness.reports.plots.style import headline, new_figure, note, readable, styled
from harness.reports.row_names import full_names
from harness.statistics import reliability
from harness.text import counted

__all__ = ["MOST_LOOKED_AT", "reliability_figure"]

MOST_LOOKED_AT = 100
"""How many rows of the table the telling ones are chosen from, the most accurate first."""

_COLUMNS = 4


@styled()
def reliability_figure(found: Standings) -> Any | None:
    """The reliability of the telling rows of the first table; None without ranked rows.

    Of a row of several seeds the one is drawn whose error is nearest to their mean, which the rows were
    chosen by (of more than `MOST_SEEDS` the first ones alone): the seeds were asked the same images, so that
    together they would look more certain than they are.
    """
    if not found.tables:
        return None
    table: Table = found.tables[0]
    rows = table.rows[:MOST_LOOKED_AT]
    chosen = telling_rows(rows, found.answers)
    columns = min(_COLUMNS, math.ceil(math.sqrt(len(chosen))))
    lines = math.ceil(len(chosen) / columns)
    figure = new_figure(max(5.2, 2.9 * columns), 3.7 * lines + 0.9)
    grid = figure.add_gridspec(2 * lines, columns, height_ratios=[3, 1] * lines)
    low = 1 / len(table.first.data.classes)
    names = full_names([row for row, _ in chosen])
    for number, (row, why) in enumerate(chosen):
        line, column = divmod(number, columns)
        upper = figure.add_subplot(grid[2 * line, column])
        lower = figure.add_subplot(grid[2 * line + 1, column], sharex=upper)
        errors = plain_errors(row, found.answers)
        record, error = _nearest(row, errors)
        _draw(record, found.answers, upper, lower, low)
        name = "\n".join(textwrap.fill(part, 42) for part in broken(names[number], 42).split("\n"))
        numbers = textwrap.fill(_numbers(row, record, error, fmean(errors), found.answers), 42)
        title = "\n".join(filter(None, [name, textwrap.fill(why, 42), numbers]))
        upper.set_title(readable(title), loc="left", fontsize=8)
        if column == 0:
            upper.set_ylabel("accuracy (%)")
            lower.set_ylabel("images")
    headline(figure, run_title("Reliability", found.facts.matrix, [(table.first, len(chosen))]))
    note(figure, _notes(found, table, len(chosen)))
    return figure


def _nearest(row: Row, errors: Sequence[float]) -> tuple[Record, float]:
    """The record of a row whose calibration error is nearest to the mean of these, with that error."""
    mean = fmean(errors)
    return min(zip(row.records, errors, strict=False), key=lambda each: abs(each[1] - mean))


def _draw(record: Record, answers: Answers, upper: Any, lower: Any, low: float) -> None:
    asked = answers.of(record)
    sure = confidence(asked)
    bins = reliability(sure, asked.correct)
    upper.plot([100 * low, 100], [100 * low, 100], color="0.6", linewidth=0.9, linestyle=(0, (4, 2)))
    upper.errorbar(
        [100 * each.confidence for each in bins],
        [100 * each.accuracy for each in bins],
        yerr=[
            [100 * max(0.0, each.accuracy - each.interval.low) for each in bins],
            [100 * max(0.0, each.interval.high - each.accuracy) for each in bins],
        ],
        color="black",
        marker="o",
        markersize=4,
        linestyle="none",
        elinewidth=0.8,
        capsize=2,
        clip_on=False,
    )
    widths = [100 * (each.high - each.low) for each in bins]
    lower.bar(
        [100 * each.low for each in bins],
        [each.images for each in bins],
        width=widths,
        align="edge",
        color="0.75",
        edgecolor="black",
        linewidth=0.6,
    )
    # Nearly all images are in the last bin; on a linear scale the others would not be seen.
    lower.set_yscale("log")
    lower.set_ylim(0.7, 2 * len(sure))
    lower.yaxis.set_major_formatter("{x:,.0f}")
    upper.set_ylim(0, 104)
    upper.set_xlim(100 * low - 2, 102)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("confidence (%)")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7.5)


def _numbers(row: Row, record: Record, error: float, mean: float, answers: Answers) -> str:
    """The numbers of what is drawn, and of several seeds the mean error of those that were looked at."""
    asked = answers.of(record)
    sure = confidence(asked)
    excess = 100 * (float(sure.mean()) - float(asked.correct.mean()))
    text = f"ECE {100 * error:.1f}, confidence minus accuracy {round(excess, 1) + 0.0:+.1f}"
    if len(row.records) == 1:
        return text
    seeds = len(row.records)
    of = f"the first {MOST_SEEDS} of {seeds} seeds" if seeds > MOST_SEEDS else f"{seeds} seeds"
    return f"seed {record.cell.seed} alone: {text} (mean ECE of {of} {100 * mean:.1f})"


def _notes(found: Standings, table: Table, shown: int) -> list[str]:
    notes = [
        f"{counted(table.rows[0].images, 'test image')}.",
        "Below the dashed line: overconfident.",
        "Bars: Wilson's 95 % interval.",
        "Images: logarithmic scale.",
        "ECE and differences in points.",
    ]
    if shown < len(table.rows):
        notes.append(f"{shown} of {len(table.rows):,} rows.")
    if len(found.tables) > 1:
        notes.append(f"The first of {len(found.tables)} tables.")
    return notes
