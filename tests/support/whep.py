"""A session that people watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx

from streamer.frame import Picture
from streamer.live.session import Session
from tests.support.camera import numbered
from tests.support.playback import Compositions
from tests.support.sources import HandSource
from tests.support.viewer import Viewer
from tests.support.whip import SDP, WAIT, Service

BEGINNING = 10  # frames at 30 a second until a keyframe must have come: one is not made sooner than 8 after the last


class Numbers(HandSource):
    """Gives numbered pictures when told to."""

    def __init__(self, width: int = 320, height: int = 240) -> None:
        super().__init__(width=width, height=height)

    def picture(self, index: int) -> Picture:
        return numbered(index, self.size[1], self.size[0])


class Cinema:
    """A session whose source gives frames by hand, and its viewers."""

    def __init__(self, service: Service, compositions: Compositions) -> None:
        self.service = service
        self.compositions = compositions
        self.source = Numbers()
        self.session: Session = service.app.state.sessions.create(self.source)
        self.viewers: list[Viewer] = []

    @property
    def connected(self) -> int:
        """Viewers who are connected; the session counts those who are about to be too."""
        return len(self.session.playback._lines)

    async def post(self, offer: str | bytes, **headers: str) -> httpx.Response:
        return await self.service.http.post(f"/whep/{self.session.id}", content=offer, headers={**SDP, **headers})

    def viewer(self, codec: str | None = None, *, audio: bool = False) -> Viewer:
        self.viewers.append(Viewer(codec, audio=audio))
        return self.viewers[-1]

    async def join(self, codec: str | None = None, *, audio: bool = False) -> tuple[Viewer, httpx.Response]:
        """Let one in, and wait until it is connected."""
        connected = self.connected
        viewer = self.viewer(codec, audio=audio)
        answer = await self.post(await viewer.offer())
        assert answer.status_code == 201, answer.text
        await viewer.accept(answer.text)
        await until(lambda: self.connected > connected)
        return viewer, answer

    async def show(self) -> None:
        """Give a frame and wait until it was composed."""
        composed = self.compositions.count
        self.source.give()
        await until(lambda: self.compositions.count > composed)

    async def shown_to(self, viewer: Viewer, frames: int) -> Picture:
        """Give frames until a viewer gets a picture; it must be within so many."""
        getting = asyncio.ensure_future(viewer.picture())
        try:
            for _ in range(frames):
                await self.show()
                await asyncio.wait([getting], timeout=0.1)
                if getting.done():
                    return (await getting).to_ndarray(format="rgb24")  # type: ignore[return-value]
            async with asyncio.timeout(WAIT):
                return (await getting).to_ndarray(format="rgb24")  # type: ignore[return-value]
        finally:
            getting.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
