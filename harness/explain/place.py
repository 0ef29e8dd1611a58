"""The folder that heat maps are written to: whole or not at all, and never where results are committed.

The pictures show the user's images.  Those are private, so that they must not reach a folder that is
committed; a run's own folder is ignored by git.
"""

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Final

from harness.errors import UserError, few
from harness.explain.explain import Explained
from harness.files import whole_folder
from harness.reports.heat_maps import draw_example, draw_sheet, explained_facts

__all__ = ["FACTS_FILE", "SHEET", "require_place", "write_explained"]

SHEET: Final = "sheet.png"
"""The contact sheet of all examples."""
FACTS_FILE: Final = "explain.json"
"""What the pictures show, as data; it also tells that the folder is ours to replace."""

_COMMITTED = (("results", "leaderboards"), ("results", "records"), ("results", "baselines"))


def require_place(out: Path) -> None:
    """Raise `UserError` unless heat maps may be written to this folder.

    It may be new, empty, or hold what an earlier `explain` wrote, which is then replaced.
    """
    parts = out.resolve().parts
    for pair in _COMMITTED:
        if pair in pairwise(parts):
            raise UserError(
                f"{'/'.join(pair)} is committed, and these pictures show the images themselves",
                where=str(out),
                hint="Name another folder with --out; a run's own folder is ignored by git.",
            )
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError("expected a folder, found a file", where=str(out))
    foreign = sorted({path.name for path in out.iterdir()} - _written(out))
    if foreign:
        raise UserError(
            f"this folder holds files that `explain` did not write: {few(foreign)}",
            where=str(out),
            hint="Name a new or empty folder with --out.",
        )


def write_explained(explained: Explained, out: Path) -> None:
    """Write the pictures and the facts; what an earlier `explain` wrote there goes."""
    with whole_folder(out) as partial:
        for example in explained.examples:
            draw_example(example, partial / f"{example.id}.png")
        draw_sheet(explained, partial / SHEET)
        text = json.dumps(explained_facts(explained), indent=1, ensure_ascii=False, allow_nan=False)
        (partial / FACTS_FILE).write_text(text + "\n", encoding="utf-8")
        require_place(out)
        shutil.rmtree(out, ignore_errors=True)


def _written(out: Path) -> set[str]:
    """The names of the files that an earlier `explain` wrote to a folder."""
    try:
        facts = json.loads((out / FACTS_FILE).read_text(encoding="utf-8"))
        return {FACTS_FILE, SHEET, *(f"{image['id']}.png" for image in facts["images"])}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
