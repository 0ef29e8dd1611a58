"""Downloads against a real server on this machine: whole, cut, resumed, pinned, refused."""

import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import nothing

from harness.data.download import fetch
from harness.errors import UserError


def archive(fill: int) -> bytes:
    """A zip archive of 5 MB, with another content of the same length for each `fill`."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr(zipfile.ZipInfo("Cat/0.jpg"), bytes([fill]) * 5_000_000)
    return written.getvalue()


CONTENT = archive(1)


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; `cut` ends the next answer early, `ranges` says whether it can resume.

    `length` says whether it tells how long an answer is, `shift` by how much it misses the range asked for.
    """

    content = CONTENT
    cut = 0
    length = True
    ranges = True
    shift = 0
    asked: list[str | None]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        content = self.server.content
        if start >= len(content):
            self.send_error(416)
            return
        start += self.server.shift if start else 0
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.server.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, self.server.cut = self.server.cut, 0
        self.wfile.write(body[: cut or None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/pets.zip"


def got(server: Server, tmp_path: Path, *, offline: bool = False) -> bytes:
    return fetch(address(server), tmp_path / "pets.zip", offline=offline, progress=nothing).read_bytes()


def test_a_file_is_downloaded_once_and_its_progress_is_told(server: Server, tmp_path: Path):
    told: list[tuple[int, int]] = []
    path = tmp_path / "pets.zip"
    fetch(address(server), path, offline=False, progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert got(server, tmp_path) == CONTENT
    assert len(server.asked) == 1


def test_a_download_that_was_cut_goes_on_where_it_stopped(server: Server, tmp_path: Path):
    server.cut = 1_000_000
    with pytest.raises(UserError, match="failed") as caught:
        got(server, tmp_path)
    assert "run again to go on" in caught.value.hint
    assert not (tmp_path / "pets.zip").exists()
    assert got(server, tmp_path) == CONTENT
    assert server.asked == [None, "bytes=1000000-"]


def test_a_server_that_cannot_resume_sends_the_whole_again(server: Server, tmp_path: Path):
    server.ranges = False
    (tmp_path / "pets.zip.partial").write_bytes(b"a part of something")
    assert got(server, tmp_path) == CONTENT


def test_a_download_that_was_whole_but_not_named_is_taken(server: Server, tmp_path: Path):
    (tmp_path / "pets.zip.partial").write_bytes(CONTENT)
    assert got(server, tmp_path) == CONTENT


@pytest.mark.parametrize("before", [archive(2)[:1_000_000], b"garbage" * 1_000_000], ids=["mixed", "416"])
def test_what_makes_no_archive_with_what_came_before_is_fetched_anew(
    server: Server, tmp_path: Path, before: bytes
):
    (tmp_path / "pets.zip.partial").write_bytes(before)
    assert got(server, tmp_path) == CONTENT
    assert server.asked == [f"bytes={len(before)}-", None]


def test_another_part_than_was_asked_for_is_not_appended(server: Server, tmp_path: Path):
    (tmp_path / "pets.zip.partial").write_bytes(CONTENT[:1000])
    server.shift = 7
    assert got(server, tmp_path) == CONTENT
    assert server.asked == ["bytes=1000-", None]


def refused(server: Server, tmp_path: Path) -> UserError:
    with pytest.raises(UserError, match="expected a whole zip archive") as caught:
        got(server, tmp_path)
    assert list(tmp_path.iterdir()) == []
    return caught.value


def test_a_page_in_place_of_the_archive_is_refused_and_not_pinned(server: Server, tmp_path: Path):
    server.content = b"<html>moved</html>"
    assert "<html>" in refused(server, tmp_path).problem


def test_a_cut_download_of_unknown_length_is_refused_and_not_pinned(server: Server, tmp_path: Path):
    server.cut, server.length = 1_000_000, False
    refused(server, tmp_path)
    assert got(server, tmp_path) == CONTENT


def test_a_file_put_there_that_is_no_archive_is_not_pinned(server: Server, tmp_path: Path):
    (tmp_path / "pets.zip").write_bytes(b"<html>")
    with pytest.raises(UserError, match="found a file that is none"):
        got(server, tmp_path, offline=True)
    assert [path.name for path in tmp_path.iterdir()] == ["pets.zip"]


def test_other_content_under_the_pinned_name_is_an_error(server: Server, tmp_path: Path):
    got(server, tmp_path)
    (tmp_path / "pets.zip").write_bytes(b"other")
    with pytest.raises(UserError, match="was pinned on first use"):
        got(server, tmp_path)


def test_offline_the_message_says_which_file_goes_where(server: Server, tmp_path: Path):
    with pytest.raises(UserError, match="--offline downloads nothing") as caught:
        got(server, tmp_path, offline=True)
    assert (caught.value.where, address(server) in caught.value.hint) == (str(tmp_path / "pets.zip"), True)
    assert server.asked == []


def test_a_server_that_is_not_there_is_a_message(tmp_path: Path):
    with pytest.raises(UserError, match="failed") as caught:
        fetch("http://127.0.0.1:9/pets.zip", tmp_path / "pets.zip", offline=False, progress=nothing)
    assert caught.value.hint.startswith("Nothing came; run again")
