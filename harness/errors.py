"""Errors that a user can mend, with a message that says how."""

import difflib
import fnmatch
from collections.abc import Iterable

from pydantic import ValidationError

__all__ = [
    "EXIT_INCOMPLETE",
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "EXIT_NOT_COMPARABLE",
    "EXIT_NO_BASELINE",
    "EXIT_REGRESSION",
    "EXIT_USAGE",
    "UserError",
    "few",
    "first_finding",
    "unknown",
]

EXIT_INCOMPLETE = 1
"""The run ended, but at least one cell has no result; its record says why."""
EXIT_USAGE = 2
"""The input cannot be used; nothing was run and nothing was changed."""
EXIT_REGRESSION = 1
"""`compare` found something worse than its margin, or a cell that is lost."""
EXIT_NOT_COMPARABLE = 3
"""`compare` was given runs that say nothing of each other: other images, another schema."""
EXIT_NO_BASELINE = 4
"""`compare` found no run to compare with."""
EXIT_INTERNAL = 70
"""An error of the program itself, whose traceback is printed (EX_SOFTWARE of BSD's sysexits.h)."""
EXIT_INTERRUPTED = 130
"""Interrupted by the user; finished cells are kept."""


class UserError(Exception):
    """A mistake in the input, told in words and without a traceback.

    `problem` says what was expected and what came, `where` names the file (and line), and
    `hint` says what to do next.
    """

    def __init__(self, problem: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{head}\n{self.hint}" if self.hint else head


def few(names: Iterable[str], shown: int = 5) -> str:
    """Return names as one text, the first ones only where there are many."""
    known = list(names)
    if len(known) <= shown + 1:  # "and 1 more" is no shorter than the name
        return ", ".join(known)
    return f"{', '.join(known[:shown])} and {len(known) - shown:,} more"


def first_finding(error: ValidationError) -> str:
    """Return the first thing that is wrong with a document, behind its place in it."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "document"
    return f"{place}: {first['msg']}"


def unknown(kind: str, given: str, choices: Iterable[str], *, where: str = "") -> UserError:
    """Return the error for a name that is not one of `choices`, near names first."""
    known = list(choices)
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(given.casefold(), folded, n=3, cutoff=0.5)
    pattern = _in_the_case_of(known, given)
    meant = [pattern] if pattern else [folded[name] for name in near]
    guess = f"Did you mean {' or '.join(meant)}? " if meant else ""
    return UserError(
        f"unknown {kind} {given!r}",
        where=where,
        hint=f"{guess}Choices: {few(known, shown=30)}.",
    )


def _in_the_case_of(known: list[str], given: str) -> str:
    """A pattern (resnet*) as the names that it would mean are written (ResNet*); "" if there are none."""
    start = given.partition("*")[0]
    for name in known if "*" in given else ():
        pattern = name[: len(start)] + given[len(start) :]
        if name.casefold().startswith(start.casefold()) and fnmatch.fnmatchcase(name, pattern):
            return pattern
    return ""
