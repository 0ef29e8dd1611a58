"""The command line: parse, call, print.  Nothing is decided here.

`plan`, `report` and `--help` import neither TensorFlow nor anything that does.
"""

import gc
import json
import re
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from harness import __version__
from harness.cli_common import (
    BackbonesOption,
    CacheOption,
    DevicesOption,
    MatrixArgument,
    WeightsOption,
    cache_folder,
    interruptible,
    load_trainings,
    no_result,
    stop,
    text_width,
    weights_folder,
)
from harness.cli_compare import commands as compare_commands
from harness.cli_data import commands as data_commands
from harness.cli_history import commands as history_commands
from harness.cli_models import commands as model_commands
from harness.cli_reports import commands as report_commands
from harness.cli_timing import commands as timing_commands
from harness.errors import EXIT_INCOMPLETE, EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_USAGE, UserError

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
    "cells have none, 2 the input cannot be used, 70 an error of the program itself, 130 interrupted.",
)

OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Download nothing; cells without weights are skipped.")
]


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
    backbones: BackbonesOption = None,
    devices: DevicesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show the cells of a matrix, and why a cell will be skipped."""
    from harness.reports.plan import plan_facts, render_plan
    from harness.running.planner import make_plan

    loaded, folder = load_trainings(matrix, backbones, devices), weights_folder(weights_dir)
    planned = make_plan(loaded, folder, offline=offline)
    if as_json:
        typer.echo(json.dumps(plan_facts(planned), indent=1))
        return
    console = Console()
    text = Text(render_plan(loaded.name, planned, folder, width=text_width(console)))
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
    backbones: BackbonesOption = None,
    devices: DevicesOption = None,
    save_models: Annotated[
        bool,
        typer.Option(
            "--save-models",
            help="Keep every cell's model for `export`; finished cells without a model are run again.",
        ),
    ] = False,
) -> None:
    """Run a matrix: every cell in a process of its own, a record the moment it ends."""
    from harness.analysis.standings import read_standings
    from harness.reports.report import write_pages
    from harness.reports.summary import render_summary
    from harness.running.command import command_again, narrowing
    from harness.running.executor import LocalExecutor
    from harness.running.folder import RunFolder
    from harness.running.run import Request, run_matrix
    from harness.running.view import RunView

    loaded = load_trainings(matrix, backbones, devices)
    named = context.get_parameter_source("data")
    if named is not None and named.name == "COMMANDLINE":
        loaded = loaded.on_folder(where=str(matrix))
    elif loaded.data.source != "folder":
        data = None
    folder = RunFolder(out or Path("results/runs") / loaded.name)
    request = Request(
        matrix=loaded,
        data=data,
        weights_dir=weights_folder(weights_dir),
        out=folder.path,
        cache=cache_folder(cache),
        offline=offline,
        command=command_again(
            "run",
            matrix,
            {"--data": data, "--weights-dir": weights_dir, "--out": out},
            *(["--offline"] if offline else []),
            *narrowing(backbones, devices),
            *(["--save-models"] if save_models else []),
        ),
        save_models=save_models,
    )
    console = Console()
    kept = f"finished cells are kept in {folder.path}, the same command goes on from there"
    with interruptible(kept, folder.path), RunView(console) as view:
        records = run_matrix(request, LocalExecutor(), view)
    found = read_standings(folder)
    leaderboard, comparisons = write_pages(found, folder.leaderboard)
    text = render_summary(found, width=text_width(console))
    console.print(f"\n{text}\n", markup=False, highlight=False, soft_wrap=True)
    console.print(f"leaderboard: {leaderboard}", highlight=False, soft_wrap=True)
    console.print(f"comparisons: {comparisons}", highlight=False, soft_wrap=True)
    failed = sum(record.status != "ok" for record in records)
    if failed:
        stop(f"{no_result(failed, len(records), 'cell')}; the leaderboard says why", EXIT_INCOMPLETE)


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

    folder = weights_folder(weights_dir)
    facts = [backbone_facts(BACKBONES[name], folder) for name in select(patterns or ["all"])]
    width = text_width(Console())
    typer.echo(json.dumps(facts, indent=1) if as_json else render_backbones(facts, width=width))


@app.command(epilog="Example: transferbench doctor --json")
def doctor(
    weights_dir: WeightsOption = None,
    cache: CacheOption = None,
    require_gpu: Annotated[
        bool,
        typer.Option(
            "--require-gpu", help="That no GPU is visible, or work does not land on it, is a problem."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Tell what this machine has and lacks: versions, devices, folders, weights; 1 is a problem."""
    from harness.doctor import examine, render
    from harness.running import probe

    found = examine(probe.probe, weights_folder(weights_dir), cache_folder(cache), require_gpu=require_gpu)
    typer.echo(json.dumps(found.as_dict(), indent=1) if as_json else render(found))
    if found.problems:
        raise SystemExit(EXIT_INCOMPLETE)


app.add_typer(data_commands)
app.add_typer(history_commands)
app.add_typer(model_commands)
app.add_typer(report_commands)
app.add_typer(timing_commands)
app.add_typer(compare_commands)


def main() -> None:
    """Run the command line; a user's mistake is a message and an exit code, not a traceback.

    Any other error is the program's own: its traceback is printed, and the exit code is 70, since Python's 1
    would be taken for what a command has found.
    """
    try:
        _run()
    except Exception:
        traceback.print_exc()
        raise SystemExit(EXIT_INTERNAL) from None
    finally:
        # The interpreter would look for cycles among all that was read: seconds at the end of a large run.
        gc.freeze()


def _run() -> None:
    try:
        app()
    except UserError as error:
        stop(str(error), EXIT_USAGE)
    except OSError as error:
        # A full disk, a folder without permission, a file where a folder should be.
        if error.filename is None:
            raise
        # Files are written under a temporary name first; the name that was asked for is told.
        name = re.sub(r"(\.\d+)?\.partial$", "", str(error.filename))
        stop(f"{name}: {error.strerror}", EXIT_USAGE)
    except KeyboardInterrupt:
        stop("interrupted", EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
