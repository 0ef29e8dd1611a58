"""The commands that time steps: `time` and `selfcheck`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.cli_common import BackbonesOption, DevicesOption, MatrixArgument, interruptible, no_result, stop
from harness.errors import EXIT_INCOMPLETE

__all__ = ["commands"]

commands = typer.Typer()

RoundsOption = Annotated[
    int, typer.Option("--rounds", min=2, help="How often the A/A test times each of A and B.")
]


@commands.command(
    epilog="Example: transferbench time bench/matrices/timing-cpu.toml. "
    "Interrupt it whenever you like; the same command goes on where it stopped."
)
def time(
    matrix: MatrixArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the timing run; results/timings/NAME by default.")
    ] = None,
    passes: Annotated[
        int, typer.Option("--passes", min=1, help="How often each cell is timed, each pass in its own order.")
    ] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the order of the cells.")] = 0,
    rounds: RoundsOption = 5,
    keep_disturbed: Annotated[
        bool,
        typer.Option(
            "--keep-disturbed",
            help="Let a timing stand that other work disturbed; else the same command makes it again.",
        ),
    ] = False,
    backbones: BackbonesOption = None,
    devices: DevicesOption = None,
) -> None:
    """Time the steps that a matrix names in its timing tables, each in a process of its own."""
    from harness.matrix_file import load_matrix
    from harness.reports.timing import write_timing_report
    from harness.running.command import command_again, narrowing
    from harness.running.executor import LocalExecutor
    from harness.running.timing_run import TimingRequest, time_matrix
    from harness.running.view import RunView
    from harness.timing.records import TimingFolder

    loaded = load_matrix(matrix).only(backbones=backbones or (), devices=devices or ())
    folder = TimingFolder(out or Path("results/timings") / loaded.name)
    flags = narrowing(backbones, devices)
    flags += ["--passes", str(passes)] if passes != 2 else []
    flags += ["--seed", str(seed)] if seed else []
    flags += ["--rounds", str(rounds)] if rounds != 5 else []
    flags += ["--keep-disturbed"] if keep_disturbed else []
    request = TimingRequest(
        matrix=loaded,
        out=folder.path,
        command=command_again("time", matrix, {"--out": out}, *flags),
        passes=passes,
        seed=seed,
        rounds=rounds,
        keep_disturbed=keep_disturbed,
    )
    console = Console()
    kept = f"finished timings are kept in {folder.path}, the same command goes on from there"
    with interruptible(kept, folder.path), RunView(console) as view:
        records = time_matrix(request, LocalExecutor(), view)
    for path in write_timing_report(folder):
        console.print(f"report: {path}", highlight=False, soft_wrap=True)
    failed = sum(record.status != "ok" for record in records)
    if failed:
        stop(f"{no_result(failed, len(records), 'timing')}; the report says why", EXIT_INCOMPLETE)


@commands.command(epilog="Example: transferbench selfcheck --device gpu --rounds 10")
def selfcheck(
    device: Annotated[str, typer.Option("--device", metavar="cpu|gpu", help="The device to test.")] = "cpu",
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images a step.")] = 32,
    rounds: RoundsOption = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Time one cell as two, and tell the smallest difference that this machine can resolve."""
    import tempfile

    from harness.analysis.resolution import render_selfcheck, selfcheck_facts
    from harness.errors import unknown
    from harness.running.executor import LocalExecutor
    from harness.running.timing_run import check_cell, check_machine
    from harness.running.view import RunView

    if device not in ("cpu", "gpu"):
        raise unknown("device", device, ["cpu", "gpu"])
    console = Console(stderr=as_json)
    with tempfile.TemporaryDirectory() as logs, interruptible("nothing is kept"), RunView(console) as view:
        check = check_machine(check_cell(device, batch), LocalExecutor(), Path(logs), view, rounds=rounds)
    typer.echo(json.dumps(selfcheck_facts(check), indent=1) if as_json else render_selfcheck(check))
