"""The sections on errors: which test images models get wrong together, and which fine-tuning fixed or broke.

Images are named by id alone, the start of their content's hash; `harness.reports.gallery` shows them.
"""

from collections.abc import Sequence

from harness.analysis.changes import MOST_CHANGES, Change, changes
from harness.analysis.errors import MOST_SEEDS, Mistake, SharedErrors, by_chance, shared_errors
from harness.analysis.rows import Table
from harness.analysis.standings import Standings
from harness.errors import few
from harness.reports.row_names import full_names
from harness.reports.sections import each_table, folded, listed, names, table_of
from harness.reports.tables import number, significant
from harness.text import counted

__all__ = ["changes_section", "model_noun", "shared_section"]

_MODELS = (
    "A model is a backbone at a depth: heads and seeds on the same features err alike, so they are one, and "
    "it gets an image wrong where more than half of its cells do. Random bases are no models here. Beside "
    "the errors that models share stands how many they would share if each made its own at random, at its "
    "own rate. The confidence is the mean of the cells that say so."
)
_EVERY = (
    "An image that every model gets wrong is worth a look: its label may be wrong, it may show several "
    "classes or none, or it is hard."
)
_ONE = (
    "All are versions of one backbone: what they all get wrong are one network's errors, and no sign that "
    "labels are wrong."
)
_CHANGES = (
    "Each fine-tuned row stands against fast extraction with the same backbone and seeds. Fixed are the "
    "images that most seeds of fast extraction have wrong and most seeds of the fine-tuned row right; broken "
    "the other way round."
)
_FEW = 0.01
_MOST_TURNED = 5


def shared_section(found: Standings) -> str:
    """The images that all or most models get wrong, and how many chance would give; "" of a single model."""
    parts = [_shared(each) for each in shared_errors(found)]
    if not parts:
        return ""
    return "\n\n".join([_MODELS + _seeds_read(found), *parts])


def changes_section(found: Standings) -> str:
    """What fine-tuning fixed and broke against fast extraction; "" without such pairs of rows."""
    text = each_table(found, lambda table: _changes(table, found))
    return f"{_CHANGES}{_seeds_read(found)}\n\n{text}" if text else ""


def model_noun(found: SharedErrors) -> str:
    """What to call the models: one backbone at several depths is not several models that agree."""
    return "models" if found.independent else "versions of one backbone"


def _seeds_read(found: Standings) -> str:
    most = max(len(row.records) for table in found.tables for row in table.rows)
    return f" Images are told by the first {MOST_SEEDS} seeds of each row." if most > MOST_SEEDS else ""


def _shared(found: SharedErrors) -> str:
    models, backbones = len(found.models), len(found.backbone_rates)
    noun = model_noun(found)
    chance = by_chance(found.rates, found.images)
    by_most = len(found.by_most), sum(chance[wrong] for wrong in range(models) if wrong > models / 2)
    counts = {
        f"wrong by all {models} {noun}": (len(found.by_all), chance[-1]),
        # More than half of two is both.
        **({} if models == 2 else {"wrong by more than half of them, not by all": by_most}),
        "wrong by one of them" if models == 2 else "wrong by some, at most half": (
            len(found.mistakes) - len(found.by_all) - len(found.by_most),
            sum(chance[wrong] for wrong in range(1, models) if wrong <= models / 2),
        ),
        "wrong by none": (found.images - len(found.mistakes), chance[0]),
    }
    if 1 < backbones < models:
        expected = by_chance(found.backbone_rates, found.images)[-1]
        counts[f"wrong by the best model of each of {backbones} backbones"] = (found.by_backbones, expected)
    table = table_of(
        {
            f"of {found.images:,} test images": list(counts),
            "images": [f"{count:,}" for count, _ in counts.values()],
            "if errors were independent": [_expected(expected) for _, expected in counts.values()],
        },
        right=["images", "if errors were independent"],
    )
    rest = f"{counted(found.rows_left_out, 'less accurate row')} had no say." if found.rows_left_out else ""
    lists = [
        _mistakes(
            f"Wrong by all {models} {noun}: {counted(len(found.by_all), 'image')}", found.by_all, models
        ),
        _mistakes(
            f"Wrong by more than half of the {noun}: {counted(len(found.by_most), 'image')}",
            found.by_most,
            models,
        ),
    ]
    models_are = f"The models: {few(found.models, shown=12)}. {_EVERY if found.independent else _ONE}"
    return "\n\n".join(filter(None, [models_are, rest, table, *lists]))


def _expected(images: float) -> str:
    """How many images chance would give: three digits, or that it is next to none."""
    if images < _FEW:
        return f"below {_FEW:g}"
    return number(images, 0) if images >= 100 else significant(images, 2)


def _mistakes(title: str, found: Sequence[Mistake], models: int) -> str:
    columns = {
        "id": [each.id for each in found],
        "label": [each.label for each in found],
        "models say": [each.said for each in found],
        "models wrong": [f"{each.wrong} of {models}" for each in found],
        "of these say so": [str(each.agreed) for each in found],
        "confidence (%)": [number(each.confidence, 1, 100) for each in found],
    }
    return listed(title, columns, right=["models wrong", "of these say so", "confidence (%)"])


def _changes(table: Table, found: Standings) -> str:
    each_change, alone = changes(table, found.answers)
    if not each_change:
        return ""
    rows = [change.tuned for change in each_change]
    columns = names(rows)
    text = list(columns)
    columns |= {
        "fast extraction (%)": [number(change.base.accuracy, 1, 100) for change in each_change],
        "fine-tuned (%)": [number(change.tuned.accuracy, 1, 100) for change in each_change],
        "fixed (images)": [f"{len(change.fixed):,}" for change in each_change],
        "broken (images)": [f"{len(change.broken):,}" for change in each_change],
    }
    parts = [table_of(columns, right=[name for name in columns if name not in text])]
    tuned = sum(row.cell.strategy == "fine-tuning" for row in table.rows)
    if left := tuned - len(each_change) - len(alone):
        parts.append(f"The {MOST_CHANGES} most accurate; {counted(left, 'fine-tuned row')} more.")
    if alone:
        parts.append(f"Without fast extraction of the same seeds: {counted(len(alone), 'fine-tuned row')}.")
    parts += [_turned(change, name) for change, name in zip(each_change, full_names(rows), strict=True)]
    return "\n\n".join(filter(None, parts))


def _turned(change: Change, name: str) -> str:
    """The images of a change, folded, the fixed ones first; of either at most `_MOST_TURNED`."""
    ways = {"fixed": change.fixed, "broken": change.broken}
    shown = [(way, each) for way, found in ways.items() for each in found[:_MOST_TURNED]]
    if not shown:
        return ""
    columns = {
        "change": [way for way, _ in shown],
        "id": [each.id for _, each in shown],
        "label": [each.label for _, each in shown],
        "before": [each.before for _, each in shown],
        "confidence before (%)": [number(each.before_confidence, 1, 100) for _, each in shown],
        "after": [each.after for _, each in shown],
        "confidence after (%)": [number(each.after_confidence, 1, 100) for _, each in shown],
    }
    text = table_of(columns, right=["confidence before (%)", "confidence after (%)"])
    more = {way: len(found) - _MOST_TURNED for way, found in ways.items()}
    rest = " and ".join(f"{left:,} more {way}" for way, left in more.items() if left > 0)
    title = f"{name}: {len(change.fixed):,} fixed, {len(change.broken):,} broken"
    return folded(title, f"{text}\n\nand {rest}" if rest else text)
