"""A WebRTC source that runs beside a test, and what it has given."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.support.relay import Relay, through
from streamer.frame import Frame
from streamer.sources.base import State
from streamer.webrtc.sdp import read_offer
from streamer.webrtc.source import WebRTCSource
from tests.support.camera import Camera

WAIT = 60  # seconds until a test gives up; nothing below takes as long


class Run:
    """A source that runs, and what it gave."""

    def __init__(self, source: WebRTCSource) -> None:
        self.source = source
        self.frames: list[Frame] = []
        self.states: list[tuple[State, str]] = []
        self.cameras: list[Camera] = []
        self.changed = asyncio.Event()

    async def camera(self, codec: str | None = None, *, relay: Relay | None = None, **options: Any) -> Camera:
        """Connect a camera to the source."""
        camera = Camera(codec, **options)
        self.cameras.append(camera)
        near, far = relay.ports if relay else (0, 0)
        offer = await camera.offer()
        answer = await self.source.answer(read_offer(through(offer, far) if relay else offer))
        await camera.accept(through(answer, near) if relay else answer)
        return camera

    async def close(self) -> None:
        for camera in self.cameras:
            await camera.close()

    async def out(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.changed.set()

    def tell(self, state: State, reason: str) -> None:
        self.states.append((state, reason))
        self.changed.set()

    async def until_frames(self, count: int) -> None:
        async with asyncio.timeout(WAIT):
            while len(self.frames) < count:
                self.changed.clear()
                await self.changed.wait()

    async def until(self, state: State) -> str:
        """Wait until the newest state is this one; return its reason."""
        async with asyncio.timeout(WAIT):
            while not self.states or self.states[-1][0] is not state:
                self.changed.clear()
                await self.changed.wait()
        return self.states[-1][1]


@asynccontextmanager
async def running(grace: float) -> AsyncIterator[Run]:
    """A source that runs; afterwards nothing of it may be left."""
    before = asyncio.all_tasks()
    run = Run(WebRTCSource(grace=grace))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run.source.run(run.out, run.tell))
        try:
            yield run
        finally:
            task.cancel()
            await run.close()
    await gone(before)
    assert not [thread.name for thread in threading.enumerate() if "decoder" in thread.name]


async def gone(before: set[asyncio.Task[Any]]) -> None:
    """Wait until no task is left but those of before."""
    left = {task for task in asyncio.all_tasks() - before if "TestRunner" not in repr(task.get_coro())}
    left -= {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=WAIT)
    assert not left
