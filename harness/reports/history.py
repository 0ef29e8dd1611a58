"""The history of runs as markdown, as text in a terminal, and as files with a picture a cell."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from harness.analysis.history import LEAST_OF_MEMORY, CellHistory, History, Series, changed
from harness.analysis.history_entries import Entry
from harness.errors import few
from harness.files import write_whole
from harness.metrics import Metric
from harness.reports.history_facts import (
    commit_of,
    history_facts,
    judged,
    size_of,
    step_sentence,
    unit_of,
    value_text,
)
from harness.reports.tables import in_one_cell, markdown, significant
from harness.statistics import FEWEST_VALUES
from harness.statistics.steps import LASTING
from harness.text import counted, isolated, paragraph, text_table

__all__ = ["MOST_PICTURES", "MOST_SHOWN", "render_history", "render_history_markdown", "write_history"]

MOST_SHOWN = 10
"""Of how many cells the terminal shows the table, those with steps first."""
MOST_PICTURES = 24
"""Of how many cells a picture is drawn, those with steps first."""
_MOST_REASONS = 8  # how many lines tell what was left out

_TOO_FEW = "too few that count"

_HOW = f"""\
- A value stands with its own interval where it has one: that of an accuracy is for other test images, that of
  a time for its median over blocks. Neither tells what another run would give; the noise does.
- **Steps** are looked for in the values that count: those without a doubt. Where runs agree bit for bit there
  is no noise, and every change is a step, also one that a single run shows. Elsewhere a step is a change
  point found by PELT (Killick, Fearnhead and Eckley 2012) on absolute deviations from each level's median;
  times and memory by their logarithms. No value counts for more than a step must gain (a bounded loss,
  Fearnhead and Rigaill 2019), so an outlier moves no step. A level lasts {LASTING} runs at least: one or two
  runs far off are outliers, which are named and are no step. A series of fewer than {FEWEST_VALUES} values
  with noise cannot be judged.
- The **noise** is the standard deviation of one value, from the median of the differences between
  neighbouring runs, which steps hardly move; values very far off have no part in it. Of times it is never
  below what the machine resolves: the width of a tie where timing runs of the machine are among these runs,
  else the interval over blocks; of memory never below {100 * LEAST_OF_MEMORY:.0f} %.
- The penalty of a step is set so that one series in a hundred without any step shows one by chance. Noise
  that drifts (a machine that gets slower by and by) is not of that kind.
- A step is named by the last run before it and the first after it: what moved the metric lies between their
  commits, or in the versions that changed there. Where nothing changed that a result depends on (code,
  versions, recipe, settings), it is the machine, or what ran beside.
