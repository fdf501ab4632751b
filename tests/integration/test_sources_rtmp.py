"""RTMP, from a real server."""

from __future__ import annotations

from pathlib import Path

from benchmarks.recording import record
from streamer.sources.base import State
from streamer.sources.url import UrlSource
from tests.support.rtmp import rtmp_server
from tests.support.sources import Viewer


async def test_the_picture_of_a_real_server_comes_in_and_its_end_is_told(tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", 120)
    viewer = Viewer()
    with rtmp_server(film) as url:
        source = UrlSource(f"{url}?token=secret")
        async with viewer.watching(source):
            # The server takes a moment to listen: until then it is one that is down at the start.
            await viewer.until(lambda state, reason: state is State.LIVE)
            await viewer.seen(20)
            lost = await viewer.until(lambda state, reason: state is State.RECONNECTING and len(viewer.frames) > 20)
    assert source.live
    times = [pts for _, _, pts, _ in viewer.frames if pts is not None]
    assert times == sorted(set(times))
    assert "127.0.0.1" in lost or "closed the stream" in lost
    assert "secret" not in source.name + str(viewer.states)


async def test_a_picture_that_comes_seconds_after_the_sound_is_waited_for(tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", 45)
    viewer = Viewer()
    with rtmp_server(film, sound_first=2.0) as url:
        async with viewer.watching(UrlSource(url)):
            await viewer.seen(5)
    before = [reason for state, reason in viewer.states if state is State.RECONNECTING]
    assert not any("sound" in reason for reason in before)  # one connection was enough: this server has but one
