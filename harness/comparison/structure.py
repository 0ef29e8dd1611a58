"""What must be exactly the same wherever it was run: counts, boundaries, hashes, and what was trained on.

Where the recipe was changed, what the changed field decides is told as that change's doing and fails nothing:
a longer schedule has more epochs.  All else stays exact, so a changed recipe hides no mistake beside it.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding, Value, value_text
from harness.recipes import recipe_changes
from harness.records import Record
from harness.strategies import Phase
from harness.text import quoted

__all__ = ["differs", "structure"]


def structure(pair: Pair) -> Iterator[Finding]:
    """Whatever of the structure of one cell is another now; a value that one record lacks is another one.

    What older records do not tell is compared where both do.
    """
    changes = [name for name, _, _ in recipe_changes(pair.before.recipe, pair.after.recipe)]
    for found in _differences(pair):
        because = _decided(found.field, changes, pair)
        if because:
            message = f"{found.message}; {because} decides it"
            yield replace(found, severity="changed", message=message)
        else:
            yield found


def _differences(pair: Pair) -> Iterator[Finding]:
    for field, words, value in _EXACT:
        before, after = value(pair.before), value(pair.after)
        if before != after:
            yield differs(pair.name, field, words, before, after)
    for field, words, value in _WHERE_BOTH_TELL:
        before, after = value(pair.before), value(pair.after)
        if before and after and before != after:
            yield differs(pair.name, field, words, before, after)
    if _frozen_alike(pair) and pair.before.measured.frozen_sha256 != pair.after.measured.frozen_sha256:
        hashes = (str(each.measured.frozen_sha256)[:12] for each in (pair.before, pair.after))
        yield differs(pair.name, "frozen_sha256", "the hash of what is frozen", *hashes)
    if pair.before.phases != pair.after.phases:
        yield differs(pair.name, "phases", "what is trained, by phase", *_phase_changes(pair))
    before, after = _rates(pair.before), _rates(pair.after)
    if before and after and before != after:
        yield differs(
            pair.name, "learning_rate", "learning rates that the optimizer had, by phase", before, after
        )


def differs(cell: str, field: str, words: str, before: Value, after: Value) -> Finding:
    """A fact of a cell that must be exactly the same, and is not."""
    return Finding(
        kind="structure",
        severity="regression",
        message=f"{words}: {value_text(before)} to {value_text(after)}",
        cells=(cell,),
        field=field,
        before=before,
        after=after,
    )


_SCHEDULES = ("*.epochs", "*.patience", "*.steps_per_epoch", "*.warm_up_epochs", "*.learning_rate")
_WHAT_TRAINS = ("head", "augmented_head", "drop_blocks", "fine_tuning_start")
_DECIDES: Final[dict[str, tuple[str, ...]]] = {
    "parameters": ("head", "augmented_head", "drop_blocks"),
    "parameters_trainable": _WHAT_TRAINS,
    "boundary": ("drop_blocks",),
    "variables_trained": _WHAT_TRAINS,
    "variables_moved": _WHAT_TRAINS,
    "frozen_sha256": ("drop_blocks",),
    "images": ("*.epochs", "*.patience", "*.steps_per_epoch", "batch", "fine_tuning_start"),
    "train_traces": ("batch", "fine_tuning_start"),
    "validation_images": ("fine_tuning_start",),
    "pixels_sha256": ("resize",),
    "phases": (*_SCHEDULES, "fine_tuning_start"),
    "learning_rate": (*_SCHEDULES, "fine_tuning_start"),
}
"""Which fields of a recipe decide a fact of the structure, as patterns; of what is not here none does."""


def _decided(fact: str, changes: list[str], pair: Pair) -> str:
    """What was changed on purpose and decides a fact, in words; "" where nothing of the kind was."""
    decides = [name for name in changes if any(fnmatchcase(name, each) for each in _DECIDES.get(fact, ()))]
    if decides:
        return "the recipe's " + ", ".join(quoted(name) for name in decides)
    # Decoders of one format may round otherwise; what that costs, accuracy and loss tell.
    decoder = [record.environment.libraries.get("pillow") for record in (pair.before, pair.after)]
    return "the version of `pillow`" if fact == "pixels_sha256" and decoder[0] != decoder[1] else ""


def _measured(field: str) -> Callable[[Record], Value]:
    return lambda record: getattr(record.measured, field)


def _images_seen(record: Record) -> str:
    """The images of each epoch by phase; of a phase that may end early, only the different numbers."""
    patient = {
        phase.name for phase in record.phases if isinstance(phase, Phase) and phase.patience is not None
    }
    seen: dict[str, list[int]] = {}
    for epoch in record.measured.history:
        seen.setdefault(epoch.phase, []).append(epoch.images)
    told = []
    for name, images in seen.items():
        different = ", ".join(f"{count:,}" for count in dict.fromkeys(images))
        told.append(f"{name} {different}" + ("" if name in patient else f" in {len(images)} epochs"))
    return "; ".join(told)


_EXACT: tuple[tuple[str, str, Callable[[Record], Value]], ...] = (
    ("parameters", "parameters", _measured("parameters")),
    ("parameters_trainable", "trainable parameters", _measured("parameters_trainable")),
    ("boundary", "the first layer that trains", _measured("boundary")),
    ("variables_trained", "variables that train", _measured("variables_trained")),
    ("variables_moved", "variables that training moved", _measured("variables_moved")),
    ("test_images", "test images", _measured("test_images")),
    ("images", "images trained on, by phase", _images_seen),
    ("jit", "compiled by XLA", _measured("jit")),
)


def _traces(record: Record) -> str:
    return "; ".join(f"{phase} {count}" for phase, count in record.measured.train_traces.items())


def _validated(record: Record) -> str:
    """The different numbers of images that epochs were validated on, by phase."""
    told = {(epoch.phase, epoch.validation_images): None for epoch in record.measured.history}
    return "; ".join(f"{phase} {images:,}" for phase, images in told if images is not None)


_WHERE_BOTH_TELL: tuple[tuple[str, str, Callable[[Record], str]], ...] = (
    ("train_traces", "how often the train step was traced, by phase", _traces),
    ("validation_images", "images validated on, by phase", _validated),
    ("pixels_sha256", "the hash of the decoded images", lambda record: record.data.pixels_sha256[:12]),
)


def _rates(record: Record) -> str:
    """The different learning rates of each phase; "" in records that do not tell."""
    told = {(epoch.phase, epoch.learning_rate): None for epoch in record.measured.history}
    return "; ".join(f"{phase} {rate:g}" for phase, rate in told if rate is not None)


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
