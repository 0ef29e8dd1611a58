"""The command line: parse, call, print.  Nothing is decided here.

`plan`, `report` and `--help` import neither TensorFlow nor anything that does.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import platformdirs
import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from harness import __version__
from harness.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_USAGE, UserError

__all__ = ["app", "main"]

app = typer.Typer(
    name="transferbench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which backbone and strategy should I use for my images, on my machine, within my time, "
    "and how sure is that?",
    epilog="Colour is switched off by NO_COLOR=1. Exit codes: 0 everything has a result, 1 some "
    "cells have none, 2 the input cannot be used, 130 interrupted.",
)

MatrixArgument = Annotated[Path, typer.Argument(help="A matrix file, for example bench/matrices/smoke.toml.")]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights-dir",
        envvar="TRANSFERBENCH_WEIGHTS",
        help="Folder with weight files under the names that Keras gives them; searched before Keras' cache.",
    ),
]
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", envvar="TRANSFERBENCH_CACHE", help="Folder for decoded images and features."),
]
ClassDepthOption = Annotated[
    int, typer.Option("--class-depth", min=1, help="How many nested folders make up a class.")
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Download nothing; cells without weights are skipped.")
]
_NOTHING_WRITTEN = "nothing was written"

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"transferbench {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: transferbench plan bench/matrices/cats-dogs.toml --offline")
def plan(
    matrix: MatrixArgument,
    weights_dir: WeightsOption = None,
    offline: OfflineOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show the cells of a matrix, and why a cell will be skipped."""
    from harness.matrix import load_matrix
    from harness.reports.plan import plan_facts, render_plan
    from harness.running.planner import make_plan

    loaded, folder = load_matrix(matrix), _folder(weights_dir)
    planned = make_plan(loaded, folder, offline=offline)
    if as_json:
        typer.echo(json.dumps(plan_facts(planned), indent=1))
        return
    console = Console()
    text = Text(render_plan(loaded.name, planned, folder, width=_width(console)))
    text.highlight_regex(r"\d* ?\bskipped\b", "yellow")
    console.print(text, soft_wrap=True)


@app.command(
    epilog="Example: transferbench run bench/matrices/cats-dogs.toml --data photos --offline. "
    "Interrupt it whenever you like; the same command goes on where it stopped."
)
def run(
    context: typer.Context,
    matrix: MatrixArgument,
    data: Annotated[
        Path | None,
        typer.Option("--data", envvar="TRANSFERBENCH_DATA", help="Folder with train, validation and test."),
    ] = None,
    weights_dir: WeightsOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run; results/runs/NAME by default.")
    ] = None,
    cache: CacheOption = None,
    offline: OfflineOption = False,
) -> None:
    """Run a matrix: every cell in a process of its own, a record the moment it ends."""
    from harness.matrix import load_matrix
    from harness.reports.leaderboard import render_leaderboard
    from harness.running.command import command_again
    from harness.running.executor import LocalExecutor
    from harness.running.folder import RunFolder
    from harness.running.run import Request, run_matrix
    from harness.running.view import RunView

    loaded = load_matrix(matrix)
    if loaded.data.source != "folder":
        named = context.get_parameter_source("data")
        if named is not None and named.name == "COMMANDLINE":
            raise UserError(
                f"this matrix has its own images ({loaded.data.source}), so --data has no part in it",
                where=str(matrix),
                hint='Leave --data out, or use a matrix with data = { source = "folder" }.',
            )
        data = None
    folder = RunFolder(out or Path("results/runs") / loaded.name)
    request = Request(
        matrix=loaded,
        data=data,
        weights_dir=_folder(weights_dir),
        out=folder.path,
        cache=_cache(cache),
        offline=offline,
        command=command_again(
            matrix,
            {"--data": data, "--weights-dir": weights_dir, "--out": out},
            *(["--offline"] if offline else []),
        ),
    )
    console = Console()
    kept = f"finished cells are kept in {folder.path}, the same command goes on from there"
    with _interruptible(kept, folder.path), RunView(console) as view:
        records = run_matrix(request, LocalExecutor(), view)
    text = render_leaderboard(folder)
    _write(folder.leaderboard, text)
    console.print(_tables(text), markup=False, highlight=False, soft_wrap=True)
    console.print(f"leaderboard: {folder.leaderboard}", highlight=False, soft_wrap=True)
    failed = sum(record.status != "ok" for record in records)
    if failed:
        _stop(
            f"{failed} of {len(records)} cells have no result; the leaderboard says why",
            EXIT_INCOMPLETE,
        )


