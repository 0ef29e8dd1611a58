"""Planted mistakes: which of them the comparison with the baseline catches, and by which finding.

Each mistake of `bench/mutations.py` is planted in a copy of the package; the cells that show it run with
that copy, with caches of their own, and are compared with the committed baseline by the sound code.  The
sound code itself is run first in the same way: it must raise no alarm, or nothing below means anything.

It ends with 1 if a mistake that is expected to be caught is not, or one is caught that was said to be unseen.
"""

import argparse
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutations import MUTATIONS, Mutation, plant
from subset import BASELINE, ROOT, Verdict, baseline_of, compare, run

from harness.files import write_whole

OUT = ROOT / "results" / "runs" / "mutations"


@dataclass(frozen=True)
class Tried:
    """One mistake and what became of it."""

    mutation: Mutation
    verdict: Verdict
    seconds: float

    @property
    def caught(self) -> bool:
        """Whether the comparison failed."""
        return self.verdict.code != 0

    @property
    def expected(self) -> bool:
        """Whether that is what the table of mistakes says."""
        return self.caught is (not self.mutation.unseen)

    @property
    def by(self) -> str:
        """The findings that failed in short, those of one kind once; or why there is none."""
        if not self.caught:
            return f"not caught: {self.mutation.unseen or 'expected to be'}"
        if self.verdict.error:
            return self.verdict.error.splitlines()[0]
        first = {each["field"] or each["kind"]: each["message"] for each in self.verdict.regressions}
        return "; ".join(first.values())


def main() -> None:
    """Try the mistakes that were asked for, print the table, and write it to results/runs/mutations."""
    parser = argparse.ArgumentParser(prog="nox -s mutations --", description=__doc__)
    names = [each.name for each in MUTATIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    given = parser.parse_args()
    wanted = [each for each in MUTATIONS if each.name in given.only]
    cells = dict.fromkeys(cell for each in wanted for cell in each.cells)
    sound = Mutation("sound", "nothing", (), tuple(cells))
    control = _try(sound, given.baseline)
    print(
        f"the sound code ({control.seconds:.0f} s): {control.by if control.caught else 'no alarm'}",
        flush=True,
    )
    tried = []
    for each in wanted:
        tried.append(_try(each, given.baseline))
        print(f"{each.name} ({tried[-1].seconds:.0f} s): {tried[-1].by}", flush=True)
    text = render(tried, control)
    write_whole(OUT / "mutations.md", text)
    print(f"\n{text}")
    raise SystemExit(int(control.caught or not all(each.expected for each in tried)))


def _try(mutation: Mutation, baseline: Path) -> Tried:
    """Plant a mistake, run its cells and compare them; what an earlier session left goes first."""
    folder = OUT / mutation.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        ROOT / "harness", folder / "code" / "harness", ignore=shutil.ignore_patterns("__pycache__")
    )
    plant(mutation, folder / "code" / "harness")
    began = time.monotonic()
    run(folder / "run", folder / "cache", *mutation.cells, package=folder / "code")
    seconds = time.monotonic() - began
    part = baseline_of(baseline, mutation.cells, folder / "baseline")
    verdict = compare(part, folder / "run")
    for big in ("cache", "code"):
        shutil.rmtree(folder / big)
    return Tried(mutation, verdict, seconds)


def render(tried: Sequence[Tried], control: Tried) -> str:
    """The table: mistake, whether it was caught, and by which findings."""
    lines = ["| mistake | caught | by | cells | seconds |", "| --- | --- | --- | ---: | ---: |"]
    for each in tried:
        found = "yes" if each.caught else "**no**"
        surprise = "" if each.expected else " (not as expected)"
        by = each.by.replace("|", "\\|")
        what = f"{each.mutation.what} | {found}{surprise} | {by}"
        lines.append(f"| {what} | {len(each.mutation.cells)} | {each.seconds:.0f} |")
    caught = sum(each.caught for each in tried)
    state = "raises an alarm too, so the table proves nothing" if control.caught else "raises no alarm"
    return (
        f"{caught} of {len(tried)} mistakes are caught; the sound code {state}.\n\n" + "\n".join(lines) + "\n"
    )


if __name__ == "__main__":
    main()
