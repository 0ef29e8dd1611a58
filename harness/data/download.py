"""Fetching one large file: resumed where it was cut, and pinned by its hash on first use.

The hash of what came first is written to a lock file beside it; whatever comes later under that name
must be the same, or it is an error: two runs must not silently use different data.
"""

import json
import urllib.error
import urllib.request
from pathlib import Path

from harness.data.sources import Progress
from harness.errors import UserError
from harness.files import PARTIAL_SUFFIX, sha256_of, write_whole

__all__ = ["fetch"]

_CHUNK = 1 << 20
_STALLED_SECONDS = 60


def fetch(url: str, path: Path, *, offline: bool, progress: Progress) -> Path:
    """Return the file at `path`, downloading it if it is not there; bytes are told to `progress`.

    Raises `UserError` if it cannot be had, or is not what was pinned.
    """
    lock = path.with_name(f"{path.name}.lock.json")
    if not path.exists():
        if offline:
            raise UserError(
                f"{path.name} is not here, and --offline downloads nothing",
                where=str(path),
                hint=f"Run once without --offline, or put {url} there.",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + PARTIAL_SUFFIX)
        try:
            _continue(url, partial, progress)
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise UserError(
                f"the download of {url} failed: {reason}",
                where=str(partial),
                hint="What came is kept; run again to go on, or put the whole file where it belongs.",
            ) from None
        partial.rename(path)
    _check_pin(url, path, lock)
    return path


def _continue(url: str, partial: Path, progress: Progress) -> None:
    """Download what is still missing; a server that cannot resume sends the whole again."""
    done = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=_STALLED_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:  # nothing is missing: it was cut between the last byte and its name
            return
        raise
    with answer:
        resumed = answer.status == 206
        done = done if resumed else 0
        total = done + int(answer.headers.get("Content-Length") or 0)
        with partial.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(done, max(total, done))
    if done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _check_pin(url: str, path: Path, lock: Path) -> None:
    """Pin the file on first use; afterwards its hash must be the pinned one."""
    sha256 = sha256_of(path)
    if not lock.exists():
        facts = {"url": url, "sha256": sha256, "bytes": path.stat().st_size}
        write_whole(lock, json.dumps(facts, indent=1) + "\n")
        return
    pinned = json.loads(lock.read_text(encoding="utf-8"))["sha256"]
    if sha256 != pinned:
        raise UserError(
            f"the file has SHA-256 {sha256[:16]}..., and {pinned[:16]}... was pinned on first use",
            where=str(path),
            hint=f"Delete the file to download it again, or {lock.name} too if the new content is wanted.",
        )
