"""The planted mistakes: each is a text that is there, and each copy of the package is still Python."""

import ast
import shutil
from pathlib import Path
from typing import get_args

import pytest
from mutations import MUTATIONS, SLOW_STEP, Change, Mutation, StaleMutationError, plant

from harness.comparison.finding import Kind
from harness.matrix_file import load_matrix
from harness.metrics import MARGINS

ROOT = Path(__file__).parent.parent
CELLS = [cell.name for cell in load_matrix(ROOT / "bench" / "matrices" / "ci.toml").cells()]
ALL = (*MUTATIONS, SLOW_STEP)


def copied(mutation: Mutation, folder: Path) -> Path:
    """A copy of the files that a mutation changes."""
    for change in mutation.changes:
        (folder / change.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "harness" / change.path, folder / change.path)
    return folder


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: mutation.name)
def test_a_mistake_can_be_planted_and_changes_what_python_reads(mutation: Mutation, tmp_path: Path):
    package = copied(mutation, tmp_path)
    plant(mutation, package)
    for change in mutation.changes:
        sound = ast.parse((ROOT / "harness" / change.path).read_text(encoding="utf-8"))
        planted = ast.parse((package / change.path).read_text(encoding="utf-8"))
        assert ast.dump(planted) != ast.dump(sound)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_cell_that_shows_a_mistake_is_one_of_the_subset(mutation: Mutation):
    assert mutation.cells
    assert {part: sum(part in name for name in CELLS) for part in mutation.cells} == dict.fromkeys(
        mutation.cells, 1
    )


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: mutation.name)
def test_a_mistake_is_caught_by_named_findings_or_is_said_to_be_unseen(mutation: Mutation):
    assert bool(mutation.by) is not bool(mutation.unseen)


def test_what_catches_a_mistake_is_a_field_or_kind_that_the_comparison_can_tell():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "harness/comparison").glob("*.py"))
    judged = {*get_args(Kind), *MARGINS}
    named = {name for mutation in ALL for name in mutation.by}
    assert [name for name in named - judged if f'"{name}"' not in source] == []


def test_every_mistake_has_a_name_of_its_own_and_there_are_at_least_fifteen():
    assert len({mutation.name for mutation in ALL}) == len(ALL) >= 15


@pytest.mark.parametrize("old", ["not there", "a"])
def test_a_text_that_is_not_there_just_once_is_an_error_that_names_mistake_and_file(old: str, tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.py").write_text("a = a\n")
    stale = Mutation("stale", "a mistake", (Change("data/x.py", old, "b"),), ())
    with pytest.raises(StaleMutationError, match=r"stale: .*harness/data/x\.py"):
        plant(stale, tmp_path)
    assert (tmp_path / "data" / "x.py").read_text() == "a = a\n"
