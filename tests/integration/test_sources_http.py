"""HLS and MJPEG over HTTP, from real servers: playlists that FFmpeg writes, JPEGs that a web camera would send."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from benchmarks.recording import record
from streamer.sources import url as module
from streamer.sources.base import FINISHED, State
from streamer.sources.url import UrlSource
from tests.support.sources import Viewer, whole

FPS = 15  # of the recordings
FRAMES = 8 * FPS


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("films") / "film.mp4", FRAMES, size=(160, 120))


@contextlib.contextmanager
def listening(handler: Callable[..., http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# HLS


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Broadcast:
    """A station: writes one-second segments of a film and a playlist of the last four, in time or all at once."""

    def __init__(self, film: Path, folder: Path) -> None:
        self.film = film
        self.playlist = folder / "live.m3u8"
        self.on_air = threading.Event()
        self.stop = threading.Event()

    def record(self) -> None:
        self._write({"hls_playlist_type": "vod", "hls_list_size": "0"}, lambda seconds: None)

    def send(self) -> None:
        def in_time(seconds: float) -> None:
            self.stop.wait(1 / FPS)
            if seconds > 2:
                self.on_air.set()

        self._write({"hls_list_size": "4", "hls_flags": "delete_segments"}, in_time)

    def _write(self, options: dict[str, str], wait: Callable[[float], None]) -> None:
        with (
            av.open(str(self.film)) as source,
            av.open(str(self.playlist), "w", format="hls", options={"hls_time": "1", **options}) as target,
        ):
            stream = source.streams.video[0]
            copy = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.pts is not None:
                    seconds = float(packet.pts * packet.time_base)
                    packet.stream = copy
                    target.mux(packet)
                    wait(seconds)


@pytest.fixture
def station(film: Path, tmp_path: Path) -> Broadcast:
    return Broadcast(film, tmp_path)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    with listening(functools.partial(Quiet, directory=str(tmp_path))) as web:
        yield web


async def test_a_recording_in_hls_gives_every_frame_and_ends(station: Broadcast, web: str) -> None:
    station.record()
    viewer = await whole(f"http://{web}/live.m3u8")
    assert [index for index, *_ in viewer.frames] == list(range(FRAMES))
    assert viewer.states[-1] == (State.ENDED, FINISHED)


async def test_a_broadcast_comes_frame_by_frame_and_not_in_bursts_and_is_not_played_again(
    station: Broadcast, web: str
) -> None:
    """Its segments arrive a second at a time. When the station closes, what is left is a recording."""
    sending = threading.Thread(target=station.send)
    sending.start()
    viewer = Viewer()
    try:
        assert station.on_air.wait(30)
        source = UrlSource(f"http://{web}/live.m3u8")
        async with viewer.watching(source):
            await viewer.seen(3 * FPS)
            assert source.live
            gaps = np.diff(viewer.arrived)
            assert np.median(gaps) > 0.5 / FPS  # in bursts it would be a millisecond
            station.stop.set()
            ended = await viewer.until(lambda state, reason: state is State.ENDED)
    finally:
        station.stop.set()
        sending.join()
    assert ended == "The broadcast has ended; what is left at that address is a recording of it."
    assert len(viewer.frames) <= FRAMES
    times = [pts for _, _, pts, _ in viewer.frames if pts is not None]
    assert times == sorted(set(times))


# MJPEG


class WebCamera(http.server.BaseHTTPRequestHandler):
    """Sends one JPEG after the other; with ``/short`` it hangs up after ten, with ``/wall`` it wants a password."""

    def __init__(self, *args: Any, length: bool) -> None:
        self.length = length
        super().__init__(*args)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        if self.path == "/wall" and self.headers["Authorization"] is None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in range(10 if self.path == "/short" else 1000):
                time.sleep(0.05)  # its frame rate
                self.wfile.write(self._part(number))

    def _part(self, number: int) -> bytes:
        held = io.BytesIO()
        Image.fromarray(np.full((48, 64, 3), number % 256, np.uint8)).save(held, "JPEG")
        data = held.getvalue()
        length = f"Content-Length: {len(data)}\r\n" if self.length else ""
        return f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + data + b"\r\n"


@contextlib.contextmanager
def camera(*, length: bool = True) -> Iterator[str]:
    with listening(functools.partial(WebCamera, length=length)) as web:
        yield web


@pytest.mark.parametrize("length", [True, False])
async def test_a_web_cameras_jpegs_are_a_live_stream_without_a_clock(length: bool) -> None:
    with camera(length=length) as web:
        viewer, source = Viewer(), UrlSource(f"http://{web}/video?token=secret")
        async with viewer.watching(source):
            await viewer.seen(15)
        assert source.live
        assert "secret" not in source.name
    assert {pts for _, _, pts, _ in viewer.frames} == {None}  # FFmpeg would invent 25 a second
    indexes = [index for index, *_ in viewer.frames]
    assert indexes == sorted(set(indexes))


async def test_one_that_hangs_up_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    with camera() as web:
        viewer = Viewer()
        async with viewer.watching(UrlSource(f"http://{web}/short")):
            await viewer.seen(25)
    assert State.RECONNECTING in {state for state, _ in viewer.states}
    assert len({epoch for _, epoch, *_ in viewer.frames}) >= 3


async def test_its_password_is_sent_and_not_shown() -> None:
    with camera() as web:
        viewer, source = Viewer(), UrlSource(f"http://me:secret@{web}/wall")
        async with viewer.watching(source):
            await viewer.seen(3)
    assert source.name == f"http://me:***@{web}/wall"
