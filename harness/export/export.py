"""Handing out the model of a cell: chosen, verified, then copied whole."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from harness.data.sources import Progress
from harness.errors import UserError
from harness.export.choice import choose_record, saved_model
from harness.export.loading import load_model
from harness.export.model_file import ModelFacts, read_facts
from harness.export.verification import Verification, verify
from harness.files import PARTIAL_SUFFIX
from harness.running.folder import RunFolder

__all__ = ["Exported", "export_model"]


@dataclass(frozen=True)
class Exported:
    """A model file that was handed out, and what its verification found."""

    path: Path
    facts: ModelFacts
    bytes: int
    verification: Verification


def export_model(
    folder: RunFolder,
    cell: str,
    out: Path,
    *,
    data: Path | None,
    cache: Path,
    force: bool,
    bar: Callable[[str], AbstractContextManager[Progress]],
) -> Exported:
    """Verify the saved model of a cell against its record and copy it to `out`.

    Raises `UserError`, and writes nothing, if the cell cannot be told or has no saved model, if `out`
    cannot be written, and if the model gives other predictions than were recorded.
    """
    _require_free(out, force=force)
    record = choose_record(folder, cell)
    model = saved_model(folder, record)
    facts = read_facts(model)
    loaded = load_model(model)
    with bar("predicting the test images again") as progress:
        found = verify(loaded, facts, folder, record, data=data, cache=cache, progress=progress)
    if found.fails:
        raise UserError(
            f"the saved model of {record.name} does not give the recorded predictions: {found.moved} of "
            f"{found.images:,} test images fall into another class, and a probability differs by "
            f"{found.largest:.2g} (allowed: {found.tolerance:g})",
            where=str(model),
            hint="Nothing was written. Delete that file and run the matrix again with --save-models.",
        )
    _copy(model, out)
    return Exported(out, facts, out.stat().st_size, found)


def _require_free(out: Path, *, force: bool) -> None:
    if out.suffix != ".keras":
        raise UserError(
            "the name of a model file ends in .keras; Keras loads no other",
            where=str(out),
            hint=f"For example: --out {out.with_suffix('.keras')}",
        )
    if out.is_dir():
        raise UserError("expected a file to write, found a folder", where=str(out))
    if out.exists() and not force:
        raise UserError("this file exists", where=str(out), hint="Replace it with --force, or name another.")


def _copy(model: Path, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"{out.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        shutil.copyfile(model, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
