"""The markdown leaderboard of one run, from records alone.

Rows are ranked only beside rows of the same machine and versions, device, precision and images.
Random weights stand in a table of their own and have no rank, failed cells in another with their
reasons.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from harness.errors import UserError
from harness.published import published_training
from harness.records import Predictions, Record
from harness.reports.legend import legend, shortened_epochs
from harness.reports.tables import in_one_cell, machine, markdown, number
from harness.reports.timing_doubts import disturbances
from harness.running.folder import RunFacts, RunFolder
from harness.statistics import ranks, wilson

__all__ = ["leaders", "read_run", "render_leaderboard"]

_Row = tuple[Record, Predictions]


def read_run(folder: RunFolder) -> tuple[RunFacts, list[Record]]:
    """The facts of a run and the records of its last plan, in the plan's order.

    Raises `UserError` if there is no run, or no record in it.
    """
    facts = folder.facts()
    found = {(record.name, record.key): record for record in folder.records.load()}
    records = [found[cell.name, cell.key] for cell in facts.cells if (cell.name, cell.key) in found]
    if not records:
        raise UserError(
            "this run has no records yet",
            where=str(folder.path),
            hint="Run its matrix again; finished cells are kept.",
        )
    return facts, records


def render_leaderboard(folder: RunFolder) -> str:
    """Render a run's leaderboard as markdown."""
    facts, records = read_run(folder)
    done = [(record, folder.records.predictions(record)) for record in records if record.status == "ok"]
    ranked = [row for row in done if row[0].weights.kind != "random"]
    random = [row for row in done if row[0].weights.kind == "random"]
    failed = [record for record in records if record.status != "ok"]
    missing = [cell.name for cell in facts.cells if cell.name not in {record.name for record in records}]
    parts = [_header(facts, records)]
    groups = _comparable(ranked)
    parts += [_ranked(rows, named=len(groups) > 1) for rows in groups]
    if random:
        parts.append(_controls(random, ranked))
    if failed or missing:
        parts.append(_incomplete(failed, missing))
    parts.append(legend(records))
    return "\n\n".join(parts) + "\n"


def leaders(folder: RunFolder) -> list[Record]:
    """The first row of every ranked table: one record for each group that is compared, best or tied."""
    _, records = read_run(folder)
    done = [(record, folder.records.predictions(record)) for record in records if record.status == "ok"]
    ranked = [row for row in done if row[0].weights.kind != "random"]
    return [_by_accuracy(rows)[0][0] for rows in _comparable(ranked)]


