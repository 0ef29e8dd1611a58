"""Copying a run to where results are committed: its compact records and its leaderboard or report.

A run and a timing run of one matrix lie side by side under its name.
"""

import re
import shutil
from collections.abc import Sequence, Set
from pathlib import Path

from harness.analysis.standings import read_run, read_standings
from harness.analysis.timing_rows import read_timings
from harness.errors import UserError, few
from harness.files import write_whole
from harness.records import Record
from harness.reports.comparisons import render_comparisons
from harness.reports.leaderboard import leaderboard
from harness.reports.plots import PLOTS, draw_plots
from harness.reports.report import COMPARISONS
from harness.reports.timing import write_timing_report
from harness.running.folder import RunFacts, RunFolder
from harness.timing.records import TimingFacts, TimingFolder

__all__ = ["publish", "publish_baseline", "publish_run", "publish_timings", "published_pictures"]


def publish(run: Path, results: Path, *, replace: bool = False, pictures: bool = True) -> list[Path]:
    """Publish what lies in a folder: a timing run if it has a timing.json, else a run."""
    if TimingFolder(run).facts_file.is_file():
        return publish_timings(run, results, replace=replace)
    return publish_run(run, results, replace=replace, pictures=pictures)


def publish_run(run: Path, results: Path, *, replace: bool = False, pictures: bool = True) -> list[Path]:
    """Copy a run's facts and records, with predictions, and write its leaderboard.

    What is copied names images by id and weights by file name, and holds no path of the machine; of
    the files that were left out, those of a public archive are named, and those of a private folder
    only counted.
    Beside the leaderboard lies a folder with the comparisons and the `pictures`.  Returns the three.
    Raises `UserError` if another run (other images, or with cells that this one lacks) is published under
    the matrix's name, unless it is to be replaced.
    """
    folder = RunFolder(run)
    facts, records = read_run(folder)
    target = RunFolder(results / "records" / facts.matrix)
    _require_elsewhere(target.path, run)
    if not replace:
        _require_same_run(target, facts)
    _copy_records(folder, facts, records, target)
    board = results / "leaderboards" / f"{facts.matrix}.md"
    beside = board.with_suffix("")
    for earlier in beside.glob("*.png"):
        earlier.unlink()
    found = read_standings(target)
    if pictures:
        draw_plots(found, beside, formats=("png",))
    comparisons = beside / COMPARISONS
    write_whole(board, leaderboard(found, more=f"{beside.name}/{COMPARISONS}"))
    write_whole(comparisons, render_comparisons(found, pictures=published_pictures(beside)))
    return [target.path, board, beside]


def publish_baseline(run: Path, results: Path) -> Path:
    """Copy a run's facts and records, with predictions, to `results/baselines/NAME`, for `compare`.

    What is copied is what `publish_run` copies; an earlier baseline of the name goes.  Returns the folder.
    Raises `UserError` where a cell has no result: such a baseline would let the same failure pass.
    """
    folder = RunFolder(run)
    facts, records = read_run(folder)
    target = RunFolder(results / "baselines" / facts.matrix)
    _require_elsewhere(target.path, run)
    done = {record.name for record in records if record.status == "ok"}
    lacking = [cell.name for cell in facts.cells if cell.name not in done]
    if lacking:
        raise UserError(
            f"{len(lacking)} of {len(facts.cells)} cells have no result: {few(lacking)}",
            where=str(run),
            hint="A baseline is made of results alone; the leaderboard of the run says why there is none.",
        )
    _copy_records(folder, facts, records, target)
    return target.path


def _copy_records(folder: RunFolder, facts: RunFacts, records: Sequence[Record], target: RunFolder) -> None:
    """Put facts and records, without what is private, in place of those in the target."""
    # Everything is read before the earlier publication goes.
    rows = [
        (record, folder.records.predictions(record) if record.status == "ok" else None) for record in records
    ]
    shutil.rmtree(target.records.folder, ignore_errors=True)
    target.records.folder.mkdir(parents=True)
    target.write_facts(facts)
    for record, predictions in rows:
        data = record.data
        if data.source != "cats_dogs":
            data = data.model_copy(update={"dropped": ()})
        reason = _without_folders(record.reason)
        target.records.save(record.model_copy(update={"reason": reason, "data": data}), predictions)


def published_pictures(folder: Path) -> list[tuple[str, str]]:
    """The titles and names of the pictures that lie in a folder of the leaderboards."""
    return [(plot.title, name) for plot in PLOTS if (folder / (name := f"{plot.name}.png")).is_file()]


def publish_timings(run: Path, results: Path, *, replace: bool = False) -> list[Path]:
    """Copy a timing run's facts, records and A/A tests, and write its report and CSV beside each other.

    The raw blocks are kept.  Returns the folder of the records and both files.  Raises `UserError` if a
    timing run with cells that this one lacks is published under the matrix's name, unless it is to be
    replaced.
    """
    folder = TimingFolder(run)
    timings, checks = read_timings(folder), folder.checks()
    facts = timings.facts
    target = TimingFolder(results / "records" / facts.matrix)
    _require_elsewhere(target.path, run)
    if not replace:
        _require_same_timings(target, facts)
    shutil.rmtree(target.records, ignore_errors=True)
    for earlier in target.path.glob("selfcheck-*.json"):
        earlier.unlink()
    target.write_facts(facts)
    for record in timings.records:
        target.save(record.model_copy(update={"reason": _without_folders(record.reason)}))
    for check in checks:
        target.save_check(check)
    report = results / "leaderboards" / facts.matrix / "README.md"
    return [target.path, *write_timing_report(target, report, report.with_name("timings.csv"))]


def _require_elsewhere(target: Path, run: Path) -> None:
    if target.resolve() == run.resolve():
        raise UserError(
            "this run is already where it would be published",
            where=str(run),
            hint="Name the folder that the run wrote to, or another place with --results.",
        )


def _require_same_timings(target: TimingFolder, facts: TimingFacts) -> None:
    if not target.facts_file.is_file():
        return
    there = target.facts().keys.keys()
    _require_none_lost(target.path, facts.matrix, there, facts.keys.keys())


def _require_same_run(target: RunFolder, facts: RunFacts) -> None:
    if not (target.path / "run.json").is_file():
        return
    there = target.facts()
    if there.manifest_sha256 != facts.manifest_sha256:
        raise _other_run(target.path, facts.matrix, "other images")
    names = {cell.name for cell in there.cells}
    _require_none_lost(target.path, facts.matrix, names, {cell.name for cell in facts.cells})


def _require_none_lost(target: Path, matrix: str, there: Set[str], ours: Set[str]) -> None:
    """A run of a part of a matrix must not take the place of one that has more."""
    lost = sorted(there - ours)
    if lost:
        raise _other_run(target, matrix, f"{len(lost)} of its cells are not in this one ({few(lost)})")


def _other_run(target: Path, matrix: str, other: str) -> UserError:
    return UserError(
        f"another run is published under the name {matrix!r}: {other}",
        where=str(target),
        hint="Rename the matrix and run it again, name another place with --results, or use --replace.",
    )


def _without_folders(reason: str) -> str:
    """A reason with only the last part of every absolute path; addresses stay whole."""
    return re.sub(r"(?<![\w:/.~-])(?:~|/|[A-Za-z]:\\)[^\s,;]*[/\\](?=[^\s,;/\\])", "", reason)
