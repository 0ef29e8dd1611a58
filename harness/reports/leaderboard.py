"""The markdown leaderboard of one run, from records alone.

Rows are ranked only beside rows of the same machine and versions, device, precision and images.
Random weights stand in a table of their own and have no rank, failed cells in another with their
reasons.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import pandas as pd

from harness.errors import UserError
from harness.records import Predictions, Record
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
    parts.append(_legend(records))
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
        f"{environment.processor}, {environment.cores} cores, "
        f"{environment.memory_bytes / 2**30:.0f} GiB, {environment.system}; "
        f"Python {environment.python}, Keras {environment.libraries['keras']}, "
        f"TensorFlow {environment.libraries['tensorflow']} (environment {fingerprint})"
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
    return "\n\n".join(part for part in (title, verdict, _table(frame)) if part)


def _controls(rows: Sequence[_Row], ranked: Sequence[_Row]) -> str:
    lines = ["## Controls: random base, never ranked", ""]
    compared = _against_random(rows, ranked)
    if compared:
        lines += [*compared, ""]
    lines.append(_table(_frame([record for record, _ in _by_accuracy(rows)])))
    return "\n".join(lines)


def _against_random(rows: Sequence[_Row], ranked: Sequence[_Row]) -> list[str]:
    """What pretrained weights are worth: the same cell with and without them, on the same images."""

    def identity(record: Record) -> tuple[object, ...]:
        cell = record.cell
        shared = (cell.backbone, cell.strategy, cell.depth, cell.recipe, cell.size, cell.seed)
        return (*shared, cell.device, cell.precision, record.data.manifest_sha256)

    trained = {identity(record): record for record, _ in ranked}
    lines = []
    for record, _ in rows:
        other = trained.get(identity(record))
        ours = record.measured.test_accuracy
        theirs = other.measured.test_accuracy if other else None
        if other and ours is not None and theirs is not None:
            points = 100 * (theirs - ours)
            lines.append(
                f"- {record.cell.backbone}, {record.cell.label}: weights {other.weights.kind!r} are "
                f"{points:+.1f} points against a random base"
            )
    return lines


def _incomplete(failed: Sequence[Record], missing: Sequence[str]) -> str:
    rows = [(record.name, str(record.status), _in_one_cell(record.reason)) for record in failed]
    rows += [(name, "not run", "the run was interrupted before this cell") for name in missing]
    frame = pd.DataFrame(rows, columns=["cell", "status", "reason"])
    return f"## Without a result\n\n{_table(frame)}"


def _in_one_cell(text: str) -> str:
    """A text that can stand in a markdown table: without line breaks, its bars escaped."""
    return " ".join(text.split()).replace("|", r"\|")


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
        "test loss": lambda record: _number(record.measured.test_loss, 3),
        "gap (points)": lambda record: _number(record.gap, 1, 100),
        "gap opens (epoch)": lambda record: _count(record.gap_opens_at),
        "epoch": lambda record: _count(record.measured.chosen.epoch if record.measured.chosen else None),
        "train (ms/step)": lambda record: _step(record, "train_step"),
        "inference (ms/step)": lambda record: _step(record, "inference_step"),
        "to result (s)": lambda record: _number(
            record.measured.seconds.to_result if record.measured.seconds else None, 0
        ),
        "parameters (M)": lambda record: _number(record.measured.parameters, 2, 1e-6),
        "trainable (M)": lambda record: _number(record.measured.parameters_trainable, 2, 1e-6),
        "peak memory (MB)": lambda record: _number(
            record.memory.peak_bytes if record.memory else None, 0, 1e-6
        ),
    }
    cells = {name: [render(record) for record in records] for name, render in columns.items()}
    # Said only where it tells rows apart.
    same = {name for name in ("weights", "recipe", "device", "precision") if len(set(cells[name])) == 1}
    return pd.DataFrame({name: column for name, column in cells.items() if name not in same})


def _interval(record: Record) -> str:
    measured = record.measured
    if measured.test_accuracy is None or measured.test_images is None:
        return "-"
    low, high = wilson(round(measured.test_accuracy * measured.test_images), measured.test_images)
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _step(record: Record, kind: str) -> str:
    times = getattr(record.measured, kind)
    if times is None:
        return "-"
    return f"{times.milliseconds:.1f}" + ("" if times.stable else " (unstable)")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _number(value: float | None, digits: int, factor: float = 1.0) -> str:
    return "-" if value is None else f"{round(factor * value, digits) + 0.0:,.{digits}f}"


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _table(frame: pd.DataFrame) -> str:
    numeric = ("(", "seed", "test loss", "epoch", "rank")
    align = ["right" if any(mark in name for mark in numeric) else "left" for name in frame.columns]
    return frame.to_markdown(index=False, disable_numparse=True, colalign=align) or ""


def _legend(records: Sequence[Record]) -> str:
    inherited = max((record.memory.inherited_bytes for record in records if record.memory), default=0)
    last = sorted({record.recipe.name for record in records if record.recipe.select == "last"})
    exception = f" (recipe {', '.join(last)}: the last epoch)" if last else ""
    notes = (
        "A row's rank is one plus the number of rows that are significantly better: exact McNemar "
        "tests on the same test images, Holm's correction over all pairs of the table. Rows of "
        "rank 1 cannot be told apart from the best.",
        "The interval is Wilson's, from the number of test images alone; it does not include the "
        "spread over seeds, and very near 100 % it covers less than 95 %.",
        f"Epochs are chosen on validation loss{exception}; the test images are read once, after that.",
        "The gap is training minus validation accuracy at the chosen epoch; training accuracy is a "
        "running mean with dropout and augmentation on. It opens at the first epoch of the last phase "
        "from which it stays larger than the validation set's 95 % half-width.",
        "Train and inference times are medians over blocks of steps of one resident batch (32 images "
        "unless the recipe says otherwise), after warm-up, in a pass of their own; loading and "
        "augmentation are not in them. The train step of fast extraction is a step of its head on "
        "cached features.",
        "To result: decoding, feature extraction, training and validation, as if nothing had been cached.",
        f"Peak memory: {_MEMORY} of the cell's process, {inherited / 1e6:,.0f} MB of which it held "
        "before it began (Keras and TensorFlow).",
    )
    return "\n".join(["## How to read this", "", *(f"- {note}" for note in notes)])


_MEMORY = "anonymous memory (resident memory where the system does not tell it)"
