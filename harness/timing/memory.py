"""How much host memory a process holds, seen from outside.  No TensorFlow import.

On Linux anonymous memory is read, because the pages of memory-mapped caches count as resident
though the kernel can drop them at any time.  Elsewhere resident memory has to do, and the record
says so.
"""

import sys
from pathlib import Path
from typing import Literal

import psutil

__all__ = ["MEMORY_KIND", "held_bytes"]

MEMORY_KIND: Literal["anonymous", "resident"] = "anonymous" if sys.platform == "linux" else "resident"


def held_bytes(pid: int) -> int | None:
    """The bytes that a process holds now, or None if it has ended."""
    try:
        if MEMORY_KIND == "resident":
            return int(psutil.Process(pid).memory_info().rss)
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except (OSError, psutil.Error):
        pass
    return None
