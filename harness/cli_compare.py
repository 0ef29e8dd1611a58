"""The command that compares a run with its baseline, for people and for a build that must not get worse."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.cli_common import stop, text_width
from harness.errors import EXIT_USAGE, UserError

__all__ = ["commands"]

commands = typer.Typer()

_WIDEST = 10_000  # In a pipe a finding is one line, for other programs.


@commands.command(
    epilog="Example: transferbench compare results/baselines/ci results/runs/ci --markdown compare.md. "
    "Exit codes: 0 no regression, 1 regression, 2 the input cannot be used, 3 not comparable, 4 no baseline, "
    "70 an error of the program itself."
)
def compare(
    baseline: Annotated[
        Path, typer.Argument(metavar="BASELINE", help="The folder of the run that was found good.")
    ],
    current: Annotated[
        Path, typer.Argument(metavar="CURRENT", help="The folder of the run that must not be worse.")
    ],
    dedicated: Annotated[
        bool,
        typer.Option(
            "--dedicated",
            help="Times are a gate too: of timing runs, made in turn on one machine that is otherwise idle.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write a comment for a pull request too."),
    ] = None,
) -> None:
    """Compare a run with its baseline: accuracy, loss, structure, memory and times, each with its margin."""
    from harness.comparison.compare import compare_folders
    from harness.files import write_whole
    from harness.reports.findings import render_findings, render_refusal, terminal_findings
    from harness.reports.findings_json import findings_facts, refusal_facts

    try:
        found = compare_folders(baseline, current, dedicated=dedicated)
    except UserError as error:
        code = getattr(error, "exit_code", EXIT_USAGE)
        if markdown is not None:
            # An older comment must not stand for this one.
            write_whole(markdown, render_refusal(error))
        if as_json:
            typer.echo(_dumped(refusal_facts(error, code)))
        stop(str(error), code)
    if markdown is not None:
        write_whole(markdown, render_findings(found))
    if as_json:
        typer.echo(_dumped(findings_facts(found)))
    else:
        console = Console()
        if text_width(console) is None:
            console = Console(width=_WIDEST)
        console.print(terminal_findings(found), highlight=False)
    raise SystemExit(found.exit_code)


def _dumped(facts: object) -> str:
    return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
