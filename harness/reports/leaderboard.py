"""The markdown leaderboard of one run, from records alone.

Rows are ranked only beside rows of the same machine and versions, device, precision and images.
Random weights stand in a table of their own and have no rank, failed cells in another with their
reasons.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from harness.published import published_training
from harness.records import Record
from harness.reports.legend import legend, shortened_epochs
from harness.reports.standings import Ranked, read_standings
from harness.reports.tables import commits, in_one_cell, machine, markdown, number
from harness.reports.text import counted
from harness.reports.timing_doubts import disturbances
from harness.running.folder import RunFacts, RunFolder
from harness.statistics import wilson

__all__ = ["columns", "render_leaderboard"]


def render_leaderboard(folder: RunFolder) -> str:
    """Render a run's leaderboard as markdown."""
    found = read_standings(folder)
    parts = [_header(found.facts, found.records)]
    parts += [_ranked(each, named=len(found.ranked) > 1) for each in found.ranked]
    if found.random:
        parts.append(_controls(found.random, [record for each in found.ranked for record in each.records]))
    if found.failed or found.missing:
        parts.append(_incomplete(found.failed, found.missing))
    parts.append(legend(found.records))
    return "\n\n".join(parts) + "\n"


def _header(facts: RunFacts, records: Sequence[Record]) -> str:
    first = records[0]
    counts = first.data.counts
    images = ", ".join(f"{sum(counts[split].values()):,} {split}" for split in counts)
    environments = {record.environment.fingerprint: record.environment for record in records}
    machines = [
        f"{machine(environment)} (environment {fingerprint})"
        for fingerprint, environment in environments.items()
    ]
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
        f"- harness commit: {commits(record.commit for record in records)}; first cell started {started}",
        (
            f"- images ({facts.data}): {images}; {len(first.data.classes)} classes "
            f"({', '.join(first.data.classes[:8])}"
            f"{', ...' if len(first.data.classes) > 8 else ''}); "
            f"{counted(first.data.left_out, 'file')} left out; manifest {first.data.manifest_sha256[:12]}"
        ),
        *(f"- recipe {name}: {summary}" for name, summary in recipes.items()),
        f"- weights: {', '.join(weights) or 'no file'}",
    ]
    return "\n".join(lines)


def _unlike(record: Record) -> str:
    return ", not the file that Keras publishes" if record.weights.published is False else ""


def _ranked(rows: Ranked, *, named: bool) -> str:
    first = rows.records[0]
    title = "## Ranked by test accuracy"
    if named:
        title += (
            f" (environment {first.environment.fingerprint}, {first.cell.device}, {first.cell.precision})"
        )
    frame = pd.DataFrame(columns(rows.records))
    frame.insert(0, "rank", [str(rank) for rank in rows.ranks])
    short = "\n".join(f"- {line}" for line in shortened_epochs(rows.records))
    return "\n\n".join(part for part in (title, rows.verdict, short, _table(frame)) if part)


def _controls(random: Sequence[Record], ranked: Sequence[Record]) -> str:
    lines = ["## Controls: random base, never ranked", ""]
    told = _against_random(random, ranked)
    told += [f"- {line}" for line in shortened_epochs(random)]
    if told:
        lines += [*told, ""]
    lines.append(_table(pd.DataFrame(columns(random))))
    return "\n".join(lines)


def _against_random(random: Sequence[Record], ranked: Sequence[Record]) -> list[str]:
    """What pretrained weights are worth: the same cell with and without them, on the same images."""

    def identity(record: Record) -> tuple[object, ...]:
        cell = record.cell
        return replace(cell, weights=""), record.data.manifest_sha256

    trained = defaultdict(list)
    for record in ranked:
        trained[identity(record)].append(record)
    lines = []
    for record in random:
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


def columns(records: Sequence[Record]) -> dict[str, list[str]]:
    """The columns of these records by their headings, without those that tell no rows apart."""
    every: dict[str, Callable[[Record], str]] = {
        "backbone": lambda record: record.cell.backbone,
        "weights": lambda record: record.weights.kind,
        "strategy": lambda record: record.cell.label,
        "recipe": lambda record: record.cell.recipe,
        "device": lambda record: record.cell.device,
        "precision": lambda record: record.cell.precision,
        "size (px)": lambda record: str(record.cell.size),
        "train images": _train_images,
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
    cells = {name: [render(record) for record in records] for name, render in every.items()}
    # Said only where it tells rows apart, or from what the header says of the images.
    same = {name for name in ("weights", "recipe", "device", "precision") if len(set(cells[name])) == 1}
    same |= {name for name in ("published (%)", "published loss") if set(cells[name]) == {"-"}}
    if all(record.cell.train_images is None for record in records):
        same.add("train images")
    return {name: column for name, column in cells.items() if name not in same}


def _train_images(record: Record) -> str:
    if record.cell.train_images is not None:
        return f"{record.cell.train_images:,}"
    return f"{sum(record.data.counts['train'].values()):,} (all)"


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
    numeric = ("(", "seed", "loss", "epoch", "rank", "images")
    return markdown(frame, right=[name for name in frame.columns if any(mark in name for mark in numeric)])
