"""What TensorFlow's own log says of why it uses no GPU.

TensorFlow registers no GPU and goes on where a library is missing; only its log tells.  The sentences
looked for are those of TensorFlow 2.x: stream_executor's dso_loader, cudart_stub, cuda_driver (later
cuda_platform) and cuda_diagnostics, and gpu_device of its core.  In later versions the names of missing
libraries, and what cuda_diagnostics finds, are logged only where they are asked for, as
`harness.running.probe` does.
"""

import re

__all__ = ["last_error", "missing_libraries", "why_no_gpu"]

_EXTRA = "install the gpu extra: pip install 'transferbench[gpu]'"
_DRIVER = "install NVIDIA's driver, or start the container with its GPUs (docker run --gpus all)"
_FAILED = re.compile(
    r"Could not load dynamic library '([^']+)'(?:; dlerror: ([^\s:]+): cannot open shared object file)?"
)
_OPENED = re.compile(r"Successfully opened dynamic library (\S+)")
_OPTIONAL = ("libnvinfer", "nvinfer")
"""TensorRT, without which GPUs work."""
_OF_DRIVER = ("libcuda.so", "nvcuda")
_MANAGEMENT = "libnvidia-ml.so"
"""A library of the driver that matters only where nothing else is wrong."""
_MISMATCH = re.compile(r"kernel version (\S+) does not match DSO version (\S+)")
# The new form says it twice: "failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: ...".
_STARTED = re.compile(r"failed call to cuInit:[^\n]*", re.IGNORECASE)
_PASSED_OVER = re.compile(r"Ignoring visible gpu device (\([^\n]+)")
_ERROR = re.compile(r"^(?:\S+ \S+ E |E\d{4} )[^\n]*?\] ([^\n]+)", re.MULTILINE)
_USUAL = "Unable to register"
"""Errors that TensorFlow logs on every machine when it is imported."""


def why_no_gpu(log: str, *, built_for_cuda: bool, visible: str | None) -> str:
    """Say why no GPU is visible, and what to do.

    `visible` is the value of CUDA_VISIBLE_DEVICES, None where it is not set.
    """
    if not built_for_cuda:
        return f"this TensorFlow is built without CUDA; {_EXTRA}"
    if visible is not None and (not visible.strip() or visible.strip().startswith("-")):
        return f"CUDA_VISIBLE_DEVICES is {visible!r}, which hides every GPU; unset it"
    named = f" (CUDA_VISIBLE_DEVICES is {visible!r})" if visible is not None else ""
    for rule in _RULES:
        if reason := rule(log):
            return reason + named
    return f"TensorFlow's log does not say why; `nvidia-smi` tells whether the machine has one{named}"


def missing_libraries(log: str) -> list[str]:
    """The libraries that could not be loaded, each once, and for each what it needs that is not there."""
    opened = set(_OPENED.findall(log))
    found: dict[str, None] = {}
    for name, needed in _FAILED.findall(log):
        if name not in opened and not name.startswith(_OPTIONAL):
            found[name if needed in ("", name) else f"{name} (needs {needed})"] = None
    return list(found)


def last_error(log: str) -> str:
    """The last error of the log that not every machine logs, "" if there is none."""
    errors = [message for message in _ERROR.findall(log) if not message.startswith(_USUAL)]
    return errors[-1] if errors else ""


def _not_loaded(log: str) -> str:
    missing = [name for name in missing_libraries(log) if not name.startswith(_MANAGEMENT)]
    driver = [name for name in missing if name.startswith(_OF_DRIVER)]
    if driver:
        return f"missing library of the NVIDIA driver: {', '.join(driver)}; {_DRIVER}"
    return f"missing libraries: {', '.join(missing)}; {_EXTRA}" if missing else ""


def _mismatched(log: str) -> str:
    found = _MISMATCH.search(log)
    if not found:
        return ""
    return (
        f"the NVIDIA driver's kernel module is version {found[1]}, its libraries are {found[2]}; restart the "
        "machine, or install the driver again"
    )


def _not_running(log: str) -> str:
    if "kernel driver does not appear to be running" not in log:
        return ""
    return f"the NVIDIA driver's kernel module does not run on this machine; {_DRIVER}"


def _not_named(log: str) -> str:
    if "Cannot dlopen some GPU libraries" not in log:
        return ""
    return f"libraries of CUDA or cuDNN are missing, and TensorFlow does not name them; {_EXTRA}"


def _not_started(log: str) -> str:
    found = _STARTED.search(log)
    if not found:
        return ""
    reason = re.split(r"call to cuInit:\s*", found[0], flags=re.IGNORECASE)[-1].strip()
    if "(303)" in reason:  # CUDA_ERROR_SHARED_OBJECT_INIT_FAILED
        return f"the NVIDIA driver's library (libcuda.so.1) cannot be loaded: {reason}; {_DRIVER}"
    return f"the NVIDIA driver does not start: {reason}; see what `nvidia-smi` says"


def _no_driver(log: str) -> str:
    return f"no NVIDIA driver was found; {_DRIVER}" if "Could not find cuda drivers" in log else ""


def _passed_over(log: str) -> str:
    found = _PASSED_OVER.search(log)
    return f"TensorFlow passes over the GPU: {found[1].rstrip('.')}" if found else ""


def _not_managed(log: str) -> str:
    missing = missing_libraries(log)
    return f"missing library of the NVIDIA driver: {', '.join(missing)}; {_DRIVER}" if missing else ""


_RULES = (
    _not_loaded,
    _mismatched,
    _not_running,
    _not_named,
    _not_started,
    _not_managed,
    _no_driver,
    _passed_over,
)
"""The first that finds something gives the reason: from what says most to what says least."""
