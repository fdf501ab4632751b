"""No thread for one more camera, no picture for a while, no folder for temporary files: words, and a second try."""

from __future__ import annotations

import asyncio
import http.server
import io
import os
import resource
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import av
import numpy as np
import pytest

from streamer.sources import thread as threads
from streamer.sources.base import State
from streamer.sources.url import UrlSource
from tests.support.asgi import Asked, asking
from tests.support.documents import ROOT
from tests.support.leftovers import as_before
from tests.support.sources import Viewer

RATE = 48_000  # samples a second
SAMPLES = RATE // 25  # as long as a picture


def broadcast(*, pictures: bool) -> bytes:
    """Two seconds of MPEG-TS with sound, and with pictures or not."""
    data = io.BytesIO()
    with av.open(data, "w", format="mpegts") as container:
        sound = container.add_stream("mp2", rate=RATE)
        sound.layout = "mono"
        video = container.add_stream("mpeg2video", rate=25) if pictures else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        for index in range(50):
            heard = av.AudioFrame.from_ndarray(np.zeros((1, SAMPLES), np.int16), format="s16", layout="mono")
            heard.sample_rate, heard.pts = RATE, index * SAMPLES
            container.mux(sound.encode(heard))
            if video is not None:
                seen = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 90, np.uint8), format="rgb24")
                seen.pts = index
                container.mux(video.encode(seen))
        container.mux(sound.encode(None))
        if video is not None:
            container.mux(video.encode(None))
    return data.getvalue()


@pytest.fixture
def camera() -> Iterator[str]:
    """Its address. The first who asks hears sound; the others see pictures too."""
    answers = [broadcast(pictures=False)]
    whole = broadcast(pictures=True)

    class Camera(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)  # without a length: it is live
            self.end_headers()
            self.wfile.write(answers.pop() if answers else whole)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/live.ts"
        server.shutdown()
        serving.join()


async def test_a_camera_that_sends_sound_alone_is_tried_again_until_it_sends_pictures(camera: str) -> None:
    viewer = Viewer()
    async with as_before(), viewer.watching(UrlSource(camera)):
        await viewer.seen(1)
        states = [state for state, _ in viewer.states[:3]]  # it has little to send, and may be lost again by now
        assert states == [State.CONNECTING, State.RECONNECTING, State.LIVE]
        assert viewer.states[1][1].startswith("It sends no video; there is sound. Trying again in")


@pytest.fixture
async def here() -> AsyncIterator[Asked]:
    async with asking(max_sessions=8) as here:
        yield here


async def test_without_a_thread_for_it_a_new_camera_is_refused_and_asked_again_it_is_taken(
    here: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"source": "demo:?size=128x96&fps=5"}
    first = (await here.http.post("/sessions", json=source)).json()["id"]
    while threads.readers() != (1, 0):  # noqa: ASYNC110  (a thread that starts tells nobody)
        await asyncio.sleep(0.02)
    with monkeypatch.context() as limited:
        limited.setattr(threads, "MAX_THREADS", 1)
        answer = await here.http.post("/sessions", json=source)
        assert answer.status_code == 429
        assert "which is the limit" in answer.json()["message"]
        assert int(answer.headers["Retry-After"]) > 0
        assert len((await here.http.get("/sessions")).json()["sessions"]) == 1
    await here.http.delete(f"/sessions/{first}")
    assert (await here.http.post("/sessions", json=source)).status_code == 201


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["run", "demo:"], ["doctor"]])
def test_without_a_folder_for_temporary_files_words_say_so(command: list[str]) -> None:
    """Not a byte can be written to any file; libraries would end in a traceback when they are imported."""
    run = subprocess.run(
        [sys.executable, "-m", "streamer", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("streamer: There is no folder for temporary files")
    assert "Set TMPDIR to one" in run.stderr
    assert len(run.stderr.splitlines()) == 1
