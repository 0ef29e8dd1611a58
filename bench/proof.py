"""What the proofs share: options, what is kept of an interrupted session, and the page that is committed.

Beside each run lies `tried.json`, with hashes of all that the run was made from, and what became of it.  A
run that is there with the same hashes is not made again; it is compared again, which takes a second or two,
so that a verdict is never that of an older comparison.
"""

import argparse
import hashlib
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from subset import BASELINE, MATRIX, ROOT, ended_whole

from harness.comparison.sides import read_side
from harness.environment import code_sha256, commit, current_environment
from harness.errors import EXIT_USAGE, UserError
from harness.files import sha256_of, write_whole

__all__ = ["PROOFS", "Asked", "Made", "asked", "hash_of", "keep", "made_from", "made_once", "write_proof"]

PROOFS = ROOT / "results" / "proofs"
"""Where the outcome of a whole session is committed."""

TRIED = "tried.json"

_READERS = ("analysis", "comparison", "reports")
"""What of the package only reads runs.  What is not named here counts among what a run is made from."""


@dataclass(frozen=True)
class Asked:
    """What a session is to try: names, all of them where `whole`, against which baseline, and all afresh."""

    names: tuple[str, ...]
    whole: bool
    baseline: Path
    again: bool


def asked(session: str, description: str, names: Sequence[str]) -> Asked:
    """Read the options of a session; one that cannot be used, or such a baseline, ends it with the reason."""
    parser = argparse.ArgumentParser(prog=f"nox -s {session} --", description=description)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help="only these")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="the run to compare with")
    parser.add_argument("--again", action="store_true", help="make kept runs of earlier sessions again too")
    given = parser.parse_args()
    try:
        read_side(given.baseline, is_baseline=True)
    except UserError as error:
        parser.exit(getattr(error, "exit_code", EXIT_USAGE), f"{error}\n")
    wanted = tuple(name for name in names if name in given.only)
    whole = len(wanted) == len(names) and given.baseline.resolve() == BASELINE.resolve()
    return Asked(wanted, whole, given.baseline, given.again)


def made_from(**own: str) -> dict[str, str]:
    """Hashes of all that a run of the subset is made from, by name; `own` is what this run has besides.

    `code` is what records call so; `package` is wider: all that does not only read runs, and the matrix.
    """
    package = ROOT / "harness"
    files = [path for path in package.rglob("*") if path.is_file() and _makes_runs(path.relative_to(package))]
    return {
        "code": code_sha256(),
        "package": hash_of(ROOT, [MATRIX, *files]),
        "environment": current_environment().fingerprint,
        **own,
    }


def _makes_runs(path: Path) -> bool:
    return not (path.parts[0] in _READERS or path.name.startswith("cli") or "__pycache__" in path.parts)


def hash_of(root: Path, files: Iterable[Path]) -> str:
    """The SHA-256 of files below a folder: their names in it and contents, in whatever order they come."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(root).as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Made:
    """A run that was made, now or in an earlier session: the seconds it took, or why it cannot be judged."""

    seconds: float
    error: str = ""


def made_once(run: Path, facts: Mapping[str, str], make: Callable[[], int], *, again: bool) -> Made:
    """Make a run unless it is there, whole, and made from just that; `make` returns its exit code.

    A run that breaks off before it has a record of every cell says nothing, whatever it found until then.
    """
    seconds = None if again else _kept(run, facts)
    if seconds is not None:
        return Made(seconds)
    run.with_name(TRIED).unlink(missing_ok=True)
    began = time.monotonic()
    code = make()
    seconds = time.monotonic() - began
    if not ended_whole(run):
        log = run.with_suffix(".log")
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return Made(seconds, f"its run ended with exit code {code} before all of its cells: {last}")
    keep(run, facts, seconds)
    return Made(seconds)


def keep(run: Path, facts: Mapping[str, str], seconds: float, **outcome: Any) -> None:
    """Keep beside a run what it was made from, and what became of it once that is known."""
    kept = {"made_from": dict(facts), "seconds": round(seconds, 1), **outcome}
    write_whole(run.with_name(TRIED), json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def _kept(run: Path, facts: Mapping[str, str]) -> float | None:
    """The seconds that a whole run took which was made from just that; None where there is none."""
    try:
        there = json.loads(run.with_name(TRIED).read_bytes())
        same, seconds = there["made_from"] == facts, float(there["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return seconds if same and ended_whole(run) else None


def write_proof(session: str, text: str) -> Path:
    """Write the outcome of a whole session to where it is committed, below what it was made with."""
    machine = current_environment()
    parts = (
        machine.processor,
        f"{machine.cores} cores",
        f"{machine.memory_bytes / 2**30:.0f} GiB",
        machine.system,
    )
    told = [f"Commit {commit() or 'unknown'}", f"{datetime.now(UTC):%Y-%m-%d}", ", ".join(parts)]
    file = PROOFS / f"{session}.md"
    write_whole(file, f"{'; '.join(told)}; command: `{_command()}`.\n\n{text}")
    return file


def _command() -> str:
    """The command that ran: nox's where it runs a session, else Python's with the script."""
    script, words = Path(sys.argv[0]).resolve(), sys.argv[1:]
    session = os.environ.get("NOX_CURRENT_SESSION")
    if session:
        return shlex.join(["nox", "-s", session, *(["--", *words] if words else [])])
    name = script.relative_to(ROOT).as_posix() if script.is_relative_to(ROOT) else script.name
    return shlex.join(["python", name, *words])
