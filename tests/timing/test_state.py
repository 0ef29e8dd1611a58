# ruff: noqa: N802, N815 (the names are those of the library)
"""What a machine tells while it is timed, on a library and counters that are scripted."""

from collections import namedtuple
from typing import Any

import psutil
import pytest

from harness.timing import state
from harness.timing.state import NvidiaGpu, Watch

Times = namedtuple("Times", "user system idle iowait steal guest")


class Machine:
    """Counters of a machine with two cores and of this process."""

    def __init__(self) -> None:
        self.now, self.all_busy, self.stolen, self.own = 0.0, 0.0, 0.0, 0.0

    def cpu_times(self) -> Any:
        return Times(user=self.all_busy, system=0.0, idle=99.0, iowait=5.0, steal=self.stolen, guest=50.0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    fake = Machine()
    monkeypatch.setattr(psutil, "cpu_times", fake.cpu_times)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    monkeypatch.setattr(psutil, "cpu_freq", lambda: None)
    monkeypatch.setattr(state, "_own_seconds", lambda: fake.own)
    return fake


def after(machine: Machine, *, seconds: float, busy: float, own: float, stolen: float = 0.0) -> float | None:
    watch = Watch(None, clock=lambda: machine.now)
    machine.now, machine.all_busy = 100.0, 500.0  # warm-up, beside other work
    watch.sample()
    machine.now += seconds
    machine.all_busy += busy
    machine.own += own
    machine.stolen += stolen
    return watch.state().others_share


def test_a_machine_of_ones_own_has_no_others(machine: Machine) -> None:
    assert after(machine, seconds=10, busy=20, own=20) == 0.0


def test_what_other_processes_took_is_a_share_of_all_cores(machine: Machine) -> None:
    assert after(machine, seconds=10, busy=20, own=15) == pytest.approx(0.25)


def test_time_that_the_hypervisor_stole_counts_as_others(machine: Machine) -> None:
    assert after(machine, seconds=10, busy=10, own=10, stolen=4) == pytest.approx(0.2)


# A GPU --------------------------------------------------------------------------------------


class Nvml:
    """Takes the place of pynvml."""

    NVMLError = RuntimeError
    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = 1, 0
    nvmlClocksThrottleReasonSwPowerCap = 0x4
    nvmlClocksThrottleReasonHwSlowdown = 0x8
    nvmlClocksThrottleReasonSwThermalSlowdown = 0x20
    nvmlClocksThrottleReasonHwThermalSlowdown = 0x40
    nvmlClocksThrottleReasonHwPowerBrakeSlowdown = 0x80
    GPU_IDLE = 0x1

    def __init__(self) -> None:
        self.clock, self.bits, self.energy = 1500, 0, 1_000_000

    def nvmlDeviceGetClockInfo(self, _gpu: Any, _kind: int) -> int:
        return self.clock

    def nvmlDeviceGetTemperature(self, _gpu: Any, _kind: int) -> int:
        return 61

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _gpu: Any) -> int:
        return self.bits

    def nvmlDeviceGetTotalEnergyConsumption(self, _gpu: Any) -> int:
        return self.energy

    def nvmlDeviceGetHandleByIndex(self, number: int) -> str:
        return f"gpu {number}"

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:
        return f"gpu {name}"


@pytest.mark.usefixtures("machine")
def test_clocks_temperature_and_energy_of_a_gpu_are_kept() -> None:
    library = Nvml()
    watch = Watch(NvidiaGpu(library, "handle"))
    library.energy = 1_200_000  # warm-up
    watch.sample()
    library.clock, library.energy = 1200, 1_450_000
    watch.sample()

    seen = watch.state()

    assert seen.clocks_mhz == (1500, 1200)
    assert seen.temperatures_c == (61, 61)
    assert seen.joules == pytest.approx(250)


@pytest.mark.usefixtures("machine")
def test_a_reason_to_throttle_is_kept_even_if_it_passes() -> None:
    library = Nvml()
    watch = Watch(NvidiaGpu(library, "handle"))
    library.bits = 0x20
    watch.sample()
    library.bits = 0
    watch.sample()

    assert watch.state().throttled == ("heat (driver)",)


@pytest.mark.usefixtures("machine")
def test_an_idle_gpu_is_not_throttled() -> None:
    library = Nvml()
    watch = Watch(NvidiaGpu(library, "handle"))
    library.bits = Nvml.GPU_IDLE
    watch.sample()

    assert watch.state().throttled == ()


@pytest.mark.usefixtures("machine")
def test_what_a_gpu_does_not_support_stays_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise Nvml.NVMLError("not supported")

    for name in [name for name in dir(Nvml) if name.startswith("nvmlDevice")]:
        monkeypatch.setattr(Nvml, name, refuse)
    watch = Watch(NvidiaGpu(Nvml(), "handle"))
    watch.sample()

    seen = watch.state()

    assert (seen.clocks_mhz, seen.temperatures_c, seen.throttled, seen.joules) == ((), (), (), None)


@pytest.mark.parametrize(
    ("visible", "handle"), [("", "gpu 0"), ("2,0", "gpu 2"), ("GPU-8932f937-d72c", "gpu GPU-8932f937-d72c")]
)
def test_the_gpu_asked_is_the_first_that_is_visible(visible: str, handle: str) -> None:
    assert state._first_visible(Nvml(), visible) == handle
