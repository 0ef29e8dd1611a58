"""Fixtures that several test modules share."""

import os
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
