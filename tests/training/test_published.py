"""The published recipes build the published models: their parameters are counted."""

import keras
import pytest
from fakes_training import KERAS_ARRAYS

from harness.backbones import backbone
from harness.depth import parse_depth
from harness.recipes import RECIPES
from harness.strategies import NO_DEPTH, strategy
from harness.training.base import build_base
from harness.training.classifier import build_head, loss_name, split_at
from harness.training.cut import find_cut
from harness.training.freezing import compile_at_depth

pytestmark = KERAS_ARRAYS


def counts(name: str, size: int, recipe: str, strategy_name: str, depth: str, classes: int):
    """Parameters in all and trainable ones, as a cell of that recipe would compile them."""
    row, adapted = backbone(name), strategy(strategy_name).adapt(RECIPES[recipe])
    base = build_base(row, size, None)
    cut = find_cut(base, row, parse_depth(depth))
    full = split_at(base, build_head(adapted, classes, base.output), row, adapted, cut).full
    compile_at_depth(full, base, cut, keras.optimizers.RMSprop(), loss_name(classes))
    return full.count_params(), sum(variable.numpy().size for variable in full.trainable_variables)


@pytest.mark.parametrize("name", ["fast-extraction", "augmented-extraction"])
def test_the_exercises_extraction_has_the_published_parameters(name: str) -> None:
    found = counts("VGG16", 150, "dog-cat-exercise-01", name, NO_DEPTH, 2)

    assert found == (16_812_353, 16_812_353 - 14_714_688)


def test_the_exercises_fine_tuning_trains_the_last_block() -> None:
    total, trainable = counts("VGG16", 150, "dog-cat-exercise-01", "fine-tuning", "from:block5_conv1", 2)

    assert (total, trainable) == (16_812_353, 16_812_353 - 14_714_688 + 7_079_424)


def test_the_slides_transfer_model_has_the_parameters_that_their_summary_prints() -> None:
    found = counts("VGG19", 224, "vgg19-fine-tuning-slides", "augmented-extraction", NO_DEPTH, 2)

    assert found == (20_024_384 + 25_089, 25_089)


def test_the_slides_fine_tuned_model_has_more_trainable_parameters_than_their_summary_prints() -> None:
    _, trainable = counts("VGG19", 224, "vgg19-fine-tuning-slides", "fine-tuning", "layers:4", 2)

    assert trainable == 7_104_513


def test_the_leaf_model_has_the_published_parameters() -> None:
    total, _ = counts("VGG16", 150, "leaf-disease-40", "fine-tuning", "from:block5_conv1", 40)

    assert total == 16_822_376
