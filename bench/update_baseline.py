"""Makes a run of the tiny subset the committed baseline, in place of the one that is there.

`nox -s update-baseline` makes that run, prints what differs, and calls this; nothing else changes a baseline.
"""

import argparse
from pathlib import Path

from subset import ROOT

from harness.errors import EXIT_USAGE, UserError
from harness.reports.publish import publish_baseline


def main() -> None:
    """Copy the run to results/baselines, and print where it is; a run that lacks a result is refused."""
    parser = argparse.ArgumentParser(prog="update_baseline.py", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of the run")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="where baselines/ is")
    given = parser.parse_args()
    try:
        print(publish_baseline(given.run, given.results))
    except UserError as error:
        parser.exit(EXIT_USAGE, f"{error}\n")


if __name__ == "__main__":
    main()
