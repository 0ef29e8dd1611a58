"""Verifying and handing out a saved model, with a stand-in for the model itself."""

import io
import json
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import model_facts, nothing, put, record, run_facts
from numpy.typing import NDArray

from harness.data.decode import resize
from harness.data.manifest import Manifest
from harness.data.pixels import build_pixels
from harness.data.sources import FolderSource
from harness.errors import UserError
from harness.export import export as export_module
from harness.export.export import Exported, export_model
from harness.export.model_file import FACTS_NAME
from harness.records import Predictions, Record
from harness.reports.exported import render_exported
from harness.running.folder import PlannedCell, RunFolder

SIZE = 8


@dataclass
class FakeModel:
    """Says of an image what its mean is worth, `wrong` too much; it resizes as the real one does."""

    wrong: float = 0.0
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.shapes.append(images.shape)
        means = [resize(image, SIZE, "bilinear").mean() / 255 for image in images]
        first = np.array(means, np.float32) + np.float32(self.wrong)
        return np.stack([first, 1 - first], axis=1)


@dataclass
class Finished:
    """A run on the tiny folder of images: one cell with predictions and a saved model."""

    folder: RunFolder
    record: Record
    manifest: Manifest
    cache: Path
    out: Path

    def export(self, cell: str = "best", **changed: Any) -> Exported:
        @contextmanager
        def bar(_: str):
            yield nothing

        usual: dict[str, Any] = {"data": None, "cache": self.cache, "force": False, "bar": bar}
        return export_model(self.folder, cell, changed.pop("out", self.out), **(usual | changed))

    @property
    def model(self) -> Path:
        return self.folder.model(self.record.file_stem)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr(export_module, "load_model", lambda path: fake)
    return fake


@pytest.fixture
def finished(tmp_path: Path, data: Path) -> Finished:
    source = FolderSource(data, tmp_path / "cache")
    manifest = source.manifest(nothing)
    folder = RunFolder(tmp_path / "run")
    made = record(size=SIZE)
    folder.write_facts(run_facts(cells=(PlannedCell(name=made.name, key=made.key),)))
    manifest.save(folder.manifest)
    entries = manifest.split("test")
    probabilities = np.concatenate(
        [FakeModel().predict_on_batch(source.read(entry)[None]) for entry in entries]
    )
    labels = np.array([manifest.classes.index(entry.label) for entry in entries])
    folder.records.save(made, Predictions(np.array([entry.id for entry in entries]), labels, probabilities))
    facts = model_facts(size=SIZE, cell=made.name, key=made.key, manifest_sha256=manifest.sha256)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(FACTS_NAME, facts.model_dump_json())
    put(folder.model(made.file_stem), buffer.getvalue())
    return Finished(folder, made, manifest, tmp_path / "cache", tmp_path / "model.keras")


pytestmark = pytest.mark.usefixtures("model")


def test_a_model_that_gives_the_recorded_predictions_is_handed_out_whole(finished: Finished):
    exported = finished.export()
    assert finished.out.read_bytes() == finished.model.read_bytes()
    assert (exported.verification.images, exported.verification.largest) == (4, 0)
    assert [path.name for path in finished.out.parent.glob("model*")] == ["model.keras"]


def test_it_is_asked_about_the_files_at_their_own_sizes(finished: Finished, model: FakeModel):
    exported = finished.export()
    assert model.shapes == [(1, 10, 12, 3)] * 4
    assert "the files in" in render_exported(exported)


@pytest.mark.parametrize("wrong", [0.002, -0.002, float("nan")])
def test_a_model_that_gives_others_is_not_handed_out(finished: Finished, model: FakeModel, wrong: float):
    model.wrong = wrong
    with pytest.raises(UserError, match=r"does not give the recorded predictions(?s:.*)Nothing was written"):
        finished.export()
    assert not finished.out.exists()


