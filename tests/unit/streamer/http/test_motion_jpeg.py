"""The picture with its masks as Motion JPEG: its parts, its end, its limits, and readers that do not read."""

from __future__ import annotations

import asyncio
import re

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from streamer.http import motion_jpeg as module
from tests.support.asgi import Asked, Live, Peer, asking, connected
from tracker import Prompt

PART = re.compile(rb"Content-Type: image/jpeg\r\nContent-Length: (\d+)\r\n\r\n(.*)\r\n--frame\r\n", re.DOTALL)


async def part(peer: Peer) -> npt.NDArray[np.uint8]:
    """The picture of the next part."""
    while True:
        body = (await peer.until("http.response.body"))["body"]
        found = PART.fullmatch(body)
        if found is not None:
            assert int(found[1]) == len(found[2])
            return np.asarray(cv2.imdecode(np.frombuffer(found[2], np.uint8), cv2.IMREAD_COLOR), np.uint8)


async def test_each_frame_is_a_part_with_its_length(here: Asked, live: Live) -> None:
    async with connected(here, "http", f"/sessions/{live.session.id}/live.mjpg") as peer:
        start = await peer.until("http.response.start")
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
        assert (headers["cache-control"], "content-length" in headers) == ("no-store", False)
        assert (await peer.until("http.response.body"))["body"] == b"--frame\r\n"
        for _ in range(2):
            live.source.give()
            picture = await part(peer)
            assert picture.shape == (48, 64, 3)
            assert picture.max() > 150  # the words at its foot


@pytest.mark.parametrize(("query", "shape"), [("picture_width=32", (24, 32)), ("picture_width=0", (48, 64))])
async def test_a_picture_is_as_wide_as_its_reader_wants(
    here: Asked, live: Live, query: str, shape: tuple[int, int]
) -> None:
    async with connected(here, "http", f"/sessions/{live.session.id}/live.mjpg", query) as peer:
        live.source.give()
        assert (await part(peer)).shape[:2] == shape


async def test_a_slow_reader_gets_the_newest_picture(here: Asked, live: Live) -> None:
    async with connected(here, "http", f"/sessions/{live.session.id}/live.mjpg") as peer:
        live.source.give()
        await part(peer)
        peer.reads.clear()
        ((_, pictures),) = live.session.playback._watches
        while pictures.dropped < 3:
            live.source.give()
            await asyncio.sleep(0.005)
        peer.reads.set()
        await part(peer)  # which was on its way
        await part(peer)  # the newest
        assert peer.sent.empty()


async def test_it_ends_with_its_session(here: Asked, live: Live) -> None:
    async with connected(here, "http", f"/sessions/{live.session.id}/live.mjpg") as peer:
        live.source.give()
        await part(peer)
        live.source.end()
        while (message := await peer.until("http.response.body"))["more_body"]:
            pass
        assert message["body"] == b""
    refused = await here.http.get(f"/sessions/{live.session.id}/live.mjpg")
    assert (refused.status_code, (await here.http.get("/sessions/nobody/live.mjpg")).status_code) == (409, 404)


async def test_its_readers_have_the_limit_of_viewers_and_give_their_place_back() -> None:
    async with asyncio.timeout(100), asking(max_viewers=1) as here:
        live = await here.start(Prompt("red circle"))
        address = f"/sessions/{live.session.id}/live.mjpg"
        async with connected(here, "http", address) as peer:
            await peer.until("http.response.start")
            refused = await here.http.get(address)
            assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)
            assert (await here.http.get(f"/sessions/{live.session.id}")).json()["viewers"] == 1
        assert live.session.playback.viewers == 0


async def test_a_wrong_width_is_refused_by_name(here: Asked, live: Live) -> None:
    answer = await here.http.get(f"/sessions/{live.session.id}/live.mjpg?picture_width=-1")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "picture_width"]


async def test_a_reader_that_lets_a_picture_wait_too_long_is_let_go(
    here: Asked, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALLED", 0.05)
    async with connected(here, "http", f"/sessions/{live.session.id}/live.mjpg") as peer:
        live.source.give()
        await part(peer)
        peer.reads.clear()
        live.source.give()
        while live.session.playback.viewers:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
