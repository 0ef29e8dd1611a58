"""The table of backbones: one row is all that the harness knows of one architecture.

A new backbone is one row in `_ROWS`.  Everything here is data; nothing imports Keras.  The
contract tests check each row against Keras itself: parameter count, preprocessing, weights
file, address and published hash, block names.

Preprocessing modes are those of `keras.applications` (imagenet_utils): "caffe" (BGR, ImageNet
mean subtracted), "torch" (0..1, then ImageNet mean and deviation), "tf" (-1..1), "none" (built
into the model).
"""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from harness.errors import unknown

__all__ = ["BACKBONES", "Backbone", "WeightsFile", "backbone"]

_HOST = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class WeightsFile:
    """The ImageNet weights without top: the file's name, its address and the published MD5.

    Keras publishes no hash for MobileNet and MobileNetV2: `md5` is None there.  Where Keras has
    files for several image sizes (the MobileNets), the one for 224 px is used at every size, so
    that a size axis changes the size and nothing else.
    """

    name: str
    folder: str
    md5: str | None

    @property
    def url(self) -> str:
        """The address that Keras downloads the file from."""
        return f"{_HOST}{self.folder}/{self.name}"


@dataclass(frozen=True)
class Backbone:
    """One keras.applications model without its top.

    `parameters` counts the base alone.  `blocks` holds one regular expression a block, first
    block first, each matching the start of the names of that block's layers; layers behind the
    last block belong to it.
    """

    name: str
    constructor: str
    module: str
    preprocessing: Literal["caffe", "torch", "tf", "none"]
    native_size: int
    minimum_size: int
    parameters: int
    blocks: tuple[str, ...]
    weights: WeightsFile
    arguments: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def _blocks(pattern: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(pattern.format(number) for number in range(first, last + 1))


def _mobilenet(name: str, alpha: float, text: str, parameters: int) -> Backbone:
    return Backbone(
        name=name,
        constructor="MobileNet",
        module="mobilenet",
        preprocessing="tf",
        native_size=224,
        minimum_size=32,
        parameters=parameters,
        blocks=("conv1", *_blocks(r"conv_(pad|dw|pw)_{}(_|$)", 1, 13)),
        weights=WeightsFile(f"mobilenet_{text}_224_tf_no_top.h5", "mobilenet", None),
        arguments=MappingProxyType({"alpha": alpha}),
    )


_KERNELS = "_weights_tf_dim_ordering_tf_kernels_notop.h5"

_ROWS = (
    Backbone(
        name="Xception",
        constructor="Xception",
        module="xception",
        preprocessing="tf",
        native_size=299,
        minimum_size=71,
        parameters=20_861_480,
        blocks=_blocks("block{}_", 1, 14),
        weights=WeightsFile(f"xception{_KERNELS}", "xception", "b0042744bf5b25fce3cb969f33bebb97"),
    ),
    Backbone(
        name="VGG16",
        constructor="VGG16",
        module="vgg16",
        preprocessing="caffe",
        native_size=224,
        minimum_size=32,
        parameters=14_714_688,
        blocks=_blocks("block{}_", 1, 5),
        weights=WeightsFile(f"vgg16{_KERNELS}", "vgg16", "6d6bbae143d832006294945121d1f1fc"),
    ),
    Backbone(
        name="VGG19",
        constructor="VGG19",
        module="vgg19",
        preprocessing="caffe",
        native_size=224,
        minimum_size=32,
        parameters=20_024_384,
        blocks=_blocks("block{}_", 1, 5),
        weights=WeightsFile(f"vgg19{_KERNELS}", "vgg19", "253f8cb515780f3b799900260a226db6"),
    ),
    Backbone(
        name="ResNet50",
        constructor="ResNet50",
        module="resnet",
        preprocessing="caffe",
        native_size=224,
        minimum_size=32,
        parameters=23_587_712,
        blocks=_blocks("conv{}_", 1, 5),
        weights=WeightsFile(f"resnet50{_KERNELS}", "resnet", "4d473c1dd8becc155b73f8504c6f6626"),
    ),
    _mobilenet("MobileNet", 1.0, "1_0", 3_228_864),
    _mobilenet("MobileNet-0.25", 0.25, "2_5", 218_544),
    Backbone(
        name="MobileNetV2",
        constructor="MobileNetV2",
        module="mobilenet_v2",
        preprocessing="tf",
        native_size=224,
        minimum_size=32,
        parameters=2_257_984,
        blocks=("Conv1|bn_Conv1", "expanded_conv_", *_blocks("block_{}_", 1, 16)),
        weights=WeightsFile(
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            "mobilenet_v2",
            None,
        ),
    ),
    Backbone(
        name="DenseNet121",
        constructor="DenseNet121",
        module="densenet",
        preprocessing="torch",
        native_size=224,
        minimum_size=32,
        parameters=7_037_504,
        blocks=("conv1_", *_blocks("conv{}_block", 2, 5)),
        weights=WeightsFile(f"densenet121{_KERNELS}", "densenet", "30ee3e1110167f948a6b9946edeeb738"),
    ),
)

BACKBONES: dict[str, Backbone] = {row.name: row for row in _ROWS}


def backbone(name: str, *, where: str = "") -> Backbone:
    """Return the row of that name; raise `UserError` with near names if there is none."""
    try:
        return BACKBONES[name]
    except KeyError:
        raise unknown("backbone", name, BACKBONES, where=where) from None
