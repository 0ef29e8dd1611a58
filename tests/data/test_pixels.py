"""The decoded-pixel cache: its rows, its key, and that it is whole or not there."""

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes import nothing, png, put

from harness.data.decode import resize
from harness.data.pixels import PixelCache, build_pixels
from harness.data.sources import FolderSource


class Opened:
    """A folder of images, opened: its source, manifest and cache."""

    def __init__(self, data: Path) -> None:
        self.cache = data.parent / "cache"
        self.source = FolderSource(data, self.cache)
        self.manifest = self.source.manifest(nothing)

    def build(self, size: int = 8, method: str = "bilinear") -> PixelCache:
        return build_pixels(self.manifest, self.source, size, method, self.cache, nothing)


@pytest.fixture
def opened(data: Path) -> Opened:
    return Opened(data)


def test_rows_are_the_images_of_the_manifest_in_its_order(opened: Opened):
    pixels = opened.build().open()
    assert (pixels.shape, pixels.dtype) == ((12, 8, 8, 3), np.uint8)
    for row, entry in enumerate(opened.manifest.entries):
        assert np.array_equal(pixels[row], resize(opened.source.read(entry), 8, "bilinear"))


def test_the_hash_is_that_of_the_pixels_and_another_way_of_resizing_has_another(opened: Opened):
    bilinear, nearest = opened.build(), opened.build(method="nearest")
    assert bilinear.sha256 == hashlib.sha256(bilinear.open().tobytes()).hexdigest()
    assert nearest.sha256 != bilinear.sha256


def test_pixels_are_mapped_and_cannot_be_written_to(opened: Opened):
    pixels = opened.build().open()
    assert isinstance(pixels, np.memmap)
    assert not pixels.flags.writeable


def test_a_finished_cache_is_returned_with_the_seconds_it_took(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    first = opened.build()
    monkeypatch.setattr(FolderSource, "read", lambda *_: pytest.fail("decoded again"))
    assert opened.build() == first
    assert first.seconds > 0


def test_another_size_or_method_is_another_cache(opened: Opened):
    assert len({opened.build(*key).folder for key in [(8, "bilinear"), (9, "bilinear"), (8, "nearest")]}) == 3


def test_other_images_are_another_cache(opened: Opened, data: Path):
    before = opened.build().folder
    put(data / "train" / "cats" / "new.png", png(99))
    assert Opened(data).build().folder != before


def test_renamed_images_are_the_same_cache(opened: Opened, data: Path):
    before = opened.build().folder
    (data / "train" / "cats" / "0.png").rename(data / "train" / "cats" / "renamed.png")
    assert Opened(data).build().folder == before


@pytest.mark.parametrize("how", [OSError("disk"), KeyboardInterrupt()], ids=["error", "interrupted"])
def test_decoding_that_stops_leaves_no_half_cache(
    opened: Opened, how: BaseException, monkeypatch: pytest.MonkeyPatch
):
    def stops(*_: object) -> None:
        raise how

    with monkeypatch.context() as broken:
        broken.setattr(FolderSource, "read", stops)
        with pytest.raises(type(how)):
            opened.build()
    assert not list((opened.cache / "pixels").iterdir())
    assert opened.build().open().any()


KILLED = """
import os, signal, sys
from pathlib import Path
from harness.data.pixels import build_pixels
from harness.data.sources import FolderSource

data, cache = map(Path, sys.argv[1:])
source = FolderSource(data, cache)

def progress(done, total):
    if done == 5:
        os.kill(os.getpid(), signal.SIGKILL)

build_pixels(source.manifest(lambda *_: None), source, 8, "bilinear", cache, progress)
"""


def test_a_cache_half_written_by_a_killed_process_is_noticed_and_made_again(opened: Opened, data: Path):
    died = subprocess.run([sys.executable, "-c", KILLED, data, opened.cache], check=False)
    assert died.returncode == -signal.SIGKILL
    (half,) = (opened.cache / "pixels").iterdir()
    assert (half / "pixels.npy").is_file()
    made = opened.build()
    assert list((opened.cache / "pixels").iterdir()) == [made.folder]
    for row, entry in enumerate(opened.manifest.entries):
        assert np.array_equal(made.open()[row], resize(opened.source.read(entry), 8, "bilinear"))


@pytest.mark.parametrize("damage", ["cut", "empty", "missing", "other shape", "facts cut"])
def test_a_cache_that_was_damaged_later_is_made_again(opened: Opened, damage: str):
    made = opened.build()
    whole, file = made.open().copy(), made.folder / "pixels.npy"
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "other shape":
        np.save(file, whole[:3])
    elif damage == "facts cut":
        (made.folder / "facts.json").write_text("{")
    else:
        file.write_bytes({"cut": content[:-100], "empty": b""}[damage])
    assert np.array_equal(opened.build().open(), whole)


def test_progress_counts_up_to_all_images(opened: Opened):
    seen: list[tuple[int, int]] = []
    build_pixels(
        opened.manifest,
        opened.source,
        8,
        "nearest",
        opened.cache,
        lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, 12) for done in range(1, 13)]


def test_a_reader_sees_the_images_of_its_own_manifest(opened: Opened, data: Path):
    # Two manifests share a folder of caches; each key leads to its own rows.
    put(data / "train" / "cats" / "new.png", png(99))
    other = Opened(data)
    assert len(opened.build().open()) == 12
    assert len(other.build().open()) == 13
