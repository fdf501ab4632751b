"""Pictures that come late: behind a keyframe, or faster than they are decoded; and recordings of no known length."""

from __future__ import annotations

import http.server
import io
import time
from pathlib import Path
from typing import Any

import av
import pytest

from benchmarks.recording import record
from benchmarks.support.rtsp import free_port
from streamer.sources import decoding
from streamer.sources import url as module
from streamer.sources.base import FINISHED, State
from streamer.sources.decoding import Decoding
from streamer.sources.thread import Outlet
from streamer.sources.url import UrlSource
from tests.support.sources import Viewer, whole
from tests.support.udp import sending
from tests.support.web import Answer, web

FPS = 15  # of the recordings
FRAMES = 3 * FPS


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    record(folder / "film.ts", FRAMES, size=(160, 120))
    record(folder / "film.webm", FRAMES, size=(160, 120), codec="libvpx")
    (folder / "recorded.webm").write_bytes(without_duration(folder / "film.webm"))
    return folder


def without_duration(film: Path) -> bytes:
    """As a browser's MediaRecorder writes it: to where it cannot go back, so that it says no duration."""
    held = io.BytesIO()
    held.seekable = lambda: False  # type: ignore[method-assign]
    held.close = lambda: None  # type: ignore[method-assign]
    with av.open(str(film)) as source, av.open(held, "w", format="webm", options={"live": "1"}) as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    return held.getvalue()


def plain(body: bytes, *, length: bool) -> Answer:
    """A server that takes no ranges, and says how long it is, or does not."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if length:
            request.send_header("Content-Length", str(len(body)))
        else:
            request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.mark.parametrize("name", ["recorded.webm", "film.ts"])
async def test_what_has_a_length_is_a_recording_though_it_says_no_duration(films: Path, name: str) -> None:
    with web({"/film": plain((films / name).read_bytes(), length=True)}) as site:
        viewer = await whole(f"http://{site.place}/film")
    assert [index for index, *_ in viewer.frames] == list(range(FRAMES))
    assert viewer.states[-1] == (State.ENDED, FINISHED)
    assert site.paths == ["/film"]


@pytest.mark.parametrize("name", ["recorded.webm", "film.ts"])
async def test_what_begins_with_the_same_picture_each_time_is_read_once_more_as_a_recording(
    films: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not say how long it is: it may be a camera, until it is asked a second time."""
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    with web({"/film": plain((films / name).read_bytes(), length=False)}) as site:
        viewer = await whole(f"http://{site.place}/film")
    assert viewer.states[-1] == (State.ENDED, FINISHED)
    assert site.paths == ["/film"] * 3
    pts = [pts for _, epoch, pts, _ in viewer.frames if epoch == viewer.frames[-1][1] and pts is not None]
    assert len(pts) == FRAMES and pts == sorted(set(pts))


async def test_a_keyframe_is_waited_for_on_one_connection_as_long_as_packets_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joined behind its first keyframe, the next far away: at ten times its speed, and with a tenth of the patience."""
    film = record(tmp_path / "film.ts", 250, size=(160, 120), fps=250)
    monkeypatch.setattr(module, "BLIND", 0.2)
    monkeypatch.setattr(decoding, "UNSEEN", 0.0)
    check, words = Outlet.check, list[int]()

    def counted(self: Outlet) -> None:
        words.append(len(viewer.frames))
        check(self)

    monkeypatch.setattr(Outlet, "check", counted)
    viewer, port = Viewer(), free_port()
    async with viewer.watching(UrlSource(f"udp://127.0.0.1:{port}?timeout=30000000")):
        with sending(film, port, first=20, fps=150):
            await viewer.seen(5)
    assert words.count(0) > 50  # else the thread would be taken for one that hangs
    assert {epoch for _, epoch, *_ in viewer.frames} == {0}
    states = [state for state, _ in viewer.states]
    assert State.RECONNECTING not in states
    assert states[-1] is State.LIVE


async def test_who_decodes_too_slowly_skips_to_the_newest_keyframe_and_counts(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder made slow stands for a picture that is too large for this machine."""
    decode = Decoding._decode

    def slow(self: Decoding, packet: Any) -> Any:
        time.sleep(0.1)
        return decode(self, packet)

    monkeypatch.setattr(Decoding, "_decode", slow)
    viewer, port = Viewer(), free_port()
    async with viewer.watching(UrlSource(f"udp://127.0.0.1:{port}")):
        with sending(films / "film.ts", port, fps=60):
            await viewer.seen(30)
    assert viewer.lost.late >= FPS
    assert min(viewer.decoding) > 0
    times = [pts for _, _, pts, _ in viewer.frames if pts is not None]
    assert times[-1] - times[0] > 2 * len(times) * 90_000 / FPS  # most were left out, and it keeps up by that
