"""The command on many runs: how the figures of cells moved over time, and with which commit."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.cli_common import text_width

__all__ = ["commands"]

commands = typer.Typer()


@commands.command(
    epilog="Examples: transferbench history results/runs; "
    "transferbench history results/runs/nightly-* --metric train_ms --cells 'MobileNet/*'"
)
def history(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of runs or timing runs, or folders that hold some."),
    ],
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="Only this metric, for example test_accuracy or train_ms; may be repeated. By default "
            "accuracy, loss, step times, memory and seconds to the result.",
        ),
    ] = None,
    cells: Annotated[
        str | None,
        typer.Option("--cells", help="Only the cells of that name, a part of it, or a pattern (VGG16/*)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for history.md, history.json and pictures; results/history."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; files are written only with --out.")
    ] = False,
) -> None:
    """Tell how cells moved over many runs of a machine: values in time, and the commit of each step."""
    from harness.analysis.history import read_history
    from harness.reports.history import render_history, write_history
    from harness.reports.history_facts import history_facts

    found = read_history(runs, metrics=metrics or (), cells=cells)
    target = out or (None if as_json else Path("results/history"))
    written = write_history(found, target) if target else []
    if as_json:
        typer.echo(json.dumps(history_facts(found), indent=1, ensure_ascii=False, allow_nan=False))
        return
    typer.echo(render_history(found, width=text_width(Console())))
    typer.echo(f"\nhistory: {written[0]}")
