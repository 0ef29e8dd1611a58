"""Copying a run to where results are committed: its compact records and its leaderboard."""

import re
import shutil
from pathlib import Path

from harness.errors import UserError
from harness.files import write_whole
from harness.reports.leaderboard import read_run, render_leaderboard
from harness.running.folder import RunFacts, RunFolder

__all__ = ["publish_run"]


def publish_run(run: Path, results: Path, *, replace: bool = False) -> list[Path]:
    """Copy a run's facts and records, with predictions, and write its leaderboard.

    What is copied names images by id and weights by file name, and holds no path of the machine; of
    the files that were left out, those of a public archive are named, and those of a private folder
    only counted.
    Returns the two places written.  Raises `UserError` if another run (other data, or none of the
    same cells) is published under the matrix's name, unless it is to be replaced.
    """
    folder = RunFolder(run)
    facts, records = read_run(folder)
    target = RunFolder(results / "records" / facts.matrix)
    if target.path.resolve() == run.resolve():
        raise UserError(
            "this run is already where it would be published",
            where=str(run),
            hint="Name the folder that the run wrote to, or another place with --results.",
        )
    if not replace:
        _require_same_run(target, facts)
    # Everything is read before the earlier publication goes.
    rows = [
        (record, folder.records.predictions(record) if record.status == "ok" else None) for record in records
    ]
    shutil.rmtree(target.path, ignore_errors=True)
    target.records.folder.mkdir(parents=True)
    target.write_facts(facts)
    for record, predictions in rows:
        data = record.data
        if data.source != "cats_dogs":
            data = data.model_copy(update={"dropped": ()})
        reason = _without_folders(record.reason)
        target.records.save(record.model_copy(update={"reason": reason, "data": data}), predictions)
    leaderboard = results / "leaderboards" / f"{facts.matrix}.md"
    write_whole(leaderboard, render_leaderboard(target))
    return [target.path, leaderboard]


def _require_same_run(target: RunFolder, facts: RunFacts) -> None:
    if not target.path.exists():
        return
    there = target.facts()
    names = {cell.name for cell in there.cells}
    if there.manifest_sha256 == facts.manifest_sha256 and names & {cell.name for cell in facts.cells}:
        return
    raise UserError(
        f"another run is published under the name {facts.matrix!r}: other images, or other cells",
        where=str(target.path),
        hint="Rename the matrix and run it again, name another place with --results, or use --replace.",
    )


def _without_folders(reason: str) -> str:
    """A reason with only the last part of every absolute path; addresses stay whole."""
    return re.sub(r"(?<![\w:/.~-])(?:~|/|[A-Za-z]:\\)[^\s,;]*[/\\](?=[^\s,;/\\])", "", reason)
