"""Which weights a cell starts from, and where their file is.  No Keras import.

"imagenet" is the file that Keras publishes for the backbone without its top, "imagenet-top" the one
with the top, "smoke-base" the small base that this project trains itself on synthetic images,
"random" a calibrated random initialisation that never ranks on accuracy, "scratch" the same
start for a network that is trained as a whole.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from harness.backbones import WeightsFile, backbone
from harness.files import md5_of, sha256_of

__all__ = [
    "WeightsRef",
    "find_weights",
    "is_hdf5",
    "is_published",
    "keras_home",
    "locate",
    "missing_reason",
    "searched",
    "weights_file",
]

_HDF5 = b"\x89HDF\r\n\x1a\n"
SMOKE_BASE = Path(__file__).parent / "assets" / "smoke-base.weights.h5"


@dataclass(frozen=True)
class WeightsRef:
    """The weights of one cell: the file (None if random), its hash, and where it came from.

    `origin` is told without paths of the machine: "weights folder", "Keras cache", "packaged",
    "random", or the address that the file was downloaded from.  `published` says whether the file has
    the hash that Keras publishes; None where Keras publishes none.
    """

    kind: str
    name: str
    sha256: str
    origin: str
    path: Path | None = None
    published: bool | None = None


def keras_home() -> Path:
    """The folder that Keras keeps its downloads in."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser()


def searched(folder: Path | None) -> list[tuple[str, Path]]:
    """The folders that are searched for ImageNet weights, with what each is called."""
    named = [("weights folder", folder)] if folder else []
    return [*named, ("Keras cache", keras_home() / "models")]


def weights_file(name: str, kind: str) -> WeightsFile:
    """The file that Keras publishes for a backbone: "imagenet" without its top, "imagenet-top" with it."""
    row = backbone(name)
    return row.top_weights if kind == "imagenet-top" else row.weights


def find_weights(name: str, kind: str, folder: Path | None) -> WeightsRef | None:
    """Return the weights of that kind for a backbone, or None if their file is on no shelf."""
    if kind in ("random", "scratch"):
        return WeightsRef(kind, "", "random", "random")
    if kind == "smoke-base":
        return WeightsRef(kind, SMOKE_BASE.name, sha256_of(SMOKE_BASE), "packaged", SMOKE_BASE)
    file = weights_file(name, kind)
    place = locate(file, folder)
    if place is None:
        return None
    origin, path = place
    return WeightsRef(kind, file.name, sha256_of(path), origin, path, is_published(file, path))


def locate(file: WeightsFile, folder: Path | None) -> tuple[str, Path] | None:
    """The shelf that a file lies on, and its path there, unread; None if it is on none."""
    paths = ((origin, place / file.name) for origin, place in searched(folder))
    return next(((origin, path) for origin, path in paths if path.is_file()), None)


def is_published(file: WeightsFile, path: Path) -> bool | None:
    """Whether a file has the hash that Keras publishes; None where Keras publishes none."""
    if file.hash is None:
        return None
    return file.hash == (sha256_of(path) if file.algorithm == "sha256" else md5_of(path))


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do: an error page or an empty file holds no weights."""
    with path.open("rb") as file:
        return file.read(len(_HDF5)) == _HDF5


def missing_reason(name: str, kind: str, folder: Path | None, failed: str = "") -> str:
    """Say which file is missing, where it was looked for, and how to get it.

    `failed` is why its download failed, where that was tried.
    """
    file = weights_file(name, kind)
    places = ", ".join(str(place) for _, place in searched(folder))
    top = " with their top" if kind == "imagenet-top" else ""
    todo = f"The download failed ({failed}): try again with a network" if failed else ""
    return (
        f"the ImageNet weights of {name}{top} are not here: looked for {file.name} in {places}. "
        f"{todo or 'Run once with a network and without --offline'}, or download {file.url} and name its "
        "folder with --weights-dir."
    )
