"""The folder that heat maps are written to, and what lies in it."""

import json
from pathlib import Path
from typing import Final

from harness.explain.explain import Explained
from harness.private import private_folder, require_private
from harness.reports.heat_maps import draw_example, draw_sheet, explained_facts

__all__ = ["FACTS_FILE", "SHEET", "require_place", "write_explained"]

SHEET: Final = "sheet.png"
"""The contact sheet of all examples."""
FACTS_FILE: Final = "explain.json"
"""What the pictures show, as data; it also tells that the folder is ours to replace."""


def require_place(out: Path) -> None:
    """Raise `UserError` unless heat maps may be written to this folder."""
    require_private(out, _written)


def write_explained(explained: Explained, out: Path) -> None:
    """Write the pictures and the facts; what an earlier `explain` wrote there goes."""
    with private_folder(out, _written) as partial:
        for example in explained.examples:
            draw_example(example, partial / f"{example.id}.png")
        draw_sheet(explained, partial / SHEET)
        text = json.dumps(explained_facts(explained), indent=1, ensure_ascii=False, allow_nan=False)
        (partial / FACTS_FILE).write_text(text + "\n", encoding="utf-8")


def _written(out: Path) -> set[str]:
    """The names of the files that an earlier `explain` wrote to a folder."""
    try:
        facts = json.loads((out / FACTS_FILE).read_text(encoding="utf-8"))
        return {FACTS_FILE, SHEET, *(f"{image['id']}.png" for image in facts["images"])}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
