"""Makes a run of the tiny subset the committed baseline, in place of the one that is there.

`nox -s update-baseline` makes that run, prints what differs, and calls this; nothing else changes a baseline.
"""

import argparse
import sys
from pathlib import Path

from subset import MATRIX, ROOT

from harness.analysis.step_times import STEP_TIMES, time_doubt
from harness.errors import EXIT_USAGE, UserError, few
from harness.matrix import Matrix
from harness.matrix_file import load_matrix
from harness.metrics import MARGINS
from harness.reports.publish import publish_baseline
from harness.running.folder import RunFolder


def main() -> None:
    """Copy the run to results/baselines, and print where it is; a part of it or another run is refused."""
    parser = argparse.ArgumentParser(prog="update_baseline.py", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of the run")
    parser.add_argument("--matrix", type=Path, default=MATRIX, help="of which it must be a whole run")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="where baselines/ is")
    given = parser.parse_args()
    try:
        require_all_of(load_matrix(given.matrix), given.run)
        made = publish_baseline(given.run, given.results)
        if doubted := in_doubt(given.run):
            print(
                f"{doubted}: no run will be compared with these. Make the baseline again on an idle machine.",
                file=sys.stderr,
            )
        print(made)
    except UserError as error:
        parser.exit(EXIT_USAGE, f"{error}\n")


def in_doubt(run: Path) -> str:
    """How many of a run's step times are disturbed or unstable, in words; "" where none is."""
    records = RunFolder(run).records.load()
    doubts = [time_doubt([record], name) for record in records for name in STEP_TIMES]
    doubted = sum(map(bool, doubts))
    return f"{doubted} of {len(doubts)} step times are in doubt" if doubted else ""


def require_all_of(matrix: Matrix, run: Path) -> None:
    """Raise `UserError` for a run of a part of a matrix, of another one, or with other margins.

    A cell that is not in the baseline, or one with looser margins, would go unjudged from then on.
    """
    facts = RunFolder(run).facts()
    usual = {name: margin.value for name, margin in MARGINS.items()}
    expected = {name: usual | own for name, own in matrix.cell_margins().items()}
    planned = {cell.name: cell.margins for cell in facts.cells}
    problem = ""
    if facts.matrix != matrix.name:
        problem = f"expected a run of matrix {matrix.name!r}, got one of {facts.matrix!r}"
    elif lacking := [name for name in expected if name not in planned]:
        problem = f"{len(lacking)} of the matrix's {len(expected)} cells are not in this run: {few(lacking)}"
    elif more := [name for name in planned if name not in expected]:
        problem = f"{len(more)} cells of this run are not in the matrix: {few(more)}"
    elif others := [name for name, margins in planned.items() if margins != expected[name]]:
        problem = f"{len(others)} cells were run with other margins than the matrix has now: {few(others)}"
    if problem:
        raise UserError(
            problem,
            where=str(run),
            hint="`nox -s update-baseline` runs the whole matrix as it is now, and makes that the baseline.",
        )


if __name__ == "__main__":
    main()
