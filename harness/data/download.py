"""Fetching one large archive: resumed where it was cut, and pinned by its hash on first use.

Only what opens as a whole zip archive gets the archive's name, and is pinned: an error page, a cut
download that did not say how long it is, or parts of two versions are fetched again or refused.  The
hash of what came first is written to a lock file beside it; whatever comes later under that name must
be the same, or it is an error: two runs must not silently use different data.
"""

import http.client
import json
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from harness.data.sources import Progress
from harness.errors import UserError
from harness.files import PARTIAL_SUFFIX, sha256_of, write_whole

__all__ = ["fetch"]

_CHUNK = 1 << 20
_STALLED_SECONDS = 60


def fetch(url: str, path: Path, *, offline: bool, progress: Progress) -> Path:
    """Return the archive at `path`, downloading it if it is not there; bytes are told to `progress`.

    Raises `UserError` if it cannot be had, is no whole zip archive, or is not what was pinned.
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
            _download(url, partial, progress)
        except (http.client.HTTPException, OSError) as error:  # OSError has URLError among its kinds
            reason = getattr(error, "reason", error)
            came = partial.exists() and partial.stat().st_size
            kept = (
                "What came is kept; run again to go on" if came else "Nothing came; run again with a network"
            )
            raise UserError(
                f"the download of {url} failed: {reason}",
                where=str(partial),
                hint=f"{kept}, or put the whole file at {path}.",
            ) from None
        partial.rename(path)
    _check_pin(url, path, lock)
    return path


def _download(url: str, partial: Path, progress: Progress) -> None:
    """Go on with what came before; where the two make no archive, begin anew once."""
    resumed = partial.exists() and partial.stat().st_size > 0
    _continue(url, partial, progress)
    if resumed and not _is_whole(partial):
        partial.unlink(missing_ok=True)
        _continue(url, partial, progress)
    if not _is_whole(partial):
        with partial.open("rb") as file:
            start = file.read(20)
        size = partial.stat().st_size
        partial.unlink()
        raise UserError(
            f"expected a whole zip archive from {url}, received {size:,} bytes that are none (they begin "
            f"with {start!r})",
            where=str(partial),
            hint="It was deleted. Run again; or get the file with a browser and put it at "
            f"{partial.with_name(partial.name.removesuffix(PARTIAL_SUFFIX))}.",
        )


def _continue(url: str, partial: Path, progress: Progress) -> None:
    """Download what is still missing; a server that cannot resume sends the whole again."""
    done = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=_STALLED_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:  # as long as the whole, or longer: whether it is that is checked later
            return
        raise
    with answer:
        resumed = done > 0 and answer.status == 206
        if resumed and not str(answer.headers.get("Content-Range")).startswith(f"bytes {done}-"):
            partial.unlink()  # another part than was asked for
            return
        done = done if resumed else 0
        total = done + int(answer.headers.get("Content-Length") or 0)
        with partial.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(done, max(total, done))
    if done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _is_whole(path: Path) -> bool:
    """Whether the file is a zip archive of which every file can be unpacked; reads all of it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # whatever damaged bytes make zipfile raise
        return False


def _check_pin(url: str, path: Path, lock: Path) -> None:
    """Pin the file on first use, if it is an archive; afterwards its hash must be the pinned one."""
    sha256 = sha256_of(path)
    if not lock.exists():
        if not _is_whole(path):
            raise UserError(
                "expected a whole zip archive, found a file that is none",
                where=str(path),
                hint="Delete it to download it, or put the whole file there.",
            )
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
