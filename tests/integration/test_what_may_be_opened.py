"""What callers may open, asked over HTTP, and what they are told; how it is kept is in unit/streamer/sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.recording import record
from streamer.access import Access
from streamer.sources.base import FINISHED, State
from streamer.sources.url import UrlSource
from tests.support.models import untrained
from tests.support.serving import read, serving
from tests.support.sources import Viewer
from tests.support.web import leads, says, web

KEY = {"Authorization": "Bearer a-long-key"}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    (folder / "open").mkdir()
    record(folder / "open" / "film.mp4", 4, size=(160, 120))
    record(folder / "closed.ts", 4, size=(160, 120))
    return folder


def test_with_keys_only_what_is_listed_may_be_opened(films: Path) -> None:
    film, settings = films / "open" / "film.mp4", {"api_keys": ("a-long-key",)}
    with serving(untrained(), **settings) as served:
        for source in (
            str(film),
            "/etc/hostname",
            "/none",
            "rtsp://127.0.0.1:1/1",
            "http://2130706433/",
            "/dev/video0",
        ):
            answer = served.http.post("/sessions", json={"source": source}, headers=KEY)
            assert answer.status_code == 400, source
            assert "not opened by this server" in answer.json()["message"]
        assert served.http.post("/sessions", json={"source": "demo:"}, headers=KEY).status_code == 201
    listed = {**settings, "source_roots": (films / "open",), "source_networks": ("192.0.2.0/24",)}
    with serving(untrained(), **listed) as served:
        for source in ("/etc/hostname", "/none", str(films / "open" / ".." / "closed.ts"), "rtsp://0x7f000001/1"):
            answer = served.http.post("/sessions", json={"source": source}, headers=KEY)
            assert answer.status_code == 400, source
            assert "that this server opens" in answer.json()["message"]
        assert served.http.post("/sessions", json={"source": str(film)}, headers=KEY).status_code == 201


def test_without_keys_and_lists_everything_may_be_opened_but_text_is_no_video(films: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("root:x:0:0\n" * 100)
    with serving(untrained()) as served:
        for source, reason in ((text, "It sends no video that can be read."), (films / "closed.ts", FINISHED)):
            session = served.start(str(source))
            with served.results(session) as socket:
                assert read(socket, "state", state="ended")["reason"] == reason


async def ended(address: str, access: Access) -> tuple[int, str]:
    """Frames, and the reason of the end, or of the first trouble where it is tried again."""
    viewer = Viewer()
    async with viewer.watching(UrlSource(address, access=access, open_timeout=5, read_timeout=5)):
        reason = await viewer.until(lambda state, reason: state in (State.ENDED, State.RECONNECTING))
    return len(viewer.frames), reason


async def test_playlists_and_redirects_meet_the_same_rule(films: Path) -> None:
    segment = (films / "closed.ts").read_bytes()
    access = Access(roots=(films / "open",), networks=("127.0.0.1/32",))
    with web({"/one.ts": says(segment)}, "127.0.0.2") as far:
        lists = [f"http://{far.place}/one.ts", "file:///etc/hostname", "one.ts", "moved.ts"]
        body = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
        kind = "application/vnd.apple.mpegurl"
        answers = {f"/{n}": says(body.format(each).encode(), Content_Type=kind) for n, each in enumerate(lists)}
        answers |= {"/one.ts": says(segment), "/moved.ts": leads(f"http://{far.place}/one.ts")}
        with web(answers) as site:
            frames = [await ended(f"http://{site.place}/{index}", access) for index in range(4)]
        assert [count > 0 for count, _ in frames] == [False, False, True, False]  # what is slow misses some of four
        assert "in no network that this server opens sources from" in frames[0][1] + frames[3][1]
    assert far.connections == 0
    playlist = films / "open" / "list.m3u8"
    for named in ("../closed.ts", f"{films}/closed.ts", "http://127.0.0.1:1/one.ts"):
        playlist.write_text(body.format(named))
        count, reason = await ended(str(playlist), access)
        assert count == 0
        assert reason != FINISHED
