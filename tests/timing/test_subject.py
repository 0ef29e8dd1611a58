"""What a timing cell runs: the model, the step and the pipeline are those of a real training."""

from typing import Any

import keras
import numpy as np
import pytest
from fakes_training import KERAS_ARRAYS, copies, moved

from harness.backbones import BACKBONES, Backbone
from harness.strategies import STRATEGIES
from harness.timing import subject as subject_module
from harness.timing.cell import INFERENCE, KERAS_TABLE, TimingCell, has_train_step
from harness.timing.subject import Subject, build_subject
from harness.timing.work import work_of

pytestmark = KERAS_ARRAYS

TRAINED = [name for name in STRATEGIES if has_train_step(name)]


def built(step: str, **changed: Any) -> Subject:
    depth = "blocks:1" if step == "fine-tuning" else "none"
    return build_subject(
        TimingCell("MobileNet-0.25", step, changed.pop("depth", depth), 32, batch=4, **changed)
    )


@pytest.mark.parametrize("step", [INFERENCE, *TRAINED])
def test_the_pipeline_feeds_what_the_step_was_traced_for(step: str) -> None:
    subject = built(step)
    subject.step()
    traces = subject.step.traces
    batches = iter(subject.batches())

    for _ in range(6):  # more than the pipeline has different batches
        subject.step.function(next(batches))

    assert subject.step.traces == traces


@pytest.mark.parametrize("step", TRAINED)
def test_a_train_step_moves_as_many_parameters_as_it_says(step: str) -> None:
    subject = built(step)
    variables = subject.model.trainable_variables
    before = copies(variables)

    subject.step()

    assert len(moved(variables, before)) == len(variables)
    assert subject.trainable == sum(int(np.prod(variable.shape)) for variable in variables)
    assert 0 < subject.trainable < subject.parameters


def test_inference_trains_nothing() -> None:
    subject = built(INFERENCE)
    before = copies(subject.model.weights)

    subject.step()

    assert moved(subject.model.weights, before) == set()
    assert subject.trainable == 0


def test_deeper_steps_train_more() -> None:
    depths = ["blocks:1", "blocks:2", "all"]

    trainable = [built("fine-tuning", depth=depth).trainable for depth in depths]

    assert trainable == sorted(set(trainable))


def test_the_network_is_alive() -> None:
    """Two different images give different answers: a dead network would time zeros."""
    outputs = np.asarray(built(INFERENCE).step())

    assert outputs.std() > 1e-4


def test_fast_extraction_is_timed_on_cached_features() -> None:
    subject = built("fast-extraction")

    assert subject.step.arguments[0][0].shape == (4, 1, 1, 256)
    assert not subject.augmented


@pytest.mark.parametrize("step", ["augmented-extraction", "fine-tuning"])
def test_strategies_that_augment_are_fed_with_augmented_images(step: str) -> None:
    subject = built(step)
    images, _ = next(iter(subject.batches()))
    resident = subject.step.arguments[0][0]

    assert subject.augmented
    assert not np.array_equal(images, resident)
    assert images.shape == resident.shape


def test_inference_is_fed_with_the_images_as_they_are() -> None:
    subject = built(INFERENCE)

    assert np.array_equal(next(iter(subject.batches())), subject.step.arguments[0])


def test_the_published_protocol_times_the_whole_imagenet_model() -> None:
    subject = build_subject(
        TimingCell("MobileNet-0.25", INFERENCE, "none", 224, batch=1, protocol=KERAS_TABLE)
    )

    assert subject.step().shape == (1, 1000)
    assert subject.parameters == 475_544


def test_mixed_precision_keeps_the_head_in_float32() -> None:
    subject = built(INFERENCE, precision="mixed_bfloat16")

    assert subject.step().dtype == "float32"
    assert keras.config.dtype_policy().compute_dtype == "bfloat16"


@pytest.fixture(autouse=True)
def float32() -> Any:
    yield
    keras.config.set_dtype_policy("float32")


def test_from_scratch_trains_batch_norm_and_a_pretrained_base_does_not() -> None:
    def statistics_moved(step: str, depth: str = "none") -> bool:
        subject = built(step, depth=depth)
        statistics = [each for each in subject.model.non_trainable_variables if "moving" in each.path]
        before = copies(statistics)
        subject.step()
        return bool(moved(statistics, before))

    assert statistics_moved("from-scratch")
    assert not statistics_moved("fine-tuning", "all")
    assert built("from-scratch").trainable > built("fine-tuning", depth="all").trainable


def test_the_pipeline_goes_on_for_longer_than_an_epoch() -> None:
    """At its end it runs empty: a short one would be timed by that."""
    batches = built("fine-tuning").batches()

    assert batches.cardinality() < 0  # endless
    assert subject_module._STREAM >= 500


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_updates_are_counted_as_the_weights_change(precision: str) -> None:
    subject = built("fast-extraction", precision=precision)
    assert subject.updates is not None
    for _ in range(8):  # the loss scale of float16 lets the first ones pass without an update
        subject.step()
    before, done = copies(subject.model.trainable_variables), subject.updates()

    subject.step()

    assert moved(subject.model.trainable_variables, before)
    assert subject.updates() == done + 1


# Every backbone -----------------------------------------------------------------------------------

QUICK = ("Xception", "ResNet50", "EfficientNetB0")
EACH = [
    pytest.param(row, id=row.name, marks=[] if row.name in QUICK else pytest.mark.slow)
    for row in BACKBONES.values()
]


@pytest.mark.parametrize("row", EACH)
@pytest.mark.parametrize("step", [INFERENCE, "fine-tuning"])
def test_every_backbone_can_be_timed_and_its_work_counted(row: Backbone, step: str) -> None:
    depth = "blocks:1" if step == "fine-tuning" else "none"
    subject = build_subject(TimingCell(row.name, step, depth, row.minimum_size, batch=2))

    subject.step()
    subject.step()

    assert subject.step.traces == 1
    assert work_of(subject.step.graph).multiply_adds > 2e5
