"""How many pictures one session keeps, of whatever size they are, when everything behind its source hangs."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.large_pictures import Film, record
from streamer.frame import Frame
from streamer.live import jpegs
from tests.support.asgi import asking
from tests.support.documents import ROOT
from tests.support.hanging import HangingModel

# The one that the source hands over, the one that is presented or waits for it, the one that waits to be looked at, the
# one that is looked at, the newest that was told, and the one that is on its way from the one to the other.
IN_HAND = 6
DECODER = 12  # FFmpeg's, for H.264 with three references, read and decoded ahead by two threads; and two handed over
FILM = Film(width=160, height=120)


def pictures() -> int:
    """Frames with a picture that anybody holds."""
    gc.collect()
    return sum(type(each) is Frame for each in gc.get_objects())  # isinstance would wake what is lazy in torch


@pytest.fixture
def film(tmp_path: Path) -> Path:
    record(tmp_path / "film.mkv", FILM, 400)
    return tmp_path / "film.mkv"


@pytest.mark.parametrize(("pace", "large"), [("realtime", False), ("every", True)])
async def test_a_session_holds_so_many_pictures_and_no_more(
    film: Path, monkeypatch: pytest.MonkeyPatch, pace: str, large: bool
) -> None:
    if large:
        monkeypatch.setattr(jpegs, "PENDING_PIXELS", FILM.width * FILM.height)
    model, go_on = HangingModel(), threading.Event()
    async with asking(model) as here, asyncio.timeout(60):  # type: ignore[arg-type]
        before = pictures()
        started = await here.http.post("/sessions", json={"source": f"{film}?pace={pace}", "prompts": ["red"]})
        session = here.app.state.sessions.get(started.json()["id"])
        with session.subscribe(pictures=True):
            while session.told < 2:  # noqa: ASYNC110  (what is told tells nobody)
                await asyncio.sleep(0.02)
            here.app.state.sessions._executor.submit(go_on.wait, 60)  # JPEGs are waited for, as on a slow machine
            for hanging in (False, True):
                if hanging:
                    model.hang()
                first = session.decoded
                while session.decoded < first + (12 if pace == "realtime" or not hanging else 0):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                held = pictures() - before
                assert 1 < held <= IN_HAND + (1 if large else jpegs.PENDING)
        go_on.set()
        model.go_on()
        await here.http.delete(f"/sessions/{session.id}")
        while pictures() > before:  # noqa: ASYNC110  (what lets go of it tells nobody)
            await asyncio.sleep(0.05)


PLAYER = """
import asyncio, gc, re, sys, time
from streamer.commands import memory
from streamer.sources.url import UrlSource

async def leave(frame):
    pass

async def play(path):
    await UrlSource(path).run(leave, lambda state, reason: None)

memory.give_back_pictures()
small, large = sys.argv[1:]
asyncio.run(play(small))
resident = lambda what: int(re.search(what + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024 / 1e6
before = resident("VmRSS")
asyncio.run(play(large))
most = resident("VmHWM") - before
for _ in range(100):  # the thread that read it is ending
    gc.collect()
    if resident("VmRSS") - before < most / 4:
        break
    time.sleep(0.05)
print(most, resident("VmRSS") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts the most there ever was")
def test_a_decoder_takes_so_many_pictures_and_gives_them_back(film: Path, tmp_path: Path) -> None:
    """A recording's: it decodes two pictures at a time."""
    large = Film(width=3840, height=2160)
    record(tmp_path / "large.mkv", large, 12)
    command = [sys.executable, "-c", PLAYER, str(film), str(tmp_path / "large.mkv")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    most, left = (float(each) / large.megabytes for each in run.stdout.split())
    assert 1 < most < DECODER
    assert left < most / 4
