"""Base and head timed in turn on this machine, and compared as `compare --dedicated` does it.

Pass by pass, changing who begins: base, head, head, base, base, head ...  The base is a commit
(`--base REV`, in a worktree of its own), the head this checkout.  With `--planted` the base is this checkout
and the head a copy of it whose steps take 30 % more time (`bench/mutations.py`), which must be found.

It ends with what `compare` ends with; with `--planted` with 0 where the slower steps were found, else 1.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutations import SLOW_STEP, plant
from subset import PROGRAM, ROOT

from harness.errors import EXIT_INCOMPLETE

OUT = ROOT / "results" / "timings"
MATRIX = ROOT / "bench" / "matrices" / "tiny.toml"


def main() -> None:
    """Time both, compare them, and end with the verdict."""
    parser = argparse.ArgumentParser(prog="nox -s check-times --", description=__doc__)
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--base", metavar="REV", help="the commit that this checkout is compared with")
    kinds.add_argument("--planted", action="store_true", help="find steps that were made 30 %% slower")
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--matrix", type=Path, default=MATRIX)
    parser.add_argument("--backbones", action="append", default=[])
    given = parser.parse_args()
    with slower() if given.planted else at(given.base) as (base, head):
        folders = {"base": (base, OUT / "turns-base"), "head": (head, OUT / "turns-head")}
        for _, folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        narrow = [word for name in given.backbones for word in ("--backbones", name)]
        for number, side in turns(given.passes):
            package, folder = folders[side]
            words = [
                str(given.matrix.resolve()),
                "--out",
                str(folder),
                "--passes",
                str(number),
                "--rounds",
                "2",
            ]
            print(f"pass {number} of {given.passes}: {side}", flush=True)
            call(package, "time", *words, *narrow)
    code = call(ROOT, "compare", *(str(folder) for _, folder in folders.values()), "--dedicated", check=False)
    raise SystemExit(int(code != 1) if given.planted else code)


def turns(passes: int) -> Iterator[tuple[int, str]]:
    """Which side is timed when: every pass both, and every other pass the head first."""
    for number in range(1, passes + 1):
        for side in ("base", "head") if number % 2 else ("head", "base"):
            yield number, side


@contextmanager
def at(revision: str) -> Iterator[tuple[Path, Path]]:
    """The folders of the packages where the base is a commit; its worktree goes at the end."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "base"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(tree), revision], check=True)
        try:
            yield tree, ROOT
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


@contextmanager
def slower() -> Iterator[tuple[Path, Path]]:
    """The folders of the packages where the head is a copy of this one with slower steps."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "harness", Path(folder) / "harness")
        plant(SLOW_STEP, Path(folder) / "harness")
        yield ROOT, Path(folder)


def call(package: Path, *words: str, check: bool = True) -> int:
    """Call the command of a package in a process of its own, and return its exit code.

    With `check` it must have run to its end; a cell that failed is for the comparison to tell.
    """
    environment = {**os.environ, "PYTHONPATH": str(package)}
    # Not from this checkout, whose package `python -c` would find before the other.
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], env=environment, cwd=package, check=False)
    if check and done.returncode > EXIT_INCOMPLETE:
        raise SystemExit(done.returncode)
    return done.returncode


if __name__ == "__main__":
    main()
