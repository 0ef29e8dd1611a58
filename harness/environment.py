"""The machine and the versions that a number was measured with.

Times are comparable only within one fingerprint.  Versions are read from package metadata, so
that nothing here imports TensorFlow.
"""

import functools
import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any, Self

import psutil
from pydantic import BaseModel, ConfigDict

__all__ = [
    "Environment",
    "Machine",
    "code_sha256",
    "commit",
    "current_environment",
    "library_versions",
    "settings",
    "usable_cores",
]

_LIBRARIES = ("keras", "tensorflow", "numpy", "pillow", "scikit-learn", "transferbench")
# What of this package decides a cell's numbers; rendering and the command line do not.
_RESULT_CODE = (
    "data",
    "strategies",
    "timing",
    "training",
    "backbones",
    "depth.py",
    "running/cell.py",
    "running/timing_cell.py",
    "running/worker.py",
)
_SETTINGS = (
    "CUDA_VISIBLE_DEVICES",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)
_SETTINGS_OF = ("KMP_", "MALLOC_", "ONEDNN_", "TF_CUDNN_", "TF_GPU_")
_PATHS = ("LD_PRELOAD",)  # another allocator, for example; where it lies is private
_CUDA_LIBRARIES = r"nvidia-(cublas|cuda-runtime|cudnn|cufft)-cu\d+"
_DRIVER = re.compile(r" \(driver (.*)\)$")


@dataclass(frozen=True)
class Machine:
    """The parts of an environment that stay when versions and settings change.

    Times are comparable within one machine: what a library or a driver costs is what a comparison is for.
    """

    processor: str
    cores: int
    memory_gib: int
    system: str
    gpus: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The machine in a line."""
        parts = [self.processor, f"{self.cores} cores", f"{self.memory_gib} GiB", self.system, *self.gpus]
        return ", ".join(parts)


class Environment(BaseModel):
    """Processor, memory, system, versions, and the settings that change numbers.

    `gpus` names each NVIDIA GPU with its driver.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    processor: str
    cores: int
    memory_bytes: int
    python: str
    libraries: dict[str, str]
    settings: dict[str, str]
    gpus: tuple[str, ...] = ()

    @functools.cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that are equal only where all of this is equal."""
        facts = self.model_dump(exclude=set() if self.gpus else {"gpus"})
        text = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def machine(self) -> Machine:
        """The machine itself, as far as an environment tells."""
        return Machine(
            processor=self.processor,
            cores=self.cores,
            memory_gib=round(self.memory_bytes / 2**30),
            system=self.system,
            gpus=tuple(_DRIVER.sub("", gpu) for gpu in self.gpus),
        )

    @property
    def gpu_drivers(self) -> str:
        """The versions of the GPUs' drivers, each once; "" where no GPU tells one."""
        found = [match[1] for gpu in self.gpus if (match := _DRIVER.search(gpu))]
        return ", ".join(dict.fromkeys(found))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy it as pydantic does, but not the fingerprint, which is the copy's own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("fingerprint", None)
        return copied


@functools.cache
def library_versions() -> dict[str, str]:
    """The versions of the libraries that results depend on; CUDA's own where they are installed."""
    cuda = sorted(
        each.name
        for each in distributions()
        if each.name and re.fullmatch(_CUDA_LIBRARIES, each.name.lower())
    )
    return {name: version(name) for name in (*_LIBRARIES, *cuda)}


@functools.cache
def code_sha256() -> str:
    """The hash of this package's own modules that decide a cell's numbers.

    A record or a cached feature made by other code is another one, whatever the version says.
    """
    root = Path(__file__).parent
    files = [path for name in _RESULT_CODE for path in [root / name, *(root / name).rglob("*.py")]]
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def settings() -> dict[str, str]:
    """The environment variables that change numbers, where they are set."""
    return {
        name: Path(value).name if name in _PATHS else value
        for name, value in sorted(os.environ.items())
        if name in (*_SETTINGS, *_PATHS) or name.startswith(_SETTINGS_OF)
    }


@functools.cache
def current_environment() -> Environment:
    """Describe this machine; the cores are those that this process may use."""
    return Environment(
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        libraries=library_versions(),
        settings=settings(),
        gpus=_gpus(),
    )


def usable_cores() -> int:
    """The number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpus() -> tuple[str, ...]:
    """Name and driver of each GPU; nothing without NVIDIA's driver or the `gpu` extra."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
        driver = pynvml.nvmlSystemGetDriverVersion()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(each) for each in range(pynvml.nvmlDeviceGetCount())]
        return tuple(f"{pynvml.nvmlDeviceGetName(each)} (driver {driver})" for each in handles)
    except pynvml.NVMLError:
        return ()


def _processor() -> str:
    from cpuinfo import get_cpu_info

    name: str = get_cpu_info().get("brand_raw") or platform.processor() or "unknown"
    return name


def commit() -> str:
    """The commit of the harness's own checkout, "-dirty" if changed, "" outside a checkout."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return ""
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        return head + ("-dirty" if _git(root, "status", "--porcelain", "--", "harness") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=True, text=True)
    return done.stdout.strip()
