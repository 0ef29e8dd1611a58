"""The commands on images and weights before a run: `inspect`, `prepare` and `prefetch`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.cli_common import (
    NOTHING_WRITTEN,
    BackbonesOption,
    CacheOption,
    DevicesOption,
    MatrixArgument,
    WeightsOption,
    cache_folder,
    interruptible,
    load_trainings,
    stop,
    weights_folder,
)
from harness.errors import EXIT_INCOMPLETE, UserError

__all__ = ["commands"]

commands = typer.Typer()

ClassDepthOption = Annotated[
    int, typer.Option("--class-depth", min=1, help="How many nested folders make up a class.")
]


@commands.command(
    epilog="Example: transferbench inspect photos --plot photos.png --run results/runs/cats-dogs"
)
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

    from harness.analysis.standings import read_run
    from harness.data.inspection import inspect as look
    from harness.reports.inspection import draw_inspection, render_inspection, require_picture_name
    from harness.reports.suspects import find_suspects
    from harness.running.folder import RunFolder
    from harness.running.view import RunView

    if plot:
        require_picture_name(plot)
    if run_folder:
        read_run(RunFolder(run_folder))  # that there is none is told before images are read
    with interruptible(NOTHING_WRITTEN):
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


@commands.command(epilog="Example: transferbench prefetch bench/matrices/cats-dogs.toml")
def prefetch(
    matrix: MatrixArgument,
    weights_dir: WeightsOption = None,
    cache: CacheOption = None,
    backbones: BackbonesOption = None,
    devices: DevicesOption = None,
) -> None:
    """Download the images and weights that a matrix needs, so that it can run with --offline later."""
    from harness.data.sources import open_source
    from harness.running.executor import LocalExecutor
    from harness.running.planner import make_plan
    from harness.running.prefetch import describe_fetched, fetch_missing, unusable
    from harness.running.view import RunView

    loaded = load_trainings(matrix, backbones, devices)
    plan = make_plan(loaded, weights_folder(weights_dir), offline=False)
    kept = "what was downloaded before is kept, the same command goes on from there"
    images: str = loaded.data.source
    problems: list[str] = []
    with interruptible(kept), RunView(Console()) as view:
        if loaded.data.source == "cats_dogs":
            try:
                with view.step("images") as progress:
                    view.images(open_source(loaded.data, None, cache_folder(cache)).manifest(progress))
            except UserError as error:  # the weights can come all the same
                images, problems = "missing", [str(error)]
        fetched = fetch_missing(plan, weights_folder(weights_dir), LocalExecutor(), view)
    typer.echo("\n".join(describe_fetched(images, fetched)))
    problems += unusable(fetched)
    if problems:
        stop("\n".join(problems), EXIT_INCOMPLETE)


@commands.command(
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
        interruptible(NOTHING_WRITTEN),
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
