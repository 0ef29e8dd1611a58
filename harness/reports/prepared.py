"""What `prepare` made, as text and as plain values."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.data.manifest import PREPARED_NAME
from harness.data.prepare import Prepared
from harness.reports.dataset import class_table, left_out_lines

__all__ = ["prepared_facts", "render_prepared"]


def render_prepared(prepared: Prepared, source: Path, out: Path) -> str:
    """How the source was read, what is where now, what was left out, and what to do next."""
    manifest = prepared.manifest
    lines = [f"{source}: {prepared.layout}"]
    lines += [f"to check: {doubt}" for doubt in prepared.doubts]
    lines += ["", class_table(manifest.counts()), ""]
    lines += left_out_lines(manifest.left_out, str(out / PREPARED_NAME))
    if prepared.unused:
        lines.append(f"{prepared.unused:,} usable images were not needed")
    lines += [
        f"manifest: {manifest.sha256[:12]}",
        f"no file is in it twice; for near duplicates, scaled or saved again: transferbench inspect {out}",
        f"next: transferbench run MATRIX --data {out}",
    ]
    return "\n".join(lines)


def prepared_facts(prepared: Prepared) -> dict[str, Any]:
    """The same as plain values, with every file that was left out."""
    manifest = prepared.manifest
    return {
        "layout": prepared.layout,
        "doubts": list(prepared.doubts),
        "counts": manifest.counts(),
        "left_out": [asdict(left) for left in manifest.left_out],
        "unused": prepared.unused,
        "manifest_sha256": manifest.sha256,
    }
