"""What the modules of the command line share: options, and how a command ends that does not simply end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, NoReturn

import platformdirs
import typer
from rich.console import Console
from rich.markup import escape

from harness.errors import EXIT_INTERRUPTED

__all__ = ["NOTHING_WRITTEN", "CacheOption", "RunArgument", "cache_folder", "interruptible", "stop"]

CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", envvar="TRANSFERBENCH_CACHE", help="Folder for decoded images and features."),
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


def stop(message: str, code: int) -> NoReturn:
    """Tell why on standard error, and exit."""
    Console(stderr=True).print(f"[bold]transferbench:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise SystemExit(code)
