"""A run: every cell of a matrix brought to a record, finished ones returned as they are.

The order is: list the images, plan, fetch missing weights, decode, then cell by cell.  What can
be found wrong without building a model is found before the first cell starts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.data.manifest import Manifest
from harness.data.pixels import PixelCache, build_pixels
from harness.data.sources import Source, open_source
from harness.environment import code_sha256, commit, current_environment
from harness.errors import UserError
from harness.export.model_file import Keep, ModelFacts
from harness.matrix import Matrix
from harness.metrics import MARGINS
from harness.records import DataFacts, Measured, Memory, Record, WeightsFacts, file_stem, gap_opens_at
from harness.running.executor import Executor
from harness.running.folder import PlannedCell, RunFacts, RunFolder
from harness.running.job import Job, Outcome
from harness.running.planner import Planned, input_key, make_plan, require_parts, without_unsuited
from harness.running.prefetch import fetch_missing
from harness.running.view import RunView

__all__ = ["Request", "run_matrix"]


@dataclass(frozen=True)
class Request:
    """What the user asked for: the matrix, where things are, and the command as it was typed.

    With `save_models` each cell's model is kept, and one without its model is not finished.
    """

    matrix: Matrix
    data: Path | None
    weights_dir: Path | None
    out: Path
    cache: Path
    offline: bool
    command: str
    save_models: bool = False


@dataclass(frozen=True)
class _Run:
    """What is the same for every cell of one run."""

    request: Request
    folder: RunFolder
    manifest: Manifest
    commit: str
    executor: Executor
    view: RunView


def run_matrix(request: Request, executor: Executor, view: RunView) -> list[Record]:
    """Run what is not finished yet and return the records of all cells, in the matrix's order.

    Raises `UserError` before anything runs if the input cannot be used.
    """
    if request.cache.resolve().is_relative_to(request.out.resolve()):
        raise UserError(
            "the cache would lie inside the run's folder",
            where=str(request.cache),
            hint="Name a folder elsewhere with --cache; caches are shared by runs.",
        )
    source = open_source(request.matrix.data, request.data, request.cache, offline=request.offline)
    with view.step("listing images") as progress:
        manifest = source.manifest(progress)
    view.images(manifest)
    folder = RunFolder(request.out)
    plan = make_plan(request.matrix, request.weights_dir, offline=request.offline)
    plan = without_unsuited(plan, manifest.classes)
    require_parts(plan, manifest)
    facts = _facts(request, manifest, plan)
    with folder.claim(facts):
        manifest.save(folder.manifest)
        if not request.offline:
            plan = fetch_missing(plan, request.weights_dir, executor, view)
            facts = _facts(request, manifest, plan)
            folder.write_facts(facts)
        run = _Run(request, folder, manifest, commit(), executor, view)
        finished, others = _on_file(folder, facts)
        found, before = len(finished), finished
        if request.save_models:
            finished = {each: record for each, record in finished.items() if _has_model(folder, record)}
        view.plan(len(plan), len(finished), others, without_model=found - len(finished))
        pixels = _decode(run, source, [each for each in plan if _identity(run, each) not in finished])
        records = []
        for planned in plan:
            record = finished.get(_identity(run, planned))
            if record is None:
                record = _one(run, planned, pixels, before.get(_identity(run, planned)))
            records.append(record)
            view.ended(record)
    return records


def _key(run: _Run, planned: Planned) -> str:
    return input_key(planned, run.manifest.sha256)


def _identity(run: _Run, planned: Planned) -> tuple[str, str]:
    """Name and key: recipes of different names may have one content, and so one key."""
    return planned.cell.name, _key(run, planned)


def _facts(request: Request, manifest: Manifest, plan: list[Planned]) -> RunFacts:
    # All of them, those that the matrix does not mention too: a baseline keeps the margins that it was made
    # with, whatever becomes the usual one later.
    usual = {name: margin.value for name, margin in MARGINS.items()}
    own = request.matrix.cell_margins()
    cells = tuple(
        PlannedCell(
            name=planned.cell.name,
            key=input_key(planned, manifest.sha256),
            margins=usual | own[planned.cell.name],
        )
        for planned in plan
    )
    return RunFacts(
        matrix=request.matrix.name,
        command=request.command,
        data=request.matrix.data.source,
        manifest_sha256=manifest.sha256,
        cells=cells,
    )


def _on_file(folder: RunFolder, facts: RunFacts) -> tuple[dict[tuple[str, str], Record], int]:
    """The records that need not be made again, and how many belong to other data or settings.

    The former have a planned cell's name and key, and an end that is a result: a diverged training
    diverges again; every other failure is tried again.
    """
    wanted = {(cell.name, cell.key) for cell in facts.cells}
    records = {(record.name, record.key): record for record in folder.records.load()}
    finished = {
        identity: record
        for identity, record in records.items()
        if identity in wanted and record.status in ("ok", "diverged")
    }
    return finished, len(records.keys() - wanted)


def _has_model(folder: RunFolder, record: Record) -> bool:
    """Whether a record's model was kept; a failed cell has none to keep."""
    return record.status != "ok" or folder.model(record.file_stem).is_file()


