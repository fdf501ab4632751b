"""
Downloads: refused with the way to get access, resumed where they broke off, and compared with what is known of them.

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
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest

import tracker.checkpoints.download
from tests.support.hub import COMMIT, CONTENT, Hub, serving_files
from tracker import WeightsError
from tracker.checkpoints.download import FORGOTTEN, TRIES, download, kept
from tracker.model.configs import RemoteFile

SAM3 = RemoteFile("facebook/sam3", "sam3.pt", gated=True)
FREE = RemoteFile("some/model", "weights/small.pt")  # of nobody who asks for a form
HASH = hashlib.sha256(CONTENT).hexdigest()


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
        download(SAM3, told.append, endpoint=hub, cache=tmp_path)
    assert "facebook/sam3" in told[0]


@pytest.mark.parametrize("hub", [(200, None)], indirect=True)
def test_a_server_that_talks_nonsense_is_no_traceback(hub: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be had"):
        download(SAM3, endpoint=hub, cache=tmp_path)


@pytest.mark.slow  # the client tries again for twenty seconds
def test_without_a_network_the_download_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be had"):
        download(SAM3, endpoint="http://127.0.0.1:9", cache=tmp_path)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(tracker.checkpoints.download, "PAUSE", 0.01)
    with serving_files() as server:
        yield server


def test_a_download_says_how_far_it_is_and_is_kept(stand: Hub, tmp_path: Path) -> None:
    told: list[str] = []
    path = download(SAM3, told.append, endpoint=stand.url, cache=tmp_path)
    assert path.name == "sam3.pt"
    assert path.read_bytes() == CONTENT
    shares = [int(found[1]) for each in told if (found := re.search(r"\((\d+) %\)", each))]
    assert shares == sorted(set(shares))
    assert len(shares) >= 5 and shares[-1] == 100
    assert download(SAM3, endpoint=stand.url, cache=tmp_path) == path
    assert stand.asked == [None]


def test_what_is_there_needs_no_server(stand: Hub, tmp_path: Path) -> None:
    path = download(SAM3, endpoint=stand.url, cache=tmp_path)
    assert download(SAM3, endpoint="http://127.0.0.1:9", cache=tmp_path) == path


def test_a_broken_connection_is_taken_up_where_it_broke(stand: Hub, tmp_path: Path) -> None:
    stand.most = len(CONTENT) // 3 + 1
    assert download(SAM3, endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT
    assert len(stand.asked) == 3
    starts = [int(str(each).removeprefix("bytes=").removesuffix("-")) for each in stand.asked[1:]]
    assert 0 < starts[0] < starts[1] < len(CONTENT)


def test_another_start_goes_on_with_what_the_last_one_had(stand: Hub, tmp_path: Path) -> None:
    """The process ended in the middle: nothing of it is left but the file."""
    blobs = tmp_path / "models--facebook--sam3" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{HASH}.part").write_bytes(CONTENT[:4_000_000])
    told: list[str] = []
    assert download(SAM3, told.append, endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT
    assert stand.asked == ["bytes=4000000-"]
    assert any("going on with sam3.pt" in each and "(39 %)" in each for each in told)
    assert not (blobs / f"{HASH}.part").exists()


def test_what_was_begun_of_an_older_version_does_not_stay_for_ever(stand: Hub, tmp_path: Path) -> None:
    blobs = tmp_path / "models--facebook--sam3" / "blobs"
    blobs.mkdir(parents=True)
    old, new = blobs / "0ld.part", blobs / "n3w.part"  # the second may be another process's of this moment
    for each in (old, new):
        each.write_bytes(b"x")
    os.utime(old, (time.time() - 2 * FORGOTTEN,) * 2)
    download(SAM3, endpoint=stand.url, cache=tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_server_that_knows_no_ranges_begins_again(stand: Hub, tmp_path: Path) -> None:
    stand.ranges = False
    blobs = tmp_path / "models--facebook--sam3" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{HASH}.part").write_bytes(b"x" * 4_000_000)
    assert download(SAM3, endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT


def test_a_server_that_gives_nothing_is_not_asked_for_ever(stand: Hub, tmp_path: Path) -> None:
    stand.most = 0
    with pytest.raises(WeightsError, match=r"cannot be had \(\w+\)\. What has come so far is kept; try again"):
        download(SAM3, endpoint=stand.url, cache=tmp_path)
    assert len(stand.asked) == TRIES


def test_a_server_that_is_busy_is_asked_again(stand: Hub, tmp_path: Path) -> None:
    stand.busy = 2
    assert download(SAM3, endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT
    assert len(stand.asked) == 3


def test_a_disk_without_room_is_told_before_anything_is_fetched(stand: Hub, tmp_path: Path) -> None:
    stand.length = 10**18
    with pytest.raises(WeightsError, match=r"cannot be kept: .*1000000000\.0 GB are to come, and .* has room for"):
        download(SAM3, endpoint=stand.url, cache=tmp_path)
    assert stand.asked == []


def test_a_disk_that_is_full_in_the_middle_is_told_as_that(
    stand: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tracker.checkpoints.download, "_read", full)
    with pytest.raises(WeightsError, match=r"cannot be kept: .*No space left.* HF_HOME names another place"):
        download(SAM3, endpoint=stand.url, cache=tmp_path)


def test_a_file_that_arrived_damaged_is_thrown_away(stand: Hub, tmp_path: Path) -> None:
    blobs = tmp_path / "models--facebook--sam3" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{HASH}.part").write_bytes(b"x" * 4_000_000)  # of another file
    with pytest.raises(WeightsError, match="arrived damaged and was deleted"):
        download(SAM3, endpoint=stand.url, cache=tmp_path)
    assert download(SAM3, endpoint=stand.url, cache=tmp_path).read_bytes() == CONTENT
    assert stand.asked == ["bytes=4000000-", None]


def test_a_file_is_asked_for_and_kept_by_its_revision(stand: Hub, tmp_path: Path) -> None:
    pinned = replace(FREE, revision=COMMIT, size=len(CONTENT), sha256=HASH)
    assert kept(pinned, cache=tmp_path) is None
    path = download(pinned, endpoint=stand.url, cache=tmp_path)
    assert set(stand.paths) == {f"/some/model/resolve/{COMMIT}/weights/small.pt"}
    assert kept(pinned, cache=tmp_path) == path
    assert kept(replace(pinned, revision="b" * 40), cache=tmp_path) is None


def test_another_file_than_the_one_that_is_known_is_not_even_fetched(stand: Hub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=rf"not the file that is known here: the server says SHA-256 {HASH}, not 00"):
        download(replace(FREE, sha256="0" * 64), endpoint=stand.url, cache=tmp_path)
    with pytest.raises(WeightsError, match=rf"the server says size {len(CONTENT)}, not 5\. It was not fetched"):
        download(replace(FREE, size=5), endpoint=stand.url, cache=tmp_path)
    assert stand.asked == []


def test_a_server_that_knows_no_hash_is_not_believed(stand: Hub, tmp_path: Path) -> None:
    stand.tag = "some-tag"
    with pytest.raises(WeightsError, match="arrived damaged and was deleted"):
        download(replace(FREE, sha256="0" * 64), endpoint=stand.url, cache=tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_a_kept_file_that_is_not_the_known_one_is_refused(stand: Hub, tmp_path: Path) -> None:
    stand.tag = "some-tag"
    path = download(FREE, endpoint=stand.url, cache=tmp_path)
    with pytest.raises(WeightsError, match=rf"its SHA-256 is {HASH}, not 00.* Delete it and fetch it again"):
        download(replace(FREE, sha256="0" * 64), endpoint=stand.url, cache=tmp_path)
    assert download(replace(FREE, sha256=HASH), endpoint=stand.url, cache=tmp_path) == path


@pytest.mark.parametrize(
    ("hub", "words"),
    [
        ((401, "RepoNotFound"), "some/model/weights/small.pt cannot be had: there is no such file, or it is private"),
        ((404, "RevisionNotFound"), "there is no such file"),
        ((404, "EntryNotFound"), "there is no such file"),
        ((403, "GatedRepo"), r"Access to some/model was refused.*huggingface\.co/some/model.*--model FILE"),
        ((500, None), r"cannot be had \(.*\)\. What has come so far is kept; try again"),
    ],
    indirect=["hub"],
)
def test_what_is_free_is_refused_without_a_form(hub: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=words):
        download(FREE, endpoint=hub, cache=tmp_path)


def test_offline_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"cannot be had \(OfflineModeIsEnabled\).*--model FILE"):
        download(FREE, cache=tmp_path)


def test_each_piece_is_told_in_bytes_and_who_watches_may_end_it(stand: Hub, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def watch(done: int, size: int) -> None:
        told.append((done, size))
        if len(told) == 3:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        download(FREE, watch=watch, endpoint=stand.url, cache=tmp_path)
    begun = told[-1][0]
    download(FREE, watch=watch, endpoint=stand.url, cache=tmp_path)
    assert stand.asked == [None, f"bytes={begun}-"]
    assert told == sorted(told) and told[-1] == (len(CONTENT), len(CONTENT))
