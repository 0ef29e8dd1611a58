"""What the modules of the command line share: options, and how a command ends that does not simply end."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import platformdirs
import typer
from rich.console import Console
from rich.markup import escape

from harness.errors import EXIT_INTERRUPTED, UserError
from harness.text import counted

if TYPE_CHECKING:  # importing it takes longer than --help should
    from harness.matrix import Matrix

__all__ = [
    "NOTHING_WRITTEN",
    "BackbonesOption",
    "CacheOption",
    "DevicesOption",
    "MatrixArgument",
    "RunArgument",
    "WeightsOption",
    "cache_folder",
    "interruptible",
    "load_trainings",
    "no_result",
    "stop",
    "text_width",
    "weights_folder",
]

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
BackbonesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--backbones",
        metavar="PATTERN",
        help="Only these backbones of the matrix: a name, a pattern or a group; may be repeated.",
    ),
]
DevicesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--devices", metavar="DEVICE", help="Only the matrix's cells on this device, cpu or gpu; repeatable."
    ),
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]

NOTHING_WRITTEN: Final = "nothing was written"


def cache_folder(named: Path | None) -> Path:
    """The cache that was named, or the user's own."""
    return named or Path(platformdirs.user_cache_dir("transferbench"))


@contextmanager
def interruptible(kept: str, folder: Path = Path()) -> Iterator[None]:
    """End with one line where the user interrupts the block: what is `kept`, if `folder` is there."""
    try:
        yield
    except KeyboardInterrupt:
        stop(f"interrupted; {kept if folder.exists() else NOTHING_WRITTEN}", EXIT_INTERRUPTED)


def load_trainings(path: Path, backbones: Sequence[str] | None, devices: Sequence[str] | None) -> "Matrix":
    """Read a matrix to train by, narrowed; raise `UserError` if it (or what is left of it) trains nothing."""
    from harness.matrix_file import load_matrix

    whole = load_matrix(path)
    loaded = whole.only(backbones or (), devices or ())
    if not loaded.grid:
        left = "what is left of this matrix" if whole.grid else "this matrix"
        raise UserError(
            f"{left} has only [[timing]] tables",
            where=str(path),
            hint="Time its steps with `transferbench time`; trainings are [[grid]] tables.",
        )
    return loaded


def no_result(failed: int, total: int, name: str) -> str:
    """How many have no result, "1 of 4 cells has no result"."""
    return f"{failed:,} of {counted(total, name)} {'has' if failed == 1 else 'have'} no result"


def stop(message: str, code: int) -> NoReturn:
    """Tell why on standard error, and exit."""
    Console(stderr=True).print(f"[bold]transferbench:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise SystemExit(code)


def text_width(console: Console) -> int | None:
    """The width that lines must keep; none in a pipe, where a row is one line for other programs."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


def weights_folder(path: Path | None) -> Path | None:
    """The folder of weight files that was named; raise `UserError` if there is none."""
    if path is not None and not path.is_dir():
        raise UserError(
            "no such folder", where=str(path), hint="--weights-dir names a folder of weight files."
        )
    return path
