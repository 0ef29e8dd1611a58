"""From a finished run to heat maps: a real small model, kept as a run keeps it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import model_facts, nothing, record, run_facts
from fakes_training import KERAS_ARRAYS, TINY_ROW, quick_recipe, tiny_base

from harness.data.decode import resize
from harness.data.manifest import Manifest
from harness.data.pixels import build_pixels
from harness.data.sources import FolderSource
from harness.depth import parse_depth
from harness.errors import UserError
from harness.explain.explain import Explained, Question, explain
from harness.explain.place import FACTS_FILE, SHEET, require_place, write_explained
from harness.export.builder import keep_model
from harness.export.model_file import Keep
from harness.records import Predictions, Record
from harness.running.folder import PlannedCell, RunFolder
from harness.training.classifier import build_head, split_at
from harness.training.cut import find_cut
from harness.training.scoring import predict

pytestmark = KERAS_ARRAYS

SIZE = 16


@dataclass
class Finished:
    """A run of one cell on the tiny folder of images, its model and its predictions."""

    folder: RunFolder
    record: Record
    recorded: Predictions
    cache: Path
    data: Path

    def explain(self, **changed: Any) -> Explained:
        usual: dict[str, Any] = {"folder": self.folder, "cell": "best", "data": None, "cache": self.cache}
        return explain(Question(**(usual | changed)), nothing)

    def record_others(self, **columns: Any) -> None:
        """Put other columns in the place of recorded predictions."""
        usual = {name: getattr(self.recorded, name) for name in ("ids", "labels", "probabilities")}
        self.recorded = Predictions(**(usual | columns))
        self.folder.records.save(self.record, self.recorded)


@pytest.fixture
def finished(tmp_path: Path, data: Path) -> Finished:
    """Two of its four test images are mistakes: the labels say so."""
    source = FolderSource(data, tmp_path / "cache")
    manifest = source.manifest(nothing)
    folder = RunFolder(tmp_path / "run")
    made = record(size=SIZE)
    folder.write_facts(run_facts(cells=(PlannedCell(name=made.name, key=made.key),)))
    manifest.save(folder.manifest)
    base, recipe = tiny_base(), quick_recipe()
    cut = find_cut(base, TINY_ROW, parse_depth("blocks:1"))
    full = split_at(base, build_head(recipe, 2, base.output), TINY_ROW, recipe, cut).full
    facts = model_facts(size=SIZE, cell=made.name, key=made.key, manifest_sha256=manifest.sha256)
    keep_model(full, Keep(folder.model(made.file_stem), facts))
    entries = manifest.split("test")
    pixels = np.stack([resize(source.read(entry), SIZE, "bilinear") for entry in entries])
    probabilities = predict(full, [pixels], 4)
    predicted = probabilities.argmax(axis=1)
    labels = np.where(np.arange(4) < 2, 1 - predicted, predicted)
    recorded = Predictions(np.array([entry.id for entry in entries]), labels, probabilities)
    folder.records.save(made, recorded)
    return Finished(folder, made, recorded, tmp_path / "cache", data)


def test_the_mistakes_are_shown_with_both_classes_and_their_recorded_probabilities(finished: Finished):
    explained = finished.explain()
    wrong = finished.recorded.ids[:2].tolist()
    assert sorted(each.id for each in explained.examples) == sorted(wrong)
    assert (explained.mistakes, explained.tested, explained.grid) == (2, 4, (4, 4))
    assert explained.layer == "block3_relu"
    rows = {name: row for row, name in enumerate(finished.recorded.ids.tolist())}
    for each in explained.examples:
        found = {one.label: one.probability for one in each.maps}
        assert list(found.values()) == sorted(found.values(), reverse=True)
        stored = finished.recorded.probabilities[rows[each.id]]
        assert found == dict(zip(["cats", "dogs"], map(float, stored), strict=True))
        assert each.truth == each.maps[1].label
        assert not each.correct
        assert each.image.shape == (10, 12, 3)


def test_a_map_reaches_one_and_its_peak_tells_how_strong_it_is_beside_the_other(finished: Finished):
    for each in finished.explain().examples:
        assert max(one.peak for one in each.maps) == 1
        for one in each.maps:
            assert one.heat.max() == (1 if one.peak else 0)
            assert one.heat.min() >= 0


def test_at_most_so_many_or_the_right_ones_or_those_that_are_named(finished: Finished):
    assert len(finished.explain(most=1).examples) == 1
    right = finished.recorded.ids[2:].tolist()
    assert sorted(each.id for each in finished.explain(correct=True).examples) == sorted(right)
    (named,) = finished.explain(ids=[right[0]]).examples
    assert (named.id, named.correct) == (right[0], True)


def test_nothing_is_shown_of_a_model_that_does_not_give_the_recorded_predictions(finished: Finished):
    changed = finished.recorded.probabilities + np.float32([[0.002, -0.002]])
    finished.record_others(probabilities=changed, labels=1 - changed.argmax(axis=1))
    with pytest.raises(UserError, match=r"does not give the recorded predictions(?s:.*)Nothing was written"):
        finished.explain()


def test_a_model_that_is_another_where_it_is_least_sure_is_found_whatever_is_asked_for(finished: Finished):
    """The two images that are explained are given as they were recorded; another one is not."""
    changed = finished.recorded.probabilities.copy()
    least = int(changed[2:].max(axis=1).argmin()) + 2
    changed[least] += np.float32([0.002, -0.002])
    finished.record_others(probabilities=changed)
    with pytest.raises(UserError, match="does not give the recorded predictions"):
        finished.explain(ids=finished.recorded.ids[:2].tolist())


def test_a_cell_of_lower_precision_may_be_as_far_off_as_that_rounds(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
):
    finished.record_others(probabilities=finished.recorded.probabilities + np.float32([[0.01, -0.01]]))
    with pytest.raises(UserError, match=r"allowed: 0\.001"):
        finished.explain()
    cell = replace(finished.record.cell, precision="mixed_bfloat16")
    rough = finished.record.model_copy(update={"cell": cell})
    monkeypatch.setattr("harness.explain.explain.choose_record", lambda *_: rough)
    assert finished.explain().verification.tolerance == 0.03


def test_within_the_tolerance_of_export_the_difference_is_told(finished: Finished):
    finished.record_others(probabilities=finished.recorded.probabilities + np.float32([[0.0005, -0.0005]]))
    assert finished.explain(ids=finished.recorded.ids.tolist()).verification.largest == pytest.approx(
        0.0005, rel=0.01
    )


def test_without_a_saved_model_it_says_what_to_run(finished: Finished):
    finished.folder.model(finished.record.file_stem).unlink()
    with pytest.raises(UserError, match=r"was not saved(?s:.*)--save-models$"):
        finished.explain()


def test_images_that_have_moved_are_found_by_data_or_in_the_cache(finished: Finished):
    moved = finished.data.rename(finished.data.with_name("moved"))
    with pytest.raises(UserError, match="the images are not where the run read them"):
        finished.explain()
    assert "moved" in finished.explain(data=moved).verification.source
    manifest = Manifest.load(finished.folder.manifest)
    build_pixels(manifest, FolderSource(moved, finished.cache), SIZE, "bilinear", finished.cache, nothing)
    explained = finished.explain()
    assert explained.verification.source == "the decoded images in the cache"
    assert explained.examples[0].image.shape == (SIZE, SIZE, 3)


def test_an_image_that_has_changed_since_is_not_explained(finished: Finished):
    for entry in Manifest.load(finished.folder.manifest).split("test"):
        (finished.data / entry.path).write_bytes(b"other")
    with pytest.raises(UserError, match="the file has changed since the images were listed"):
        finished.explain()


def test_a_manifest_of_other_images_is_an_error(finished: Finished):
    (finished.data / "test" / "cats" / "0.png").unlink()
    FolderSource(finished.data, finished.cache).manifest(nothing).save(finished.folder.manifest)
    with pytest.raises(UserError, match="manifest is now one of other images"):
        finished.explain()


# The folder


def test_there_is_a_picture_an_image_a_sheet_and_the_facts(finished: Finished, tmp_path: Path):
    explained, out = finished.explain(), tmp_path / "maps"
    write_explained(explained, out)
    names = {path.name for path in out.iterdir()}
    assert names == {".gitignore", SHEET, FACTS_FILE, *(f"{each.id}.png" for each in explained.examples)}


def test_a_second_time_replaces_what_the_first_wrote(finished: Finished, tmp_path: Path):
    out = tmp_path / "maps"
    write_explained(finished.explain(), out)
    require_place(out)
    write_explained(finished.explain(most=1), out)
    assert len(list(out.glob("*.png"))) == 2


@pytest.mark.parametrize("foreign", ["mine.png", "notes.txt"])
def test_a_folder_with_other_files_is_left_alone(finished: Finished, tmp_path: Path, foreign: str):
    out = tmp_path / "maps"
    write_explained(finished.explain(), out)
    (out / foreign).write_bytes(b"mine")
    with pytest.raises(UserError, match=rf"did not write: {foreign}"):
        write_explained(finished.explain(most=1), out)
    assert (out / foreign).read_bytes() == b"mine"
    assert len(list(out.glob("*.png"))) >= 3


@pytest.mark.parametrize("committed", ["leaderboards", "records/cats-dogs/explain"])
def test_committed_folders_are_refused_whatever_name_leads_there(tmp_path: Path, committed: str):
    folder = tmp_path / "results" / committed
    folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)
    for out in (folder, folder / "below", tmp_path / "link"):
        with pytest.raises(UserError, match=r"is committed, and these pictures show the images"):
            require_place(out)
    require_place(tmp_path / "results" / "runs" / "x" / "explain" / "cell")


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="expected a folder, found a file"):
        require_place(tmp_path / "file")
