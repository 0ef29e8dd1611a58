"""What the harness knows of one architecture, as plain data; nothing imports Keras.

Preprocessing modes are those of `keras.applications` (imagenet_utils): "caffe" (BGR, ImageNet
mean subtracted), "torch" (0..1, then ImageNet mean and deviation), "tf" (-1..1), "none" (built
into the model).
"""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

__all__ = ["Backbone", "Published", "WeightsFile"]


@dataclass(frozen=True)
class WeightsFile:
    """One file of ImageNet weights: its name in Keras' cache, its address and the published hash.

    The hash is an MD5, or for ConvNeXt a SHA-256; for MobileNet and MobileNetV2 Keras publishes none.
    Where Keras has files for several image sizes (the MobileNets), the one for 224 px is used at every
    size, so that a size axis changes the size and nothing else.
    """

    name: str
    url: str
    hash: str | None

    @property
    def algorithm(self) -> Literal["md5", "sha256"]:
        """The algorithm of the published hash, told by its length as Keras does."""
        return "sha256" if self.hash is not None and len(self.hash) == 64 else "md5"


@dataclass(frozen=True)
class Published:
    """The row of the table of available models on the keras.io applications page.

    Accuracies are per cent on ImageNet's validation set, parameters are those with the top.  The
    times are "ms per inference step, batch 32, mean of 30 batches and 10 repetitions" on an AMD EPYC
    with 92 cores and an A100; they are not consistent with 32 images a step, so they are an ordering
    and nothing more.
    """

    size_mb: float
    top1_percent: float
    top5_percent: float | None
    parameters_millions: float
    depth: int | None = None
    cpu_ms: float | None = None
    gpu_ms: float | None = None


@dataclass(frozen=True)
class Backbone:
    """One keras.applications model without its top.

    `parameters` counts the base alone.  `blocks` holds one regular expression a block, first block
    first, each matching the start of the names of that block's layers; where layers have no names of
    their own (`ends`), each matches the name of the block's last layer instead, and the last block's
    needs none.  What lies behind the last block belongs to it.

    `variance_scale` multiplies the variance of the base's own normalisation layer when ImageNet
    weights are loaded (see `harness.training.base`).
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
    top_weights: WeightsFile
    published: Published | None = None
    ends: bool = False
    variance_scale: tuple[float, ...] | None = None
    arguments: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))
