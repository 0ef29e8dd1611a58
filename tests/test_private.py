"""Pictures of images reach no committed folder, and git ignores them wherever they are."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.private import private_folder, require_private


def ours(_: Path) -> set[str]:
    return {"sheet.png"}


def written(out: Path, content: str = "new") -> None:
    with private_folder(out, ours) as partial:
        (partial / "sheet.png").write_text(content)


def test_a_folder_is_ignored_by_git_wherever_it_is(tmp_path: Path):
    written(tmp_path / "out")
    assert (tmp_path / "out" / ".gitignore").read_text() == "*\n"


def test_what_was_written_before_is_replaced(tmp_path: Path):
    written(tmp_path / "out", "old")
    written(tmp_path / "out")
    assert (tmp_path / "out" / "sheet.png").read_text() == "new"


def test_a_foreign_file_stops_it_and_stays(tmp_path: Path):
    written(tmp_path / "out", "old")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"did not write: mine\.txt"):
        written(tmp_path / "out")
    assert (tmp_path / "out" / "sheet.png").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("place", ["leaderboards", "records/x/images", "baselines"])
def test_committed_places_are_refused_also_by_a_link(place: str, tmp_path: Path):
    (tmp_path / "results" / place).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "results" / place)
    for out in (tmp_path / "results" / place, tmp_path / "link" / "new"):
        with pytest.raises(UserError, match="is committed"):
            require_private(out, ours)


def test_a_file_in_its_place_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="found a file"):
        require_private(tmp_path / "file", ours)