- Runs of other images or on another machine are never joined to a series. A machine is processor, cores,
  memory, system and GPUs; versions, settings and drivers are what may change on it."""


def render_history(history: History, *, width: int | None = None) -> str:
    """The history for a terminal: a table a cell, steps as sentences, and what was left out."""
    titles, order = _titles(history), _by_steps(history)
    parts = [paragraph(_head(history), width), paragraph(judged(history), width)]
    if notes := _notes(history):
        parts.append("\n".join(paragraph(line, width, mark="- ") for line in notes))
    for place in order[:MOST_SHOWN]:
        cell = history.cells[place]
        parts.append(_cell_text(titles[place], cell, width))
        parts += [paragraph(line, width, mark="- ") for line in _sentences(cell)]
    if (more := len(order) - MOST_SHOWN) > 0:
        histories = f"{more:,} more {'history' if more == 1 else 'histories'}"
        told = histories if _apart(history) else counted(more, "more cell")
        parts.append(f"{told} without room here: --cells chooses, history.md has all.")
    return "\n\n".join(parts)


def render_history_markdown(history: History, pictures: Mapping[int, str]) -> str:
    """The history as markdown; `pictures` names the picture of a cell by its place."""
    titles = [in_one_cell(title) for title in _titles(history)]
    parts = ["# History", _head(history)]
    if notes := _notes(history):
        parts.append("\n".join(f"- {in_one_cell(line)}" for line in notes))
    parts += ["## Steps", judged(history)]
    found = {place: lines for place, cell in enumerate(history.cells) if (lines := _sentences(cell))}
    for place, lines in found.items():
        parts += [f"### {titles[place]}", "\n".join(f"- {in_one_cell(line)}" for line in lines)]
    parts.append("## Cells")
    for place, cell in enumerate(history.cells):
        parts += _section(titles[place], cell, pictures.get(place, ""))
    return "\n\n".join([*parts, "## How to read it", _HOW]) + "\n"


def write_history(history: History, folder: Path) -> list[Path]:
    """Write history.md, history.json and a picture a cell (PNG and SVG) into a folder; return the files."""
    from harness.reports.plots.history import draw_history
    from harness.reports.plots.style import FORMATS, rendered

    several = [place for place in _by_steps(history) if len(history.cells[place].entries) > 1]
    pictures: dict[int, str] = {}
    written = [folder / "history.md", folder / "history.json"]
    for place in several[:MOST_PICTURES]:
        cell = history.cells[place]
        figure = draw_history(cell)
        if figure is None:
            continue
        pictures[place] = _file_name(cell)
        for kind in FORMATS:
            path = folder / f"{pictures[place]}.{kind}"
            write_whole(path, rendered(figure, kind, title=f"History: {cell.cell}"))
            written.append(path)
    text = json.dumps(history_facts(history), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "history.json", text + "\n")
    write_whole(folder / "history.md", render_history_markdown(history, pictures))
    return written


def _head(history: History) -> str:
    entries = [entry for cell in history.cells for entry in cell.entries]
    first, last = min(each.started for each in entries), max(each.started for each in entries)
    cells, machines = len({cell.cell for cell in history.cells}), len(history.machines)
    told = (
        f"{counted(cells, 'cell')} in {counted(history.runs, 'run')} on {counted(machines, 'machine')}, "
        f"{first:%Y-%m-%d} to {last:%Y-%m-%d}."
    )
    if _apart(history):
        told += f" In all {len(history.cells):,} histories: each machine and set of images has its own."
    return told


def _apart(history: History) -> bool:
    """Whether a cell has several histories, so that cells and histories are to be counted apart."""
    return len({cell.cell for cell in history.cells}) < len(history.cells)


def _notes(history: History) -> list[str]:
    """Machines apart, images apart, and what was left out; nothing where there is nothing to tell."""
    told = []
    machines = history.machines
    if len(machines) > 1:
        told += [f"machine {number}: {machine.name}" for number, machine in enumerate(machines, 1)]
        told.append("Each machine has a history of its own: nothing is compared between them.")
    manifests = {cell.manifest for cell in history.cells} - {""}
    if len(manifests) > 1:
        told.append(f"There are {len(manifests)} sets of images; each has a history of its own.")
    reasons: dict[str, list[str]] = {}
    for each in history.unread:
        reasons.setdefault(each.reason, []).append(isolated(each.name))
    lines = [f"Left out: {few(names)}: {reason}." for reason, names in reasons.items()]
    told += lines[:_MOST_REASONS]
    if len(lines) > _MOST_REASONS:
        rest = sum(map(len, list(reasons.values())[_MOST_REASONS:]))
        told.append(f"Left out: {rest:,} more for other reasons; history.json names them all.")
    if history.doubled:
        told.append(f"{counted(history.doubled, 'record')} found more than once count once.")
    if tied := sum(cell.tied for cell in history.cells):
        told.append(f"{counted(tied, 'pair')} of runs of a cell started at once: their order is not known.")
    return told


def _titles(history: History) -> list[str]:
    """The cells' names, and where several are of one name what tells them apart."""
    machines = {machine: f"machine {number}" for number, machine in enumerate(history.machines, 1)}
    images = Counter(name for name, _ in {(cell.cell, cell.manifest) for cell in history.cells})
    return [
        ", ".join(
            [
                cell.cell,
                *([machines[cell.machine]] if len(machines) > 1 else []),
                *([f"images {cell.manifest[:12]}"] if images[cell.cell] > 1 else []),
            ]
        )
        for cell in history.cells
    ]


def _by_steps(history: History) -> list[int]:
    """The places of the cells, those first of which there is something to say."""
    said = [bool(_sentences(cell)) for cell in history.cells]
    return sorted(range(len(history.cells)), key=lambda place: not said[place])


def _sentences(cell: CellHistory) -> list[str]:
    """A sentence for each step of a cell, and for each metric whose newest values are not settled."""
    lines = [step_sentence(cell, each, step) for each in cell.series for step in each.steps]
    return lines + [_unsettled(cell, each) for each in cell.series if each.unsettled]


