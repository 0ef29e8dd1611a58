"""What this machine has and lacks for a run: versions, devices, folders, weights."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.backbones import BACKBONES, Backbone
from harness.environment import Environment, current_environment
from harness.errors import few
from harness.running.probe import Seen
from harness.text import text_table
from harness.weights import find_weights, is_hdf5, keras_home

__all__ = ["Findings", "Folder", "WeightsFound", "examine", "render"]


@dataclass(frozen=True)
class Folder:
    """A folder that runs write to: its path, whether that works, bytes in it and bytes free."""

    name: str
    path: str
    writable: bool
    bytes_used: int
    bytes_free: int


@dataclass(frozen=True)
class WeightsFound:
    """One backbone's ImageNet weights file and its state.

    "verified" has the MD5 that Keras publishes, "differs" another; "unverified" means that Keras
    publishes none, "damaged" that it is no HDF5 file, "missing" that no file was found.
    """

    backbone: str
    file: str
    state: str
    origin: str
    sha256: str


@dataclass(frozen=True)
class Findings:
    """Everything that `doctor` tells; `problems` are sentences, each with what to do."""

    environment: Environment
    tensorflow: Seen
    folders: tuple[Folder, ...]
    weights: tuple[WeightsFound, ...]
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The findings as plain values."""
        return asdict(self) | {"environment": self.environment.model_dump()}


def examine(
    probe: Callable[[], Seen], weights_dir: Path | None, cache: Path, *, require_gpu: bool = False
) -> Findings:
    """Look at the machine; `probe` asks TensorFlow, in another process, what it sees.

    With `require_gpu` it is a problem that no GPU is visible.
    """
    seen = probe()
    folders = (_folder("Keras", keras_home()), _folder("cache", cache))
    problems = []
    if not folders[0].writable:
        problems.append(
            f"Keras' folder {folders[0].path} cannot be written: Keras would silently keep downloads in the "
            "system's temporary folder. Set KERAS_HOME, or use --weights-dir and --offline."
        )
    if not folders[1].writable:
        problems.append(f"The cache {folders[1].path} cannot be written. Name another with --cache.")
    problems += _device_problems(seen, require_gpu=require_gpu)
    weights = tuple(_weights(row, weights_dir) for row in BACKBONES.values())
    problems += [
        f"{found.file} has another hash than Keras publishes; its numbers are those of another file."
        for found in weights
        if found.state == "differs"
    ]
    problems += [
        f"{found.file} ({found.origin}) is damaged: no HDF5 file, so it holds no weights. Delete it, and get "
        "it again with `transferbench prefetch`."
        for found in weights
        if found.state == "damaged"
    ]
    return Findings(current_environment(), seen, folders, weights, tuple(problems))


def _device_problems(seen: Seen, *, require_gpu: bool) -> list[str]:
    if seen.error:
        return [f"TensorFlow cannot be asked for its devices: {seen.error}."]
    if not seen.gpus:
        problem = f"No GPU is visible to TensorFlow: {seen.why_no_gpu}."
        if require_gpu:
            return [problem]
        if seen.built_for_cuda and shutil.which("nvidia-smi"):
            return [f"There is an NVIDIA driver. {problem}"]
        return []
    problems = []
    for each in seen.placed:
        if not each.on_gpu:
            what = f"failed: {each.error}" if each.error else f"was done on {each.device}"
            logged = f" TensorFlow's log: {seen.log_error}" if seen.log_error else ""
            problems.append(f"A {each.work} that was asked for on the first GPU {what}.{logged}")
    return problems


def render(found: Findings) -> str:
    """The findings as text for a terminal."""
    facts, seen = found.environment, found.tensorflow
    libraries = ", ".join(f"{name} {version}" for name, version in facts.libraries.items())
    threads = ", ".join(f"{name} {count or 'automatic'}" for name, count in (seen.threads or {}).items())
    memory = f"{facts.memory_bytes / 2**30:.0f} GiB"
    lines = [
        f"machine: {facts.processor}, {facts.cores} cores, {memory}, {facts.system}",
        f"versions: Python {facts.python}, {libraries} (environment {facts.fingerprint})",
        f"devices: {', '.join(seen.devices) or 'unknown'}",
        *_gpu_lines(seen),
        f"threads: {threads or 'unknown'}",
        f"settings: {', '.join(f'{name}={value}' for name, value in facts.settings.items()) or 'none'}",
    ]
    lines += [
        f"{folder.name} folder: {folder.path}, {'can' if folder.writable else 'cannot'} be written, "
        f"{folder.bytes_used / 1e9:.1f} GB used, {folder.bytes_free / 1e9:.1f} GB free"
        for folder in found.folders
    ]
    problems = [f"problem: {problem}" for problem in found.problems] or ["no problems found"]
    return "\n".join([*lines, "", *_weights_lines(found.weights), "", *problems])


def _gpu_lines(seen: Seen) -> list[str]:
    """Why there is no GPU, where there could be one, or what was really done on it."""
    if not seen.gpus:
        return [f"no GPU: {seen.why_no_gpu}"] if seen.built_for_cuda else []
    done = [each.work for each in seen.placed if each.on_gpu]
    return [f"done on the GPU: {', '.join(done) or 'nothing'} (CUDA {seen.cuda or 'unknown'})"]


def _weights_lines(weights: Sequence[WeightsFound]) -> list[str]:
    """The files that are here as a table; those that are not are counted, and some named."""
    here = [each for each in weights if each.state != "missing"]
    missing = [each.backbone for each in weights if each.state == "missing"]
    lines = []
    if here:
        columns = {"ImageNet weights": "backbone", "state": "state", "where": "origin", "file": "file"}
        lines += [text_table({name: [getattr(each, key) for each in here] for name, key in columns.items()})]
        lines.append("")
    if any(each.state == "unverified" for each in here):
        lines.append("unverified: Keras publishes no hash for that file")
    if missing:
        lines.append(
            f"ImageNet weights missing for {len(missing)} of {len(weights)} backbones: {few(missing)}"
        )
    return lines


def _folder(name: str, path: Path) -> Folder:
    nearest = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    used = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else 0
    try:
        # Permissions alone do not tell: a read-only or special file system refuses too.
        with tempfile.TemporaryDirectory(dir=nearest):
            writable = True
    except OSError:
        writable = False
    return Folder(name, str(path), writable, used, shutil.disk_usage(nearest).free)


def _weights(row: Backbone, folder: Path | None) -> WeightsFound:
    found = find_weights(row.name, "imagenet", folder)
    if found is None or found.path is None:
        return WeightsFound(row.name, row.weights.name, "missing", "", "")
    state = {None: "unverified", True: "verified", False: "differs"}[found.published]
    state = state if is_hdf5(found.path) else "damaged"
    return WeightsFound(row.name, row.weights.name, state, found.origin, found.sha256)
