"""
The gated download: refused with the way to get access, and resumed where it broke off.

Hugging Face cannot be asked here: an HTTP server of our own stands in for it, and huggingface_hub is the real one.
"""

from __future__ import annotations

import errno
import hashlib
import http.server
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracker.checkpoints.download
from tracker import WeightsError
from tracker.checkpoints.download import FORGOTTEN, TRIES, download


@pytest.fixture
def hub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A Hugging Face server of our own that answers every request with one status and error code."""
    status, code = request.param

    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
            body = json.dumps({"error": "refused"}).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_GET = do_HEAD  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "hub", [(401, "GatedRepo"), (403, "GatedRepo"), (401, None), (403, None), (404, "RepoNotFound")], indirect=True
)
def test_a_refused_download_tells_how_to_get_access(hub: str, tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(WeightsError, match=r"huggingface\.co/facebook/sam3.*accept the licence.*--checkpoint FILE"):
        download(told.append, endpoint=hub, cache=tmp_path)
    assert "facebook/sam3" in told[0]


@pytest.mark.parametrize("hub", [(200, None)], indirect=True)
def test_a_server_that_talks_nonsense_is_no_traceback(hub: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be had"):
        download(endpoint=hub, cache=tmp_path)


@pytest.mark.slow  # the client tries again for twenty seconds
def test_without_a_network_the_download_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be had"):
        download(endpoint="http://127.0.0.1:9", cache=tmp_path)


CONTENT = bytes(range(256)) * 40_000  # 10 MB


class Stand(http.server.ThreadingHTTPServer):
    """One file behind a server that may cut its answers short; it counts what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), File)
        self.tag = hashlib.sha256(CONTENT).hexdigest()
        self.most = len(CONTENT)  # bytes that one answer gives before the connection breaks
        self.ranges = True
        self.asked: list[str | None] = []
        self.busy = 0  # answers that are 503 before it serves

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class File(http.server.BaseHTTPRequestHandler):
    server: Stand

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("ETag", f'"{self.server.tag}"')
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()

    def do_GET(self) -> None:
        self.server.asked.append(self.headers["Range"])
        if self.server.busy:
            self.server.busy -= 1
            self.send_error(503)
            return
        start = 0
        if self.server.ranges and self.headers["Range"]:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + self.server.most])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.setattr(tracker.checkpoints.download, "PAUSE", 0.01)
    server = Stand()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_download_says_how_far_it_is_and_is_kept(stand: Stand, tmp_path: Path) -> None:
    told: list[str] = []
    path = download(told.append, endpoint=stand.url, cache=tmp_path)
    assert path.name == "sam3.pt"
    assert path.read_bytes() == CONTENT
    shares = [int(found[1]) for each in told if (found := re.search(r"\((\d+) %\)", each))]
    assert shares == sorted(set(shares))
    assert len(shares) >= 5 and shares[-1] == 100
    assert download(endpoint=stand.url, cache=tmp_path) == path
    assert stand.asked == [None]


def test_what_is_there_needs_no_server(stand: Stand, tmp_path: Path) -> None:
    path = download(endpoint=stand.url, cache=tmp_path)
    assert download(endpoint="http://127.0.0.1:9", cache=tmp_path) == path


def test_a_broken_connection_is_taken_up_where_it_broke(stand: Stand, tmp_path: Path) -> None:
    stand.most = len(CONTENT) // 3 + 1
    assert download(endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT
    assert len(stand.asked) == 3
    starts = [int(str(each).removeprefix("bytes=").removesuffix("-")) for each in stand.asked[1:]]
    assert 0 < starts[0] < starts[1] < len(CONTENT)


def test_another_start_goes_on_with_what_the_last_one_had(stand: Stand, tmp_path: Path) -> None:
    """The process ended in the middle: nothing of it is left but the file."""
    blobs = tmp_path / "models--facebook--sam3" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{stand.tag}.part").write_bytes(CONTENT[:4_000_000])
    told: list[str] = []
    assert download(told.append, endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT
    assert stand.asked == ["bytes=4000000-"]
    assert any("going on with sam3.pt" in each and "(39 %)" in each for each in told)
    assert not (blobs / f"{stand.tag}.part").exists()


def test_what_was_begun_of_an_older_version_does_not_stay_for_ever(stand: Stand, tmp_path: Path) -> None:
    blobs = tmp_path / "models--facebook--sam3" / "blobs"
    blobs.mkdir(parents=True)
    old, new = blobs / "0ld.part", blobs / "n3w.part"  # the second may be another process's of this moment
    for each in (old, new):
        each.write_bytes(b"x")
    os.utime(old, (time.time() - 2 * FORGOTTEN,) * 2)
    download(endpoint=stand.url, cache=tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_server_that_knows_no_ranges_begins_again(stand: Stand, tmp_path: Path) -> None:
    stand.ranges = False
    blobs = tmp_path / "models--facebook--sam3" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{stand.tag}.part").write_bytes(b"x" * 4_000_000)
    assert download(endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT


def test_a_server_that_gives_nothing_is_not_asked_for_ever(stand: Stand, tmp_path: Path) -> None:
    stand.most = 0
    with pytest.raises(WeightsError, match="cannot be had"):
        download(endpoint=stand.url, cache=tmp_path)
    assert len(stand.asked) == TRIES


def test_a_server_that_is_busy_is_asked_again(stand: Stand, tmp_path: Path) -> None:
    stand.busy = 2
    assert download(endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT
    assert len(stand.asked) == 3


def test_a_full_disk_is_told_as_that(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tracker.checkpoints.download, "_read", full)
    with pytest.raises(WeightsError, match=r"cannot be kept: .*No space left"):
        download(endpoint=stand.url, cache=tmp_path)


def test_a_file_that_arrived_damaged_is_thrown_away(stand: Stand, tmp_path: Path) -> None:
    blobs = tmp_path / "models--facebook--sam3" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{stand.tag}.part").write_bytes(b"x" * 4_000_000)  # of another file
    with pytest.raises(WeightsError, match="arrived damaged and was deleted"):
        download(endpoint=stand.url, cache=tmp_path)
    assert download(endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT
    assert stand.asked == ["bytes=4000000-", None]
