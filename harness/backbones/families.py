"""What the rows of one family of architectures share: a function a family, which makes a row.

Blocks are those of the architecture: VGG blocks, ResNet stages, DenseNet dense blocks, Xception and
MobileNet blocks, Inception modules, NASNet cells, EfficientNet and ConvNeXt stages.
"""

from types import MappingProxyType
from typing import Any

from harness.backbones.backbone import Backbone, Published, WeightsFile

__all__ = [
    "convnext",
    "densenet",
    "efficientnet",
    "efficientnet_v2",
    "inception_resnet",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "nasnet",
    "resnet",
    "vgg",
    "xception",
]

_HOST = "https://storage.googleapis.com/tensorflow/keras-applications"
_KERNELS = "_weights_tf_dim_ordering_tf_kernels"


def _row(
    name: str,
    parameters: int,
    files: tuple[WeightsFile, WeightsFile],
    published: Published | None,
    **facts: Any,
) -> Backbone:
    no_top, top = files
    usual: dict[str, Any] = {"constructor": name, "native_size": 224, "minimum_size": 32}
    return Backbone(
        name=name,
        parameters=parameters,
        weights=no_top,
        top_weights=top,
        published=published,
        **(usual | facts),
    )


def _files(
    folder: str, no_top: str, top: str, no_top_hash: str | None, top_hash: str | None
) -> tuple[WeightsFile, WeightsFile]:
    """The two files of a backbone, whose names are the last part of their addresses."""
    base = f"{_HOST}/{folder}"
    return (
        WeightsFile(no_top, f"{base}/{no_top}", no_top_hash),
        WeightsFile(top, f"{base}/{top}", top_hash),
    )


def _kernels(folder: str, stem: str, no_top_hash: str, top_hash: str) -> tuple[WeightsFile, WeightsFile]:
    return _files(folder, f"{stem}{_KERNELS}_notop.h5", f"{stem}{_KERNELS}.h5", no_top_hash, top_hash)


