"""Which cell of a run is meant: by its name, by a part or a pattern that no other has, or as the best."""

from pathlib import Path
from typing import Final

from harness.analysis.standings import leaders
from harness.errors import UserError, few
from harness.records import Record
from harness.running.command import recorded
from harness.running.folder import RunFolder, named_cells

__all__ = ["BEST", "choose_record", "saved_model"]

BEST: Final = "best"
"""The word for the first row of the leaderboard."""


def choose_record(folder: RunFolder, wanted: str) -> Record:
    """Return the record of the cell that is meant, which has a result.

    Raises `UserError` for a name that no cell of the run's last plan has or several have, and for a cell
    without a result.
    """
    if wanted == BEST:
        return _best(folder)
    facts = folder.facts()
    keys = {cell.name: cell.key for cell in facts.cells}
    name = _name(wanted, list(keys), str(folder.path))
    record = next(
        (each for each in folder.records.load() if (each.name, each.key) == (name, keys[name])), None
    )
    if record is None:
        raise UserError(
            f"the cell {name} has not been run yet",
            where=str(folder.path),
            hint=f"The run was interrupted before it; run it again. {recorded(facts.command)}",
        )
    if record.status != "ok":
        raise UserError(
            f"the cell {name} has no result: {record.status}: {record.reason}", where=str(folder.path)
        )
    return record


def saved_model(folder: RunFolder, record: Record) -> Path:
    """Return the file of a cell's saved model.

    Raises `UserError` if it was not saved, which says how to have it.
    """
    model = folder.model(record.file_stem)
    if model.is_file():
        return model
    command = folder.facts().command
    flag = "--save-models"
    again = command if flag in command.split() else f"{command} {flag}"
    raise UserError(
        f"the model of {record.name} was not saved",
        where=str(folder.path),
        hint=f"Run the matrix again with {flag}; cells without a saved model are then trained again. "
        f"{recorded(again)}",
    )


def _name(wanted: str, names: list[str], where: str) -> str:
    found = named_cells(wanted, names, where=where, also=[BEST])
    if len(found) > 1:
        raise UserError(
            f"{wanted!r} means {len(found)} cells",
            where=where,
            hint=f"Name one of them: {few(found, shown=30)}.",
        )
    return found[0]


def _best(folder: RunFolder) -> Record:
    first = leaders(folder)
    if not first:
        raise UserError(
            "no cell of this run is ranked, so none is the best",
            where=str(folder.path),
            hint="Cells without a result and cells on random weights have no rank. Name a cell.",
        )
    if len(first) > 1:
        raise UserError(
            f"this run has {len(first)} leaderboards that are not compared (machine, device, precision)",
            where=str(folder.path),
            hint=f"Name the best of one of them: {few((record.name for record in first), shown=30)}.",
        )
    return first[0]
