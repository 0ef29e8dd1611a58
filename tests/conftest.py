"""Fixtures that several test modules share."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time, nothing written to the checkout, no gate on a shared machine's clock.
settings.register_profile("transferbench", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("transferbench")


def _named_folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set")
    return Path(value)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; skips where there is none."""
    return _named_folder("TRANSFERBENCH_DATA")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """The folder of real ImageNet weights; skips where there is none."""
    return _named_folder("TRANSFERBENCH_WEIGHTS")


@pytest.fixture
def empty_keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Keras folder without weights, so that no test depends on this machine's."""
    home = tmp_path / "keras-home"
    home.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(home))
    return home


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A tiny image folder: two classes, two images in each of the three splits."""
    from fakes import image_folder

    return image_folder(tmp_path / "images")


# The command line, and the scripts of bench/


@pytest.fixture
def exit_code(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a program's `main` with words, in this process, and returns the code that it ended with."""

    def run(main: Callable[[], None], *words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["transferbench", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    return run


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_keras_home: Path) -> None:  # noqa: ARG001
    """A working directory and settings of this test's own, and a terminal that does not wrap."""
    for name in ("DATA", "WEIGHTS", "CACHE"):
        monkeypatch.delenv(f"TRANSFERBENCH_{name}", raising=False)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("TRANSFERBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch):
    """Takes the place of the executor that `transferbench run` makes."""
    from fakes import FakeExecutor

    fake = FakeExecutor()
    monkeypatch.setattr("harness.running.executor.LocalExecutor", lambda: fake)
    return fake


class Ended:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def command(exit_code: Callable[..., int], capsys: pytest.CaptureFixture[str]):
    """Runs `transferbench` with words, in this process, and returns how it ended.

    An error of the program itself fails the test.
    """
    from harness import cli
    from harness.errors import EXIT_INTERNAL

    def run(*words: object) -> Ended:
        code = exit_code(cli.main, *words)
        shown = capsys.readouterr()
        assert code != EXIT_INTERNAL, shown.err
        return Ended(code, shown.out, shown.err)

    return run