def _blocks(pattern: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(pattern.format(number) for number in range(first, last + 1))


def xception(name: str, parameters: int, no_top: str, top: str, published: Published) -> Backbone:
    """Xception (Chollet 2017)."""
    return _row(
        name,
        parameters,
        _kernels("xception", "xception", no_top, top),
        published,
        module="xception",
        preprocessing="tf",
        native_size=299,
        minimum_size=71,
        blocks=_blocks("block{}_", 1, 14),
    )


def vgg(name: str, parameters: int, no_top: str, top: str, published: Published) -> Backbone:
    """VGG (Simonyan and Zisserman 2014)."""
    module = name.lower()
    return _row(
        name,
        parameters,
        _kernels(module, module, no_top, top),
        published,
        module=module,
        preprocessing="caffe",
        blocks=_blocks("block{}_", 1, 5),
    )


def resnet(name: str, parameters: int, no_top: str, top: str, published: Published) -> Backbone:
    """ResNet v1 and v2 (He et al. 2015, 2016)."""
    second = name.endswith("V2")
    return _row(
        name,
        parameters,
        _kernels("resnet", name.lower(), no_top, top),
        published,
        module="resnet_v2" if second else "resnet",
        preprocessing="tf" if second else "caffe",
        blocks=_blocks("conv{}_", 1, 5),
    )


def inception_v3(name: str, parameters: int, no_top: str, top: str, published: Published) -> Backbone:
    """Inception v3 (Szegedy et al. 2015)."""
    return _row(
        name,
        parameters,
        _kernels("inception_v3", "inception_v3", no_top, top),
        published,
        module="inception_v3",
        preprocessing="tf",
        native_size=299,
        minimum_size=75,
        # The stem and the first module are one block: no layer between them has a name of its own.
        blocks=_blocks("mixed{}$", 0, 10),
        ends=True,
    )


def inception_resnet(name: str, parameters: int, no_top: str, top: str, published: Published) -> Backbone:
    """Inception-ResNet v2 (Szegedy et al. 2016)."""
    return _row(
        name,
        parameters,
        _kernels("inception_resnet_v2", "inception_resnet_v2", no_top, top),
        published,
        module="inception_resnet_v2",
        preprocessing="tf",
        native_size=299,
        minimum_size=75,
        blocks=(
            "mixed_5b$",
            *_blocks("block35_{}_ac$", 1, 10),
            "mixed_6a$",
            *_blocks("block17_{}_ac$", 1, 20),
            "mixed_7a$",
            *_blocks("block8_{}_ac$", 1, 10),
        ),
        ends=True,
    )


def mobilenet(
    name: str, alpha: float, text: str, parameters: int, published: Published | None = None
) -> Backbone:
    """MobileNet (Howard et al. 2017) of one width; `text` is the width in its file's name."""
    stem = f"mobilenet_{text}_224_tf"
    return _row(
        name,
        parameters,
        _files("mobilenet", f"{stem}_no_top.h5", f"{stem}.h5", None, None),
        published,
        constructor="MobileNet",
        module="mobilenet",
        preprocessing="tf",
        blocks=("conv1", *_blocks(r"conv_(pad|dw|pw)_{}(_|$)", 1, 13)),
        arguments=MappingProxyType({"alpha": alpha}),
    )


def mobilenet_v2(name: str, alpha: float, parameters: int, published: Published | None = None) -> Backbone:
    """MobileNet v2 (Sandler et al. 2018) of one width."""
    stem = f"mobilenet_v2{_KERNELS}_{alpha}_224"
    return _row(
        name,
        parameters,
        _files("mobilenet_v2", f"{stem}_no_top.h5", f"{stem}.h5", None, None),
        published,
        constructor="MobileNetV2",
        module="mobilenet_v2",
        preprocessing="tf",
        blocks=("Conv1|bn_Conv1", "expanded_conv_", *_blocks("block_{}_", 1, 16)),
        arguments=MappingProxyType({"alpha": alpha}),
    )


def mobilenet_v3(name: str, blocks: int, parameters: int, no_top: str, top: str) -> Backbone:
    """MobileNet v3 (Howard et al. 2019); preprocessing is built in."""
    stem = f"weights_mobilenet_v3_{name.removeprefix('MobileNetV3').lower()}_224_1.0_float"
    return _row(
        name,
        parameters,
        _files("mobilenet_v3", f"{stem}_no_top_v2.h5", f"{stem}.h5", no_top, top),
        None,
        module="mobilenet_v3",
        preprocessing="none",
        blocks=("conv$", r"expanded_conv_[a-z]", *_blocks(r"expanded_conv_{}_", 1, blocks - 1)),
    )


def densenet(name: str, parameters: int, no_top: str, top: str, published: Published) -> Backbone:
    """DenseNet (Huang et al. 2016)."""
    return _row(
        name,
        parameters,
        _kernels("densenet", name.lower(), no_top, top),
        published,
        module="densenet",
        preprocessing="torch",
        blocks=("conv1_", *_blocks("conv{}_block", 2, 5)),
    )


def nasnet(
    name: str, cells: int, native: int, parameters: int, no_top: str, top: str, published: Published
) -> Backbone:
    """NASNet (Zoph et al. 2017): two reduction cells, then three stacks of `cells` normal cells.

    A reduction cell stands between stacks.
    """
    size = name.removeprefix("NASNet").lower()

    def file(remote: str, ending: str, published_hash: str) -> WeightsFile:
        url = f"{_HOST}/nasnet/NASNet-{size}{remote}.h5"
        return WeightsFile(f"nasnet_{size}{ending}.h5", url, published_hash)

    return _row(
        name,
        parameters,
        (file("-no-top", "_no_top", no_top), file("", "", top)),
        published,
        module="nasnet",
        preprocessing="tf",
        native_size=native,
        blocks=(
            "reduction_concat_stem_1$",
            "reduction_concat_stem_2$",
            *_blocks("normal_concat_{}$", 0, cells - 1),
            f"reduction_concat_reduce_{cells}$",
            *_blocks("normal_concat_{}$", cells + 1, 2 * cells),
            f"reduction_concat_reduce_{2 * cells}$",
            *_blocks("normal_concat_{}$", 2 * cells + 1, 3 * cells),
        ),
        ends=True,
    )


def efficientnet(
    name: str, native: int, parameters: int, no_top: str, top: str, published: Published
) -> Backbone:
    """EfficientNet (Tan and Le 2019); preprocessing is built in."""

    def file(ending: str, published_hash: str) -> WeightsFile:
        stem = f"{name.lower()}{ending}.h5"
        return WeightsFile(stem, f"https://storage.googleapis.com/keras-applications/{stem}", published_hash)

    return _row(
        name,
        parameters,
        (file("_notop", no_top), file("", top)),
        published,
        module="efficientnet",
        preprocessing="none",
        native_size=native,
        blocks=("stem_", *_blocks("block{}", 1, 7)),
        variance_scale=(0.229, 0.224, 0.225),
    )


def efficientnet_v2(
    name: str, stages: int, native: int, parameters: int, no_top: str, top: str, published: Published
) -> Backbone:
    """EfficientNet v2 (Tan and Le 2021); preprocessing is built in."""
    stem = f"efficientnetv2-{name.removeprefix('EfficientNetV2').lower()}"
    return _row(
        name,
        parameters,
        _files("efficientnet_v2", f"{stem}_notop.h5", f"{stem}.h5", no_top, top),
        published,
        module="efficientnet_v2",
        preprocessing="none",
        native_size=native,
        blocks=("stem_", *_blocks("block{}", 1, stages)),
    )


def convnext(name: str, parameters: int, no_top: str, top: str, published: Published) -> Backbone:
    """ConvNeXt (Liu et al. 2022); preprocessing is built in."""
    stem = f"convnext_{name.removeprefix('ConvNeXt').lower()}"
    return _row(
        name,
        parameters,
        _files("convnext", f"{stem}_notop.h5", f"{stem}.h5", no_top, top),
        published,
        module="convnext",
        preprocessing="none",
        blocks=(
            f"{stem}_stem",
            f"{stem}_stage_0_",
            *(f"{stem}_(downsampling_block_{stage - 1}|stage_{stage}_)" for stage in (1, 2, 3)),
        ),
    )
