"""Builders of many runs over time: a night is a run, with a commit of its own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fakes import ENVIRONMENT, Row, finished_run
from fakes_compare import steps, trial
from fakes_timing import both_passes, timing_run

from harness.environment import Environment

FIRST = datetime(2025, 1, 1, 3, tzinfo=UTC)


def commit_of(night: int) -> str:
    """The commit that a night ran."""
    return f"{night:02d}aaaaaaaaaa"


def started(night: int) -> str:
    """When a night's run started."""
    return (FIRST + timedelta(days=night)).isoformat()


def environment(**changed: Any) -> Environment:
    """The fakes' machine with other facts; `keras` names its version."""
    keras = (
        {"libraries": ENVIRONMENT.libraries | {"keras": changed.pop("keras")}} if "keras" in changed else {}
    )
    return ENVIRONMENT.model_copy(update=keras | changed)


def result(night: int, right: int = 900, train: float = 20.0, **changed: Any) -> Row:
    """The record of a cell in a night's run: its right answers of 1,000, milliseconds of a train step."""
    usual = {"commit": commit_of(night), "started": started(night), "key": f"{night:064d}"}
    times = changed.pop("times", steps(train * 0.99, train, train * 1.01, *[train] * 7))
    return trial(right, train=times, **(usual | changed))


def nights(folder: Path, *rights: int, trains: tuple[float, ...] = (), **changed: Any) -> Path:
    """A folder of runs of one cell, a night each, with these right answers and train times; returns it."""
    times = trains or (20.0,) * len(rights)
    for night, (right, train) in enumerate(zip(rights, times, strict=True)):
        finished_run(folder / f"night-{night:02d}", [result(night, right, train, **changed)])
    return folder


def timed_night(folder: Path, night: int, milliseconds: float, **changed: Any) -> Path:
    """A timing run of one cell in two passes."""
    usual = {"commit": commit_of(night), "started": started(night), "key": f"{night:064d}"}
    checks = {name: changed.pop(name) for name in ("checks",) if name in changed}
    return timing_run(folder, both_passes(milliseconds, **(usual | changed)), **checks).path
