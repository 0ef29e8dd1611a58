"""The report of whatever run lies in a folder, written again from its records."""

from pathlib import Path

from harness.analysis.standings import read_standings
from harness.errors import UserError
from harness.files import write_whole
from harness.reports.leaderboard import leaderboard
from harness.reports.timing import write_timing_report
from harness.running.folder import RunFolder
from harness.timing.records import TimingFolder

__all__ = ["write_report"]


def write_report(run: Path, out: Path | None = None, *, html: bool = False) -> list[Path]:
    """Write the report and CSV of a timing run, which has a timing.json, or the leaderboard of a run.

    `html` writes the page too, beside the leaderboard.  Returns what was written; raises `UserError` for a
    page of a timing run, and where both would be one file.
    """
    timings = TimingFolder(run)
    if timings.facts_file.is_file():
        if html:
            raise UserError(
                "expected a run of trainings for --html, and this is a timing run",
                where=str(run),
                hint="Its report is markdown and CSV: leave --html out.",
            )
        return write_timing_report(timings, out)
    folder = RunFolder(run)
    target = out or folder.leaderboard
    if not html:
        write_whole(target, leaderboard(read_standings(folder)))
        return [target]
    from harness.reports.page.page import PAGE, write_page

    page = target.with_name(PAGE)
    if page == target:
        raise UserError(
            f"{PAGE} is the page's own name, and --out names the leaderboard",
            where=str(target),
            hint="Name another file with --out, for example leaderboard.md; the page is written beside it.",
        )
    found = read_standings(folder)
    write_whole(target, leaderboard(found))
    return [target, write_page(found, page)]