def _comparable(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Rows grouped by what must be equal for a comparison to mean anything."""
    groups: dict[tuple[str, ...], list[_Row]] = defaultdict(list)
    for row in rows:
        record = row[0]
        groups[
            record.environment.fingerprint,
            record.cell.device,
            record.cell.precision,
            record.data.manifest_sha256,
        ].append(row)
    return list(groups.values())


def _header(facts: RunFacts, records: Sequence[Record]) -> str:
    first = records[0]
    counts = first.data.counts
    images = ", ".join(f"{sum(counts[split].values()):,} {split}" for split in counts)
    environments = {record.environment.fingerprint: record.environment for record in records}
    machines = [
        f"{machine(environment)} (environment {fingerprint})"
        for fingerprint, environment in environments.items()
    ]
    commits = sorted({record.commit or "unknown" for record in records})
    started = min(record.started for record in records)[:10]
    weights = {
        f"{record.weights.name} "
        f"({record.weights.sha256[:12]}, {record.weights.origin}{_unlike(record)})": None
        for record in records
        if record.weights.name
    }
    recipes = {record.recipe.name: record.recipe.summary for record in records}
    lines = [
        f"# Leaderboard: {facts.matrix}",
        "",
        f"- command: `{facts.command}`",
        f"- machine: {'; '.join(machines)}",
        f"- harness commit: {', '.join(commits)}; first cell started {started}",
        (
            f"- images ({facts.data}): {images}; {len(first.data.classes)} classes "
            f"({', '.join(first.data.classes[:8])}"
            f"{', ...' if len(first.data.classes) > 8 else ''}); {first.data.left_out} files left out; "
            f"manifest {first.data.manifest_sha256[:12]}"
        ),
        *(f"- recipe {name}: {summary}" for name, summary in recipes.items()),
        f"- weights: {', '.join(weights) or 'no file'}",
    ]
    return "\n".join(lines)


def _unlike(record: Record) -> str:
    return ", not the file that Keras publishes" if record.weights.published is False else ""


def _ranked(rows: Sequence[_Row], *, named: bool) -> str:
    ordered = _by_accuracy(rows)
    placed = ranks([predictions.correct for _, predictions in ordered])
    first = ordered[0][0]
    title = "## Ranked by test accuracy"
    if named:
        title += (
            f" (environment {first.environment.fingerprint}, {first.cell.device}, {first.cell.precision})"
        )
    frame = _frame([record for record, _ in ordered])
    frame.insert(0, "rank", [str(rank) for rank in placed])
    ties = sum(rank == 1 for rank in placed)
    verdict = (
        f"{ties} of {len(ordered)} rows share the first rank: the test images cannot tell them apart "
        "at the 5 % level."
        if ties > 1
        else "The first row is significantly better than every other."
        if len(ordered) > 1
        else ""
    )
    short = "\n".join(f"- {line}" for line in shortened_epochs([record for record, _ in ordered]))
    return "\n\n".join(part for part in (title, verdict, short, _table(frame)) if part)


def _controls(rows: Sequence[_Row], ranked: Sequence[_Row]) -> str:
    lines = ["## Controls: random base, never ranked", ""]
    told = _against_random(rows, ranked)
    told += [f"- {line}" for line in shortened_epochs([record for record, _ in rows])]
    if told:
        lines += [*told, ""]
    lines.append(_table(_frame([record for record, _ in _by_accuracy(rows)])))
    return "\n".join(lines)


def _against_random(rows: Sequence[_Row], ranked: Sequence[_Row]) -> list[str]:
    """What pretrained weights are worth: the same cell with and without them, on the same images."""

    def identity(record: Record) -> tuple[object, ...]:
        cell = record.cell
        return replace(cell, weights=""), record.data.manifest_sha256

    trained = defaultdict(list)
    for record, _ in ranked:
        trained[identity(record)].append(record)
    lines = []
    for record, _ in rows:
        for other in trained[identity(record)]:
            ours, theirs = record.measured.test_accuracy, other.measured.test_accuracy
            if ours is not None and theirs is not None:
                lines.append(
                    f"- {record.cell.backbone}, {record.cell.label}: weights {other.weights.kind!r} are "
                    f"{100 * (theirs - ours):+.1f} points against a random base"
                )
    return lines


def _incomplete(failed: Sequence[Record], missing: Sequence[str]) -> str:
    rows = [(record.name, str(record.status), in_one_cell(record.reason)) for record in failed]
    rows += [(name, "not run", "the run was interrupted before this cell") for name in missing]
    frame = pd.DataFrame(rows, columns=["cell", "status", "reason"])
    return f"## Without a result\n\n{_table(frame)}"


def _by_accuracy(rows: Sequence[_Row]) -> list[_Row]:
    """Most accurate first; ties by loss, then by name, so that the order never changes."""

    def order(row: _Row) -> tuple[float, float, str]:
        measured = row[0].measured
        return (-(measured.test_accuracy or 0.0), measured.test_loss or 0.0, row[0].name)

    return sorted(rows, key=order)


def _frame(records: Sequence[Record]) -> pd.DataFrame:
    columns: dict[str, Callable[[Record], str]] = {
        "backbone": lambda record: record.cell.backbone,
        "weights": lambda record: record.weights.kind,
        "strategy": lambda record: record.cell.label,
        "recipe": lambda record: record.cell.recipe,
        "device": lambda record: record.cell.device,
        "precision": lambda record: record.cell.precision,
        "size (px)": lambda record: str(record.cell.size),
        "seed": lambda record: str(record.cell.seed),
        "test accuracy (%)": lambda record: _percent(record.measured.test_accuracy),
        "95 % interval": _interval,
        "published (%)": _published,
        "test loss": lambda record: number(record.measured.test_loss, 3),
        "published loss": _published_loss,
        "gap (points)": lambda record: number(record.gap, 1, 100),
        "gap opens (epoch)": lambda record: _count(record.gap_opens_at),
        "epoch": _epoch,
        "train (ms/step)": lambda record: _step(record, "train_step"),
        "inference (ms/step)": lambda record: _step(record, "inference_step"),
        "to result (s)": lambda record: number(
            record.measured.seconds.to_result if record.measured.seconds else None, 0
        ),
        "parameters (M)": lambda record: number(record.measured.parameters, 2, 1e-6),
        "trainable (M)": lambda record: number(record.measured.parameters_trainable, 2, 1e-6),
        "peak memory (MB)": lambda record: number(
            record.memory.peak_bytes if record.memory else None, 0, 1e-6
        ),
    }
    cells = {name: [render(record) for record in records] for name, render in columns.items()}
    # Said only where it tells rows apart.
    same = {name for name in ("weights", "recipe", "device", "precision") if len(set(cells[name])) == 1}
    same |= {name for name in ("published (%)", "published loss") if set(cells[name]) == {"-"}}
    return pd.DataFrame({name: column for name, column in cells.items() if name not in same})


def _interval(record: Record) -> str:
    measured = record.measured
    if measured.test_accuracy is None or measured.test_images is None:
        return "-"
    low, high = wilson(round(measured.test_accuracy * measured.test_images), measured.test_images)
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _published(record: Record) -> str:
    training = published_training(record)
    if training is None:
        return "-"
    if training.test_accuracy is not None:
        return _percent(training.test_accuracy)
    return f"{_percent(training.last_validation_accuracy)} val."


def _published_loss(record: Record) -> str:
    training = published_training(record)
    return number(training.test_loss if training else None, 3)


def _epoch(record: Record) -> str:
    """The chosen epoch; a linear probe has tried strengths instead."""
    chosen = record.measured.chosen
    return "-" if chosen is None or chosen.strength is not None else str(chosen.epoch)


def _step(record: Record, kind: str) -> str:
    times = getattr(record.measured, kind)
    if times is None:
        return "-"
    mark = "" if times.stable else " (unstable)"
    return f"{times.milliseconds:.1f}{' (disturbed)' if any(disturbances(times.state)) else mark}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _table(frame: pd.DataFrame) -> str:
    numeric = ("(", "seed", "loss", "epoch", "rank")
    return markdown(frame, right=[name for name in frame.columns if any(mark in name for mark in numeric)])