def test_a_model_of_lower_precision_may_be_as_far_off_as_that_rounds(
    finished: Finished, model: FakeModel, monkeypatch: pytest.MonkeyPatch
):
    model.wrong = 0.01
    with pytest.raises(UserError, match=r"allowed: 0\.001"):
        finished.export()
    cell = replace(finished.record.cell, precision="mixed_bfloat16")
    rough = finished.record.model_copy(update={"cell": cell})
    monkeypatch.setattr("harness.export.export.choose_record", lambda *_: rough)
    assert "probabilities within 0.01 of the recorded ones" in render_exported(finished.export())


def test_a_difference_within_the_tolerance_is_told(finished: Finished, model: FakeModel):
    model.wrong = 0.0005
    assert "probabilities within 0.0005 of the recorded ones" in render_exported(finished.export())


def test_images_that_have_moved_are_found_in_the_folder_that_is_named(finished: Finished, data: Path):
    moved = data.rename(data.with_name("moved"))
    assert finished.export(data=moved).verification.images == 4


def test_without_the_files_the_decoded_cache_is_used(finished: Finished, data: Path, model: FakeModel):
    source = FolderSource(data, finished.cache)
    build_pixels(finished.manifest, source, SIZE, "bilinear", finished.cache, nothing)
    data.rename(data.with_name("moved"))
    exported = finished.export()
    assert model.shapes == [(4, SIZE, SIZE, 3)]
    assert exported.verification.source == "the decoded images in the cache"


def test_without_any_images_it_is_handed_out_and_said_to_be_unverified(finished: Finished, data: Path):
    data.rename(data.with_name("moved"))
    assert "not verified: the images are not where the run read them" in render_exported(finished.export())
    assert finished.out.exists()


def test_an_image_that_has_changed_since_verifies_nothing(finished: Finished, data: Path):
    entry = finished.manifest.split("test")[0]
    (data / entry.path).write_bytes((data / finished.manifest.split("test")[1].path).read_bytes())
    assert "not verified: " in (text := render_exported(finished.export()))
    assert "the file has changed since the images were listed" in text


def test_a_class_that_falls_the_other_way_within_the_tolerance_is_told(finished: Finished, model: FakeModel):
    store = finished.folder.records
    recorded = store.predictions(finished.record)
    half = np.full_like(recorded.probabilities, 0.5) + np.float32([[0.0002, -0.0002]])
    store.save(finished.record, Predictions(recorded.ids, recorded.labels, half))
    model.predict_on_batch = lambda images: half[: len(images), ::-1]
    text = render_exported(finished.export())
    assert "the same classes but for 4 between two classes that are equally probable within 0.002" in text


def test_a_run_without_saved_models_is_answered_with_its_command_and_what_that_lacks(finished: Finished):
    finished.model.unlink()
    lacks = r"last part only, and the cache not at all"
    with pytest.raises(UserError, match=rf"was not saved(?s:.*){lacks}(?s:.*)run tiny\.toml --save-models$"):
        finished.export()


def test_a_file_that_exists_is_replaced_only_where_that_is_said(finished: Finished):
    put(finished.out, b"mine")
    with pytest.raises(UserError, match=r"this file exists(?s:.*)--force"):
        finished.export()
    assert finished.out.read_bytes() == b"mine"
    finished.export(force=True)
    assert finished.out.read_bytes() == finished.model.read_bytes()


def test_the_name_of_the_file_must_be_one_that_keras_loads(finished: Finished, tmp_path: Path):
    with pytest.raises(UserError, match=r"ends in \.keras(?s:.*)model\.keras"):
        finished.export(out=tmp_path / "model.h5")


def test_nothing_in_the_report_is_missing(finished: Finished):
    text = render_exported(finished.export())
    for word in ("MobileNet-0.25", "8 px", "2 classes: cats, dogs", "verified on 4 test images", "predict"):
        assert word in text
    assert json.loads(zipfile.ZipFile(finished.out).read(FACTS_NAME))["size"] == SIZE
