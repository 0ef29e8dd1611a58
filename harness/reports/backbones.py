"""The table of backbones as text and as plain values: sizes, blocks, published figures, files here."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.backbones import Backbone, WeightsFile
from harness.errors import few
from harness.text import paragraph, text_table
from harness.weights import locate

__all__ = ["backbone_facts", "render_backbones"]

_MODES = {
    "caffe": "BGR, ImageNet mean subtracted",
    "torch": "0 to 1, then ImageNet mean and deviation",
    "tf": "-1 to 1",
    "none": "built into the model",
}
_TIMES = ("CPU\n(ms)", "GPU\n(ms)")


def backbone_facts(row: Backbone, weights_dir: Path | None) -> dict[str, Any]:
    """All that is told of a backbone as plain values, with both weights files and where they lie."""
    published = row.published
    return {
        "name": row.name,
        "parameters": row.parameters,
        "native_size": row.native_size,
        "minimum_size": row.minimum_size,
        "blocks": len(row.blocks),
        "preprocessing": row.preprocessing,
        "top1_percent": published.top1_percent if published else None,
        "cpu_ms": published.cpu_ms if published else None,
        "gpu_ms": published.gpu_ms if published else None,
        "weights": _file_facts(row.weights, weights_dir),
        "weights_with_top": _file_facts(row.top_weights, weights_dir),
    }


def render_backbones(facts: Sequence[dict[str, Any]], *, width: int | None = None) -> str:
    """The table of these backbones as text, with what its columns mean; without times if too wide."""
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "backbone": lambda row: row["name"],
        "para-\nmeters\n(M)": lambda row: f"{1e-6 * row['parameters']:.1f}",
        "native\n(px)": lambda row: str(row["native_size"]),
        "mini-\nmum\n(px)": lambda row: str(row["minimum_size"]),
        "blocks": lambda row: str(row["blocks"]),
        "prepro-\ncessing": lambda row: row["preprocessing"],
        "top-1\n(%)": lambda row: _number(row["top1_percent"]),
        _TIMES[0]: lambda row: _number(row["cpu_ms"]),
        _TIMES[1]: lambda row: _number(row["gpu_ms"]),
        "weights": lambda row: row["weights"]["found"] or "-",
    }
    right = [name for name in columns if name.endswith(")") or name == "blocks"]
    cells = {name: [render(row) for row in facts] for name, render in columns.items()}
    table = text_table(cells, right=right)
    too_wide = width is not None and max(map(len, table.splitlines())) > width
    if too_wide:
        table = text_table({name: cells[name] for name in cells if name not in _TIMES}, right=right)
    here = [row["name"] for row in facts if row["weights"]["found"]]
    modes = dict.fromkeys(row["preprocessing"] for row in facts)
    notes = [
        f"{len(facts)} backbone{'' if len(facts) == 1 else 's'}; "
        f"weights without top on this machine: {few(here) or 'none'}.",
        "Parameters are those of the base. Preprocessing is "
        f"{'; '.join(f'{mode}: {_MODES[mode]}' for mode in modes)}.",
        *(["Too narrow here for the published times of CPU and GPU; --json has them."] if too_wide else []),
        "Top-1 on ImageNet and times are those of the keras.io applications page. The times are published "
        "for a batch of 32 and are not consistent with it: read them as an ordering and nothing more.",
    ]
    return "\n\n".join([table, "\n".join(paragraph(note, width) for note in notes)])


def _file_facts(file: WeightsFile, weights_dir: Path | None) -> dict[str, Any]:
    place = locate(file, weights_dir)
    return {"file": file.name, "url": file.url, "found": place[0] if place else None}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
