"""Multiply-adds and bytes against published figures, against sums by hand, and for gradients."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from fakes_training import KERAS_ARRAYS

from harness.timing.cell import TimingCell
from harness.timing.steps import inference_step, training_step
from harness.timing.subject import build_subject
from harness.timing.work import UnknownShapeError, work_of

pytestmark = KERAS_ARRAYS

BATCH, SIZE = 2, 8


def convolutions() -> Any:
    """A convolution, a depthwise one, a pooling and a dense layer, without biases."""
    layers = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="first"),
            keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="second"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, use_bias=False, name="third"),
        ]
    )
    return keras.Model(layers.inputs[0], layers.outputs[0])


FIRST = SIZE * SIZE * 4 * 9 * 3
SECOND = SIZE * SIZE * 4 * 9
THIRD = 4


def images() -> Any:
    return np.random.default_rng(0).normal(size=(BATCH, SIZE, SIZE, 3)).astype(np.float32)


def train_work(model: Any) -> Any:
    model.compile(optimizer=keras.optimizers.SGD(), loss="mse", jit_compile=False)
    return work_of(training_step(model, [images()], np.ones((BATCH, 1), np.float32)).graph)


# Published figures --------------------------------------------------------------------------

# Howard et al. 2017, table 8 (569 million); He et al. 2015, table 1 (3.8 billion); Simonyan and
# Zisserman's VGG-16, 15.5 billion as counted by Canziani et al. 2016.
PUBLISHED = {"MobileNet": (0.569e9, 0.002), "ResNet50": (3.8e9, 0.02), "VGG16": (15.5e9, 0.003)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_multiply_adds_of_an_image_are_the_published_ones(name: str) -> None:
    published, tolerance = PUBLISHED[name]
    cell = TimingCell(name, "inference", "none", 224, batch=1, protocol="keras-table")

    work = work_of(build_subject(cell).step.graph)

    assert work.multiply_adds == pytest.approx(published, rel=tolerance)


# By hand ------------------------------------------------------------------------------------


def test_multiply_adds_of_inference_are_the_sum_over_layers() -> None:
    work = work_of(inference_step(convolutions(), images()).graph)

    assert work.multiply_adds == BATCH * (FIRST + SECOND + THIRD)


def test_bytes_are_those_of_inputs_weights_and_outputs() -> None:
    work = work_of(inference_step(convolutions(), images()).graph)

    area = BATCH * SIZE * SIZE
    numbers = (area * 3 + 3 * 3 * 3 * 4 + area * 4) + (area * 4 + 3 * 3 * 4 + area * 4)
    numbers += BATCH * 4 + 4 + BATCH
    assert work.moved_bytes == 4 * numbers


def test_a_train_step_adds_both_gradients_of_every_layer_but_the_first() -> None:
    """The first layer needs the gradient of its filter alone: images are not trained."""
    work = train_work(convolutions())

    assert work.multiply_adds == BATCH * (2 * FIRST + 3 * SECOND + 3 * THIRD)


def test_a_frozen_beginning_has_no_gradients() -> None:
    model = convolutions()
    model.get_layer("first").trainable = False
    model.get_layer("second").trainable = False

    work = train_work(model)

    # Of the dense layer the gradient of its weights alone: nothing before it is trained.
    assert work.multiply_adds == BATCH * (FIRST + SECOND + 2 * THIRD)


def test_the_work_grows_with_the_part_that_trains() -> None:
    counts = [
        work_of(
            build_subject(TimingCell("MobileNet-0.25", step, depth, 32, batch=2)).step.graph
        ).multiply_adds
        for step, depth in (
            ("fast-extraction", "none"),
            ("inference", "none"),
            ("augmented-extraction", "none"),
            ("fine-tuning", "blocks:1"),
            ("fine-tuning", "blocks:2"),
            ("fine-tuning", "all"),
        )
    ]

    assert counts == sorted(counts)
    assert len(set(counts)) == len(counts)


def test_work_that_nothing_depends_on_is_not_counted() -> None:
    kernel = tf.ones((4, 4))

    @tf.function
    def step(inputs: Any) -> Any:
        tf.linalg.matmul(inputs, kernel)
        return inputs + 1

    assert work_of(step.get_concrete_function(tf.ones((2, 4)))).multiply_adds == 0


def test_a_called_function_is_counted() -> None:
    kernel = tf.ones((4, 5))

    @tf.function
    def inner(inputs: Any) -> Any:
        return tf.linalg.matmul(inputs, kernel)

    step = tf.function(lambda inputs: inner(inputs) + 1)

    assert work_of(step.get_concrete_function(tf.ones((2, 4)))).multiply_adds == 2 * 4 * 5


def test_a_function_that_is_called_twice_counts_twice() -> None:
    kernel = tf.ones((4, 4))

    @tf.function
    def inner(inputs: Any) -> Any:
        return tf.linalg.matmul(inputs, kernel)

    step = tf.function(lambda inputs: inner(inner(inputs)))

    assert work_of(step.get_concrete_function(tf.ones((2, 4)))).multiply_adds == 2 * 2 * 4 * 4


def test_a_transposed_product_is_counted_by_what_is_summed_over() -> None:
    step = tf.function(lambda left, right: tf.linalg.matmul(left, right, transpose_a=True))

    work = work_of(step.get_concrete_function(tf.ones((7, 2)), tf.ones((7, 3))))

    assert work.multiply_adds == 2 * 3 * 7


def test_shapes_that_are_not_static_are_refused() -> None:
    step = tf.function(lambda inputs: tf.linalg.matmul(inputs, tf.ones((4, 4))))
    graph = step.get_concrete_function(tf.TensorSpec((None, 4)))

    with pytest.raises(UnknownShapeError):
        work_of(graph)


def test_an_operation_that_multiplies_and_is_not_known_is_refused() -> None:
    step = tf.function(lambda a, b: tf.einsum("ij,kj->ik", a, b))
    graph = step.get_concrete_function(tf.ones((2, 4)), tf.ones((3, 4)))

    with pytest.raises(NotImplementedError, match="Einsum"):
        work_of(graph)


def in_a_branch(inside: Any) -> Any:
    step = tf.function(
        lambda inputs: tf.cond(tf.reduce_sum(inputs) > 0, lambda: inside(inputs), lambda: inputs)
    )
    return step.get_concrete_function(tf.ones((4, 4)))


def test_a_product_in_a_branch_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="If"):
        work_of(in_a_branch(lambda inputs: tf.linalg.matmul(inputs, inputs)))


def test_a_branch_without_products_is_passed_over() -> None:
    """The loss scale of mixed_float16 stands in one."""
    assert work_of(in_a_branch(lambda inputs: inputs + 1)).multiply_adds == 0


def test_a_loop_with_products_is_refused() -> None:
    step = tf.function(
        lambda inputs: tf.while_loop(lambda _: True, lambda x: (tf.linalg.matmul(x, x),), (inputs,))
    )

    with pytest.raises(NotImplementedError, match="While"):
        work_of(step.get_concrete_function(tf.ones((4, 4))))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_multiplies_as_often_and_moves_less(precision: str) -> None:
    def work(policy: str) -> Any:
        cell = TimingCell("MobileNet-0.25", "fine-tuning", "blocks:1", 32, batch=2, precision=policy)
        try:
            return work_of(build_subject(cell).step.graph)
        finally:
            keras.config.set_dtype_policy("float32")

    half, whole = work(precision), work("float32")

    assert half.multiply_adds == whole.multiply_adds
    assert whole.moved_bytes / 2 <= half.moved_bytes < 0.6 * whole.moved_bytes
