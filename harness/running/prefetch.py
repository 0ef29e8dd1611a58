"""Downloading the weights that a plan needs, before anything runs or for a later run offline."""

from dataclasses import replace
from pathlib import Path

from harness.errors import UserError
from harness.running.executor import Executor
from harness.running.planner import Planned
from harness.running.view import RunView
from harness.weights import find_weights, is_hdf5, keras_home, missing_reason, weights_file

__all__ = ["describe_fetched", "fetch_missing", "unusable"]

_IMAGES = {
    "folder": "images: your own folder, nothing to download",
    "synthetic": "images: drawn by code, nothing to download",
    "cats_dogs": "images: in the cache, ready for --offline",
    "missing": "images: missing",
}


def fetch_missing(
    plan: list[Planned], weights_dir: Path | None, executor: Executor, view: RunView
) -> list[Planned]:
    """Download the weights that are not here; cells whose download failed are skipped with the reason.

    Raises `UserError` if Keras' folder cannot be written.
    """
    wanted = sorted(
        {(each.cell.backbone, each.cell.weights) for each in plan if each.weights is None and not each.skip}
    )
    if not wanted:
        return plan
    _require_writable_keras_home()
    problems: dict[tuple[str, str], str] = {}
    for name, kind in wanted:
        with view.step(f"downloading {weights_file(name, kind).name}"):
            problem = executor.fetch_weights(weights_file(name, kind))
        if problem:
            problems[name, kind] = missing_reason(name, kind, weights_dir, problem)
    fetched = []
    for planned in plan:
        if planned.weights is not None or planned.skip:
            fetched.append(planned)
            continue
        cell = planned.cell
        weights = find_weights(cell.backbone, cell.weights, weights_dir)
        if weights is not None:
            weights = replace(weights, origin=weights_file(cell.backbone, cell.weights).url)
        skip = "" if weights else problems.get((cell.backbone, cell.weights), "the download left no file")
        fetched.append(replace(planned, weights=weights, skip=skip))
    return fetched


def unusable(fetched: list[Planned]) -> list[str]:
    """Why weights are missing or damaged, a sentence for each file."""
    problems = {}
    for planned in fetched:
        path = planned.weights.path if planned.weights else None
        if planned.skip:
            problems[planned.cell.backbone, planned.cell.weights] = planned.skip
        elif path and not is_hdf5(path):
            problems[planned.cell.backbone, planned.cell.weights] = (
                f"{path} is damaged: no HDF5 file, so it holds no weights. Delete it, and run this again."
            )
    return list(problems.values())


def describe_fetched(data: str, fetched: list[Planned]) -> list[str]:
    """Say of the images and of every backbone's weights where they are now, or that they are missing.

    `data` is the source of the images, or "missing".
    """
    states: dict[str, str] = {}
    for planned in fetched:
        kind, weights = planned.cell.weights, planned.weights
        if kind not in ("imagenet", "imagenet-top"):
            continue
        name = planned.cell.backbone + (" with their top" if kind == "imagenet-top" else "")
        if weights is None or weights.path is None:
            states[name] = "missing"
        elif not is_hdf5(weights.path):
            states[name] = f"damaged, {weights.path} is no HDF5 file"
        elif weights.origin == weights_file(planned.cell.backbone, kind).url:
            checked = "its hash is the published one" if weights.published else "Keras publishes no hash"
            size = weights.path.stat().st_size / 1e6
            states[name] = f"downloaded, {size:.1f} MB to {weights.path.parent} ({checked})"
        else:
            doubt = " (not the file that Keras publishes)" if weights.published is False else ""
            states[name] = f"was there before, {weights.path}{doubt}"
    lines = [f"weights of {name}: {state}" for name, state in sorted(states.items())]
    return [_IMAGES[data], *(lines or ["weights: no cell needs any from the network"])]


def _require_writable_keras_home() -> None:
    """Keras silently downloads to the system's temporary folder when it cannot write to its own."""
    home = keras_home()
    try:
        (home / "models").mkdir(parents=True, exist_ok=True)
        probe = home / "models" / ".transferbench-write-test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"weights have to be downloaded, and Keras' folder cannot be written: {error.strerror}",
            where=str(home),
            hint="Set KERAS_HOME to a writable folder, or use --weights-dir and --offline.",
        ) from None
