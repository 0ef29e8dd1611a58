"""What must be exactly the same wherever it was run: counts, boundaries, hashes, and what was trained on.

Where the recipe was changed, what the changed field decides is told as that change's doing and fails nothing:
a longer schedule has more epochs.  All else stays exact, so a changed recipe hides no mistake beside it.
A fact that the baseline tells and the current record does not is lost, and fails: no check may fall silent.
One that the current record alone tells is held to nothing, and that is said.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding, Value, untold, value_text
from harness.recipes import recipe_changes
from harness.records import Record
from harness.strategies import Phase, strategy
from harness.text import quoted

__all__ = ["differs", "structure"]


def structure(pair: Pair) -> Iterator[Finding]:
    """Whatever of the structure of one cell is another now; a value that the current record lacks is lost.

    No change of the recipe or of a version decides that a value is lost.
    """
    changes = [
        name for name, _, _ in recipe_changes(pair.before.recipe, pair.after.recipe) if _has_part(pair, name)
    ]
    for found in _differences(pair):
        because = "" if None in (found.before, found.after) else _decided(found.field, changes, pair)
        if because:
            yield replace(found, severity="changed", message=f"{found.message}; {because}")
        else:
            yield found


def _differences(pair: Pair) -> Iterator[Finding]:
    for field, words, value in _FACTS:
        before, after = value(pair.before), value(pair.after)
        if before != after and (field != "frozen_sha256" or None in (before, after) or _frozen_alike(pair)):
            yield differs(pair.name, field, words, before, after)
    if pair.before.phases != pair.after.phases:
        yield differs(pair.name, "phases", "what is trained, by phase", *_phase_changes(pair))


def differs(cell: str, field: str, words: str, before: Value, after: Value) -> Finding:
    """A fact of a cell that must be exactly the same, and is not; one that is None is not told."""
    if before is None:
        return untold(cell, "structure", field, f"{words} ({value_text(after)} now)")
    lost = f"no longer told: {words} ({value_text(before)} in the baseline)"
    return Finding(
        kind="structure",
        severity="regression",
        message=lost if after is None else f"{words}: {value_text(before)} to {value_text(after)}",
        cells=(cell,),
        field=field,
        before=before,
        after=after,
    )


_SCHEDULES = ("*.epochs", "*.patience", "*.steps_per_epoch", "*.warm_up_epochs", "*.learning_rate")
_WHAT_TRAINS = ("head", "drop_blocks", "fine_tuning_start")
_DECIDES: Final[dict[str, tuple[str, ...]]] = {
    "parameters": ("head", "drop_blocks"),
    "parameters_trainable": _WHAT_TRAINS,
    "boundary": ("drop_blocks",),
    "variables_trained": _WHAT_TRAINS,
    "variables_moved": _WHAT_TRAINS,
    "frozen_sha256": ("drop_blocks",),
    "images": ("*.steps_per_epoch", "batch", "fine_tuning_start"),
    "epochs": ("*.epochs", "*.patience", "fine_tuning_start"),
    "train_traces": ("batch", "fine_tuning_start"),
    "validation_images": ("fine_tuning_start",),
    "pixels_sha256": ("resize",),
    "phases": (*_SCHEDULES, "fine_tuning_start"),
    "learning_rate": ("*.learning_rate", "*.warm_up_epochs", "fine_tuning_start"),
}
"""Which fields of a recipe decide a fact of the structure, as patterns; of what is not here none does."""

_PHASES_ALONE = (*_SCHEDULES, "fine_tuning_start")
"""The fields that decide what they decide by the phases of a strategy, and nothing in those without them."""


def _has_part(pair: Pair, name: str) -> bool:
    """Whether a changed field of the recipe has a part in this cell: another strategy's schedule has none."""
    if not any(fnmatchcase(name, each) for each in _PHASES_ALONE):
        return True
    field, cell = name.partition(".")[0], pair.before.cell
    ours, theirs = pair.before.recipe, pair.after.recipe
    phases = strategy(cell.strategy).phases
    # Either recipe with the other's field: where a schedule comes into use by another change, one tells.
    return any(
        phases(recipe.model_copy(update={field: getattr(other, field)}), cell.depth)
        != phases(recipe, cell.depth)
        for recipe, other in ((ours, theirs), (theirs, ours))
    )


