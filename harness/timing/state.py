"""What the machine was doing while something was timed: other processes, clocks, throttling, energy.

Sampled between blocks, never inside one.  A processor's clock is not: between blocks its cores are
idle, and their mean clock then says nothing of the blocks; its ceiling does.  A GPU is asked through
NVIDIA's management library (the package nvidia-ml-py of the `gpu` extra); what a device does not tell
stays empty.
"""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import psutil

from harness.environment import usable_cores
from harness.records import DeviceState

__all__ = ["Gpu", "NvidiaGpu", "Watch", "open_gpu", "watch_device"]

_IDLE = ("idle", "iowait")
# Counted a second time in the fields that Linux adds up elsewhere.
_TWICE = ("guest", "guest_nice")


class Gpu(Protocol):
    """What a GPU tells of itself."""

    def clock_mhz(self) -> float | None:
        """The clock of its processors now."""
        ...

    def temperature_c(self) -> float | None:
        """Its temperature now."""
        ...

    def throttled(self) -> tuple[str, ...]:
        """Why it runs slower than it could now; being idle is no reason."""
        ...

    def joules(self) -> float | None:
        """The energy that it has used since its driver was loaded."""
        ...


class Watch:
    """Watches from the first `sample()`, which is called before every block, until `state()`.

    So warm-up has no part in it: its tracing takes energy and time of other cores too.
    """

    def __init__(
        self,
        gpu: Gpu | None,
        clock: Callable[[], float] = time.perf_counter,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._gpu = gpu
        self._clock = clock
        self._begin = begin
        self._start: _Counters | None = None
        self._clocks: list[float] = []
        self._temperatures: list[float] = []
        self._throttled: dict[str, None] = {}

    def sample(self) -> None:
        """Read clock, temperature and throttle reasons; the first time, the counters as well."""
        if self._gpu is not None:
            clock, temperature = self._gpu.clock_mhz(), self._gpu.temperature_c()
            self._throttled.update(dict.fromkeys(self._gpu.throttled()))
            self._clocks += [] if clock is None else [clock]
            self._temperatures += [] if temperature is None else [temperature]
        if self._start is None:
            self._begin()
            self._start = self._counters()

    def state(self) -> DeviceState:
        """What was seen since the first sample."""
        if self._start is None:
            raise ValueError("nothing was sampled")
        start, end = self._start, self._counters()
        others = (end.busy - start.busy) - (end.own - start.own)
        joules = None if end.joules is None or start.joules is None else end.joules - start.joules
        return DeviceState(
            others_share=max(0.0, others / ((end.now - start.now) * usable_cores())),
            clocks_mhz=tuple(self._clocks),
            temperatures_c=tuple(self._temperatures),
            throttled=tuple(self._throttled),
            joules=joules,
        )

    def _counters(self) -> "_Counters":
        joules = self._gpu.joules() if self._gpu else None
        return _Counters(self._clock(), _busy_seconds(), _own_seconds(), joules)


class _Counters(NamedTuple):
    """What only grows: seconds of the clock, of all busy cores, of this process, and energy."""

    now: float
    busy: float
    own: float
    joules: float | None


def watch_device(device: str, begin: Callable[[], None] = lambda: None) -> Watch:
    """A watch of the machine and, on "gpu", of the first visible GPU; `begin` is called at its beginning."""
    return Watch(open_gpu() if device == "gpu" else None, begin=begin)


def open_gpu() -> Gpu | None:
    """The first visible NVIDIA GPU, or None where its management library or driver is not there."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return NvidiaGpu(pynvml, _first_visible(pynvml, os.environ.get("CUDA_VISIBLE_DEVICES", "")))
    except pynvml.NVMLError:
        return None


class NvidiaGpu:
    """A GPU through `pynvml`; what it does not support is None."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library, self._handle = library, handle

    def clock_mhz(self) -> float | None:
        """The clock of the streaming multiprocessors."""
        return self._number(lambda nvml, gpu: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM))

    def temperature_c(self) -> float | None:
        """The temperature of the chip."""
        return self._number(lambda nvml, gpu: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU))

    def throttled(self) -> tuple[str, ...]:
        """The reasons that slow it down: heat, power, the board."""
        bits = self._number(lambda nvml, gpu: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu))
        reasons = {
            "heat (hardware)": "nvmlClocksThrottleReasonHwThermalSlowdown",
            "heat (driver)": "nvmlClocksThrottleReasonSwThermalSlowdown",
            "power limit": "nvmlClocksThrottleReasonSwPowerCap",
            "power brake": "nvmlClocksThrottleReasonHwPowerBrakeSlowdown",
            "hardware slowdown": "nvmlClocksThrottleReasonHwSlowdown",
        }
        return tuple(name for name, bit in reasons.items() if int(bits or 0) & getattr(self._library, bit))

    def joules(self) -> float | None:
        """The energy counter, which NVML keeps in millijoules."""
        millijoules = self._number(lambda nvml, gpu: nvml.nvmlDeviceGetTotalEnergyConsumption(gpu))
        return None if millijoules is None else millijoules / 1000

    def _number(self, question: Callable[[Any, Any], Any]) -> float | None:
        """The answer; None where the GPU or its driver does not give one."""
        try:
            return float(question(self._library, self._handle))
        except self._library.NVMLError:
            return None


def _first_visible(library: Any, visible: str) -> Any:
    """The handle of the GPU that TensorFlow calls the first: by number, or by its long name."""
    first = visible.split(",", maxsplit=1)[0].strip()
    if first and not first.isdigit():
        return library.nvmlDeviceGetHandleByUUID(first)
    return library.nvmlDeviceGetHandleByIndex(int(first or 0))


def _busy_seconds() -> float:
    """Seconds of all cores that were not idle, time stolen by a hypervisor included."""
    times: dict[str, float] = psutil.cpu_times()._asdict()
    return sum(seconds for name, seconds in times.items() if name not in (*_IDLE, *_TWICE))


def _own_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)
