"""The command that does the same run again, as records and leaderboards tell it."""

import shlex
from pathlib import Path

__all__ = ["command_again"]


def command_again(command: str, matrix: Path, options: dict[str, Path | None], *flags: str) -> str:
    """Return the command that does the same again, whatever came from the environment.

    Of absolute paths only the last part is kept: they are private, and another machine's differ.
    """

    def shown(path: Path) -> str:
        return path.name if path.is_absolute() else str(path)

    words = ["transferbench", command, shown(matrix)]
    for option, path in options.items():
        words += [option, shown(path)] if path else []
    return shlex.join([*words, *flags])
