"""Folders of pictures that show a user's images.

Those are private: such a folder is never where results are committed, has a `.gitignore` of its own wherever
it is, and is written whole or not at all.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from harness.errors import UserError, few
from harness.files import whole_folder

__all__ = ["private_folder", "require_private"]

_IGNORE = ".gitignore"
_COMMITTED = (("results", "leaderboards"), ("results", "records"), ("results", "baselines"))

Written = Callable[[Path], set[str]]
"""Gives the names of what an earlier call wrote to a folder, none where it is not one of ours."""


def require_private(out: Path, written: Written) -> None:
    """Raise `UserError` unless pictures of images may be written to this folder.

    It may be new, empty, or hold what an earlier call has `written`, which is then replaced.
    """
    parts = out.resolve().parts
    for pair in _COMMITTED:
        if pair in pairwise(parts):
            raise UserError(
                f"{'/'.join(pair)} is committed, and these pictures show the images themselves",
                where=str(out),
                hint="Name another folder; a run's own folder in results/runs is ignored by git.",
            )
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError("expected a folder, found a file", where=str(out))
    foreign = sorted({path.name for path in out.iterdir()} - written(out) - {_IGNORE})
    if foreign:
        raise UserError(
            f"this folder holds files that this command did not write: {few(foreign)}",
            where=str(out),
            hint="Name a new or empty folder.",
        )


@contextmanager
def private_folder(out: Path, written: Written) -> Iterator[Path]:
    """Yield a temporary folder that becomes `out`, in place of what an earlier call has written there.

    Raises `UserError` as `require_private` does, also for what came there meanwhile.
    """
    with whole_folder(out) as partial:
        yield partial
        (partial / _IGNORE).write_text("*\n", encoding="utf-8")
        require_private(out, written)
        shutil.rmtree(out, ignore_errors=True)
