"""The facts inside a model file: written, read, and refused with a reason."""

import zipfile
from pathlib import Path

import pytest
from fakes import model_facts, put

from harness.errors import UserError
from harness.export.model_file import FACTS_NAME, add_facts, read_facts


def archive(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{}")
        for name, content in members.items():
            file.writestr(name.replace("_json", ".json"), content)
    return path


def test_facts_come_back_as_they_were_put_in(tmp_path: Path):
    path = archive(tmp_path / "m.keras")
    add_facts(path, model_facts(classes=("größe", "b")))
    assert read_facts(path) == model_facts(classes=("größe", "b"))
    assert zipfile.ZipFile(path).namelist() == ["config.json", FACTS_NAME]


def test_a_file_that_another_program_saved_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"no transferbench\.json in it.*classes(?s:.*)transferbench export"):
        read_facts(archive(tmp_path / "m.keras"))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes):
    with pytest.raises(UserError, match=r"not a \.keras file"):
        read_facts(put(tmp_path / "m.keras", content))


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path):
    with pytest.raises(UserError, match="found a folder"):
        read_facts(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        read_facts(tmp_path / "m.keras")


@pytest.mark.parametrize("content", ["{", '{"schema_version": 2}', '{"schema_version": 1, "size": 3}'])
def test_facts_of_another_form_are_refused_with_what_is_wrong(tmp_path: Path, content: str):
    with pytest.raises(UserError, match=r"transferbench\.json cannot be read: \w+"):
        read_facts(archive(tmp_path / "m.keras", transferbench_json=content))