def _decided(fact: str, changes: list[str], pair: Pair) -> str:
    """What was changed on purpose and decides a fact, as a clause; "" where nothing of the kind was."""
    decides = [name for name in changes if any(fnmatchcase(name, each) for each in _DECIDES.get(fact, ()))]
    if decides:
        verb = "decides" if len(decides) == 1 else "decide"
        return f"the recipe's {' and '.join(quoted(name) for name in decides)} {verb} it"
    # Decoders of one format may round otherwise; what that costs, accuracy and loss tell.
    decoder = [record.environment.libraries.get("pillow") for record in (pair.before, pair.after)]
    other = fact == "pixels_sha256" and decoder[0] != decoder[1]
    return "the version of `pillow` decides it" if other else ""


def _measured(field: str) -> Callable[[Record], Value]:
    return lambda record: getattr(record.measured, field)


def _images_seen(record: Record) -> str | None:
    return _by_phase([(epoch.phase, epoch.images) for epoch in record.measured.history], ",")


def _epochs(record: Record) -> str | None:
    """The epochs of each phase; of one that may end early its number is no fact of the structure."""
    early = {phase.name for phase in record.phases if isinstance(phase, Phase) and phase.patience is not None}
    counts = Counter(epoch.phase for epoch in record.measured.history)
    told = [f"{name} {'until patience ends' if name in early else count}" for name, count in counts.items()]
    return "; ".join(told) or None


def _traces(record: Record) -> str | None:
    told = [f"{phase} {count}" for phase, count in record.measured.train_traces.items()]
    return "; ".join(told) or None


def _validated(record: Record) -> str | None:
    return _by_phase([(epoch.phase, epoch.validation_images) for epoch in record.measured.history], ",")


def _rates(record: Record) -> str | None:
    # A probe takes no steps: its epochs are strengths of the penalty, and have no rate to lose.
    steps = [epoch for epoch in record.measured.history if epoch.strength is None]
    return _by_phase([(epoch.phase, epoch.learning_rate) for epoch in steps], "g")


def _pixels(record: Record) -> str | None:
    return record.data.pixels_sha256[:12] or None


def _by_phase(epochs: Sequence[tuple[str, float | None]], digits: str) -> str | None:
    """The different values that the epochs of each phase have; None in records that tell none."""
    if all(value is None for _, value in epochs):
        return None
    told = dict.fromkeys(epochs)
    return "; ".join(f"{name} {'none' if value is None else format(value, digits)}" for name, value in told)


def _frozen(record: Record) -> str | None:
    found = record.measured.frozen_sha256
    return found[:12] if found else None


_FACTS: tuple[tuple[str, str, Callable[[Record], Value]], ...] = (
    ("parameters", "parameters", _measured("parameters")),
    ("parameters_trainable", "trainable parameters", _measured("parameters_trainable")),
    ("boundary", "the first layer that trains", _measured("boundary")),
    ("variables_trained", "variables that train", _measured("variables_trained")),
    ("variables_moved", "variables that training moved", _measured("variables_moved")),
    ("test_images", "test images", _measured("test_images")),
    ("images", "images trained on in an epoch, by phase", _images_seen),
    ("epochs", "epochs, by phase", _epochs),
    ("jit", "compiled by XLA", _measured("jit")),
    ("train_traces", "how often the train step was traced, by phase", _traces),
    ("validation_images", "images validated on, by phase", _validated),
    ("pixels_sha256", "the hash of the decoded images", _pixels),
    ("learning_rate", "learning rates that the optimizer had, by phase", _rates),
    ("frozen_sha256", "the hash of what is frozen", _frozen),
)
"""The facts of the structure, each None where a record does not tell it."""


def _frozen_alike(pair: Pair) -> bool:
    """Whether what is frozen comes from the same file; random weights are calibrated, and vary in digits."""
    before, after = pair.before.weights, pair.after.weights
    return bool(before.name) and before.sha256 == after.sha256


def _phase_changes(pair: Pair) -> tuple[str, str]:
    """The phases in words; those that both have alike are left out."""
    ours, theirs = ([_phase(each) for each in record.phases] for record in (pair.before, pair.after))
    return (
        "; ".join(each for each in ours if each not in theirs) or "none",
        "; ".join(each for each in theirs if each not in ours) or "none",
    )


def _phase(phase: Any) -> str:
    facts = {name: value for name, value in vars(phase).items() if name != "name" and value is not None}
    return f"{phase.name} ({', '.join(f'{name} {value}' for name, value in facts.items())})"
