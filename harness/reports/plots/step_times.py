"""Time per step as bars, each with the interval of its median: of a run's rows, or of a timing run."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import seaborn as sns
from matplotlib.ticker import FuncFormatter

from harness.analysis.rows import Row, conditions
from harness.analysis.standings import Standings
from harness.analysis.step_times import StepTime, step_time
from harness.analysis.timing_rows import TimingRow, Timings
from harness.matrix import Cell
from harness.metrics import metric
from harness.reports.plots.names import anywhere, batches, group_titles, names, unwatched_note
from harness.reports.plots.style import headline, new_figure, note, readable, styled
from harness.reports.tables import significant
from harness.reports.timing_groups import setting
from harness.text import counted
from harness.timing.cell import INFERENCE, KERAS_TABLE

__all__ = ["Bars", "bars", "draw_step_times", "draw_timings", "timing_bars"]

_MOST = 50
_PANELS = 3
_LABELS = {"train_ms": "Train time", "inference_ms": "Inference time"}


@dataclass(frozen=True)
class Bars:
    """The times of one kind of step: by name, and there by the setting (device, precision, machine).

    Names stand from the fastest to the slowest on the first setting that has them.
    """

    settings: tuple[str, ...]
    times: Mapping[str, Mapping[str, StepTime]]

    @classmethod
    def of(cls, settings: Sequence[str], times: Mapping[str, Mapping[str, StepTime]]) -> "Bars":
        """The bars in their order."""

        def order(name: str) -> tuple[int, float, str]:
            first = next(place for place, setting in enumerate(settings) if setting in times[name])
            return first, times[name][settings[first]].milliseconds, name

        return cls(tuple(settings), {name: times[name] for name in sorted(times, key=order)})

    @property
    def doubtful(self) -> bool:
        """Whether some time is not to be compared."""
        return any(each.doubt for found in self.times.values() for each in found.values())

    @property
    def unsure(self) -> int:
        """How many intervals are worth less than 95 %, for want of blocks."""
        return sum(
            each.interval.confidence < 0.95 for found in self.times.values() for each in found.values()
        )


def bars(found: Standings, name: str) -> Bars | None:
    """A metric that is a time of a step, of every row that has it, controls and partial rows too.

    The most accurate rows where there are more than fit; None where no row has it.
    """
    groups = [table.rows for table in found.tables] + [found.controls, found.partial]
    timed: dict[Cell, list[Row]] = defaultdict(list)
    for row in (row for group in groups for row in group):
        if row.value(metric(name)) is not None:
            timed[anywhere(row.cell)].append(row)
    kept = list(timed)[:_MOST]
    if not kept:
        return None
    rows = [row for cell in kept for row in timed[cell]]
    firsts = {conditions(row.first): row.first for row in reversed(rows)}
    firsts = {kind: firsts[kind] for kind in dict.fromkeys(conditions(row.first) for row in rows)}
    titles = dict(zip(firsts, group_titles(list(firsts.values())), strict=True))
    called = {cell: ", ".join(parts) for cell, parts in zip(kept, names(kept), strict=True)}
    times: dict[str, dict[str, StepTime]] = defaultdict(dict)
    for row in rows:
        if time := step_time(row.records, name):
            times[called[anywhere(row.cell)]][titles[conditions(row.first)]] = time
    return Bars.of(_devices_first(titles.values()), times)


def timing_bars(rows: Sequence[TimingRow]) -> list[tuple[str, Bars]]:
    """The rows of a timing run by what they time (step, size, batch), each with a title.

    Rows under the protocol of the published table are left out: their times are means.
    """
    several = len({row.environment.fingerprint for row in rows}) > 1
    kinds: dict[tuple[str, int], list[TimingRow]] = defaultdict(list)
    for row in rows:
        if row.cell.protocol != KERAS_TABLE:
            kinds[row.cell.label, row.cell.batch].append(row)
    found = []
    for (label, batch), each in kinds.items():
        times: dict[str, dict[str, StepTime]] = defaultdict(dict)
        for row in each:
            place = setting(row.cell) + (f", environment {row.environment.fingerprint}" if several else "")
            name = readable(f"{row.cell.backbone}, {row.cell.size} px")
            times[name][place] = StepTime(row.milliseconds, row.interval, "; ".join(row.doubts))
        step = "Inference time" if label == INFERENCE else f"Train time of {label}"
        places = dict.fromkeys(place for there in times.values() for place in there)
        found.append((readable(f"{step} (ms/step), batch {batch}"), Bars.of(_devices_first(places), times)))
    return found


@styled()
def draw_step_times(found: Standings, name: str) -> Any | None:
    """Draw a time per step of a run's rows, devices side by side; None where no row has it."""
    shown = bars(found, name)
    if shown is None:
        return None
    notes = [
        batches((record for record in found.records if record.status == "ok"), name),
        "Bars end at the median over blocks of steps, the black lines are its 95 % interval.",
    ]
    rows = [row for table in found.tables for row in table.rows] + [*found.controls, *found.partial]
    if any(len(row.records) > 1 for row in rows):
        notes.append("Of several seeds it is the median, and the interval covers all of theirs.")
    if name == "train_ms" and any(row.cell.strategy == "fast-extraction" for row in rows):
        notes.append("The train step of fast extraction is one of its head on cached features.")
    if (more := _configurations(rows, name) - len(shown.times)) > 0:
        notes.append(f"The {len(shown.times)} most accurate rows; {more:,} more are in the exports.")
    notes += unwatched_note(rows)
    return _drawn(shown, f"{_LABELS[name]} (ms/step): {found.facts.matrix}", notes)


