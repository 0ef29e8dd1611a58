"""The commands on a finished run: its report, curves, table and recommendation; nothing is measured again."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.cli_common import CacheOption, RunArgument, cache_folder, stop, text_width
from harness.errors import EXIT_INCOMPLETE, UserError, unknown
from harness.text import counted

__all__ = ["commands"]

commands = typer.Typer()


@commands.command(
    epilog="Examples: transferbench report results/runs/cats-dogs --html; "
    "transferbench report results/runs/gpu --timings results/timings/gpu; "
    "transferbench report results/runs/new --against results/runs/old"
)
def report(
    run_folder: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write, the rest beside it; leaderboard.md or timing.md of the run by default.",
        ),
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write page.html too: one file to open in a browser.")
    ] = False,
    timings: Annotated[
        Path | None,
        typer.Option("--timings", help="A timing run, whose devices' times stand beside the run's own."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="Another run: write against.md, what this run changed from it."),
    ] = None,
    with_images: Annotated[
        bool,
        typer.Option(
            "--with-images",
            help="Write thumbnails and sheets of the images that models get wrong into RUN/images: private.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Where those images are now, if they were moved; a folder or a zip."),
    ] = None,
    cache: CacheOption = None,
) -> None:
    """Write the reports of a run, or of a timing run, again: from its records alone."""
    from harness.reports.report import write_against, write_images, write_report

    if data is not None and not with_images:
        raise UserError(
            "--data names the images of --with-images", hint="Add --with-images, or leave it out."
        )
    written = write_report(run_folder, out, html=html, timings=timings, say=partial(typer.echo, err=True))
    if against is not None:
        written.append(write_against(run_folder, against))
    if with_images:
        sheets, missing = write_images(run_folder, cache=cache_folder(cache), data=data)
        written += sheets
        if missing:
            typer.echo(f"{counted(missing, 'image')} could not be found or read, and stand nowhere", err=True)
    for path in written:
        typer.echo(path)


@commands.command(
    epilog="Example: transferbench plots results/runs/cats-dogs --only map-accuracy --format svg"
)
def plots(
    run_folder: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to draw into; plots in the run's by default.")
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="png or svg; both by default.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A picture by the name of its file; all by default.")
    ] = None,
) -> None:
    """Draw a run: accuracy against cost and training images, heat maps, step times, depth, reliability."""
    from harness.reports.report import write_plots

    for path in write_plots(run_folder, out, formats=tuple(formats or ()), only=tuple(only or ())):
        typer.echo(path)


@commands.command(epilog="Example: transferbench curves results/runs/cats-dogs --cell 'Xception/*'")
def curves(
    run_folder: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Picture to write (PNG or SVG); curves.png of the run.")
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option("--cell", help="Only the cells of that name, a part of it, or a pattern (VGG16/*)."),
    ] = None,
) -> None:
    """Draw accuracy and loss by epoch of a run's cells, beside published curves where there are some."""
    from harness.reports.curves import draw_curves, find_curves
    from harness.running.folder import RunFolder

    found = find_curves(RunFolder(run_folder), cell)
    target = out or run_folder / "curves.png"
    draw_curves(found, target)
    typer.echo("\n".join([str(target), *found.notes]))


@commands.command(epilog="Example: transferbench publish results/runs/cats-dogs")
def publish(
    run_folder: RunArgument,
    results: Annotated[Path, typer.Option("--results", help="Where the committed results are.")] = Path(
        "results"
    ),
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace another run that is published under the name.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Draw the pictures of a run too.")
    ] = True,
) -> None:
    """Copy a run's records and leaderboard or report to where they are committed: compact, without paths."""
    from harness.reports.publish import publish as copy

    for path in copy(run_folder, results, replace=replace, pictures=pictures):
        typer.echo(path)


@commands.command(epilog="Example: transferbench table results/runs/cats-dogs --out rows.parquet")
def table(
    run_folders: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="The folders of one or more runs.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File to write: .csv, .parquet or .json; without it, or with -, CSV is printed."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of CSV.")] = False,
) -> None:
    """Write every record of a run as a row: all figures unrounded, failures with their reasons."""
    from harness.analysis.frame import frame_of
    from harness.reports.table_file import require_table_name, table_csv, table_json, write_table
    from harness.running.folder import RunFolder

    target = None if out == Path("-") else out
    if target is not None and as_json:
        raise UserError(
            "--json prints, --out writes a file", hint=f"Name the file {target.stem}.json instead."
        )
    if target is not None:
        require_table_name(target)
    frame = frame_of(run_folders)
    if target is None:
        typer.echo(table_json(frame) if as_json else table_csv(frame), nl=False)
    else:
        write_table(frame, target)
        typer.echo(target)
    missing = sum(len(RunFolder(run).facts().cells) for run in run_folders) - len(frame)
    if missing:
        typer.echo(f"{counted(missing, 'planned cell')} without a record, and so without a row", err=True)


@commands.command(epilog="Example: transferbench schema table")
def schema(
    name: Annotated[str, typer.Argument(metavar="[record|table|timing]", help="Whose schema.")] = "record",
) -> None:
    """Print the JSON Schema of records, of the table of a run or of timing records."""
    from harness.reports.schema import SCHEMAS

    if name not in SCHEMAS:
        raise unknown("schema", name, SCHEMAS)
    typer.echo(json.dumps(SCHEMAS[name](), indent=1, ensure_ascii=False))


@commands.command(
    epilog="Example: transferbench recommend results/runs/cats-dogs --max-ms 100 --min-accuracy 97% "
    "--max-train-minutes 20. Exit code 1: no row is within the limits."
)
def recommend(
    run_folder: RunArgument,
    max_ms: Annotated[
        float | None, typer.Option("--max-ms", help="Inference, milliseconds a step as in the leaderboard.")
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(
            "--max-memory", metavar="SIZE", help="Peak memory of the training, for example 4GB, 512MB."
        ),
    ] = None,
    min_accuracy: Annotated[
        str | None,
        typer.Option("--min-accuracy", metavar="SHARE", help="Test accuracy, for example 0.97 or 97%."),
    ] = None,
    max_train_minutes: Annotated[
        float | None,
        typer.Option("--max-train-minutes", help="Minutes to the result, decoding and extraction included."),
    ] = None,
    cost: Annotated[
        str,
        typer.Option("--cost", metavar="inference|train|total", help="What the cheapest is cheapest in."),
    ] = "inference",
    device: Annotated[
        str | None, typer.Option("--device", metavar="cpu|gpu", help="Only rows of this device.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Say which row of a run to use within limits, what it is tied with, and why the others fell out."""
    from harness.analysis.limits import limits
    from harness.analysis.recommend import recommend as choose
    from harness.analysis.standings import read_standings
    from harness.reports.recommend import render_recommendation
    from harness.reports.recommend_facts import recommendation_facts
    from harness.running.folder import RunFolder

    asked = limits(
        max_ms=max_ms, max_memory=max_memory, min_accuracy=min_accuracy, max_train_minutes=max_train_minutes
    )
    advice = choose(read_standings(RunFolder(run_folder)), asked, cost=cost, device=device)
    if as_json:
        typer.echo(json.dumps(recommendation_facts(advice), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(render_recommendation(advice, width=text_width(Console())))
    if not any(group.winner for group in advice.groups):
        if as_json:
            stop("no row is within the limits", EXIT_INCOMPLETE)
        raise SystemExit(EXIT_INCOMPLETE)  # the text begins with it
