"""A whole run on a fake executor: what is run, what is kept, and what is told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import MATRIX, FakeExecutor, encoded, failed, image_folder, measured, ok, png, put, request, view
from PIL import Image

from harness.backbones import backbone
from harness.data.manifest import Manifest
from harness.data.sources import FolderSource
from harness.data.synthetic import TARGET_CLASSES
from harness.errors import UserError
from harness.metrics import MARGINS
from harness.records import Record
from harness.running import planner
from harness.running.folder import RunFolder
from harness.running.run import Request, run_matrix

pytestmark = pytest.mark.usefixtures("empty_keras_home")

FIRST = "MobileNet-0.25/random/fast-extraction/none/default/32px/seed0/cpu/float32"
CELLS = [
    FIRST,
    FIRST.replace("seed0", "seed1"),
    FIRST.replace("fast-extraction/none", "fine-tuning/blocks:1"),
    FIRST.replace("fast-extraction/none", "fine-tuning/blocks:1").replace("seed0", "seed1"),
]
PRETRAINED = MATRIX.replace('"random"', '"imagenet"').replace("[0, 1]", "[0]")
FOLDER = MATRIX.replace('data = { source = "synthetic", train = 4, validation = 4, test = 4 }\n', "")


def go(asked: Request, executor: FakeExecutor | None = None) -> list[Record]:
    return run_matrix(asked, executor or FakeExecutor(), view())


def stored(asked: Request) -> dict[str, Record]:
    return {record.name: record for record in RunFolder(asked.out).records.load()}


# Once through


def test_every_cell_runs_in_order_and_has_a_record(tmp_path: Path):
    executor = FakeExecutor()
    records = go(request(tmp_path), executor)
    assert executor.ran == CELLS
    assert [record.name for record in records] == CELLS
    assert stored(request(tmp_path)) == {record.name: record for record in records}


def test_a_record_is_there_the_moment_its_cell_ends(tmp_path: Path):
    asked, seen = request(tmp_path), []

    class Looking(FakeExecutor):
        def run(self, *arguments: Any) -> Any:
            seen.append(len(list((asked.out / "records").glob("*.json"))))
            return super().run(*arguments)

    go(asked, Looking())
    assert seen == [0, 1, 2, 3]


def test_a_record_holds_what_was_asked_for_and_what_was_measured(tmp_path: Path):
    asked = request(tmp_path)
    record = go(asked)[0]
    assert record.status == "ok"
    assert record.cell == asked.matrix.cells()[0]
    assert record.recipe == asked.matrix.recipes["default"]
    assert [phase.name for phase in record.phases] == ["head"]
    assert record.measured.test_accuracy == 0.9
    assert record.memory is not None
    assert record.memory.peak_bytes == 2
    assert record.environment.libraries["keras"]
    assert record.data.counts["train"] == dict.fromkeys(TARGET_CLASSES, 2)
    assert record.data.manifest_sha256 == Manifest.load(asked.out / "manifest.json").sha256
    (decoded,) = (asked.cache / "pixels").iterdir()
    assert record.data.pixels_sha256 == json.loads((decoded / "facts.json").read_text())["sha256"]
    assert (record.weights.kind, record.weights.origin) == ("random", "random")
    assert record.started.endswith("+00:00")
    assert RunFolder(asked.out).records.predictions(record).correct.sum() == 90


def test_a_record_holds_the_gap_at_the_chosen_epoch(tmp_path: Path):
    assert go(request(tmp_path))[0].gap == pytest.approx(0.9 - 0.85)


def test_a_job_carries_whole_paths_and_the_pixels_of_its_size(tmp_path: Path):
    executor = FakeExecutor()
    go(request(tmp_path, MATRIX.replace("[32]", "[32, 40]")), executor)
    assert all(job.pixels.is_absolute() and job.manifest.is_absolute() for job in executor.jobs)
    sizes = {
        job.planned.cell.size: json.loads((job.pixels / "facts.json").read_text()) for job in executor.jobs
    }
    assert {size: facts["size"] for size, facts in sizes.items()} == {32: 32, 40: 40}
    assert len({job.log for job in executor.jobs}) == len(executor.jobs)


def test_the_time_limit_of_the_matrix_reaches_the_executor_in_seconds(tmp_path: Path):
    executor = FakeExecutor()
    go(request(tmp_path, MATRIX.replace("\n\n", "\nminutes_per_cell = 1.5\n\n", 1)), executor)
    assert set(executor.limits) == {90}


def test_run_json_keeps_every_margin_of_each_cell_with_those_of_the_matrix(tmp_path: Path):
    asked = request(tmp_path, MATRIX.replace("\n\n", "\nmargins = { test_accuracy = 0.125 }\n\n", 1))
    go(asked, FakeExecutor())
    kept = [cell.margins for cell in RunFolder(asked.out).facts().cells]
    assert kept == [{name: margin.value for name, margin in MARGINS.items()} | {"test_accuracy": 0.125}] * 4


def test_a_part_larger_than_the_split_is_refused_before_anything_runs(tmp_path: Path):
    asked, executor = request(tmp_path, MATRIX + "train_images = [2, 5]\n"), FakeExecutor()
    with pytest.raises(UserError, match="asks for 5; the training split has 4 images"):
        go(asked, executor)
    assert executor.ran == []
    assert not asked.out.exists()


# Failures


@pytest.mark.parametrize("status", ["oom", "timeout", "diverged", "crashed", "skipped"])
def test_a_cell_that_fails_has_a_record_and_the_others_go_on(tmp_path: Path, status: str):
    executor = FakeExecutor({CELLS[1]: failed(status, "for a reason")})
    records = go(request(tmp_path), executor)
    assert executor.ran == CELLS
    assert [record.status for record in records] == ["ok", status, "ok", "ok"]
    assert (records[1].reason, records[1].measured.test_accuracy) == ("for a reason", None)


def test_a_diverged_cell_keeps_the_epochs_that_it_reached_as_strict_json(tmp_path: Path):
    good = ok()
    broken = good.measured.history[0].model_copy(update={"loss": float("nan")})
    reached = replace(
        good,
        status="diverged",
        reason="the loss is NaN",
        measured=measured(good.predictions).model_copy(update={"history": (broken,), "best": None}),
        predictions=None,
    )
    asked = request(tmp_path)
    go(asked, FakeExecutor({FIRST: reached}))
    text = next(
        path.read_text() for path in (asked.out / "records").glob("*.json") if "diverged" in path.read_text()
    )
    assert "NaN" not in text.replace("the loss is NaN", "")
    assert json.loads(text)["measured"]["history"][0]["loss"] is None


def test_offline_a_cell_without_weights_is_skipped_and_never_reaches_the_executor(tmp_path: Path):
    executor = FakeExecutor()
    records = go(request(tmp_path, PRETRAINED), executor)
    assert executor.ran == []
    assert executor.fetched == []
    assert {record.status for record in records} == {"skipped"}
    assert backbone("MobileNet-0.25").weights.name in records[0].reason
    assert records[0].weights.origin == "missing"


def test_nothing_is_decoded_for_cells_that_are_skipped(tmp_path: Path):
    go(request(tmp_path, PRETRAINED))
    assert not (tmp_path / "cache" / "pixels").exists()


# Weights that have to be fetched


def test_missing_weights_are_fetched_once_a_backbone_before_the_first_cell(
    tmp_path: Path, empty_keras_home: Path
):
    file = backbone("MobileNet-0.25").weights.name

    def fetch(_: str) -> str:
        put(empty_keras_home / "models" / file, b"weights")
        return ""

    executor = FakeExecutor(fetch=fetch)
    records = go(request(tmp_path, PRETRAINED, offline=False), executor)
    assert executor.fetched == [file]
    assert [record.status for record in records] == ["ok", "ok"]
    assert (records[0].weights.name, records[0].weights.origin) == (
        file,
        backbone("MobileNet-0.25").weights.url,
    )


def test_cells_whose_download_failed_are_skipped_with_the_reason(tmp_path: Path):
    executor = FakeExecutor(fetch=lambda _: "connection refused")
    records = go(request(tmp_path, PRETRAINED, offline=False), executor)
    assert executor.ran == []
    assert {record.status for record in records} == {"skipped"}
    assert "The download failed (connection refused): try again" in records[0].reason


def test_a_download_that_leaves_no_file_is_a_reason_too(tmp_path: Path):
    records = go(request(tmp_path, PRETRAINED, offline=False), FakeExecutor(fetch=lambda _: ""))
    assert records[0].reason == "the download left no file"


def test_a_folder_of_keras_that_cannot_be_written_is_refused_before_any_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Keras itself would silently download to the system's temporary folder (trap 29).
    monkeypatch.setenv("KERAS_HOME", str(put(tmp_path / "a-file", b"")))
    executor = FakeExecutor()
    with pytest.raises(UserError, match="Keras' folder cannot be written") as caught:
        go(request(tmp_path, PRETRAINED, offline=False), executor)
    assert executor.fetched == []
    assert "KERAS_HOME" in caught.value.hint


def test_nothing_is_fetched_when_nothing_is_missing(tmp_path: Path):
    executor = FakeExecutor()
    go(request(tmp_path, offline=False), executor)
    assert executor.fetched == []


# Again


def test_finished_cells_are_returned_and_not_repeated(tmp_path: Path):
    first = go(request(tmp_path))
    again = FakeExecutor()
    assert go(request(tmp_path), again) == first
    assert again.ran == []


def test_finished_cells_need_no_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    go(request(tmp_path))
    monkeypatch.setattr("harness.running.run.build_pixels", lambda *_: pytest.fail("decoded for nothing"))
    go(request(tmp_path))


def test_a_diverged_cell_is_a_result_and_not_repeated(tmp_path: Path):
    go(request(tmp_path), FakeExecutor({FIRST: failed("diverged", "NaN")}))
    again = FakeExecutor()
    assert go(request(tmp_path), again)[0].status == "diverged"
    assert again.ran == []


@pytest.mark.parametrize("status", ["oom", "timeout", "crashed", "skipped"])
def test_every_other_failure_is_tried_again(tmp_path: Path, status: str):
    go(request(tmp_path), FakeExecutor({FIRST: failed(status, "once")}))
    again = FakeExecutor()
    assert [record.status for record in go(request(tmp_path), again)] == ["ok"] * 4
    assert again.ran == [FIRST]
    assert stored(request(tmp_path))[FIRST].status == "ok"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[32]", "[40]"),
        ("seeds = [0, 1]", "seeds = [2, 3]"),
        ("train = 4", "train = 6"),
    ],
    ids=["size", "seeds", "images"],
)
def test_cells_whose_input_changed_run_again(tmp_path: Path, before: str, after: str):
    go(request(tmp_path))
    again = FakeExecutor()
    go(request(tmp_path, MATRIX.replace(before, after)), again)
    assert len(again.ran) == 4


def test_cells_run_again_when_the_content_of_their_recipe_changed(tmp_path: Path):
    text = MATRIX.replace("sizes", 'recipes = ["mine"]\nsizes') + "[recipe.mine]\nbatch = 8\n"
    go(request(tmp_path, text))
    again = FakeExecutor()
    go(request(tmp_path, text.replace("batch = 8", "batch = 16")), again)
    assert len(again.ran) == 4


def test_cells_run_again_when_the_code_that_measures_them_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    go(request(tmp_path))
    monkeypatch.setattr(planner, "code_sha256", lambda: "other")
    again = FakeExecutor()
    go(request(tmp_path), again)
    assert again.ran == CELLS


def test_cells_run_again_with_another_version_of_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    go(request(tmp_path))
    versions = planner.library_versions() | {"keras": "0.0.0"}
    monkeypatch.setattr(planner, "library_versions", lambda: versions)
    again = FakeExecutor()
    go(request(tmp_path), again)
    assert again.ran == CELLS


def test_a_cell_that_is_added_runs_alone(tmp_path: Path):
    go(request(tmp_path))
    again = FakeExecutor()
    records = go(request(tmp_path, MATRIX.replace("[0, 1]", "[0, 1, 2]")), again)
    assert [name.split("/")[-3] for name in again.ran] == ["seed2", "seed2"]
    assert [record.cell.seed for record in records] == [0, 1, 2, 0, 1, 2]


def test_two_recipes_of_one_content_are_two_cells_and_both_are_kept(tmp_path: Path):
    text = MATRIX.replace("sizes", 'recipes = ["default", "same"]\nsizes') + "[recipe.same]\n"
    first = go(request(tmp_path, text))
    assert len({record.key for record in first}) == 4
    assert len({record.name for record in first}) == 8
    assert go(request(tmp_path, text)) == first


# Interrupted


def test_an_interruption_leaves_the_finished_records_and_no_half_one(tmp_path: Path):
    asked = request(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        go(asked, FakeExecutor({CELLS[2]: KeyboardInterrupt()}))
    assert sorted(stored(asked)) == sorted(CELLS[:2])
    assert not list(tmp_path.rglob("*.partial"))


def test_after_an_interruption_the_finished_cells_are_returned_and_the_others_run(tmp_path: Path):
    asked = request(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        go(asked, FakeExecutor({CELLS[2]: KeyboardInterrupt()}))
    kept = stored(asked)
    again = FakeExecutor(usual=ok(80))
    records = go(asked, again)
    assert again.ran == CELLS[2:]
    assert records[:2] == [kept[name] for name in CELLS[:2]]
    assert [record.measured.test_accuracy for record in records] == [0.9, 0.9, 0.8, 0.8]


def test_a_record_that_was_half_written_is_removed_and_its_cell_runs_again(tmp_path: Path):
    asked = request(tmp_path)
    go(asked)
    (path,) = (asked.out / "records").glob("*fast-extraction*seed0*.json")
    path.rename(path.with_name(path.name + ".partial"))
    again = FakeExecutor()
    go(asked, again)
    assert again.ran == [FIRST]
    assert not list(asked.out.rglob("*.partial"))


def test_an_error_of_the_executor_itself_loses_no_finished_record(tmp_path: Path):
    asked = request(tmp_path)
    with pytest.raises(OSError, match="no more processes"):
        go(asked, FakeExecutor({CELLS[1]: OSError("no more processes")}))
    assert list(stored(asked)) == [FIRST]


# Input that cannot be used


def test_an_output_folder_of_another_matrix_is_refused_before_anything_runs(tmp_path: Path):
    go(request(tmp_path))
    executor = FakeExecutor()
    with pytest.raises(UserError, match="holds a run of matrix 'tiny', not 'other'"):
        go(request(tmp_path, MATRIX.replace('"tiny"', '"other"')), executor)
    assert executor.jobs == []
    assert sorted(stored(request(tmp_path))) == sorted(CELLS)


def test_a_damaged_record_stops_the_run_and_loses_nothing(tmp_path: Path):
    asked, executor = request(tmp_path), FakeExecutor()
    go(asked)
    path = next((asked.out / "records").glob("*.json"))
    path.write_text(path.read_text()[:100])
    with pytest.raises(UserError, match="damaged, and no record any more"):
        go(asked, executor)
    assert executor.jobs == []
    assert len(list((asked.out / "records").glob("*.json"))) == 4


def test_a_data_folder_that_cannot_be_used_is_refused_before_the_output_folder_is_made(tmp_path: Path):
    asked = request(tmp_path, FOLDER, data=image_folder(tmp_path / "images", ("cats",)))
    with pytest.raises(UserError, match="expected at least two classes"):
        go(asked)
    assert not asked.out.exists()


def test_images_that_cannot_be_decoded_are_left_out_before_the_first_cell(tmp_path: Path):
    data = image_folder(tmp_path / "images")
    put(data / "train" / "cats" / "empty.jpg", b"")
    put(data / "test" / "dogs" / "short.png", png(99)[:-30])
    put(data / "test" / "dogs" / "short.jpg", encoded(Image.effect_noise((64, 64), 90), "JPEG")[:-300])
    executor = FakeExecutor()
    records = go(request(tmp_path, FOLDER, data=data), executor)
    manifest = Manifest.load(executor.jobs[0].manifest)
    assert {record.data.left_out for record in records} == {3}
    assert {record.data.dropped for record in records} == {manifest.left_out}
    assert [left.path for left in manifest.left_out] == [
        "test/dogs/short.jpg",
        "test/dogs/short.png",
        "train/cats/empty.jpg",
    ]
    assert len(manifest.entries) == 12


def test_an_image_is_read_once_for_all_cells_of_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data, read = image_folder(tmp_path / "images"), []
    whole = FolderSource.read
    monkeypatch.setattr(
        FolderSource, "read", lambda self, entry: (read.append(entry.path), whole(self, entry))[1]
    )
    go(request(tmp_path, FOLDER, data=data))
    assert len(read) == len(set(read)) == 12


# Models


def models(asked: Request) -> set[str]:
    return {path.name for path in (asked.out / "models").glob("*")}


def stems(asked: Request, *names: str) -> set[str]:
    return {f"{record.file_stem}.keras" for record in stored(asked).values() if record.name in names}


def test_models_are_kept_where_that_was_asked_for(tmp_path: Path):
    asked = request(tmp_path, save_models=True)
    go(asked)
    assert models(asked) == stems(asked, *CELLS)


def test_models_are_not_kept_unless_asked_for(tmp_path: Path):
    executor = FakeExecutor()
    go(request(tmp_path), executor)
    assert {job.keep for job in executor.jobs} == {None}
    assert not (tmp_path / "out" / "models").exists()


def test_the_facts_of_a_model_are_those_of_its_record(tmp_path: Path):
    executor, asked = FakeExecutor(), request(tmp_path, save_models=True)
    record = go(asked, executor)[0]
    facts = executor.jobs[0].keep.facts
    assert (facts.cell, facts.key) == (record.name, record.key)
    assert (facts.classes, facts.manifest_sha256) == (record.data.classes, record.data.manifest_sha256)
    assert (facts.size, facts.resize, facts.commit) == (32, "bilinear", record.commit)


def test_a_failed_cell_keeps_no_model(tmp_path: Path):
    asked = request(tmp_path, save_models=True)
    go(asked, FakeExecutor({CELLS[1]: failed("crashed", "for a reason")}))
    assert models(asked) == stems(asked, CELLS[0], CELLS[2], CELLS[3])


def test_a_finished_cell_without_its_model_is_run_again_where_models_are_kept(tmp_path: Path):
    go(request(tmp_path))
    asked, executor = request(tmp_path, save_models=True), FakeExecutor()
    go(asked, executor)
    assert executor.ran == CELLS
    (RunFolder(asked.out).model(stored(asked)[CELLS[2]].file_stem)).unlink()
    again = FakeExecutor()
    go(asked, again)
    assert again.ran == [CELLS[2]]
    # A diverged training has no model, and diverges again.
    assert models(asked) == stems(asked, *CELLS)


def test_a_result_stays_where_the_cell_fails_when_it_is_run_again_for_its_model(tmp_path: Path):
    asked = request(tmp_path)
    before = go(asked)[0]
    again = go(replace(asked, save_models=True), FakeExecutor({CELLS[0]: failed("timeout", "too long")}))
    assert again[0].status == "timeout"
    assert stored(asked)[CELLS[0]] == before


def test_a_missing_model_means_nothing_where_none_are_kept(tmp_path: Path):
    go(request(tmp_path))
    executor = FakeExecutor()
    go(request(tmp_path), executor)
    assert executor.ran == []


def test_a_diverged_cell_needs_no_model_to_be_finished(tmp_path: Path):
    asked = request(tmp_path, save_models=True)
    go(asked, FakeExecutor({CELLS[1]: failed("diverged", "not finite")}))
    executor = FakeExecutor()
    go(asked, executor)
    assert executor.ran == []


@pytest.mark.parametrize("save_models", [True, False])
def test_the_model_of_an_earlier_record_never_stands_beside_a_new_one(tmp_path: Path, save_models: bool):
    asked = request(tmp_path, save_models=True)
    record = go(asked)[0]
    (asked.out / "records" / f"{record.file_stem}.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        go(replace(asked, save_models=save_models), FakeExecutor(usual=KeyboardInterrupt()))
    assert models(asked) & {f"{record.file_stem}.keras"} == set()


def test_what_an_interrupted_worker_left_of_a_model_is_removed(tmp_path: Path):
    asked = request(tmp_path, save_models=True)
    with pytest.raises(KeyboardInterrupt):
        go(asked, FakeExecutor(usual=KeyboardInterrupt()))
    assert any(".partial" in name for name in models(asked))
    go(asked)
    assert models(asked) == stems(asked, *CELLS)
