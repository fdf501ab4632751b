"""Sources that tests hold by the hand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from streamer.frame import NONE_LEFT_OUT, Frame, Picture
from streamer.sources.base import Out, State, Tell
from streamer.sources.url import UrlSource


class HandSource:
    """
    Gives a frame when told to; ``given`` counts them. Not a stand-in for a camera, only for its timing.

    Frames are ``ticks`` of 1/90000 s apart by the stream's clock; ``arrive`` says when the frame of an index arrives.
    """

    kind = "hand"

    def __init__(
        self,
        *,
        live: bool = True,
        width: int = 64,
        height: int = 48,
        ticks: int = 3000,
        arrive: Callable[[int], float] = lambda _: time.monotonic(),
    ) -> None:
        self.name = "hand"
        self.live = live
        self.ticks = ticks
        self.arrive = arrive
        self.decoding: float | None = None  # seconds that each frame's packet came before the frame
        self.lost = NONE_LEFT_OUT  # told with each frame
        self.given = 0
        self.size = (height, width)
        self.stopped = asyncio.Event()
        self._steps: asyncio.Queue[Callable[[], None] | None] = asyncio.Queue()
        self._out: Out | None = None
        self.tell: Tell | None = None
        self.running = asyncio.Event()

    async def run(self, out: Out, state: Tell) -> None:
        self._out, self.tell = out, state
        self.running.set()
        try:
            state(State.LIVE, "")
            while (step := await self._steps.get()) is not None:
                step()
                await out(self._frame())
                self._steps.task_done()
            state(State.ENDED, "The hand was taken away.")
        finally:
            self.stopped.set()

    def give(self, frames: int = 1) -> None:
        for _ in range(frames):
            self._steps.put_nowait(lambda: None)

    async def taken(self) -> None:
        """Wait until every frame that was given has been taken."""
        await self._steps.join()

    def fail(self, error: Exception) -> None:
        def step() -> None:
            raise error

        self._steps.put_nowait(step)

    def end(self) -> None:
        self._steps.put_nowait(None)

    def picture(self, index: int) -> Picture:
        return np.full((*self.size, 3), index % 256, np.uint8)

    def _frame(self) -> Frame:
        index, self.given = self.given, self.given + 1
        picture = self.picture(index)
        time_base = Fraction(1, 90_000)
        stamp = (index * self.ticks + 4_294_960_000) % 2**32
        arrived = self.arrive(index)
        received = None if self.decoding is None else arrived - self.decoding
        return Frame(index, 0, index * self.ticks, time_base, stamp, arrived, picture, received, self.lost)


class Viewer:
    """Takes what a source gives, and lets a test wait for words of its state."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, int | None, Fraction]] = []
        self.arrived: list[float] = []
        self.decoding: list[float] = []  # seconds from the arrival of a frame's packet to its own
        self.lost = NONE_LEFT_OUT
        self.sizes: set[tuple[int, int]] = set()  # width and height
        self.states: list[tuple[State, str]] = []
        self.news = asyncio.Event()

    async def out(self, frame: Frame) -> None:
        assert frame.rgb().shape == (frame.height, frame.width, 3)
        self.frames.append((frame.index, frame.epoch, frame.pts, frame.time_base))
        self.arrived.append(frame.arrived)
        assert frame.received is not None
        self.decoding.append(frame.arrived - frame.received)
        self.lost = frame.lost
        self.sizes.add((frame.width, frame.height))
        self.news.set()
        await asyncio.sleep(0)

    def tell(self, state: State, reason: str) -> None:
        self.states.append((state, reason))
        self.news.set()

    @contextlib.asynccontextmanager
    async def watching(self, source: UrlSource) -> AsyncIterator[asyncio.Task[None]]:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            task = tasks.create_task(source.run(self.out, self.tell))
            yield task
            task.cancel()

    async def seen(self, frames: int) -> None:
        """Wait until so many frames have come."""
        while len(self.frames) < frames:
            self.news.clear()
            await self.news.wait()

    async def until(self, wanted: Callable[[State, str], bool]) -> str:
        """Wait until a state was told that is wanted; its reason."""
        while not any(wanted(*told) for told in self.states):
            self.news.clear()
            await self.news.wait()
        return next(reason for state, reason in self.states if wanted(state, reason))


async def whole(address: Path | str) -> Viewer:
    viewer = Viewer()
    async with asyncio.timeout(60):
        await UrlSource(str(address)).run(viewer.out, viewer.tell)
    return viewer


async def reason_after(source: UrlSource) -> str:
    """The reason of the first trouble of a live source."""
    viewer = Viewer()
    async with viewer.watching(source):
        return await viewer.until(lambda state, reason: state is State.RECONNECTING)


@contextlib.contextmanager
def scripted_rtsp(answer: str, host: str = "127.0.0.1", end: str = "\r\n") -> Iterator[tuple[str, list[str]]]:
    """
    An RTSP server that gives one answer to everything: its place, and what it was asked.

    ``answer``: what follows ``RTSP/1.0 ``, the status and headers. ``end``: of the lines that are added to it.
    """
    asked: list[str] = []
    with socket.create_server((host, 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        while data := connection.recv(4096).decode():
                            asked.append(data)
                            number = data.partition("CSeq: ")[2].partition("\r\n")[0]
                            connection.sendall(f"RTSP/1.0 {answer}{end}CSeq: {number}{end}{end}".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield "{}:{}".format(*server.getsockname()), asked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