@app.command(epilog="Example: transferbench inspect photos --plot photos.png --run results/runs/cats-dogs")
def inspect(
    folder: Annotated[Path, typer.Argument(help="A folder of images in any known layout, or a zip archive.")],
    class_depth: ClassDepthOption = 1,
    run_folder: Annotated[
        Path | None,
        typer.Option("--run", metavar="RUN", help="A run on this folder; adds mislabelled suspects."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Also draw a picture (PNG, SVG or PDF).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Look at a data set: counts, sizes, damage, duplicates, leaks, imbalance, suspects."""
    from dataclasses import asdict

    from harness.data.inspection import inspect as look
    from harness.reports.inspection import draw_inspection, render_inspection, require_picture_name
    from harness.reports.leaderboard import read_run
    from harness.reports.suspects import find_suspects
    from harness.running.folder import RunFolder
    from harness.running.view import RunView

    if plot:
        require_picture_name(plot)
    if run_folder:
        read_run(RunFolder(run_folder))  # that there is none is told before images are read
    with _interruptible(_NOTHING_WRITTEN):
        with RunView(Console(stderr=True)) as view, view.step("reading images") as progress:
            found = look(folder, class_depth=class_depth, progress=progress)
        suspects = find_suspects(RunFolder(run_folder), found) if run_folder else None
        if plot:
            draw_inspection(found, plot)
    if as_json:
        facts = found.as_dict() | {"suspects": asdict(suspects) if suspects else None}
        typer.echo(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        typer.echo(render_inspection(found, suspects))


@app.command(epilog="Example: transferbench backbones 'ResNet*' MobileNet")
def backbones(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATTERN]...", help="Names, patterns, 'required' or 'all'; all by default."),
    ] = None,
    weights_dir: WeightsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the backbones: sizes, blocks, published figures, and whether their weights are here."""
    from harness.backbones import BACKBONES, select
    from harness.reports.backbones import backbone_facts, render_backbones

    folder = _folder(weights_dir)
    facts = [backbone_facts(BACKBONES[name], folder) for name in select(patterns or ["all"])]
    typer.echo(json.dumps(facts, indent=1) if as_json else render_backbones(facts))


@app.command(epilog="Example: transferbench doctor --json")
def doctor(
    weights_dir: WeightsOption = None,
    cache: CacheOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Tell what this machine has and lacks: versions, devices, folders, weights."""
    from harness.doctor import examine, render
    from harness.running.executor import LocalExecutor

    found = examine(LocalExecutor().probe, _folder(weights_dir), _cache(cache))
    typer.echo(json.dumps(found.as_dict(), indent=1) if as_json else render(found))
    if found.problems:
        raise SystemExit(EXIT_INCOMPLETE)


@app.command(epilog="Example: transferbench prefetch bench/matrices/cats-dogs.toml")
def prefetch(matrix: MatrixArgument, weights_dir: WeightsOption = None, cache: CacheOption = None) -> None:
    """Download the images and weights that a matrix needs, so that it can run with --offline later."""
    from harness.data.sources import open_source
    from harness.matrix import load_matrix
    from harness.running.executor import LocalExecutor
    from harness.running.planner import make_plan
    from harness.running.prefetch import describe_fetched, fetch_missing, unusable
    from harness.running.view import RunView

    loaded = load_matrix(matrix)
    plan = make_plan(loaded, _folder(weights_dir), offline=False)
    kept = "what was downloaded before is kept, the same command goes on from there"
    images: str = loaded.data.source
    problems: list[str] = []
    with _interruptible(kept), RunView(Console()) as view:
        if loaded.data.source == "cats_dogs":
            try:
                with view.step("images") as progress:
                    view.images(open_source(loaded.data, None, _cache(cache)).manifest(progress))
            except UserError as error:  # the weights can come all the same
                images, problems = "missing", [str(error)]
        fetched = fetch_missing(plan, _folder(weights_dir), LocalExecutor(), view)
    typer.echo("\n".join(describe_fetched(images, fetched)))
    problems += unusable(fetched)
    if problems:
        _stop("\n".join(problems), EXIT_INCOMPLETE)


@app.command(
    epilog="Example: transferbench prepare PetImages --out photos --train 2000 --validation 1000 --test 1000"
)
def prepare(
    source: Annotated[
        Path, typer.Argument(help="A folder of images in any known layout, or a zip archive of one.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to make; it must not exist or be empty.")],
    train: Annotated[int, typer.Option(min=2, help="Training images.")] = 2000,
    validation: Annotated[int, typer.Option(min=2, help="Validation images.")] = 1000,
    test: Annotated[int, typer.Option(min=2, help="Test images.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes another split.")] = 0,
    class_depth: ClassDepthOption = 1,
    link: Annotated[
        bool, typer.Option("--link/--copy", help="Link to the originals instead of copying them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Split full data into train, validation and test: stratified, repeatable, no file in it twice."""
    from harness.data.prepare import prepare as make
    from harness.reports.prepared import prepared_facts, render_prepared
    from harness.running.view import RunView

    counts = {"train": train, "validation": validation, "test": test}
    console = Console(stderr=True)
    with (
        _interruptible(_NOTHING_WRITTEN),
        RunView(console) as view,
        view.step("reading and writing") as progress,
    ):
        prepared = make(
            source,
            out,
            counts,
            seed=seed,
            class_depth=class_depth,
            how="link" if link else "copy",
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(prepared_facts(prepared), indent=1, ensure_ascii=False))
    else:
        typer.echo(render_prepared(prepared, source, out))


@app.command(epilog="Example: transferbench report results/runs/cats-dogs")
def report(
    run_folder: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write; leaderboard.md of the run by default."),
    ] = None,
) -> None:
    """Write the leaderboard of a run again, from its records alone."""
    from harness.reports.leaderboard import render_leaderboard
    from harness.running.folder import RunFolder

    folder = RunFolder(run_folder)
    target = out or folder.leaderboard
    _write(target, render_leaderboard(folder))
    typer.echo(target)


@app.command(epilog="Example: transferbench curves results/runs/cats-dogs --cell 'Xception/*'")
def curves(
    run_folder: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Picture to write (PNG or SVG); curves.png of the run.")
    ] = None,
    cell: Annotated[
        str | None, typer.Option("--cell", help="Only the cells of that name, or of a pattern (VGG16/*).")
    ] = None,
) -> None:
    """Draw accuracy and loss by epoch of a run's cells, beside published curves where there are some."""
    from harness.reports.curves import draw_curves, find_curves
    from harness.running.folder import RunFolder

    found = find_curves(RunFolder(run_folder), cell)
    target = out or run_folder / "curves.png"
    draw_curves(found, target)
    typer.echo("\n".join([str(target), *found.notes]))


@app.command(epilog="Example: transferbench publish results/runs/cats-dogs")
def publish(
    run_folder: RunArgument,
    results: Annotated[Path, typer.Option("--results", help="Where the committed results are.")] = Path(
        "results"
    ),
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace another run that is published under the name.")
    ] = False,
) -> None:
    """Copy a run's records and leaderboard to where they are committed: compact, without paths."""
    from harness.reports.publish import publish_run

    for path in publish_run(run_folder, results, replace=replace):
        typer.echo(path)


def _write(path: Path, text: str) -> None:
    from harness.files import write_whole

    write_whole(path, text)


def _tables(text: str) -> str:
    """The leaderboard without its header's facts and the legend, for the terminal."""
    parts = text.split("\n## ")
    return "\n## ".join(["", *(part for part in parts[1:] if not part.startswith("How to read"))]).strip()


def _folder(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise UserError(
            "no such folder", where=str(path), hint="--weights-dir names a folder of weight files."
        )
    return path


def _width(console: Console) -> int | None:
    """The width that lines must keep; none in a pipe, where a row is one line for other programs."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


def _cache(path: Path | None) -> Path:
    return path or Path(platformdirs.user_cache_dir("transferbench"))


@contextmanager
def _interruptible(kept: str, folder: Path = Path()) -> Iterator[None]:
    """End with one line where the user interrupts the block: what is `kept`, if `folder` is there."""
    try:
        yield
    except KeyboardInterrupt:
        _stop(f"interrupted; {kept if folder.exists() else _NOTHING_WRITTEN}", EXIT_INTERRUPTED)


def _stop(message: str, code: int) -> None:
    Console(stderr=True).print(f"[bold]transferbench:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise SystemExit(code)


def main() -> None:
    """Run the command line; a user's mistake is a message and an exit code, not a traceback."""
    try:
        app()
    except UserError as error:
        _stop(str(error), EXIT_USAGE)
    except OSError as error:
        # A full disk, a folder without permission, a file where a folder should be.
        if error.filename is None:
            raise
        # Files are written under a temporary name first; the name that was asked for is told.
        name = re.sub(r"(\.\d+)?\.partial$", "", str(error.filename))
        _stop(f"{name}: {error.strerror}", EXIT_USAGE)
    except KeyboardInterrupt:
        _stop("interrupted", EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
