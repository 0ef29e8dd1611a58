"""Copying a run to where results are committed: its compact records and its leaderboard."""

import shutil
from pathlib import Path

from harness.files import write_whole
from harness.reports.leaderboard import read_run, render_leaderboard
from harness.running.folder import RunFolder

__all__ = ["publish_run"]


def publish_run(run: Path, results: Path) -> list[Path]:
    """Copy a run's facts and records, with predictions, and write its leaderboard.

    What is copied names images by id and weights by file name, and holds no path of the machine.
    Returns the two places written.
    """
    folder = RunFolder(run)
    facts, records = read_run(folder)
    target = RunFolder(results / "records" / facts.matrix)
    shutil.rmtree(target.path, ignore_errors=True)
    target.records.folder.mkdir(parents=True)
    target.write_facts(facts)
    for record in records:
        predictions = folder.records.predictions(record) if record.status == "ok" else None
        target.records.save(record, predictions)
    leaderboard = results / "leaderboards" / f"{facts.matrix}.md"
    write_whole(leaderboard, render_leaderboard(target))
    return [target.path, leaderboard]
