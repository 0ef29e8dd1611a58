"""A run's folder: whose it is, who may write to it, and what a dead run left."""

import fcntl
from pathlib import Path

import pytest
from fakes import finished_run, put, record, run_facts

from harness.errors import UserError
from harness.running.folder import PlannedCell, RunFolder, named_cells

FACTS = run_facts(cells=(PlannedCell(name="a/b", key="c" * 64),))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


NAMES = [
    f"MobileNet/imagenet/{strategy}/none/default/64px" for strategy in ("linear-probe", "fast-extraction")
] + ["MobileNet/imagenet/fine-tuning/blocks:1/default/64px"]


def hint(wanted: str, names: list[str], **told: list[str]) -> str:
    with pytest.raises(UserError, match=f"unknown cell {wanted!r}") as caught:
        named_cells(wanted, names, **told)
    return caught.value.hint


def test_a_depth_of_none_is_no_name_to_suggest_for_a_cell():
    assert hint("nope", NAMES).startswith("Choices: linear-probe, fast-extraction, fine-tuning, blocks:1, ")
    assert " none," not in hint("nope", NAMES)


def test_what_tells_cells_apart_is_named_before_what_they_share():
    choices = hint("nope", NAMES, also=["best"]).removeprefix("Choices: ").rstrip(".").split(", ")
    telling = ["linear-probe", "fast-extraction", "fine-tuning", "blocks:1"]
    assert choices == ["best", *telling, *NAMES, "MobileNet", "imagenet", "default", "64px"]


@pytest.mark.parametrize("names", [NAMES, NAMES[:1]])
def test_a_part_that_all_cells_have_is_still_the_guess_for_a_slip(names: list[str]):
    assert hint("mobilnet", names).startswith("Did you mean MobileNet")


def test_a_claimed_folder_holds_what_was_asked(tmp_path: Path):
    folder = RunFolder(tmp_path / "new" / "run")
    with folder.claim(FACTS):
        assert folder.facts() == FACTS
        assert folder.logs.is_dir()
        assert folder.records.folder.is_dir()


def test_a_run_from_before_there_were_margins_is_read(tmp_path: Path):
    text = FACTS.model_dump_json().replace(',"margins":{}', "")
    put(tmp_path / "run.json", text.encode())
    assert "margins" not in text
    assert RunFolder(tmp_path).facts() == FACTS


def test_the_folder_of_the_same_matrix_is_taken_again_with_its_records(tmp_path: Path):
    folder = finished_run(tmp_path / "run", [(record(), None)])
    with folder.claim(FACTS):
        assert list(folder.records.load()) == [record()]
        assert folder.facts() == FACTS


@pytest.mark.parametrize("left", [[], ["lock"], ["lock", "run.json.partial"]])
def test_an_empty_folder_and_one_whose_run_died_at_once_are_taken(tmp_path: Path, left: list[str]):
    for name in left:
        put(tmp_path / name, b"")
    with RunFolder(tmp_path).claim(FACTS):
        assert RunFolder(tmp_path).facts() == FACTS


def test_the_folder_of_another_matrix_is_refused_and_left_as_it_is(tmp_path: Path):
    folder = finished_run(tmp_path / "run", [(record(), None)])
    before = snapshot(tmp_path)
    with pytest.raises(UserError) as caught, folder.claim(run_facts(matrix="another")):
        pass
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: the output folder holds a run of matrix 'tiny', not 'another'\n"
        "Name another folder with --out."
    )
    assert snapshot(tmp_path) == before


def test_a_folder_of_other_files_is_refused_and_left_as_it_is(tmp_path: Path):
    put(tmp_path / "thesis.txt", b"years of work")
    with pytest.raises(UserError, match="the output folder holds other files and no run"):
        RunFolder(tmp_path).claim(FACTS).__enter__()
    assert snapshot(tmp_path) == {str(tmp_path / "thesis.txt"): b"years of work"}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path):
    put(tmp_path / "run", b"x")
    with pytest.raises(UserError, match="expected a folder, found a file"):
        RunFolder(tmp_path / "run").claim(FACTS).__enter__()


def test_a_folder_in_use_is_refused(tmp_path: Path):
    folder = finished_run(tmp_path / "run", [])
    with (tmp_path / "run" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        before = folder.facts()
        with pytest.raises(UserError) as caught, folder.claim(FACTS):
            pass
        assert folder.facts() == before
    assert "another run is writing to this folder\nWait for it to end" in str(caught.value)


def test_of_two_runs_at_once_the_second_is_refused(tmp_path: Path):
    first, second = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    with first.claim(FACTS), pytest.raises(UserError, match="another run is writing"), second.claim(FACTS):
        pass


def test_a_folder_is_free_again_when_its_run_ends(tmp_path: Path):
    folder = RunFolder(tmp_path / "run")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), folder.claim(FACTS):
            raise KeyboardInterrupt
    with folder.claim(FACTS):
        pass


def test_half_written_files_of_a_dead_run_are_removed_and_whole_ones_kept(tmp_path: Path):
    folder = finished_run(tmp_path / "run", [(record(), None)])
    half = put(folder.records.folder / "x.json.partial", b"{")
    other = put(tmp_path / "run" / "leaderboard.md.partial", b"#")
    with folder.claim(FACTS):
        assert not half.exists()
        assert not other.exists()
        assert list(folder.records.load()) == [record()]


def test_an_unfinished_cache_inside_the_folder_is_left_to_the_cache(tmp_path: Path):
    folder = finished_run(tmp_path / "run", [])
    cached = put(tmp_path / "run" / "cache" / "pixels" / "key.1.partial" / "pixels.npy", b"x")
    with folder.claim(FACTS):
        assert cached.exists()


def test_a_folder_without_a_run_says_how_to_make_one(tmp_path: Path):
    for place in (tmp_path, tmp_path / "missing", put(tmp_path / "file", b"")):
        with pytest.raises(UserError, match=r"no run is in this folder") as caught:
            RunFolder(place).facts()
        assert "transferbench run MATRIX" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"matrix": "x"}'])
def test_a_damaged_run_json_is_an_error_that_names_it(tmp_path: Path, content: bytes):
    put(tmp_path / "run.json", content)
    with pytest.raises(UserError, match=r"run\.json cannot be read"):
        RunFolder(tmp_path).facts()
