"""The reports of whatever run lies in a folder, written again from its records."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness.analysis.device_times import on_devices
from harness.analysis.standings import Standings, read_standings
from harness.analysis.timing_rows import TimingRow, read_timings
from harness.errors import UserError
from harness.files import write_whole
from harness.record_store import no_collection
from harness.reports.beside import beside
from harness.reports.comparisons import render_comparisons
from harness.reports.leaderboard import leaderboard
from harness.reports.page import PAGE
from harness.reports.timing import write_timing_report
from harness.running.folder import RunFolder
from harness.timing.records import TimingFolder

__all__ = [
    "AGAINST",
    "COMPARISONS",
    "write_against",
    "write_images",
    "write_pages",
    "write_plots",
    "write_report",
]

COMPARISONS = "comparisons.md"
"""What the comparisons of a run are called; they lie beside its leaderboard."""

AGAINST = "against.md"
"""What the comparison with another run is called."""


def write_report(
    run: Path,
    out: Path | None = None,
    *,
    html: bool = False,
    timings: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write the report and CSV of a timing run, which has a timing.json, or the pages of a run.

    Those are its leaderboard, its comparisons beside it, and with `html` the page.  `timings` is a timing
    run whose times stand beside those of the same configurations; `say` is told where it has none.  Returns
    what was written; raises `UserError` where a timing run is asked for more than it has, and where two pages
    would be one file.
    """
    folder = TimingFolder(run)
    if folder.facts_file.is_file():
        if html or timings:
            option = "--html" if html else "--timings"
            raise UserError(
                f"expected a run of trainings for {option}, and this is a timing run",
                where=str(run),
                hint="Its report is markdown and CSV: leave the option out.",
            )
        return write_timing_report(folder, out)
    target = out or RunFolder(run).leaderboard
    _require_names_of_their_own(target)
    rows = read_timings(TimingFolder(timings)).rows if timings else ()
    found = read_standings(RunFolder(run))
    firsts = [row.first for table in found.tables for row in table.rows]
    if timings and on_devices(firsts, found.records, rows).keys() == on_devices(firsts, found.records).keys():
        say(
            f"{timings} adds nothing: a step of another device stands beside a row where backbone, strategy, "
            "depth, size, precision and batch are the same, and the recipe is the default one"
        )
    return write_pages(found, target, rows, html=html)


@no_collection()
def write_pages(
    found: Standings, target: Path, timings: tuple[TimingRow, ...] = (), *, html: bool = False
) -> list[Path]:
    """Write the leaderboard of a run that has been read to a file, and its other pages beside it."""
    if not html:
        return _write_markdown(found, target, timings)
    from harness.reports.page.page import write_page
    from harness.reports.plots import PLOTS, plot_svg

    with beside([partial(plot_svg, plot, found) for plot in PLOTS]) as drawn:
        written = _write_markdown(found, target, timings)
        page = write_page(
            found,
            target.with_name(PAGE),
            plots=lambda: [each for each in drawn() if each is not None],
            timings=timings,
            beside=[path.name for path in written],
        )
    return [*written, page]


def _write_markdown(found: Standings, target: Path, timings: tuple[TimingRow, ...]) -> list[Path]:
    comparisons = target.with_name(COMPARISONS)
    write_whole(target, leaderboard(found, timings))
    write_whole(comparisons, render_comparisons(found))
    return [target, comparisons]


def write_against(run: Path, other: Path) -> Path:
    """Compare a run with another one, into a page in its folder; differences are run minus other.

    Raises `UserError` where they are not of one kind, or one folder.
    """
    from harness.reports.against import render_against

    path = run / AGAINST
    write_whole(path, render_against(other, run))
    return path


def write_images(run: Path, *, cache: Path, data: Path | None = None) -> tuple[list[Path], int]:
    """Draw the images that a run's models get wrong into `images` in its folder, which git ignores.

    Returns the sheets, and how many images could not be found or read.
    """
    from harness.reports.gallery import write_gallery

    folder = RunFolder(run)
    found = write_gallery(read_standings(folder), folder, run / "images", cache=cache, data=data)
    return list(found.sheets), len(found.missing)


def write_plots(
    run: Path, out: Path | None, *, formats: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> list[Path]:
    """Draw the pictures of a run or a timing run into a folder, `plots` in the run's own unless one is named.

    Returns the files.  Raises `UserError` where nothing can be drawn.
    """
    from harness.reports.plots import FORMATS, PLOTS, draw_plots, draw_timing_plots

    target, kinds = out or run / "plots", formats or FORMATS
    timings = TimingFolder(run)
    if timings.facts_file.is_file():
        if only:
            raise UserError(
                "a timing run has one kind of picture, so --only has no part in it",
                where=str(run),
                hint="Leave --only out.",
            )
        drawn = draw_timing_plots(read_timings(timings), target, formats=kinds)
    else:
        drawn = draw_plots(read_standings(RunFolder(run)), target, formats=kinds, only=only)
    if not drawn:
        names = ", ".join(plot.name for plot in PLOTS)
        raise UserError(
            "there is nothing to draw: no cell has what these pictures show",
            where=str(run),
            hint=f"Pictures: {names}. The leaderboard says why cells have no result.",
        )
    return drawn


def _require_names_of_their_own(target: Path) -> None:
    if target.name in (PAGE, COMPARISONS):
        raise UserError(
            f"{target.name} is the name of another page, and --out names the leaderboard",
            where=str(target),
            hint="Name another file with --out, for example leaderboard.md; the rest is written beside it.",
        )