def _decode(run: _Run, source: Source, pending: list[Planned]) -> dict[tuple[int, str], PixelCache]:
    """Decode and resize the images once for every size and method that a pending cell needs."""
    wanted = sorted({(each.cell.size, each.recipe.resize) for each in pending if not each.skip})
    pixels: dict[tuple[int, str], PixelCache] = {}
    for size, method in wanted:
        with run.view.step(f"decoding at {size} px") as progress:
            pixels[size, method] = build_pixels(
                run.manifest, source, size, method, run.request.cache, progress
            )
    return pixels


def _one(
    run: _Run, planned: Planned, pixels: dict[tuple[int, str], PixelCache], before: Record | None
) -> Record:
    """Run one cell, or skip it for its reason, and store its record.

    `before` is the result of a cell that is run again for its model; where that fails it stays on file.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    run.view.started(planned.cell)
    outcome, memory, pixels_sha256 = Outcome("skipped", planned.skip, Measured()), None, ""
    stem = file_stem(planned.cell.name, _key(run, planned))
    model, unfinished = run.folder.model(stem), run.folder.unfinished_model(stem)
    # A model that is there belongs to the record that is there, whenever this is interrupted: the old
    # one goes before the cell runs, and the new one gets its name after the record.
    model.unlink(missing_ok=True)
    if not planned.skip:
        decoded = pixels[planned.cell.size, planned.recipe.resize]
        pixels_sha256 = decoded.sha256
        job = Job(
            planned=planned,
            manifest=run.folder.manifest.resolve(),
            pixels=decoded.folder.resolve(),
            decode_seconds=decoded.seconds,
            cache=run.request.cache.resolve(),
            log=(run.folder.logs / f"{stem}.log").resolve(),
            environment=current_environment().fingerprint,
            code=code_sha256(),
            keep=Keep(unfinished.resolve(), _model_facts(run, planned)) if run.request.save_models else None,
        )
        limit = 60 * run.request.matrix.minutes_per_cell
        outcome, memory = run.executor.run(job, limit, run.view.progress)
    record = _record(run, planned, outcome, memory, started, pixels_sha256)
    if before is None or outcome.status == "ok":
        run.folder.records.save(record, outcome.predictions)
    if run.request.save_models and outcome.status == "ok":
        unfinished.replace(model)
    else:
        unfinished.unlink(missing_ok=True)
    return record


def _model_facts(run: _Run, planned: Planned) -> ModelFacts:
    cell = planned.cell
    return ModelFacts(
        classes=run.manifest.classes,
        size=cell.size,
        resize=planned.recipe.resize,
        preprocessing=planned.recipe.preprocessing,
        cell=cell.name,
        key=_key(run, planned),
        backbone=cell.backbone,
        strategy=cell.label,
        recipe=cell.recipe,
        weights=cell.weights,
        weights_sha256=planned.weights.sha256 if planned.weights else "",
        manifest_sha256=run.manifest.sha256,
        commit=run.commit,
    )


def _record(
    run: _Run, planned: Planned, outcome: Outcome, memory: Memory | None, started: str, pixels_sha256: str
) -> Record:
    history, chosen = outcome.measured.history, outcome.measured.chosen
    counts = run.manifest.counts()
    gap = None
    if chosen is not None and chosen.accuracy is not None and chosen.validation_accuracy is not None:
        gap = chosen.accuracy - chosen.validation_accuracy
    if memory is not None:
        # Features that an earlier cell extracted are a part of this one's cost too.
        peak = max(memory.peak_bytes, outcome.measured.extraction_peak_bytes)
        memory = memory.model_copy(update={"peak_bytes": peak})
    weights = planned.weights
    return Record(
        status=outcome.status,
        reason=outcome.reason,
        name=planned.cell.name,
        key=_key(run, planned),
        cell=planned.cell,
        recipe=planned.recipe,
        phases=planned.phases,
        data=DataFacts(
            source=run.request.matrix.data.source,
            manifest_sha256=run.manifest.sha256,
            classes=run.manifest.classes,
            counts=counts,
            left_out=len(run.manifest.left_out),
            dropped=run.manifest.left_out,
            pixels_sha256=pixels_sha256,
        ),
        weights=WeightsFacts(
            kind=planned.cell.weights,
            name=weights.name if weights else "",
            sha256=weights.sha256 if weights else "",
            origin=weights.origin if weights else "missing",
            published=weights.published if weights else None,
        ),
        environment=current_environment(),
        commit=run.commit,
        started=started,
        measured=outcome.measured,
        memory=memory,
        gap=gap,
        gap_opens_at=gap_opens_at(history, sum(counts["validation"].values())) if history else None,
    )
