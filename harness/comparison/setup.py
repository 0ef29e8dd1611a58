"""What the two runs were made with, and where that differs: recipe, versions, weights, settings, commit.

None of it fails by itself; it is what a reader of the other findings asks for first.
"""

from collections.abc import Iterator
from typing import Any

from harness.analysis.machines import environment_changes, same_machine
from harness.comparison.cells import Pair
from harness.comparison.finding import Finding
from harness.environment import Environment
from harness.recipes import recipe_changes
from harness.records import WeightsFacts
from harness.text import quoted

__all__ = ["environment_findings", "setup"]

_KINDS = {
    "machine": "{name}",
    "python": "Python",
    "library": "version of {name}",
    "setting": "setting {name}",
}


def setup(pair: Pair) -> Iterator[Finding]:
    """Everything in which the set-up of one cell differs, each with both values."""
    before, after = pair.before, pair.after
    for name, ours, theirs in recipe_changes(before.recipe, after.recipe):
        yield _changed(
            pair.name, f"recipe.{name}", f"recipe {quoted(before.recipe.name)}, {name}", ours, theirs
        )
    ours_file, theirs_file = _file(before.weights), _file(after.weights)
    if ours_file != theirs_file:
        yield _changed(pair.name, "weights", "weights file", ours_file, theirs_file)
    yield from environment_findings(pair.name, before.environment, after.environment)
    if before.commit != after.commit:
        yield _changed(pair.name, "commit", "harness commit", before.commit, after.commit)
    threads = before.measured.threads, after.measured.threads
    for name in sorted({*threads[0], *threads[1]}) if all(threads) else ():
        if threads[0].get(name) != threads[1].get(name):
            words = f"threads, {name.replace('_', '-')}"
            yield _changed(pair.name, f"threads.{name}", words, threads[0].get(name), threads[1].get(name))
    if before.data.left_out != after.data.left_out:
        counts = before.data.left_out, after.data.left_out
        yield _changed(pair.name, "left_out", "files left out of the images", *counts)


def environment_findings(cell: str, before: Environment, after: Environment) -> Iterator[Finding]:
    """In what two environments of one cell differ."""
    if not same_machine(before, after):
        yield Finding(
            kind="setup",
            severity="changed",
            message="another machine: its times are not compared, all else is",
            cells=(cell,),
            field="machine",
        )
    for each in environment_changes(before, after):
        words = _KINDS[each.kind].format(name=each.name)
        field = each.name if each.kind == each.name else f"{each.kind}.{each.name}"
        yield _changed(cell, field, words, each.before or None, each.after or None)


def _changed(cell: str, field: str, words: str, before: Any, after: Any) -> Finding:
    return Finding(
        kind="setup",
        severity="changed",
        message=f"{words}: {_text(before)} to {_text(after)}",
        cells=(cell,),
        field=field,
        before=None if before is None else str(before),
        after=None if after is None else str(after),
    )


def _text(value: Any) -> str:
    return "none" if value in (None, "") else quoted(value)


def _file(weights: WeightsFacts) -> str:
    """A weights file by name and the start of its hash; the kind, where there is no file."""
    return f"{weights.name} {weights.sha256[:12]}" if weights.name else weights.kind
