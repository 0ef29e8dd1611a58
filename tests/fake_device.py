"""A pytest plugin under which the suites of `bench/` time a device that is scripted, on its own clock.

The device returns from a step at once and is done when the step's cost has passed; only `sync` waits for
it.  Without TensorFlow, and without any time passing.

FAKE_DEVICE spoils it: "unsynchronised" (nothing waits for the device), "elsewhere" (results lie on another
device than the cell names), "retraces" (every step is traced again).
"""

import os
import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.timing.cell import INFERENCE, TimingCell

SPOILT = os.environ.get("FAKE_DEVICE", "")

LAUNCH = 1e-4
FIRST = 3.0
COST = {INFERENCE: 0.010, "fine-tuning": 0.040}
"""Seconds: of launching a step, of the first one, and of every other."""


@dataclass
class Device:
    """Its clock, and when it will be done with what was asked of it."""

    now: float = 0.0
    done_at: float = 0.0

    def clock(self) -> float:
        return self.now

    def sync(self) -> None:
        self.now = max(self.now, self.done_at)


@dataclass
class FakeStep:
    """A step of a cell; its first one traces."""

    device: Device
    cell: TimingCell
    taken: int = 0

    @property
    def traces(self) -> int:
        return self.taken if SPOILT == "retraces" else min(self.taken, 1)

    def __call__(self) -> Any:
        self.taken += 1
        cost = COST[self.cell.step] if self.taken > 1 else FIRST
        self.device.now += LAUNCH
        self.device.done_at = max(self.device.done_at, self.device.now) + cost
        place = "GPU" if SPOILT == "elsewhere" else "CPU"
        output = SimpleNamespace(device=f"/job:localhost/replica:0/task:0/device:{place}:0")
        return output if self.cell.step == INFERENCE else {"loss": output}


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Put the device in the place of TensorFlow's."""
    import placement
    import rounds

    device = Device()
    rounds.synchronise = (lambda: None) if SPOILT == "unsynchronised" else device.sync
    rounds.perf_counter = device.clock
    placement.gpus = lambda: 0
    subject = ModuleType("harness.timing.subject")
    subject.build_subject = lambda cell: SimpleNamespace(step=FakeStep(device, cell))
    keras = ModuleType("keras")
    keras.utils = SimpleNamespace(clear_session=lambda: None)
    sys.modules |= {"harness.timing.subject": subject, "keras": keras}
