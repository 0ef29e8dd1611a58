"""The command that does the same run again, as records and leaderboards tell it."""

import shlex
from collections.abc import Sequence
from pathlib import Path

__all__ = ["command_again", "narrowing", "recorded"]


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


def recorded(command: str) -> str:
    """A run's command as its folder keeps it, and what is to be put back before it can be used."""
    return (
        "The run's command (folders outside the working folder are shown by their last part only, and the "
        f"cache not at all):\n{command}"
    )


def narrowing(backbones: Sequence[str] | None, devices: Sequence[str] | None) -> list[str]:
    """Return the words that narrow a matrix, as they were given."""
    words = [("--backbones", word) for word in backbones or ()]
    words += [("--devices", word) for word in devices or ()]
    return [part for pair in words for part in pair]
