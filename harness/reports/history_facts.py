"""A history as plain values, and its steps as sentences: what JSON, markdown and the terminal share."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.analysis.history import CellHistory, History, Series, Step, changed
from harness.analysis.history_entries import Entry, Reading
from harness.metrics import Metric
from harness.reports.tables import significant
from harness.statistics import FEWEST_VALUES
from harness.text import counted

__all__ = ["commit_of", "history_facts", "judged", "size_of", "step_sentence", "unit_of", "value_text"]

_KINDS: Mapping[str, str] = {
    "exact": "runs agree bit for bit: every change is a step",
    "few": "too few values that count to tell a step",
    "noisy": "PELT on absolute deviations from the median",
}


def history_facts(history: History) -> dict[str, Any]:
    """The history as plain values: machines, each with its cells, their runs and the steps of every metric.

    Values are in the units of `transferbench schema table`, noise is a share where the series is relative.
    """
    return {
        "runs": history.runs,
        "series": len(history.series),
        "series_judged": sum(each.kind != "few" for each in history.series),
        "machines": [
            asdict(machine) | {"cells": [_cell(each) for each in history.cells if each.machine == machine]}
            for machine in history.machines
        ],
        "left_out": [{"run": each.run, "file": each.file, "reason": each.reason} for each in history.unread],
        "found_twice": history.doubled,
    }


def step_sentence(history: CellHistory, series: Series, step: Step) -> str:
    """What moved by how much, the commits on both sides, and what else changed between them."""
    metric = series.metric
    before, after = history.entries[step.before], history.entries[step.after]
    ends = f"{value_text(series, step.from_value)} to {value_text(series, step.to_value)} {unit_of(metric)}"
    told = f"{metric.label} {size_of(series, step)} ({ends.strip()}){_verdict(metric, step)}: "
    told += f"after {_when(before)}, with {_when(after)}"
    if between := _between(series, step):
        told += f"; between them {', '.join(between)}"
    if step.changed:
        return f"{told}; changed there: {', '.join(step.changed)}"
    # The key holds the code that decides a result, beside all that is told above.
    if before.key == after.key:
        return f"{told}; nothing that a result depends on changed there"
    return f"{told}; versions are the same"


def judged(history: History) -> str:
    """How many metrics of cells could be judged, how many of these moved, and why the others could not."""
    series = history.series
    able = [each for each in series if each.kind != "few"]
    if not series:
        return "No cell has a result, so there is nothing to judge."
    needed = f"Where values have noise, a step needs {FEWEST_VALUES} runs with a value that counts"
    if not able:
        return f"No step can be told yet in {len(series):,} series (a metric of a cell). {needed}."
    moved = sum(bool(each.steps) for each in able)
    told = f"{len(able):,} of {len(series):,} series (a metric of a cell) could be judged: "
    told += f"{moved:,} of them moved." if moved else "none of them moved beyond its noise."
    if unsettled := sum(bool(each.unsettled) for each in able):
        told += f" Of {unsettled:,} the newest values lie far off, and more runs must tell."
    few = len(series) - len(able)
    return f"{told} {needed}: {few:,} series {'has' if few == 1 else 'have'} fewer." if few else told


def size_of(series: Series, step: Step) -> str:
    """A step's size with its sign and unit: per cent of a time, points of an accuracy, nats of a loss."""
    if series.relative and step.share is not None:
        return _signed(step.share, 100, "%")
    metric = series.metric
    unit = "points" if metric.unit == "%" else unit_of(metric)
    return _signed(step.difference, metric.scale, unit)


def value_text(series: Series, value: float) -> str:
    """A value without its unit: of times and memory three significant digits at least."""
    metric = series.metric
    if series.relative:
        return significant(value, 3, metric.scale)
    return metric.text(value)


def unit_of(metric: Metric) -> str:
    """The unit in which a metric is shown; that of the exports where the leaderboard says none."""
    return metric.unit or (metric.export_unit if metric.export_unit not in ("0..1", "count", "epoch") else "")


def commit_of(entry: Entry) -> str:
    """The commit of a run, as it is shown."""
    return entry.commit or "an unknown commit"


def _signed(value: float, factor: float, unit: str) -> str:
    text = significant(abs(value), 2, factor)
    return f"{'-' if value < 0 else '+'}{text} {unit}".strip()


def _between(series: Series, step: Step) -> list[str]:
    """What lies between the two runs of a step, each with its number: such values are of no level."""
    places = range(step.before + 1, step.after)
    there = [place for place in places if series.readings[place] is not None]
    outliers = sum(place in series.outliers for place in there)
    doubtful = sum(place not in series.used for place in there)
    kinds = [
        (outliers, counted(outliers, "outlier")),
        (doubtful, f"{counted(doubtful, 'run')} with a value in doubt"),
        (len(places) - len(there), f"{counted(len(places) - len(there), 'run')} without a value"),
    ]
    return [told for count, told in kinds if count]


def _verdict(metric: Metric, step: Step) -> str:
    if not metric.better:
        return ""
    return ", better" if (step.difference > 0) == (metric.better == "higher") else ", worse"


def _when(entry: Entry) -> str:
    return f"{commit_of(entry)} ({entry.started:%Y-%m-%d})"


def _cell(history: CellHistory) -> dict[str, Any]:
    befores = (None, *history.entries)
    return {
        "cell": history.cell,
        "manifest_sha256": history.manifest,
        "same_start": history.tied,
        "runs": [_run(before, entry) for before, entry in zip(befores, history.entries, strict=False)],
        "metrics": {each.metric.name: _series(history, each) for each in history.series},
    }


def _run(before: Entry | None, entry: Entry) -> dict[str, Any]:
    return {
        "run": entry.run,
        "started": entry.started.isoformat(),
        "commit": entry.commit,
        "key": entry.key,
        "changed": list(changed(before, entry)) if before else [],
        "failure": entry.failure,
    }


def _series(history: CellHistory, series: Series) -> dict[str, Any]:
    return {
        "unit": series.metric.export_unit,
        "method": series.kind,
        "meaning": _KINDS[series.kind],
        "relative": series.relative,
        "noise": series.noise,
        "values": [None if each is None else _reading(each) for each in series.readings],
        "counting": list(series.used),
        "levels": [{"first": first, "last": last, "median": level} for first, last, level in series.levels],
        "steps": [
            {
                "last_before": _end(history, step.before),
                "first_after": _end(history, step.after),
                "from": step.from_value,
                "to": step.to_value,
                "difference": step.difference,
                "share": step.share,
                "changed": list(step.changed),
                "text": step_sentence(history, series, step),
            }
            for step in series.steps
        ],
        "outliers": list(series.outliers),
        "unsettled": list(series.unsettled),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    interval = reading.interval
    return {
        "value": reading.value,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "confidence": interval.confidence if interval else None,
        "doubt": reading.doubt,
    }


def _end(history: CellHistory, place: int) -> dict[str, Any]:
    entry = history.entries[place]
    return {"place": place, "commit": entry.commit, "started": entry.started.isoformat(), "run": entry.run}
