"""The store that keeps records: a JSON file each, and beside it the predictions in a NumPy archive.

Both are written whole, predictions first.  What was changed by hand or damaged is refused with what to do.
"""

import gc
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from harness.errors import UserError, first_finding
from harness.files import write_whole
from harness.records import SCHEMA_VERSION, Predictions, Record, file_stem

__all__ = ["RecordStore", "no_collection", "read_record", "schema_version"]


@dataclass(frozen=True)
class RecordStore:
    """The folder that a run's records are in."""

    folder: Path

    def save(self, record: Record, predictions: Predictions | None) -> Path:
        """Write a record whole, its predictions first: a record that is there is complete."""
        if predictions is not None:
            buffer = io.BytesIO()
            np.savez_compressed(
                buffer,
                ids=predictions.ids,
                labels=predictions.labels,
                probabilities=predictions.probabilities,
            )
            write_whole(self.folder / f"{record.file_stem}.npz", buffer.getvalue())
        path = self.folder / f"{record.file_stem}.json"
        write_whole(path, record.model_dump_json(indent=1) + "\n")
        return path

    def load(self) -> list[Record]:
        """Every record of this schema version, by file name.

        Raises `UserError` for a file that is damaged; one of another version is passed over, since
        its key cannot be one of this version's.
        """
        with no_collection():
            # Names are compared much faster than paths.
            paths = sorted(self.folder.glob("*.json"), key=lambda path: path.name)
            found = [read_record(path) for path in paths]
        return [record for record in found if record is not None]

    def holds(self, name: str, key: str) -> bool:
        """Whether a file of that record is there, readable or not."""
        return (self.folder / f"{file_stem(name, key)}.json").exists()

    def predictions(self, record: Record) -> Predictions:
        """The test predictions of a record that ended ok."""
        path = self.folder / f"{record.file_stem}.npz"
        try:
            # Read at once: an archive is looked up in many small steps, each slow in a file.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as columns:
                found = Predictions(columns["ids"], columns["labels"], columns["probabilities"])
            found.require_whole()
            return found
        except FileNotFoundError:
            problem = "are not there"
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            problem = f"cannot be read: {error}"
        raise UserError(
            f"the predictions of {record.name} {problem}",
            where=str(path),
            hint=f"Delete {record.file_stem}.json beside it; the next run makes both again.",
        )


@contextmanager
def no_collection() -> Iterator[None]:
    """Put off the search for cycles: among many young records it takes more time than reading them."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def read_record(path: Path) -> Record | None:
    """Read one record, None if it is of another schema version; raise `UserError` if damaged."""
    content = path.read_bytes()
    try:
        record = Record.model_validate_json(content)
        problem = _damage(record) or _not_strict(content)
    except ValidationError as error:
        if _other_version(content):
            return None
        problem = first_finding(error)
    if problem:
        kind = f"not a record of schema version {SCHEMA_VERSION}"
        if schema_version(content) is None:
            kind = "damaged, and no record any more"
        raise UserError(
            f"{kind}: {problem}",
            where=str(path),
            hint="Delete the file; the next run of its matrix makes that cell again.",
        )
    return record


def _damage(record: Record) -> str:
    """What in a record does not go together, so that it was changed by hand; "" for a sound one."""
    measured = record.measured
    accuracy, images = measured.test_accuracy, measured.test_images
    if record.name != record.cell.name:
        return f"name: expected that of the cell, {record.cell.name!r}, got {record.name!r}"
    for kind in ("train_step", "inference_step"):
        times = getattr(measured, kind)
        if times is not None and (times.batch < 1 or min(times.block_seconds, default=0.0) <= 0):
            return f"measured.{kind}: expected times above 0 of a batch, got {times.block_seconds}"
    if record.status != "ok":
        return ""
    if accuracy is None or images is None:
        return "measured: expected a test accuracy and its number of images, since the cell ended ok"
    # Float32 carries an accuracy to 1e-7.
    if not 0 <= accuracy <= 1 or images < 1 or abs(accuracy * images - round(accuracy * images)) > 0.01:
        return f"measured.test_accuracy: {accuracy} is no share of {images:,} whole images"
    return ""


def _not_strict(content: bytes) -> str:
    """Whether there are numbers that JSON does not have; the words alone may stand in a reason."""
    if b"NaN" not in content and b"Infinity" not in content:
        return ""
    found: list[str] = []
    json.loads(content, parse_constant=found.append)
    return f"{found[0]} is no number in JSON" if found else ""


def _other_version(content: bytes) -> bool:
    return schema_version(content) not in (None, SCHEMA_VERSION)


def schema_version(content: bytes) -> int | None:
    """The schema version that a document in JSON names; None where that cannot be told."""
    try:
        document = json.loads(content)
    except ValueError:
        return None
    version = document.get("schema_version") if isinstance(document, dict) else None
    return version if isinstance(version, int) else None
