"""What a leaderboard's columns and rows mean, said only of those that it has."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from harness.analysis.rows import Row, Table
from harness.analysis.standings import Standings, kept
from harness.analysis.step_times import STEP_TIMES, time_doubt
from harness.analysis.timing_doubts import OTHERS_SHARE, disturbed, unwatched
from harness.metrics import TIMES_WITHIN
from harness.published import published_training
from harness.records import Record
from harness.reports.row_names import full_names

__all__ = ["legend", "notes", "shortened_epochs", "title", "unwatched_times", "verdict", "what_tells"]

_NAMED = 5
_MEMORY = "anonymous memory (resident memory where the system does not tell it)"


# Sentences for rows of one kind, and what tells such a row.
_KINDS: tuple[tuple[Callable[[Record], bool], str], ...] = (
    (
        lambda record: record.cell.strategy == "linear-probe",
        "A linear probe is a logistic regression on pooled features: it has no epochs and no train step. "
        "The strength of its penalty is chosen on validation loss.",
    ),
    (
        lambda record: len(record.phases) > 1,
        "The epoch is counted within its phase, the last one; the picture of `curves` counts through the "
        "phases.",
    ),
    (
        lambda record: record.cell.strategy == "zero-shot",
        "Zero-shot is the ImageNet head itself: nothing is trained on these images, so there is no gap, "
        "no epoch and no train step.",
    ),
    (
        lambda record: record.weights.kind == "scratch",
        "From-scratch rows (weights `scratch`) are controls: the whole network, batch norm too, is trained "
        "from a random initialisation. They are ranked, because that is a result in its own right; the "
        "distance to them is what pretrained weights are worth.",
    ),
    (
        lambda record: record.cell.train_images is not None,
        "Training images: a row on a part of them was trained on that many, every class in its share. The "
        "part is drawn by the seed; it is the same for all rows of one seed, and a smaller one lies inside a "
        "larger one. Validation and test images are all of them, so the epoch is chosen on more images than "
        "someone with so few may have. To result counts the part's own extraction, and of decoding the "
        "share of the images that were read.",
    ),
    (
        disturbed,
        "A time marked disturbed is not to be compared: other processes took more than "
        f"{100 * OTHERS_SHARE:.0f} % of the cores while it was measured, or the device was slowed down. "
        "Seconds of such a row are marked too: nothing watches the machine while it trains. Accuracies do "
        "not depend on it.",
    ),
    (
        lambda record: any(time_doubt((record,), name) == "unstable" for name in STEP_TIMES),
        "A time marked unstable is not to be compared either: its warm-up did not settle.",
    ),
    (
        lambda record: published_training(record) is not None,
        "Published is what the recipe's source reports for this backbone, size and strategy on its own "
        "images: test accuracy, or, marked val., validation accuracy of the last epoch where no test "
        "figure is published. A matrix may have derived its recipe from the published one. It is a "
        "reference and takes no part in the ranks.",
    ),
)


def title(table: Table, *, named: bool) -> str:
    """What a ranked table is called; `named` with its conditions, where a run has several."""
    first = table.first
    conditions = f"environment {first.environment.fingerprint}, {first.cell.device}, {first.cell.precision}"
    return f"Ranked by test accuracy{f' ({conditions})' if named else ''}"


def verdict(table: Table) -> str:
    """Whether the tests can tell the first row from the others, as a sentence; "" of one row."""
    ties, rows = len(table.tied), len(table.rows)
    if ties > 1:
        return (
            f"{ties:,} of {rows:,} rows share the first rank: the {what_tells(table.tied)} cannot tell them "
            "apart at the 5 % level."
        )
    places = table.rows[0].rank_interval
    if places is not None and places[1] > 1:
        return "The first row alone has the first rank: each other is significantly worse than it or another."
    others = {1: "", 2: "the other"}.get(rows, "every other")
    return f"The first row is significantly better than {others}." if others else ""


def what_tells(rows: Iterable[Row]) -> str:
    """What rows are told apart by, or are not: "test images", and seeds where one of the rows has several."""
    return "test images and seeds" if any(len(row.records) > 1 for row in rows) else "test images"


def unwatched_times(rows: Sequence[Row]) -> str:
    """That it is not known whether times of these rows were disturbed, as a sentence; "" where it is."""
    open_rows = [any(map(unwatched, row.records)) for row in rows]
    if not any(open_rows):
        return ""
    names = [name for name, is_open in zip(full_names(rows), open_rows, strict=True) if is_open]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    whose = "any row" if all(open_rows) else f"{len(names):,} of {len(rows):,} rows"
    told = "" if all(open_rows) else f" ({'; '.join(names[:_NAMED])}{more})"
    return (
        f"What other processes took of the cores while steps were timed is not recorded for {whose}{told}: "
        "that such a time has no mark does not say that it was undisturbed."
    )


def _rows(found: Standings) -> list[Row]:
    return [row for table in found.tables for row in table.rows] + [*found.controls, *found.partial]


def legend(found: Standings) -> str:
    """How to read the leaderboard of a run, as markdown."""
    return "\n".join(["## How to read this", "", *(f"- {note}" for note in notes(found))])


@kept
def notes(found: Standings) -> tuple[str, ...]:
    """How to read the leaderboard of a run, sentence by sentence; names of values stand in backticks."""
    records = found.records
    inherited = max((record.memory.inherited_bytes for record in records if record.memory), default=0)
    last = sorted({record.recipe.name for record in records if record.recipe.select == "last"})
    exception = f" (recipe {', '.join(last)}: the last epoch)" if last else ""
    done = [record for record in records if record.status == "ok"]
    return (
        "A row's rank is one plus the number of rows that are significantly better, its rank interval goes "
        "from there to the last place that it can have. Rows of rank 1 cannot be told apart from the best. "
        "In bold: the best value of a column as it is shown; ranks tell whether an accuracy is better. Of "
        f"times, all within {100 * TIMES_WITHIN:.0f} % of the lowest, a convention: on a machine that others "
        "use too the same step, timed once more, can take that much longer and more (beside a timing run of "
        "that machine: all within what that run resolves), and none where that is all of them.",
        *_out_of_order(found),
        *_tests(found),
        *dict.fromkeys(f"Ranks come from {table.family}." for table in found.tables if len(table.rows) > 1),
        *_intervals(found),
        f"Epochs are chosen on validation loss{exception}; the test images are read once, after that.",
        "The gap is training minus validation accuracy at the chosen epoch; training accuracy is a "
        "running mean with dropout and augmentation on. It opens at the first epoch of the last phase "
        "from which it stays larger than the validation set's 95 % half-width.",
        "Train and inference times are medians over blocks of steps of one resident batch (32 images "
        "unless the recipe says otherwise), after warm-up, in a pass of their own; loading and "
        "augmentation are not in them. The train step of fast extraction is a step of its head on "
        "cached features.",
        "To result: decoding, feature extraction, training and validation, as if nothing had been cached.",
        f"Peak memory: {_MEMORY} of the cell's process, {inherited / 1e6:,.0f} MB of which it held "
        "before it began (Keras and TensorFlow).",
        *(text for is_one, text in _KINDS if any(is_one(record) for record in done)),
        *_disagreeing(found),
        *filter(None, [unwatched_times(_rows(found))]),
    )


def _disagreeing(found: Standings) -> list[str]:
    doubts = (time_doubt(row.records, name) for row in _rows(found) for name in STEP_TIMES)
    if not any(doubt.startswith("seeds") for doubt in doubts):
        return []
    return [
        "A time whose seeds differ is not to be compared either: they timed the same step, more than "
        f"{100 * TIMES_WITHIN:.0f} % apart, though nothing is known to have disturbed them."
    ]


def _out_of_order(found: Standings) -> list[str]:
    """Why a less accurate row has a better rank than one above it, where one has."""
    tables = [[(row.rank or 0, len(row.records)) for row in table.rows] for table in found.tables]
    below = [each for table in tables for each in pairwise(table) if each[1][0] < each[0][0]]
    if not below:
        return []
    seeds = "its seeds spread more, or " if any(count > 1 for each in below for _, count in each) else ""
    return [
        "A less accurate row can have a better rank than a more accurate one, as here: where "
        f"{seeds}its answers differ on more images from those of the better rows, less is known of what it "
        "lacks, so fewer rows are significantly better."
    ]


def _tests(found: Standings) -> list[str]:
    """What the ranks were tested by, as far as there was something to test."""
    several = [table.rows for table in found.tables if len(table.rows) > 1]
    single = [sum(len(row.records) == 1 for row in rows) for rows in several]
    exact = any(count > 1 for count in single)
    seeds = any(count < len(rows) for count, rows in zip(single, several, strict=True))
    ways = ["by exact McNemar tests"] if exact else []
    if seeds:
        ways.append("by Student's t over images and seeds together")
    return (
        [f"Rows are compared on the same test images: {' where both have one seed, else '.join(ways)}."]
        if ways
        else []
    )


def _intervals(found: Standings) -> list[str]:
    rows = _rows(found)
    told = []
    if any(len(row.records) == 1 for row in rows):
        told.append(
            "The interval of a single seed is Wilson's, from the number of test images alone; it does not "
            "include the spread over seeds, and very near 100 % it covers less than 95 %."
        )
    if any(len(row.records) > 1 for row in rows):
        told.append(
            "Rows of several seeds show their mean (accuracy, loss, gap), median (epochs, times) or largest "
            "value (memory); a gap that never opens counts as opening last, and - is never. Their interval "
            "holds the chance of the test images and of the seeds together; the spread is the standard "
            "deviation over seeds."
        )
    return told


def shortened_epochs(records: Iterable[Record]) -> list[str]:
    """A sentence for each recipe and phase whose epochs hold fewer images than there are to train on."""
    found: dict[tuple[str, str, int, int], None] = {}
    for record in records:
        split = record.cell.train_images or sum(record.data.counts.get("train", {}).values())
        for epoch in record.measured.history:
            if epoch.images < split:
                found[record.cell.recipe, epoch.phase, epoch.images, split] = None
    return [
        f"Recipe {recipe}, {phase}: trains on {images:,} of {split:,} images an epoch."
        for recipe, phase, images, split in found
    ]
