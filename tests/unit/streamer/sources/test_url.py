"""Files, HTTP and what can go wrong: every address here is answered, or not, by something real."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.server
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.recording import record
from streamer import limits
from streamer.frame import Frame
from streamer.sources import schemes
from streamer.sources import url as module
from streamer.sources.base import State
from streamer.sources.url import UrlSource, backoff
from tests.support.sources import Viewer, reason_after, whole

FRAMES = 40


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("films") / "film.mp4", FRAMES)


# Recordings


async def test_every_frame_of_a_file_arrives_with_its_own_time(film: Path) -> None:
    viewer = await whole(film)
    assert [index for index, *_ in viewer.frames] == list(range(FRAMES))
    assert {epoch for _, epoch, *_ in viewer.frames} == {0}
    seconds = [float((pts or 0) * base) for _, _, pts, base in viewer.frames]
    assert np.allclose(np.diff(seconds), 1 / 15, atol=1e-3)
    assert viewer.states == [
        (State.CONNECTING, ""),
        (State.LIVE, ""),
        (State.ENDED, "The recording has ended."),
    ]


async def test_a_file_is_not_live_and_waits_for_its_reader(film: Path) -> None:
    source = UrlSource(str(film))
    assert not source.live
    first, released, taken = asyncio.Event(), asyncio.Event(), 0

    async def out(frame: Frame) -> None:
        nonlocal taken
        taken += 1
        first.set()
        await released.wait()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(source.run(out, lambda state, reason: None))
        await first.wait()
        released.set()
    assert taken == FRAMES


async def test_a_file_that_is_no_video_ends_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("This is no film. " * 1000)
    viewer = await whole(path)
    assert viewer.states[-1] == (State.ENDED, "It sends no video that can be read.")


async def test_a_file_with_nothing_but_sound_ends_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    viewer = await whole(path)
    assert viewer.states[-1] == (State.ENDED, "There is no video in it; there is sound.")


@pytest.fixture
def future(film: Path, tmp_path: Path) -> Path:
    """A film whose container names a codec that does not exist."""
    path = tmp_path / "future.mp4"
    path.write_bytes(film.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))
    return path


async def test_a_codec_nobody_decodes_ends_with_the_reason(future: Path) -> None:
    viewer = await whole(future)
    state, reason = viewer.states[-1]
    assert state is State.ENDED
    assert reason == "Nothing here decodes its video codec."


async def test_a_file_cut_in_the_middle_gives_what_it_has(tmp_path: Path) -> None:
    film = record(tmp_path / "film.ts", FRAMES)
    data = film.read_bytes()
    film.write_bytes(data[: len(data) // 2])
    viewer = await whole(film)
    assert 0 < len(viewer.frames) < FRAMES
    assert viewer.states[-1][0] is State.ENDED


async def test_damaged_pictures_are_concealed(tmp_path: Path) -> None:
    film = record(tmp_path / "film.ts", FRAMES)
    data = bytearray(film.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(len(data) // 4, len(data), 60):
        data[place] ^= 0xFF
    film.write_bytes(data)
    viewer = await whole(film)
    assert len(viewer.frames) > FRAMES // 4
    assert viewer.states[-1] == (State.ENDED, "The recording has ended.")


async def test_packets_that_cannot_be_decoded_are_left_out_and_counted(tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", FRAMES)
    data = bytearray(film.read_bytes())
    first, last = (data.index(b"mdat") + 4 + (len(data) - data.index(b"mdat")) * part // 10 for part in (4, 6))
    data[first:last] = bytes(last - first)
    film.write_bytes(data)
    viewer = await whole(film)
    assert FRAMES // 4 < len(viewer.frames) < FRAMES
    state, reason = viewer.states[-1]
    assert state is State.ENDED
    assert re.fullmatch(r"The recording has ended; damaged packets in it were left out: \d+\.", reason)


async def test_a_scheme_that_this_ffmpeg_does_not_speak_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which ones it speaks depends on the build; none speaks this."""
    monkeypatch.setattr(schemes, "SCHEMES", schemes.SCHEMES | {"warp"})
    monkeypatch.setitem(schemes.READERS, "warp", schemes.READERS["udp"])
    viewer = await whole("warp://127.0.0.1:1")
    assert viewer.states[-1] == (State.ENDED, "The FFmpeg of this server does not speak warp.")


async def test_a_picture_too_large_is_refused(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_FRAME_PIXELS", 320 * 240 - 1)
    viewer = await whole(film)
    assert viewer.frames == []
    assert "320×240 pixels is over the limit" in viewer.states[-1][1]


# HTTP


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        status = {"/locked": 401, "/forbidden": 403, "/broken": 500}.get(self.path)
        if status is None:
            super().do_GET()
        else:
            self.send_error(status)


@pytest.fixture
def web(film: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(film.parent)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_recording_over_http_gives_every_frame_and_ends(web: str) -> None:
    viewer = await whole(f"http://{web}/film.mp4")
    assert [index for index, *_ in viewer.frames] == list(range(FRAMES))
    assert viewer.states[-1] == (State.ENDED, "The recording has ended.")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("locked", r"user name or password is wrong \(401\)"),
        ("forbidden", r"forbidden \(403\)"),
        ("missing.mp4", r"no such stream at that address \(404\)"),
        ("broken", "answered with an error"),
    ],
)
async def test_what_a_server_refuses_is_told_in_words_without_the_password(web: str, path: str, words: str) -> None:
    source = UrlSource(f"http://me:secret@{web}/{path}")
    reason = await reason_after(source)
    assert re.search(words, reason)
    assert "secret" not in reason + source.name


# Addresses that do not answer


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
async def test_an_address_that_says_nothing_is_given_up_in_time(scheme: str) -> None:
    with silent_server() as port:
        reason = await reason_after(UrlSource(f"{scheme}://127.0.0.1:{port}/1", open_timeout=0.3, read_timeout=0.3))
    assert reason.startswith("127.0.0.1 did not answer in time.")


async def test_a_port_nobody_listens_on_is_told_as_such() -> None:
    with silent_server() as port:
        pass
    assert (await reason_after(UrlSource(f"rtsp://127.0.0.1:{port}/1"))).startswith("127.0.0.1 refuses connections")


async def test_a_name_that_does_not_exist_is_told_as_such() -> None:
    reason = await reason_after(UrlSource("rtsp://me:secret@camera.invalid/1"))
    assert reason.startswith("The name camera.invalid cannot be resolved.")


async def test_it_can_be_stopped_at_once_while_connecting() -> None:
    with silent_server() as port:
        source = UrlSource(f"rtsp://127.0.0.1:{port}/1", open_timeout=60, read_timeout=60)
        viewer = Viewer()
        async with viewer.watching(source) as task:
            await viewer.until(lambda state, reason: state is State.CONNECTING)
            task.cancel()
            async with asyncio.timeout(30):  # less than the time it would wait for an answer
                await asyncio.wait([task])
        assert viewer.states == [(State.CONNECTING, "")]


# Time and waiting


def test_waits_grow_to_their_limit_and_differ() -> None:
    waits = [[backoff(tries) for tries in range(1, 200)] for _ in range(5)]
    for each in waits:
        assert 0.375 <= each[0] <= 0.625
        assert max(each) <= module.LONGEST_WAIT * 1.25
        assert min(each[10:]) >= module.LONGEST_WAIT * 0.75
    assert len({each[0] for each in waits}) > 1
