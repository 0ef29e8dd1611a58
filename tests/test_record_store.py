"""The store that keeps records: whole, in order, and what is damaged refused."""

from pathlib import Path

import numpy as np
import pytest
from fakes import answers, failed_record, measured, record

from harness.errors import UserError
from harness.record_store import RecordStore, read_record


def test_records_come_back_whole_with_their_predictions(tmp_path: Path):
    store, predictions = RecordStore(tmp_path), answers(7, 10)
    written = record(measured=measured(predictions))
    store.save(written, predictions)
    assert list(store.load()) == [written]
    read = store.predictions(written)
    assert read.ids.tolist() == predictions.ids.tolist()
    assert read.labels.tolist() == predictions.labels.tolist()
    assert np.array_equal(read.probabilities, predictions.probabilities)
    assert read.correct.sum() == 7


def test_a_failed_cell_has_a_record_and_no_predictions(tmp_path: Path):
    RecordStore(tmp_path).save(failed_record("oom", "too large"), None)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_predictions_are_written_before_the_record_that_promises_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written: list[str] = []
    monkeypatch.setattr("harness.record_store.write_whole", lambda path, _: written.append(path.suffix))
    RecordStore(tmp_path).save(record(), answers(1, 2))
    assert written == [".npz", ".json"]


def test_records_come_in_the_order_of_their_names(tmp_path: Path):
    store = RecordStore(tmp_path)
    for seed in (2, 0, 1):
        store.save(record(seed=seed), None)
    assert [each.cell.seed for each in store.load()] == [0, 1, 2]


def test_a_half_written_record_is_not_read(tmp_path: Path):
    path = RecordStore(tmp_path).save(record(), None)
    path.rename(path.with_name(path.name + ".partial"))
    assert not list(RecordStore(tmp_path).load())


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b'{"status": "ok"}', b"\xff\xfe"])
def test_a_damaged_record_is_an_error_that_names_the_file(tmp_path: Path, content: bytes):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        list(RecordStore(tmp_path).load())
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'bad.json'}: damaged, and no record any more: ")
    assert "Delete the file" in message


def test_a_record_of_another_schema_is_passed_over(tmp_path: Path):
    path = RecordStore(tmp_path).save(record(), None)
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    assert read_record(path) is None
    assert list(RecordStore(tmp_path).load()) == []


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "text", "columns"])
def test_damaged_predictions_are_an_error_that_names_the_file(tmp_path: Path, damage: str):
    store, written = RecordStore(tmp_path), record()
    store.save(written, answers(3, 10))
    path = tmp_path / f"{written.file_stem}.npz"
    if damage == "missing":
        path.unlink()
    elif damage == "columns":
        np.savez(path, ids=np.zeros(3))
    else:
        path.write_bytes({"empty": b"", "text": b"not an archive", "cut": path.read_bytes()[:-40]}[damage])
    with pytest.raises(UserError, match=r"the predictions of .* (cannot be read|are not there)") as caught:
        store.predictions(written)
    assert caught.value.where == str(path)
