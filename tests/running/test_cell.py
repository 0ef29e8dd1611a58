"""One cell end to end, in this process: a manifest made by hand, real images, a small base."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from fakes import model_facts
from fakes_training import KERAS_ARRAYS, draw_images, quick_recipe

from harness.data.manifest import Entry, Manifest
from harness.data.pixels import PixelCache
from harness.export.model_file import Keep, read_facts
from harness.matrix import Cell
from harness.running import cell as cell_module
from harness.running.cell import CellFailedError, run_cell
from harness.running.job import Job, Outcome, Progress
from harness.running.planner import Planned
from harness.strategies import NO_DEPTH, Phase, strategy
from harness.timing.steps import Effort
from harness.training.fit import DivergedError, Fitted, Trainer
from harness.weights import WeightsRef

pytestmark = KERAS_ARRAYS

COUNTS = {"train": 12, "validation": 8, "test": 10}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Time for hundredths of a second instead of seconds."""
    effort = Effort(blocks=3, seconds=0.0, block_seconds=0.01, warm_up_seconds=0.5)
    monkeypatch.setattr(cell_module, "BLOCKS", effort)
    yield
    keras.config.set_dtype_policy("float32")


def make_job(folder: Path, name: str, depth: str = NO_DEPTH) -> Job:
    """A job for MobileNet-0.25 with random weights at 32 px."""
    pixels, labels = draw_images(sum(COUNTS.values()), 32, seed=1)
    splits = [split for split, count in COUNTS.items() for _ in range(count)]
    entries = tuple(
        Entry(f"id-{row}", split, ("bright-red", "bright-green")[labels[row]], f"{row}", f"{row:064}")
        for row, split in enumerate(splits)
    )
    Manifest("by hand", ("bright-red", "bright-green"), entries, ()).save(folder / "manifest.json")
    (folder / "pixels").mkdir()
    np.save(folder / "pixels" / "pixels.npy", pixels)
    recipe = quick_recipe(batch=4)
    cell = Cell("MobileNet-0.25", "random", name, depth, recipe.name, 32, 0)
    phases = strategy(name).phases(recipe, depth)
    planned = Planned(cell, recipe, phases, WeightsRef("random", "", "random", "random"))
    return Job(
        planned=planned,
        manifest=folder / "manifest.json",
        pixels=folder / "pixels",
        decode_seconds=1.5,
        cache=folder / "cache",
        log=folder / "log",
        environment="fingerprint",
        code="code",
    )


@pytest.fixture
def progress() -> list[Progress]:
    return []


def run(job: Job, progress: list[Progress]) -> Outcome:
    return run_cell(job, progress.append)


@pytest.mark.parametrize(
    ("name", "depth", "boundary"),
    [("fast-extraction", NO_DEPTH, ""), ("fine-tuning", "blocks:1", "conv_dw_13")],
)
def test_a_cell_measures_everything_that_its_record_needs(
    tmp_path: Path, progress: list[Progress], name: str, depth: str, boundary: str
) -> None:
    job = make_job(tmp_path, name, depth)

    outcome = run(job, progress)

    found = outcome.measured
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert [epoch.images for epoch in found.history] == [12] * sum(p.epochs for p in job.planned.phases)
    assert [epoch.learning_rate for epoch in found.history] == pytest.approx(
        [phase.learning_rate for phase in job.planned.phases for _ in range(phase.epochs)]
    )
    assert found.best == found.chosen in found.history
    assert found.variables_moved == found.variables_trained > 0
    assert found.jit is False
    assert found.train_traces == {phase.name: 1 for phase in job.planned.phases}
    assert {epoch.validation_images for epoch in found.history} == {COUNTS["validation"]}
    assert found.boundary == boundary
    assert found.parameters == 218_544 + 257
    assert (found.parameters_trainable > 257) is (depth != NO_DEPTH)
    assert found.test_images == 10
    assert found.test_loss > 0
    assert found.seconds.decode == 1.5
    assert found.seconds.extraction > 0
    assert found.seconds.cell > found.seconds.training > 0
    assert found.train_step.batch == found.inference_step.batch == 4
    assert [step.phase for step in progress][-1] == "timing"


def test_the_predictions_are_those_of_the_test_images_with_their_true_labels(
    tmp_path: Path, progress: list[Progress]
) -> None:
    outcome = run(make_job(tmp_path, "fast-extraction"), progress)

    predictions = outcome.predictions
    assert predictions.ids.tolist() == [f"id-{row}" for row in range(20, 30)]
    # Classes are numbered in the manifest's order, and images alternate.
    assert predictions.labels.tolist() == [0, 1] * 5
    assert outcome.measured.test_accuracy == pytest.approx(predictions.correct.mean())


