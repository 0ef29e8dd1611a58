"""What is seen in a data set: damage, duplicates exact and near, leaks, contradictions."""

from pathlib import Path

import numpy as np
import pytest
from fakes import encoded, nothing, put
from PIL import Image

from harness.data import inspection
from harness.data.inspection import Duplicates, Inspection, inspect
from harness.errors import UserError
from harness.reports.inspection import _title, draw_inspection, render_inspection


def photograph(seed: int, size: int = 96) -> Image.Image:
    """Smooth random patches, whose perceptual hash stands for something."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def folder(root: Path) -> Path:
    for number, place in enumerate(
        f"{split}/{label}/{index}.png"
        for split in ("train", "validation", "test")
        for label in ("cats", "dogs")
        for index in range(2)
    ):
        put(root / place, encoded(photograph(number), "PNG"))
    return root


def found(root: Path, depth: int = 1) -> Inspection:
    return inspect(root, class_depth=depth, progress=nothing)


def the_group(root: Path) -> Duplicates:
    (group,) = found(root).duplicates
    return group


def test_a_clean_folder_is_counted_and_nothing_is_wrong_with_it(tmp_path: Path):
    seen = found(folder(tmp_path / "pets"))
    assert seen.counts()["train"] == {"cats": 2, "dogs": 2}
    assert seen.duplicates == ()
    assert render_inspection(seen).endswith("nothing wrong was found")


def test_the_same_bytes_in_two_splits_are_an_exact_leak(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "test/cats/copy.png", (root / "train/cats/0.png").read_bytes())
    group = the_group(root)
    assert (group.exact, group.leak, group.conflict) == (True, True, False)
    assert group.paths == ("test/cats/copy.png", "train/cats/0.png")


def test_a_photograph_saved_again_at_another_size_is_a_near_leak(tmp_path: Path):
    root = folder(tmp_path / "pets")
    again = Image.open(root / "train/cats/0.png").resize((64, 64))
    put(root / "test/cats/again.jpg", encoded(again, "JPEG", quality=85))
    group = the_group(root)
    assert (group.exact, group.leak) == (False, True)


def test_the_split_that_a_run_reads_is_looked_at_though_originals_lie_beside_it(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "test/cats/copy.png", (root / "train/cats/0.png").read_bytes())
    for number in range(20):
        put(root / f"all/{'cat' if number % 2 else 'dog'}.{number}.png", encoded(photograph(number), "PNG"))
    text = render_inspection(found(root))
    assert "leaks: one image in several splits (1)" in text
    assert "to check: 20 images beside the split not looked at, in all" in text


def test_one_image_in_two_classes_is_a_contradiction(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "train/dogs/cat.png", (root / "train/cats/0.png").read_bytes())
    group = the_group(root)
    assert (group.leak, group.conflict) == (False, True)
    assert "contradictions" in render_inspection(found(root))


def test_damaged_files_are_listed_with_the_reason(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "train/cats/empty.jpg", b"")
    assert "train/cats/empty.jpg: the file is empty" in render_inspection(found(root))


def test_imbalance_is_told_as_a_ratio(tmp_path: Path):
    root = folder(tmp_path / "pets")
    for number in range(6):
        put(root / f"train/cats/more{number}.png", encoded(photograph(50 + number), "PNG"))
    assert found(root).imbalance() == {"train": 4.0, "validation": 1.0, "test": 1.0}
    text = render_inspection(found(root))
    assert "the largest class is 4.0 times the smallest in train (validation 1.0, test 1.0)" in text
    assert text.endswith("1 finding to look at")


def test_imbalance_without_splits_is_one_ratio(tmp_path: Path):
    for number in range(4):
        put(
            tmp_path / "pets" / ("b" if number else "a") / f"{number}.png", encoded(photograph(number), "PNG")
        )
    text = render_inspection(found(tmp_path / "pets"))
    assert "the largest class is 3.0 times the smallest\n" in text


def test_a_class_that_is_missing_from_a_split_is_a_finding(tmp_path: Path):
    root = folder(tmp_path / "pets")
    for path in (root / "validation" / "dogs").iterdir():
        path.unlink()
    text = render_inspection(found(root))
    assert "what a run would refuse (1)\n  no usable image of dogs in validation" in text
    assert text.endswith("1 finding to look at")


def test_a_single_class_is_a_finding(tmp_path: Path):
    for number in range(3):
        put(tmp_path / "pets" / "cats" / f"{number}.png", encoded(photograph(number), "PNG"))
    assert "only one class: cats" in render_inspection(found(tmp_path / "pets"))


def test_duplicates_within_a_class_are_findings_too(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "train/cats/copy.png", (root / "train/cats/0.png").read_bytes())
    text = render_inspection(found(root))
    assert "other duplicates (1)" in text
    assert text.endswith("1 finding to look at")


def test_a_leak_in_another_class_says_both_and_counts_once_in_text_and_picture(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "test/dogs/cat.png", (root / "train/cats/0.png").read_bytes())
    seen = found(root)
    text = render_inspection(seen)
    assert "  same bytes, in several classes too: test/dogs/cat.png, train/cats/0.png" in text
    assert text.endswith("1 finding to look at")
    assert _title(seen).endswith("; 1 leak")


def test_a_cut_image_without_an_ending_is_damaged_all_the_same(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "train/cats/IMG_1", (root / "train/cats/0.png").read_bytes()[:500])
    assert [file.path for file in found(root).damaged] == ["train/cats/IMG_1"]


def test_flat_images_are_not_taken_for_near_duplicates(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "train/cats/grey.png", encoded(Image.new("RGB", (96, 96), (90, 90, 90)), "PNG"))
    put(root / "test/dogs/green.png", encoded(Image.new("RGB", (80, 64), (10, 200, 30)), "PNG"))
    put(root / "test/dogs/black.png", encoded(Image.new("RGB", (80, 64)), "PNG"))
    seen = found(root)
    assert seen.duplicates == ()
    text = render_inspection(seen)
    assert "cropped copies are not found; 3 images without structure compared by bytes alone" in text


def test_files_that_are_no_images_are_no_findings(tmp_path: Path):
    root = folder(tmp_path / "pets")
    put(root / "train/cats/notes.txt", b"notes")
    put(root / "readme.md", b"read me")
    assert found(root).damaged == []
    text = render_inspection(found(root))
    assert "other files, which take no part (2)" in text
    assert text.endswith("nothing wrong was found")


def test_near_groups_do_not_depend_on_where_blocks_end(monkeypatch: pytest.MonkeyPatch):
    hashes = np.random.default_rng(0).integers(0, 2**63, 50, dtype=np.uint64)
    hashes[40] = hashes[3] ^ np.uint64(0b111)
    hashes[47] = hashes[40] ^ np.uint64(0b11 << 40)
    whole = inspection._near(hashes)
    monkeypatch.setattr(inspection, "_BLOCK", 7)
    assert whole == inspection._near(hashes) == [[3, 40, 47]]


def test_a_folder_without_images_is_an_error(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no images in it"):
        found(tmp_path / "empty")


def test_without_the_hash_library_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(inspection.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="imagehash") as caught:
        found(folder(tmp_path / "pets"))
    assert "transferbench[inspect]" in caught.value.hint


@pytest.mark.parametrize("classes", [1, 24, 25, 60])
def test_a_picture_of_any_number_of_classes_is_drawn_at_a_size_that_reads(tmp_path: Path, classes: int):
    for number in range(classes):
        name = f"猫 $x$ {number:02}"
        put(tmp_path / "pets" / name / "0.png", encoded(photograph(number, 16), "PNG"))
    draw_inspection(found(tmp_path / "pets"), tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as drawn:
        assert drawn.width == 1320
        assert 500 <= drawn.height <= 1100


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "PNG"])
def test_a_picture_is_drawn(tmp_path: Path, kind: str):
    draw_inspection(found(folder(tmp_path / "pets")), tmp_path / f"seen.{kind}")
    assert (tmp_path / f"seen.{kind}").stat().st_size > 1000