def _unsettled(cell: CellHistory, series: Series) -> str:
    count, entry = len(series.unsettled), cell.entries[series.unsettled[0]]
    newest = "the newest value lies" if count == 1 else f"the newest {count} values lie"
    return (
        f"{series.metric.label}: {newest} far off the level before, from {commit_of(entry)} on; more runs "
        "will tell a step from an outlier"
    )


def _cell_text(title: str, cell: CellHistory, width: int | None) -> str:
    head = f"{isolated(title)}, {counted(len(cell.entries), 'run')}"
    if not cell.series:
        return f"{head}\nno result: {few(dict.fromkeys(entry.failure for entry in cell.entries))}"
    names = ("metric", "values that count", "first", "newest", "steps")
    columns: dict[str, list[str]] = {name: [] for name in names}
    for each in cell.series:
        values = [reading.value for reading in each.readings if reading is not None]
        steps = ", ".join(size_of(each, step) for step in each.steps)
        columns["metric"].append(_heading(each.metric))
        columns["values that count"].append(_counting(each))
        columns["first"].append(value_text(each, values[0]))
        columns["newest"].append(value_text(each, values[-1]))
        columns["steps"].append(steps or (_TOO_FEW if each.kind == "few" else "none"))
    table = text_table(columns, right=names[1:4], width=width, wrapped=["steps"])
    return f"{head}\n{table}"


def _section(title: str, cell: CellHistory, picture: str) -> list[str]:
    parts = [f"### {title}"]
    if picture:
        parts.append(f"![Values by run]({picture}.png)")
    lines = [_line(cell, place) for place in range(len(cell.entries))]
    frame = pd.DataFrame(lines)
    parts.append(markdown(frame, right=[_heading(each.metric) for each in cell.series]))
    if cell.series:
        told = pd.DataFrame([_told(each) for each in cell.series])
        parts.append(markdown(told, right={"values that count", "noise of a value", "newest level"}))
    return parts


def _line(cell: CellHistory, place: int) -> dict[str, str]:
    entry = cell.entries[place]
    line = {
        "started (UTC)": f"{entry.started:%Y-%m-%d %H:%M:%S}",
        "commit": entry.commit or "unknown",
        "run": in_one_cell(isolated(Path(entry.run).name or entry.run)),
    }
    for each in cell.series:
        line[_heading(each.metric)] = _value(each, place, entry)
    before = cell.entries[place - 1] if place else None
    line["changed from the run before"] = in_one_cell(few(changed(before, entry), 8)) if before else "-"
    return line


def _value(series: Series, place: int, entry: Entry) -> str:
    reading = series.readings[place]
    if reading is None:
        return entry.failure or "-"
    text = value_text(series, reading.value)
    if reading.interval is not None:
        low, high = (value_text(series, end) for end in (reading.interval.low, reading.interval.high))
        text += f" ({low} to {high})"
    told = [in_one_cell(reading.doubt)] if reading.doubt else []
    told += ["outlier"] if place in series.outliers else []
    text = ", ".join([text, *told])
    return f"**{text}, step**" if any(place == step.after for step in series.steps) else text


def _told(series: Series) -> dict[str, str]:
    """How steps were looked for in a series, and what came of it."""
    noise = "-"
    if series.kind == "exact":
        noise = "none"
    elif series.kind == "noisy":
        metric = series.metric
        unit = "points" if metric.unit == "%" else unit_of(metric)
        noise = significant(series.noise, 2, 100 if series.relative else metric.scale)
        noise += " %" if series.relative else f" {unit}".rstrip()
    looked = {"exact": "every change", "noisy": "PELT", "few": _TOO_FEW}[series.kind]
    return {
        "metric": _heading(series.metric),
        "values that count": _counting(series),
        "noise of a value": noise,
        "steps by": looked,
        "newest level": value_text(series, series.levels[-1][2]) if series.levels else "-",
        "steps": ", ".join(size_of(series, step) for step in series.steps)
        or ("-" if series.kind == "few" else "none"),
    }


def _counting(series: Series) -> str:
    """How many values steps were looked for in, of all there are: a value in doubt does not count."""
    return f"{len(series.used)} of {sum(each is not None for each in series.readings)}"


def _heading(metric: Metric) -> str:
    unit = unit_of(metric)
    return f"{metric.label} ({unit})" if unit else metric.label


def _file_name(cell: CellHistory) -> str:
    """A file name that is the cell's own, on any machine and any images."""
    whole = "\n".join((cell.cell, cell.machine.name, cell.manifest))
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', cell.cell)}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
