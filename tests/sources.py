"""Sources that tests hold by the hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from streamer.frame import Frame
from streamer.sources.base import Out, State, Tell


class HandSource:
    """Gives a frame when told to; ``given`` counts them. Not a stand-in for a camera, only for its timing."""

    kind = "hand"

    def __init__(self, *, live: bool = True, width: int = 64, height: int = 48) -> None:
        self.name = "hand"
        self.live = live
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

    def _frame(self) -> Frame:
        index, self.given = self.given, self.given + 1
        picture = np.full((*self.size, 3), index % 256, np.uint8)
        stamp = (index * 3000 + 4_294_960_000) % 2**32
        return Frame(index, 0, index * 3000, Fraction(1, 90_000), stamp, time.monotonic(), picture)
