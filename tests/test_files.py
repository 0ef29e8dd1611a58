"""Files and folders are whole or not there."""

import os
import shutil
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.files import require_space, sha256_of, whole_folder, write_whole

DEAD = 2**22 + 1
"""A process id beyond the largest that Linux gives."""


def test_a_file_is_written_with_its_folders(tmp_path: Path):
    write_whole(tmp_path / "a" / "b.txt", "naïve")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "naïve".encode()


def test_no_unfinished_file_is_left_beside_a_finished_one(tmp_path: Path):
    write_whole(tmp_path / "b.txt", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_an_error_while_writing_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_whole(tmp_path / "b.txt", "old")

    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "b.txt", "new, and half of it")
    assert (tmp_path / "b.txt").read_text() == "old"


def test_a_folder_appears_only_when_it_is_whole(tmp_path: Path):
    with whole_folder(tmp_path / "f") as partial:
        (partial / "x").touch()
        assert not (tmp_path / "f").exists()
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["x"]
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("how", [ValueError, KeyboardInterrupt])
def test_a_folder_that_was_interrupted_leaves_nothing(tmp_path: Path, how: type[BaseException]):
    def fill() -> None:
        with whole_folder(tmp_path / "f") as partial:
            (partial / "x").touch()
            raise how

    with pytest.raises(how):
        fill()
    assert not list(tmp_path.iterdir())


def test_the_first_of_two_processes_that_make_a_folder_wins(tmp_path: Path):
    with whole_folder(tmp_path / "f") as partial:
        (partial / "mine").touch()
        (tmp_path / "f").mkdir()
        (tmp_path / "f" / "theirs").touch()
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_makes_is_kept(tmp_path: Path):
    dead = tmp_path / f"g.{DEAD}.partial"
    living = tmp_path / f"g.{os.getppid()}.partial"
    dead.mkdir()
    living.mkdir()
    with whole_folder(tmp_path / "g"):
        pass
    assert not dead.exists()
    assert living.exists()


def test_nothing_else_beside_a_folder_is_touched(tmp_path: Path):
    others = [tmp_path / f"f.{DEAD}.partial", tmp_path / "g.mine.partial", tmp_path / "mine.partial"]
    for other in others:
        other.mkdir()
    with whole_folder(tmp_path / "g"):
        pass
    assert all(other.exists() for other in others)


def test_too_little_space_is_told_with_both_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2_000_000_000))
    require_space(tmp_path, 500_000_000, "the decoded images")
    with pytest.raises(UserError) as caught:
        require_space(tmp_path, 3_000_000_000, "the decoded images")
    assert "the decoded images need 3.0 GB, and 2.0 GB are free" in str(caught.value)
    assert "--cache" in str(caught.value)


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_of(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