@styled()
def draw_timings(timings: Timings) -> list[tuple[str, Any]]:
    """Draw the times of a timing run: a title and a picture for each kind of step and batch."""
    drawn = []
    for title, found in timing_bars(timings.rows):
        cut = Bars(found.settings, dict(list(found.times.items())[:_MOST]))
        notes = [
            "Bars end at the mean of the passes' medians, the black lines go from the lowest to the highest "
            "end of their 95 % intervals."
        ]
        if len(cut.times) < len(found.times):
            notes.append(f"The {_MOST} fastest of {len(found.times):,}.")
        drawn.append((title, _drawn(cut, f"{title}: {timings.facts.matrix}", notes)))
    return drawn


def _drawn(shown: Bars, title: str, notes: Iterable[str]) -> Any:
    places = shown.settings[:_PANELS]
    figure = new_figure(4.2 + 3.4 * len(places), 1.3 + 0.22 * max(3, len(shown.times)))
    grid = figure.subplots(1, len(places), sharey=True, squeeze=False)[0]
    for axes, place in zip(grid, places, strict=True):
        _draw_bars(axes, shown, place)
        axes.set_title(readable(place), loc="left")
        axes.set_xlabel("ms/step")
    grid[0].set_yticks(range(len(shown.times)), list(shown.times))
    grid[0].set_ylim(len(shown.times) - 0.4, -0.6)
    sns.despine(figure)
    headline(figure, title)
    told = list(notes)
    if shown.doubtful:
        told.append("Hatched: the time is not to be compared, for the reason beside it.")
    if shown.unsure:
        told.append(
            f"{counted(shown.unsure, 'interval')} of fewer than six blocks: from smallest to largest."
        )
    if len(places) < len(shown.settings):
        told.append(f"The first {len(places)} of {len(shown.settings)} settings.")
    note(figure, told)
    return figure


def _draw_bars(axes: Any, shown: Bars, place: str) -> None:
    there = {number: found[place] for number, found in enumerate(shown.times.values()) if place in found}
    for doubtful, look in ((False, {"color": "0.78"}), (True, {"color": "white", "hatch": "/////"})):
        kind = {number: time for number, time in there.items() if bool(time.doubt) == doubtful}
        lengths = [time.milliseconds for time in kind.values()]
        axes.barh(list(kind), lengths, height=0.7, edgecolor="0.35", linewidth=0.6, **look)
    values = [time.milliseconds for time in there.values()]
    below = [max(0.0, time.milliseconds - time.interval.low) for time in there.values()]
    above = [max(0.0, time.interval.high - time.milliseconds) for time in there.values()]
    line = {"fmt": "none", "ecolor": "black", "elinewidth": 1.1, "capsize": 2.2}
    axes.errorbar(values, list(there), xerr=[below, above], **line)
    beside = {"textcoords": "offset points", "va": "center", "fontsize": 7}
    for number in range(len(shown.times)):
        if number in there:
            time = there[number]
            text = significant(time.milliseconds, 3) + (f"  {_short(time.doubt)}" if time.doubt else "")
            axes.annotate(text, (max(time.interval.high, time.milliseconds), number), (4, 0), **beside)
        else:
            axes.annotate("none", (0, number), (4, 0), color="0.4", **beside)
    # Room for the numbers behind the longest bar.
    axes.set_xlim(0, 1.25 * max((time.interval.high for time in there.values()), default=1.0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.tick_params(axis="y", length=0)


def _short(doubt: str) -> str:
    """The first of a row's doubts, without its details: the report tells all."""
    first = re.split(r"[;:]| \(pass", readable(doubt))[0]
    return first if len(first) <= 34 else f"{first[:32]} ..."


def _devices_first(settings: Iterable[str]) -> list[str]:
    """Settings by device and precision, the CPU first."""
    return sorted(settings)


def _configurations(rows: Sequence[Row], name: str) -> int:
    timed: set[Cell] = {anywhere(row.cell) for row in rows if row.value(metric(name)) is not None}
    return len(timed)
