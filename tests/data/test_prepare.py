"""A split made out of full data: stratified, repeatable, disjoint, whole."""

import itertools
import json
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fakes import encoded, nothing, put
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.data.manifest import PREPARED_NAME, LeftOut
from harness.data.prepare import Prepared, _shares, prepare
from harness.data.sources import FolderSource
from harness.errors import UserError
from harness.reports.prepared import render_prepared

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
    facts = json.loads((tmp_path / "out" / PREPARED_NAME).read_text())
    assert (facts["seed"], facts["counts"], facts["unused"]) == (7, COUNTS, 8)
    assert facts["manifest_sha256"] == prepared.manifest.sha256


def test_too_few_images_are_an_error_that_counts_them_and_names_what_fits(tmp_path: Path):
    with pytest.raises(UserError, match=r"asked for 60 images .* and 20 can be used") as caught:
        made(pets(tmp_path / "pets"), tmp_path / "out", {"train": 40, "validation": 10, "test": 10})
    assert caught.value.hint == "Ask for fewer, for example --train 10 --validation 5 --test 5."
    assert not (tmp_path / "out").exists()


def many_classes(root: Path, sizes: dict[str, int]) -> Path:
    numbers = itertools.count()
    for label, size in sizes.items():
        for _ in range(size):
            put(root / label / f"{next(numbers)}.png", image(next(numbers)))
    return root


def test_classes_too_small_to_be_in_every_split_are_an_error_that_names_a_few(tmp_path: Path):
    sizes = {f"rare{number}": 1 for number in range(8)} | {"Cat": 20, "Dog": 20}
    with pytest.raises(UserError) as caught:
        made(many_classes(tmp_path / "pets", sizes), tmp_path / "out")
    assert caught.value.problem == (
        "8 of 10 classes have fewer images than there are splits: "
        "rare0 (1), rare1 (1), rare2 (1), rare3 (1), rare4 (1) and 3 more"
    )
    assert "take these classes out" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_class_that_lost_all_its_images_is_an_error_and_not_forgotten(tmp_path: Path):
    source = pets(tmp_path / "pets")
    put(source / "Bird" / "0.png", b"")
    with pytest.raises(UserError, match=r"1 of 3 classes .*: Bird \(0\)") as caught:
        made(source, tmp_path / "out")
    assert caught.value.hint.endswith("1 files were left out, for example Bird/0.png: the file is empty.")


def test_fewer_images_in_a_split_than_classes_are_an_error_that_says_how_many(tmp_path: Path):
    source = many_classes(tmp_path / "pets", dict.fromkeys("abcd", 5))
    with pytest.raises(UserError, match=r"asked for 3 validation, 3 test images, .* classes \(4\)") as caught:
        made(source, tmp_path / "out")
    assert "--validation 4, --test 4" in caught.value.hint


def test_a_small_class_is_in_every_split_however_small_its_share(tmp_path: Path):
    source = many_classes(tmp_path / "pets", {"Cat": 40, "Dog": 40, "rare": 3})
    counts = made(source, tmp_path / "out", {"train": 20, "validation": 5, "test": 5}).manifest.counts()
    assert [counts[split]["rare"] for split in counts] == [1, 1, 1]
    assert [sum(labels.values()) for labels in counts.values()] == [20, 5, 5]


@given(st.lists(st.integers(3, 40), min_size=1, max_size=30), st.data())
def test_shares_sum_up_and_leave_every_class_enough(sizes: list[int], data: st.DataObject):
    named = {f"class{number:02}": size for number, size in enumerate(sizes)}
    later = data.draw(st.integers(0, 2))
    count = data.draw(st.integers(len(sizes), sum(sizes) - later * len(sizes)))
    shares = _shares(count, named, later)
    assert sum(shares.values()) == count
    assert all(1 <= shares[label] <= size - later for label, size in named.items())


def test_shares_follow_the_sizes_where_nothing_is_in_the_way():
    assert _shares(10, {"a": 50, "b": 30, "c": 20}, 2) == {"a": 5, "b": 3, "c": 2}
    assert _shares(5, {"a": 50, "b": 50}, 2) == {"a": 3, "b": 2}


def test_a_thousand_classes_of_three_images_are_split(tmp_path: Path):
    source = many_classes(tmp_path / "pets", {f"class{number:04}": 3 for number in range(1000)})
    prepared = made(source, tmp_path / "out", {"train": 1000, "validation": 1000, "test": 1000}, how="link")
    assert {count for labels in prepared.manifest.counts().values() for count in labels.values()} == {1}
    text = render_prepared(prepared, source, tmp_path / "out")
    assert "and 990 more classes" in text
    assert len(text.splitlines()) < 25


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


def test_a_file_that_changes_while_it_is_copied_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = pets(tmp_path / "pets")
    monkeypatch.setattr("harness.data.prepare._shares", lambda *_: (spoil(source), {"Cat": 3, "Dog": 3})[1])
    with pytest.raises(UserError, match="has changed since it was read"):
        made(source, tmp_path / "out", {"train": 6, "validation": 6, "test": 6})
    assert not (tmp_path / "out").exists()


def spoil(source: Path) -> None:
    for path in source.rglob("*.png"):
        path.write_bytes(image(1000))


def test_progress_counts_files_read_and_then_files_written(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    made(pets(tmp_path / "pets"), tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 32) for done in range(1, 33)]


def test_what_prepare_left_out_goes_on_into_the_manifest_of_a_run(tmp_path: Path):
    source = pets(tmp_path / "pets")
    put(source / "Cat" / "empty.png", b"")
    made(source, tmp_path / "out")
    manifest = FolderSource(tmp_path / "out", tmp_path / "cache").manifest(nothing)
    (left,) = manifest.left_out
    assert left == LeftOut("Cat/empty.png", "left out by prepare: the file is empty")


def test_images_that_lie_only_in_the_old_split_are_told(tmp_path: Path):
    pets(tmp_path / "pets" / "originals")
    for number in (0, 10, 50):
        label = "cats" if number == 0 else "dogs"
        put(tmp_path / "pets" / "train" / label / f"{number}.png", image(number))
    prepared = made(tmp_path / "pets", tmp_path / "photos")
    assert prepared.manifest.left_out == (
        LeftOut("train/dogs/50.png", "lies only in the old split, which is not used"),
    )
