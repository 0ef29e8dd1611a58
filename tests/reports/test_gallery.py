"""The gallery shows the right pixels, and only where nothing is committed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import finished_run, image_folder, nothing, put
from fakes_said import cell, said
from PIL import Image

from harness.analysis.standings import Standings, read_standings
from harness.data.sources import FolderSource
from harness.errors import UserError
from harness.reports import gallery
from harness.reports.gallery import FACTS_FILE, Gallery, write_gallery
from harness.running.folder import RunFolder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with four test images."""
    return image_folder(tmp_path / "images")


@pytest.fixture
def run(tmp_path: Path, images: Path) -> RunFolder:
    """A run in which two models get the first two test images wrong."""
    manifest = FolderSource(images, tmp_path / "cache").manifest(nothing)
    tested = manifest.split("test")
    labels = [manifest.classes.index(entry.label) for entry in tested]
    says = [1 - labels[0], 1 - labels[1], *labels[2:]]
    answers = said(says, labels, ids=[entry.id for entry in tested])
    made = finished_run(tmp_path / "run", [cell(answers), cell(answers, "Xception")])
    manifest.save(made.manifest)
    return made


def written(run: RunFolder, out: Path, data: Path | None = None) -> Gallery:
    return write_gallery(read(run), run, out, cache=out.parent / "no-cache", data=data)


def read(run: RunFolder) -> Standings:
    return read_standings(run)


def test_each_list_has_a_sheet_and_its_images_by_id(run: RunFolder, tmp_path: Path, images: Path):
    out = tmp_path / "gallery"
    found = written(run, out)
    assert [sheet.name for sheet in found.sheets] == ["wrong-by-all-models.png"]
    assert found.sheets[0].is_file()
    manifest = FolderSource(images, tmp_path / "cache").manifest(nothing)
    paths = {entry.id: entry.path for entry in manifest.split("test")}
    shown = list((out / "wrong-by-all-models").iterdir())
    assert len(shown) == 2
    for each in shown:
        assert np.array_equal(np.asarray(Image.open(each)), np.asarray(Image.open(images / paths[each.stem])))


def test_a_sheet_that_shows_a_part_of_its_list_says_of_how_many(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def heading() -> str:
        (sheet,) = written(run, tmp_path / "gallery").sheets
        with Image.open(sheet) as picture:
            return str(picture.info["Title"])

    assert heading() == "wrong by all models: 2 images"
    monkeypatch.setattr(gallery, "MOST_SHOWN", 1)
    assert heading() == "wrong by all models: 1 of 2 images"


def test_the_images_may_have_other_names_now_and_the_run_no_manifest(
    run: RunFolder, tmp_path: Path, images: Path
):
    moved = tmp_path / "moved"
    moved.mkdir()
    for number, path in enumerate(sorted(images.rglob("*.png"))):
        shutil.move(path, moved / f"{number}.png")
    run.manifest.unlink()
    assert written(run, tmp_path / "gallery", moved).images == 2


def test_images_that_are_nowhere_are_an_error_that_says_so(run: RunFolder, tmp_path: Path, images: Path):
    shutil.rmtree(images)
    with pytest.raises(UserError, match="none of the 2 images") as caught:
        written(run, tmp_path / "gallery")
    assert "--data" in caught.value.hint
    assert not (tmp_path / "gallery").exists()


def test_a_class_may_be_named_in_any_script(run: RunFolder, tmp_path: Path):
    found = read(run)
    rows = []
    for record in found.records:
        data = record.data.model_copy(update={"classes": ("猫", "$x")})
        rows.append((record.model_copy(update={"data": data}), found.answers.of(record)))
    manifest = run.manifest.read_bytes()
    renamed = finished_run(tmp_path / "renamed", rows)
    renamed.manifest.write_bytes(manifest)
    written(renamed, tmp_path / "gallery")
    assert "猫" in (tmp_path / "gallery" / FACTS_FILE).read_text(encoding="utf-8")


def test_it_ignores_itself_wherever_it_is(run: RunFolder, tmp_path: Path):
    written(run, tmp_path / "gallery")
    assert (tmp_path / "gallery" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("place", ["results/leaderboards/images", "results/records/tiny/images"])
def test_committed_places_are_refused(run: RunFolder, tmp_path: Path, place: str):
    with pytest.raises(UserError, match="committed"):
        written(run, tmp_path / place)
    assert not (tmp_path / place).exists()


def test_an_earlier_gallery_is_replaced(run: RunFolder, tmp_path: Path):
    out = tmp_path / "gallery"
    written(run, out)
    (out / "wrong-by-all-models" / "old.png").write_bytes(b"")
    written(run, out)
    assert not (out / "wrong-by-all-models" / "old.png").exists()


def test_a_folder_with_other_files_is_refused_and_kept(run: RunFolder, tmp_path: Path):
    out = tmp_path / "gallery"
    written(run, out)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"mine\.txt"):
        written(run, out)
    assert (out / "mine.txt").read_text() == "mine"


def test_another_file_of_its_name_does_not_make_a_folder_ours(run: RunFolder, tmp_path: Path):
    out = tmp_path / "gallery"
    put(out / FACTS_FILE, b"a,b\n1,2\n")
    with pytest.raises(UserError, match=FACTS_FILE):
        written(run, out)


def test_a_run_without_lists_says_what_they_need(tmp_path: Path):
    run = finished_run(tmp_path / "run", [cell(said([0, 1], [0, 0]))])
    with pytest.raises(UserError, match="two models"):
        written(run, tmp_path / "gallery")
