"""The markdown leaderboard of one run, from records alone.

Rows are ranked only beside rows of the same machine and versions, device, precision and images.
Random weights stand in a table of their own and have no rank; rows that lack a seed and failed cells in
others, with their reasons.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from harness.analysis.device_times import other_devices
from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings, read_standings
from harness.analysis.timing_rows import TimingRow
from harness.records import Record
from harness.reports.columns import columns, numeric
from harness.reports.legend import legend, shortened_epochs, title, verdict
from harness.reports.tables import commits, in_one_cell, machine, markdown
from harness.running.folder import RunFacts, RunFolder
from harness.text import counted, isolated

__all__ = ["MOST_ROWS", "against_random", "header", "leaderboard", "render_leaderboard"]

MOST_ROWS = 200
"""How many rows of a table a leaderboard shows; the exports have all."""


def render_leaderboard(folder: RunFolder) -> str:
    """Render a run's leaderboard as markdown."""
    return leaderboard(read_standings(folder))


def leaderboard(found: Standings, timings: Sequence[TimingRow] = (), *, more: str = "comparisons.md") -> str:
    """The leaderboard of a run that has been read, as markdown.

    `timings` give the times on other devices; `more` is where the comparisons lie, seen from here.
    """
    parts = [f"{_header(found.facts, found.records, timings)}\n- beside it: [comparisons]({more})"]
    parts += [_ranked(each, found, timings, named=len(found.tables) > 1) for each in found.tables]
    if found.controls:
        ranked = [row for table in found.tables for row in table.rows]
        parts.append(_controls(found.controls, ranked))
    if found.partial:
        parts.append(_partial(found.partial))
    if found.failed or found.missing:
        parts.append(_incomplete(found.failed, found.missing))
    parts.append(legend(found))
    return "\n\n".join(parts) + "\n"


def _header(facts: RunFacts, records: Sequence[Record], timings: Sequence[TimingRow] = ()) -> str:
    lines = [
        f"- {name}: {f'`{text}`' if name == 'command' else text}"
        for name, text in header(facts, records, timings)
    ]
    return "\n".join([f"# Leaderboard: {facts.matrix}", "", *lines])


def header(
    facts: RunFacts, records: Sequence[Record], timings: Sequence[TimingRow] = ()
) -> list[tuple[str, str]]:
    """What was run, where and on what, as names and texts; of `timings` the machines."""
    first = records[0]
    counts = first.data.counts
    images = ", ".join(f"{sum(counts[split].values()):,} {split}" for split in counts)
    environments = {record.environment.fingerprint: record.environment for record in records}
    machines = [
        f"{machine(environment)} (environment {fingerprint})"
        for fingerprint, environment in environments.items()
    ]
    timed = dict.fromkeys(
        (
            row.cell.device,
            f"{machine(row.environment)} (environment {row.environment.fingerprint}); its "
            "report says why a time is doubtful",
        )
        for row in timings
    )
    started = min(record.started for record in records)[:10]
    weights = {
        f"{record.weights.name} "
        f"({record.weights.sha256[:12]}, {record.weights.origin}{_unlike(record)})": None
        for record in records
        if record.weights.name
    }
    recipes = {record.recipe.name: record.recipe.summary for record in records}
    harness = f"{commits(record.commit for record in records)}; first cell started {started}"
    return [
        ("command", facts.command),
        ("machine", "; ".join(machines)),
        *((f"times on {device} from a timing run", text) for device, text in timed),
        ("harness commit", harness),
        (
            f"images ({facts.data})",
            f"{images}; {len(first.data.classes)} classes "
            f"({', '.join(map(isolated, first.data.classes[:8]))}"
            f"{', ...' if len(first.data.classes) > 8 else ''}); "
            f"{counted(first.data.left_out, 'file')} left out; manifest {first.data.manifest_sha256[:12]}",
        ),
        *((f"recipe {name}", summary) for name, summary in recipes.items()),
        ("weights", ", ".join(weights) or "no file"),
    ]


def _unlike(record: Record) -> str:
    return ", not the file that Keras publishes" if record.weights.published is False else ""


def _ranked(table: Table, found: Standings, timings: Sequence[TimingRow] = (), *, named: bool) -> str:
    shown = table.rows[:MOST_ROWS]
    firsts = [row.first for row in shown]
    short = [f"- {line}" for line in shortened_epochs(record for row in table.rows for record in row.records)]
    more = len(table.rows) - len(shown)
    rest = f"The first {len(shown)} of {len(table.rows):,} rows; `transferbench table` writes all."
    parts = (
        f"## {title(table, named=named)}",
        verdict(table),
        "\n".join(short),
        _table(columns(shown, devices=other_devices(firsts, found.records, timings), marked=True)),
        rest if more else "",
    )
    return "\n\n".join(filter(None, parts))


def _controls(random: Sequence[Row], ranked: Sequence[Row]) -> str:
    lines = ["## Controls: random base, never ranked", ""]
    told = [f"- {line}" for line in against_random(random, ranked)]
    told += [f"- {line}" for line in shortened_epochs(record for row in random for record in row.records)]
    if told:
        lines += [*told, ""]
    lines.append(_table(columns(random)))
    return "\n".join(lines)


def against_random(random: Sequence[Row], ranked: Sequence[Row]) -> list[str]:
    """What pretrained weights are worth: the same cell with and without them, on the same images.

    A sentence for each pair.
    """
    if not random:
        return []

    def identity(row: Row) -> tuple[object, ...]:
        return replace(row.cell, weights="", seed=0), row.seeds, row.first.data.manifest_sha256

    trained = defaultdict(list)
    for row in ranked:
        trained[identity(row)].append(row)
    return [
        f"{row.cell.backbone}, {row.cell.label}: weights {other.first.weights.kind!r} are "
        f"{100 * (other.accuracy - row.accuracy):+.1f} points against a random base"
        for row in random
        for other in trained[identity(row)]
    ]


def _partial(rows: Sequence[Row]) -> str:
    lines = [
        "## Some seeds have no result, so not ranked",
        "",
        "What fails is seldom the average seed: these figures are of the seeds that are there.",
        "",
        _table(columns(rows)),
    ]
    return "\n".join(lines)


def _incomplete(failed: Sequence[Record], missing: Sequence[tuple[str, str]]) -> str:
    rows = [(record.name, str(record.status), record.reason) for record in failed]
    rows += [(name, "not run", reason) for name, reason in missing]
    shown = [(name, status, in_one_cell(reason)) for name, status, reason in rows[:MOST_ROWS]]
    frame = pd.DataFrame(shown, columns=["cell", "status", "reason"])
    rest = f"\n\nThe first {len(shown)} of {len(rows):,} cells." if len(rows) > len(shown) else ""
    return f"## Without a result\n\n{markdown(frame, right=())}{rest}"


def _table(found: dict[str, list[str]]) -> str:
    return markdown(pd.DataFrame(found), right=[name for name in found if numeric(name)])
