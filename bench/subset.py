"""Running the tiny subset, or a part of it, with any copy of the package, and comparing what came out.

As a script it runs some cells of a matrix with the package that Python finds first, which PYTHONPATH
decides: `python bench/subset.py MATRIX OUT CACHE [PART_OF_A_NAME ...]`.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import EXIT_REGRESSION, EXIT_USAGE, UserError
from harness.matrix import Cell, Grid, Matrix
from harness.running.folder import RunFolder

__all__ = [
    "BASELINE",
    "MATRIX",
    "PROGRAM",
    "ROOT",
    "Verdict",
    "baseline_of",
    "compare",
    "ended_whole",
    "part_of",
    "run",
    "unjudged",
]

ROOT = Path(__file__).parent.parent
MATRIX = ROOT / "bench" / "matrices" / "ci.toml"
BASELINE = ROOT / "results" / "baselines" / "ci"
PROGRAM = "from harness.cli import main; main()"
"""The command of whatever package Python finds first."""


@dataclass(frozen=True)
class Verdict:
    """What `compare` said: exit code, findings that fail, its words where it had none, the other findings.

    A finding is as `compare --json` writes it.
    """

    code: int
    regressions: tuple[dict[str, Any], ...]
    error: str = ""
    others: tuple[dict[str, Any], ...] = ()

    @property
    def state(self) -> Literal["no regression", "regression", "not judged"]:
        """What it amounts to: an exit code that no finding stands behind is a comparison that broke."""
        if self.code == 0:
            return "no regression"
        return "regression" if self.code == EXIT_REGRESSION and self.regressions else "not judged"

    @property
    def why(self) -> str:
        """Why there is no judgement, in a line: how the message begins, or how a traceback ends."""
        lines = [line for line in self.error.splitlines() if line.strip()] or ["no words"]
        line = lines[-1] if any(each.startswith("Traceback") for each in lines) else lines[0]
        return f"could not be judged: {line.strip()} (exit code {self.code})".replace(f"{ROOT}/", "")


def unjudged(error: str) -> Verdict:
    """The verdict on what could not even be run."""
    return Verdict(EXIT_USAGE, (), error)


def part_of(matrix: Matrix, parts: Sequence[str]) -> Matrix:
    """The matrix with those cells alone whose names hold one of these parts; all of them without parts."""
    margins = matrix.cell_margins()
    wanted = [cell for cell in matrix.cells() if not parts or any(part in cell.name for part in parts)]
    return matrix.model_copy(update={"grid": tuple(_grid(cell, margins[cell.name]) for cell in wanted)})


def _grid(cell: Cell, margins: dict[str, float]) -> Grid:
    """The grid of one cell."""
    own = ("scratch", "imagenet-top")  # what a strategy brings itself
    return Grid(
        backbones=(cell.backbone,),
        strategies=(cell.strategy,),
        sizes=(cell.size,),
        depths=() if cell.depth == "none" else (cell.depth,),
        recipes=(cell.recipe,),
        learning_rates=() if cell.learning_rate is None else (cell.learning_rate,),
        weights=("imagenet" if cell.weights in own else cell.weights,),
        train_images=("all" if cell.train_images is None else cell.train_images,),
        seeds=(cell.seed,),
        devices=(cell.device,),
        precisions=(cell.precision,),
        margins=margins,
    )


def run(
    out: Path,
    cache: Path,
    *parts: str,
    package: Path = ROOT,
    settings: dict[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> int:
    """Run cells of the subset in a process of its own; returns its exit code.

    `package` is the folder that holds `harness`, `settings` are environment variables, and `before` is called
    in the new process before the program begins.  What it prints goes to `out` with `.log` behind.
    """
    log = out.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        done = subprocess.run(
            [sys.executable, str(Path(__file__)), str(MATRIX), str(out), str(cache), *parts],
            env={**os.environ, "PYTHONPATH": str(package), **(settings or {})},
            cwd=package,
            preexec_fn=before,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return done.returncode


def ended_whole(out: Path) -> bool:
    """Whether a run has a record of every cell that it planned, readable or not."""
    folder = RunFolder(out)
    try:
        cells = folder.facts().cells
    except UserError:
        return False
    return bool(cells) and all(folder.records.holds(cell.name, cell.key) for cell in cells)


def baseline_of(baseline: Path, parts: Sequence[str], target: Path) -> Path:
    """Copy those cells of a baseline to another folder, so that the others are not missed.

    What is in that folder goes first.
    """
    shutil.rmtree(target, ignore_errors=True)
    there, here = RunFolder(baseline), RunFolder(target)
    facts = there.facts()
    cells = tuple(cell for cell in facts.cells if not parts or any(part in cell.name for part in parts))
    here.write_facts(facts.model_copy(update={"cells": cells}))
    names = {cell.name for cell in cells}
    for record in there.records.load():
        if record.name in names:
            here.records.save(record, there.records.predictions(record))
    return target


def compare(baseline: Path, current: Path, *options: str) -> Verdict:
    """Ask this checkout's `compare`; where it ends without a document, the verdict has its words instead."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "compare", str(baseline), str(current), "--json", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        said = json.loads(done.stdout)
    except ValueError:  # it ended before its document, or within it
        return Verdict(done.returncode, (), done.stderr.strip())
    failing, others = [], []
    for each in said["findings"]:
        (failing if each["severity"] == "regression" else others).append(each)
    return Verdict(done.returncode, tuple(failing), said["reason"] or "", tuple(others))


def _main(matrix: Path, out: Path, cache: Path, *parts: str) -> None:
    from rich.console import Console

    from harness.matrix_file import load_matrix
    from harness.running.executor import LocalExecutor
    from harness.running.run import Request, run_matrix
    from harness.running.view import RunView

    request = Request(
        matrix=part_of(load_matrix(matrix), parts),
        data=None,
        weights_dir=None,
        out=out,
        cache=cache,
        offline=True,
        command="a part of the subset",
    )
    with RunView(Console()) as view:
        records = run_matrix(request, LocalExecutor(), view)
    raise SystemExit(int(any(record.status != "ok" for record in records)))


if __name__ == "__main__":
    matrix, out, cache, *parts = sys.argv[1:]
    _main(Path(matrix), Path(out), Path(cache), *parts)
