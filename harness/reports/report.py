"""The report of whatever run lies in a folder, written again from its records."""

from pathlib import Path

from harness.files import write_whole
from harness.reports.leaderboard import render_leaderboard
from harness.reports.timing import write_timing_report
from harness.running.folder import RunFolder
from harness.timing.records import TimingFolder

__all__ = ["write_report"]


def write_report(run: Path, out: Path | None = None) -> list[Path]:
    """Write the report and CSV of a timing run, which has a timing.json, or the leaderboard of a run.

    Returns what was written.
    """
    timings = TimingFolder(run)
    if timings.facts_file.is_file():
        return write_timing_report(timings, out)
    folder = RunFolder(run)
    target = out or folder.leaderboard
    write_whole(target, render_leaderboard(folder))
    return [target]
