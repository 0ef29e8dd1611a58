"""Planted mistakes: which of them the comparison with the baseline catches, and by which finding.

Each mistake of `bench/mutations.py` is planted in a copy of the package; the cells that show it run with
that copy, with a cache of their own, and are compared with the same cells of the committed baseline by the
sound code.  Before them a copy of the sound code runs each of these sets of cells in just the same way: it
must raise no alarm, or nothing below means anything.  So a mistake and its control differ in the mistake
alone.  From `check-regressions` both differ in that only a few cells share a cache.

A mistake is caught where `compare` ends with 1 and one of the findings that are expected to catch it fails.
Anything else is told as what it is, and ends the session with 1: a mistake that is not caught, or only by
another finding, one that was said to be unseen and is caught, and a comparison or a run that broke.

The table is written after each of them (results/runs/mutations/mutations.md), what was run is kept, and the
same command goes on after an interruption; a session over all of them writes results/proofs/mutations.md too.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from mutations import MUTATIONS, Mutation, StaleMutationError, plant
from proof import asked, hash_of, keep, made_from, made_once, write_proof
from subset import ROOT, Verdict, baseline_of, compare, run, unjudged

from harness.cli_common import interruptible
from harness.files import write_whole
from harness.text import counted

OUT = ROOT / "results" / "runs" / "mutations"


@dataclass(frozen=True)
class Tried:
    """One mistake, or the sound code where it has no changes, and what became of it."""

    mutation: Mutation
    verdict: Verdict
    seconds: float

    @property
    def outcome(self) -> Literal["caught", "caught by something else", "not caught", "not judged"]:
        """What the comparison made of it."""
        if self.verdict.state == "not judged":
            return "not judged"
        if self.verdict.state == "no regression":
            return "not caught"
        found = {each[name] for each in self.verdict.regressions for name in ("field", "kind")}
        return "caught" if found & set(self.mutation.by) else "caught by something else"

    @property
    def expected(self) -> bool:
        """Whether that is what the table of mistakes says."""
        return self.outcome == ("not caught" if self.mutation.unseen else "caught")

    @property
    def said(self) -> str:
        """The findings that failed in short, those of one field once; or why there is none."""
        if self.outcome == "not judged":
            return self.verdict.why
        if self.outcome == "not caught":
            wanted = f"expected to be, by {' or '.join(self.mutation.by)}"
            return f"not caught: {self.mutation.unseen or wanted}"
        first = {each["field"] or each["kind"]: each["message"] for each in self.verdict.regressions}
        told = "; ".join(first.values())
        if self.outcome == "caught":
            return told
        return f"caught by something else than {' or '.join(self.mutation.by) or 'nothing'}: {told}"


def controls(mutations: Sequence[Mutation]) -> list[Mutation]:
    """The sound code on each set of cells that one of these mistakes runs."""
    sets = dict.fromkeys(each.cells for each in MUTATIONS)
    wanted = {each.cells for each in mutations}
    return [
        Mutation(f"sound-{number}", "nothing", (), cells, unseen="nothing is planted")
        for number, cells in enumerate(sets, start=1)
        if cells in wanted
    ]


def main() -> None:
    """Try the mistakes that were asked for, and print and write the table."""
    given = asked("mutations", __doc__, [each.name for each in MUTATIONS])
    wanted = [each for each in MUTATIONS if each.name in given.names]
    plan = [*controls(wanted), *wanted]
    tried: list[Tried] = []
    with interruptible("what was tried is kept, and the same command goes on", OUT):
        for each in plan:
            tried.append(_try(each, given.baseline, again=given.again))
            print(f"{each.name} ({tried[-1].seconds:.0f} s): {tried[-1].said}", flush=True)
            text = render(tried, left=len(plan) - len(tried))
            write_whole(OUT / "mutations.md", text)
    print(f"\n{text}")
    if given.whole:
        print(write_proof("mutations", text))
    raise SystemExit(int(not all(each.expected for each in tried)))


def _try(mutation: Mutation, baseline: Path, *, again: bool) -> Tried:
    """Plant a mistake and run its cells, unless that was done before, and compare them."""
    folder = OUT / mutation.name
    facts = made_from(mutation=repr((mutation.changes, mutation.cells)))
    try:
        made = made_once(folder / "run", facts, partial(_run, mutation, folder), again=again)
    except (OSError, StaleMutationError) as error:
        return Tried(mutation, unjudged(str(error)), 0.0)
    if made.error:
        return Tried(mutation, unjudged(made.error), made.seconds)
    verdict = compare(baseline_of(baseline, mutation.cells, folder / "baseline"), folder / "run")
    tried = Tried(mutation, verdict, made.seconds)
    keep(
        folder / "run",
        facts,
        made.seconds,
        baseline=hash_of(baseline, (path for path in baseline.rglob("*") if path.is_file())),
        outcome=tried.outcome,
        said=tried.said,
        exit_code=verdict.code,
        regressions=verdict.regressions,
    )
    return tried


def _run(mutation: Mutation, folder: Path) -> int:
    """Run the cells of a mistake with a copy of the package that has it; copy and cache go afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    package = folder / "code"
    try:
        shutil.copytree(ROOT / "harness", package / "harness", ignore=shutil.ignore_patterns("__pycache__"))
        plant(mutation, package / "harness")
        return run(folder / "run", folder / "cache", *mutation.cells, package=package)
    finally:
        for big in ("cache", "code"):
            shutil.rmtree(folder / big, ignore_errors=True)


def render(tried: Sequence[Tried], *, left: int = 0) -> str:
    """The verdict on the proof, and the table: mistake, whether it was caught, and by which findings.

    `left` is how many are still to be tried.
    """
    sound = [each for each in tried if not each.mutation.changes]
    planted = [each for each in tried if each.mutation.changes]
    lines = ["| mistake | caught | by | cells | seconds |", "| --- | --- | --- | ---: | ---: |"]
    for each in planted:
        found = {"caught": "yes", "not judged": "**not judged**"}.get(each.outcome, "**no**")
        doubt = "" if each.expected else " (not as expected)"
        by = each.said.replace("|", "\\|")
        what = f"{each.mutation.what} | {found}{doubt} | {by}"
        lines.append(f"| {what} | {len(each.mutation.cells)} | {each.seconds:.0f} |")
    caught = sum(each.outcome == "caught" for each in planted)
    odd = sum(not each.expected for each in planted)
    alarms = [f"{', '.join(each.mutation.cells)}: {each.said}" for each in sound if not each.expected]
    surprise = f"{odd} not as expected" if odd else "all as expected"
    head = [f"{caught} of {counted(len(planted), 'mistake')} are caught, {surprise}."]
    if alarms:
        head.append(f"The sound code does not pass, so the table proves nothing ({'; '.join(alarms)}).")
    else:
        head.append(f"The sound code, run just so on {counted(len(sound), 'set')} of cells, raises no alarm.")
    if left:
        head.append(f"Still to be tried: {left}.")
    return " ".join(head) + "\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
