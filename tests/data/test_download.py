"""Downloads against a real server on this machine: whole, cut, resumed, pinned, refused."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import nothing

from harness.data.download import fetch
from harness.errors import UserError

CONTENT = bytes(range(256)) * 20_000


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; `cut` ends the next answer early, `ranges` says whether it can resume."""

    cut = 0
    ranges = True
    asked: list[str | None]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
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
    with pytest.raises(UserError, match="failed"):
        fetch("http://127.0.0.1:9/pets.zip", tmp_path / "pets.zip", offline=False, progress=nothing)