def test_a_cell_that_fails_keeps_what_it_had_measured(
    tmp_path: Path, progress: list[Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Diverging(Trainer):
        def fit(self, phases: tuple[Phase, ...]) -> Fitted:
            super().fit(phases)
            raise DivergedError("the loss was not a finite number in epoch 2 of head")

    monkeypatch.setattr(cell_module, "Trainer", Diverging)

    with pytest.raises(CellFailedError) as raised:
        run(make_job(tmp_path, "fast-extraction"), progress)

    assert isinstance(raised.value.error, DivergedError)
    assert len(raised.value.measured.history) == 2
    assert raised.value.measured.seconds.training > 0
    assert raised.value.measured.test_accuracy is None


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("fast-extraction", NO_DEPTH),
        ("fine-tuning", "blocks:1"),
        ("from-scratch", NO_DEPTH),
        ("linear-probe", NO_DEPTH),
    ],
)
def test_a_model_that_is_kept_gives_the_predictions_of_the_record(
    tmp_path: Path, progress: list[Progress], name: str, depth: str
) -> None:
    # Timing trains on: a model that was written after it would say something else.
    job = make_job(tmp_path, name, depth)
    keep = Keep(tmp_path / "models" / "m.keras", model_facts(classes=("a", "b"), size=32))

    recorded = run(replace(job, keep=keep), progress).predictions

    images = PixelCache(job.pixels, 0.0).open()[20:30]
    found = keras.models.load_model(keep.path).predict_on_batch(images)
    assert np.abs(found - recorded.probabilities).max() < 1e-4
    assert read_facts(keep.path) == keep.facts
    assert "saving" in [step.phase for step in progress]


@pytest.mark.parametrize("brief", [True, False])
def test_steps_are_timed_as_long_as_the_plan_says(
    tmp_path: Path, progress: list[Progress], monkeypatch: pytest.MonkeyPatch, brief: bool
) -> None:
    sketch = Effort(blocks=2, seconds=0.0, block_seconds=0.01, settled=1, warm_up_seconds=0.1)
    monkeypatch.setattr(cell_module, "BRIEF", sketch)
    job = make_job(tmp_path, "fast-extraction")

    found = run(replace(job, planned=replace(job.planned, brief=brief)), progress).measured

    for times in (found.train_step, found.inference_step):
        assert len(times.block_seconds) == (2 if brief else 3)


def with_weights(job: Job, kind: str) -> Job:
    planned = job.planned
    reference = WeightsRef(kind, "", "random", "random")
    recipe = strategy(planned.cell.strategy).adapt(planned.recipe)
    cell = replace(planned.cell, weights=kind)
    return replace(job, planned=replace(planned, cell=cell, recipe=recipe, weights=reference))


def test_from_scratch_starts_from_measured_statistics_and_trains_all_of_it(
    tmp_path: Path, progress: list[Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrated = []
    monkeypatch.setattr(cell_module, "calibrate", lambda base, images: calibrated.append(len(images)))

    measured = run(with_weights(make_job(tmp_path, "from-scratch"), "scratch"), progress).measured

    assert calibrated == [COUNTS["train"]]
    # All but the moving statistics of batch norm, two of four variables a layer.
    assert 0.9 * measured.parameters < measured.parameters_trainable < measured.parameters
    assert measured.variables_moved == measured.variables_trained
    assert measured.train_step is not None


def test_a_linear_probe_has_its_strengths_and_no_step(tmp_path: Path, progress: list[Progress]) -> None:
    measured = run(with_weights(make_job(tmp_path, "linear-probe"), "random"), progress).measured

    assert len({epoch.strength for epoch in measured.history}) == len(measured.history) > 3
    assert (measured.train_step, measured.jit) == (None, None)
    assert measured.inference_step is not None
    assert measured.test_accuracy is not None


def test_zero_shot_trains_nothing_and_predicts_every_test_image(
    tmp_path: Path, progress: list[Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_module, "imagenet_classes", lambda _: ((281, 282), (151, 152)))

    outcome = run(with_weights(make_job(tmp_path, "zero-shot"), "imagenet-top"), progress)

    assert (outcome.measured.parameters_trainable, outcome.measured.history) == (0, ())
    assert outcome.predictions.probabilities.shape == (COUNTS["test"], 2)
    np.testing.assert_allclose(outcome.predictions.probabilities.sum(axis=1), 1, rtol=1e-5)


def on_part(job: Job, images: int) -> Job:
    cell = replace(job.planned.cell, train_images=images)
    return replace(job, planned=replace(job.planned, cell=cell))


def test_a_cell_on_a_part_trains_on_it_and_pays_for_what_it_reads(
    tmp_path: Path, progress: list[Progress]
) -> None:
    measured = run(on_part(make_job(tmp_path, "fine-tuning", "blocks:1"), 4), progress).measured

    assert {epoch.images for epoch in measured.history} == {4}
    assert measured.test_images == COUNTS["test"]
    # 4 + 8 + 10 of the 30 images that were decoded.
    assert measured.seconds.decode == pytest.approx(1.5 * 22 / 30)
    assert {step.all_images for step in progress if step.phase == "train features"} == {4}


def test_a_random_base_on_a_part_is_calibrated_on_it_and_shares_no_features(
    tmp_path: Path, progress: list[Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrated, calibrate = [], cell_module.calibrate

    def noting(base: object, images: np.ndarray) -> None:
        calibrated.append(len(images))
        calibrate(base, images)

    monkeypatch.setattr(cell_module, "calibrate", noting)
    job = make_job(tmp_path, "fast-extraction")

    run(job, progress)
    reused = run(on_part(job, 4), progress).measured.seconds.extraction_reused

    assert calibrated == [COUNTS["train"], 4]
    assert reused == ()


def test_a_recipe_may_leave_out_the_last_blocks(tmp_path: Path, progress: list[Progress]) -> None:
    job = make_job(tmp_path, "fast-extraction")
    whole = run(job, progress).measured.parameters
    lower = replace(job.planned, recipe=job.planned.recipe.model_copy(update={"drop_blocks": 1}))

    found = run(replace(job, planned=lower), progress).measured

    assert found.parameters < whole
    assert not found.seconds.extraction_reused
