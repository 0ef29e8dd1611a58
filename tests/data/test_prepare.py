"""A split made out of full data: stratified, repeatable, disjoint, whole."""

import json
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fakes import encoded, nothing
from PIL import Image

from harness.data.prepare import FACTS_NAME, Prepared, prepare
from harness.data.sources import FolderSource
from harness.errors import UserError

COUNTS = {"train": 6, "validation": 3, "test": 3}


def image(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "PNG")


def pets(root: Path, cats: int = 10, dogs: int = 10) -> Path:
    for number in range(cats + dogs):
        place = root / ("Cat" if number < cats else "Dog") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(image(number))
    return root


def made(source: Path, out: Path, counts: dict[str, int] = COUNTS, **options: object) -> Prepared:
    chosen = {"seed": 0, "class_depth": 1, "how": "copy", "progress": nothing} | options
    return prepare(source, out, counts, **chosen)  # type: ignore[arg-type]


def test_a_prepared_folder_is_what_a_run_reads(tmp_path: Path):
    prepared = made(pets(tmp_path / "pets"), tmp_path / "photos")
    listed = FolderSource(tmp_path / "photos", tmp_path / "cache").manifest(nothing)
    assert listed.sha256 == prepared.manifest.sha256
    assert listed.counts() == {
        "train": {"Cat": 3, "Dog": 3},
        "validation": {"Cat": 1, "Dog": 2},
        "test": {"Cat": 2, "Dog": 1},
    }


def test_classes_keep_their_shares(tmp_path: Path):
    prepared = made(
        pets(tmp_path / "pets", 15, 5), tmp_path / "photos", {"train": 8, "validation": 4, "test": 4}
    )
    assert prepared.manifest.counts()["train"] == {"Cat": 6, "Dog": 2}
    assert prepared.manifest.counts()["test"] == {"Cat": 3, "Dog": 1}


def test_names_and_folders_have_no_part_in_the_split(tmp_path: Path):
    first = made(pets(tmp_path / "pets"), tmp_path / "a")
    renamed = tmp_path / "flat"
    renamed.mkdir()
    for number, path in enumerate(sorted((tmp_path / "pets").rglob("*.png"), reverse=True)):
        shutil.copy(path, renamed / f"{path.parent.name}.{number}.png")
    assert made(renamed, tmp_path / "b").manifest.sha256 == first.manifest.sha256


def test_an_archive_gives_the_manifest_of_its_folder(tmp_path: Path):
    first = made(pets(tmp_path / "pets"), tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in sorted((tmp_path / "pets").rglob("*.png"), reverse=True):
            archive.write(path, path.relative_to(tmp_path))
    assert made(tmp_path / "pets.zip", tmp_path / "b").manifest.sha256 == first.manifest.sha256


def test_another_seed_makes_another_split(tmp_path: Path):
    source = pets(tmp_path / "pets")
    hashes = {made(source, tmp_path / str(seed), seed=seed).manifest.sha256 for seed in range(3)}
    assert len(hashes) == 3


def test_more_training_images_leave_the_test_images_as_they_are(tmp_path: Path):
    source = pets(tmp_path / "pets")
    small = made(source, tmp_path / "small", {"train": 4, "validation": 4, "test": 4}).manifest
    large = made(source, tmp_path / "large", {"train": 8, "validation": 4, "test": 4}).manifest
    assert {entry.id for entry in small.split("test")} == {entry.id for entry in large.split("test")}


def test_second_copies_conflicts_and_damaged_files_are_left_out_with_reasons(tmp_path: Path):
    source = pets(tmp_path / "pets")
    (source / "Cat" / "copy.png").write_bytes(image(0))
    (source / "Cat" / "both.png").write_bytes(image(99))
    (source / "Dog" / "both.png").write_bytes(image(99))
    (source / "Dog" / "cut.png").write_bytes(image(98)[:40])
    left = {each.path: each.reason for each in made(source, tmp_path / "out").manifest.left_out}
    assert set(left) == {"Cat/copy.png", "Cat/both.png", "Dog/both.png", "Dog/cut.png"}
    assert left["Cat/copy.png"] == "the same content as Cat/0.png"
    assert left["Dog/both.png"] == "the same content stands under Cat and Dog"


def test_every_image_is_used_at_most_once(tmp_path: Path):
    manifest = made(
        pets(tmp_path / "pets"), tmp_path / "out", {"train": 12, "validation": 4, "test": 4}
    ).manifest
    assert max(Counter(entry.sha256 for entry in manifest.entries).values()) == 1
    assert len(manifest.entries) == 20


def test_links_point_to_the_originals(tmp_path: Path):
    source = pets(tmp_path / "pets")
    made(source, tmp_path / "out", how="link")
    links = list((tmp_path / "out").rglob("*.png"))
    assert len(links) == 12
    assert {link.resolve().parent.parent for link in links} == {source.resolve()}


def test_a_prepared_folder_says_how_it_was_made(tmp_path: Path):
    prepared = made(pets(tmp_path / "pets"), tmp_path / "out", seed=7)
    facts = json.loads((tmp_path / "out" / FACTS_NAME).read_text())
    assert (facts["seed"], facts["counts"], facts["unused"]) == (7, COUNTS, 8)
    assert facts["manifest_sha256"] == prepared.manifest.sha256


def test_too_few_images_are_an_error_that_counts_them(tmp_path: Path):
    with pytest.raises(UserError, match=r"asked for 60 images .* and 20 can be used"):
        made(pets(tmp_path / "pets"), tmp_path / "out", {"train": 40, "validation": 10, "test": 10})
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_not_written_to(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="already there"):
        made(pets(tmp_path / "pets"), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_links_into_an_archive_are_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("Cat/0.png", image(0))
    with pytest.raises(UserError, match="cannot be linked"):
        made(tmp_path / "pets.zip", tmp_path / "out", how="link")


def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.data.prepare._put", full)
    with pytest.raises(OSError, match="No space"):
        made(pets(tmp_path / "pets"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_an_output_inside_the_source_is_refused(tmp_path: Path):
    source = pets(tmp_path / "pets")
    with pytest.raises(UserError, match="inside the source"):
        made(source, source / "out")
    assert not (source / "out").exists()
