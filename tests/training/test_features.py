"""The feature cache: rows that belong together, and work that is done once (trap 9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from fakes_training import KERAS_ARRAYS, TINY_ROW, TINY_SIZE, draw_images, prepared, quick_recipe, tiny_base
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.depth import parse_depth
from harness.training.classifier import build_head, split_at
from harness.training.cut import find_cut
from harness.training.features import Features, extract, feature_key

pytestmark = KERAS_ARRAYS

COUNT, BATCH = 21, 8
IDS = tuple(f"image-{number}" for number in range(COUNT))


@pytest.fixture(scope="module")
def base() -> Any:
    return tiny_base()


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return draw_images(COUNT, TINY_SIZE, seed=7)[0]


@pytest.fixture(scope="module")
def trunk(base: Any) -> Any:
    return trunk_at(base, "none")


def trunk_at(base: Any, depth: str) -> Any:
    recipe = quick_recipe()
    head = build_head(recipe, 2, base.output)
    return split_at(base, head, TINY_ROW, recipe, find_cut(base, TINY_ROW, parse_depth(depth))).trunk


def run(trunk: Any, pixels: NDArray[np.uint8], folder: Path, ids: Sequence[str] = IDS) -> Features:
    return extract(trunk, pixels, ids, folder, batch=BATCH, on_images=lambda _: None)


@dataclass
class ScriptedTrunk:
    """Means of the channels; counts its calls, and fails in the one that it is told to."""

    fails_in: int | None = None
    calls: int = 0
    output: Any = field(default_factory=lambda: keras.KerasTensor((None, 3)))

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls += 1
        if self.calls == self.fails_in:
            raise MemoryError("the device is full")
        return images.mean(axis=(1, 2), dtype=np.float32)


# Rows ---------------------------------------------------------------------------------------

Extract = Callable[[Any, NDArray[np.uint8], Path], NDArray[Any]]


def require_rows_to_belong(base: Any, pixels: NDArray[np.uint8], found: NDArray[Any]) -> None:
    """Row n of the features is what the live base makes of image n."""
    assert len(found) == len(pixels)
    np.testing.assert_allclose(found, np.asarray(base(prepared(TINY_ROW, pixels))), atol=1e-4)


def through_a_shuffled_pipeline(trunk: Any, pixels: NDArray[np.uint8]) -> NDArray[Any]:
    """What many guides do: labels and ids are read in one pass, features in another."""
    data = tf.data.Dataset.from_tensor_slices(pixels).shuffle(COUNT, seed=1).batch(BATCH)
    return np.concatenate([trunk.predict_on_batch(batch) for batch in data])


def test_cached_rows_are_the_live_bases_features_in_the_order_of_the_images(
    base: Any, trunk: Any, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    require_rows_to_belong(base, pixels, run(trunk, pixels, tmp_path / "cache").arrays[0])


def test_the_check_rejects_features_from_a_shuffled_pipeline(
    base: Any, trunk: Any, pixels: NDArray[np.uint8]
) -> None:
    with pytest.raises(AssertionError):
        require_rows_to_belong(base, pixels, through_a_shuffled_pipeline(trunk, pixels))


def test_every_tensor_of_the_frontier_is_cached(base: Any, pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    trunk = trunk_at(base, "from:block2_bn")

    cached = run(trunk, pixels, tmp_path / "cache").arrays

    live = trunk.predict_on_batch(pixels)
    assert [array.shape for array in cached] == [tensor.shape for tensor in live]
    for array, tensor in zip(cached, live, strict=True):
        np.testing.assert_allclose(array, tensor, atol=1e-4)


def test_the_last_partial_batch_is_extracted_and_reported(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    done: list[int] = []

    extract(ScriptedTrunk(), pixels, IDS, tmp_path / "cache", batch=BATCH, on_images=done.append)

    assert done == [8, 8, 5]


def test_features_are_memory_mapped(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    array = run(ScriptedTrunk(), pixels, tmp_path / "cache").arrays[0]

    assert isinstance(array, np.memmap)
    assert not array.flags.writeable


# Reuse --------------------------------------------------------------------------------------


def test_features_are_computed_once(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    trunk = ScriptedTrunk()

    first = run(trunk, pixels, tmp_path / "cache")
    again = run(trunk, pixels, tmp_path / "cache")

    assert trunk.calls == 3
    assert (first.reused, again.reused) == (False, True)
    np.testing.assert_array_equal(first.arrays[0], again.arrays[0])


def test_reused_features_keep_the_seconds_and_memory_that_computing_them_took(
    pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    first = run(ScriptedTrunk(), pixels, tmp_path / "cache")
    again = run(ScriptedTrunk(), pixels, tmp_path / "cache")

    assert again.seconds == first.seconds > 0
    assert again.peak_bytes == first.peak_bytes > 0


@pytest.mark.parametrize("ids", [IDS[::-1], (*IDS[:-1], "other")])
def test_a_cache_of_other_images_is_refused(
    pixels: NDArray[np.uint8], tmp_path: Path, ids: tuple[str, ...]
) -> None:
    run(ScriptedTrunk(), pixels, tmp_path / "cache")

    with pytest.raises(RuntimeError, match="other images"):
        run(ScriptedTrunk(), pixels, tmp_path / "cache", ids)


def test_an_interrupted_extraction_leaves_no_cache_and_is_made_again(
    pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    with pytest.raises(MemoryError):
        run(ScriptedTrunk(fails_in=2), pixels, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()

    features = run(ScriptedTrunk(), pixels, tmp_path / "cache")

    assert not features.reused
    np.testing.assert_allclose(features.arrays[0], pixels.mean(axis=(1, 2)), rtol=1e-5)


def test_what_a_killed_process_left_half_written_is_not_read_and_is_removed(
    pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    left = tmp_path / "cache.4194305.partial"  # above the largest process id of Linux
    left.mkdir()
    np.save(left / "0.npy", np.zeros((COUNT, 3), np.float32))

    features = run(ScriptedTrunk(), pixels, tmp_path / "cache")

    assert not features.reused
    assert np.all(features.arrays[0] > 0)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_cache_whose_facts_are_missing_is_made_again(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    run(ScriptedTrunk(), pixels, tmp_path / "cache")
    (tmp_path / "cache" / "facts.json").unlink()

    features = run(ScriptedTrunk(), pixels, tmp_path / "cache")

    assert not features.reused
    np.testing.assert_allclose(features.arrays[0], pixels.mean(axis=(1, 2)), rtol=1e-5)


# Names --------------------------------------------------------------------------------------

FACTS = {"weights": "abc", "size": 160, "manifest": "def", "split": "train", "boundary": ""}


@given(st.permutations(list(FACTS)))
def test_the_name_of_a_cache_does_not_depend_on_the_order_of_its_facts(order: list[str]) -> None:
    assert feature_key(**{name: FACTS[name] for name in order}) == feature_key(**FACTS)


@pytest.mark.parametrize("changed", FACTS)
def test_the_name_of_a_cache_depends_on_every_fact(changed: str) -> None:
    assert feature_key(**(FACTS | {changed: "another"})) != feature_key(**FACTS)
