"""How a source's own thread hands frames to the event loop: one slot, and a way to be stopped at once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from streamer.frame import Frame
from streamer.sources.base import Out, State, Tell

MAX_THREADS = 64  # of all sources together, those among them that were stopped and hang in a library
_NAME = "source "  # what the names of these threads begin with

log = logging.getLogger(__name__)


class Stopped(Exception):
    """Raised in the source's thread when nobody wants its frames any more."""


class Outlet:
    """
    What a source's thread talks to. It holds one frame at most.

    ``frame``, ``state`` and ``pause`` are called by the thread and raise :class:`Stopped` after ``stop``; ``next`` and
    ``stop`` are called on the loop. After ``stop`` nothing of the thread reaches the loop, however long it still lives.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._slot: Frame | None = None
        self._changed = threading.Condition()
        self._stopped = False
        self._over = False
        self._error: BaseException | None = None

    def frame(self, frame: Frame, *, wait: bool) -> None:
        """Hand over a frame: in place of one that was not taken yet, or, with ``wait``, when that one was taken."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._slot is None or self._stopped)
            self.check()
            first, self._slot = self._slot is None, frame
        if first:
            self._call(self._news.set)

    def state(self, state: State, reason: str = "") -> None:
        """Tell how the source is doing."""
        with self._changed:
            self.check()
        self._call(self._hear, state, reason)

    def pause(self, seconds: float) -> None:
        """Wait, unless stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, timeout=seconds)
            self.check()

    async def next(self) -> Frame | None:
        """The next frame, or None when the thread is over; raises what ended it."""
        await self._news.wait()
        with self._changed:
            frame, self._slot = self._slot, None
            self._changed.notify_all()
            if not self._over:
                self._news.clear()
            if frame is None and self._error is not None:
                raise self._error
        return frame

    def stop(self) -> None:
        """Want no more frames. The thread hears of it at its next word; nobody waits for that."""
        with self._changed:
            self._stopped, self._slot = True, None
            self._changed.notify_all()

    def run(self, work: Callable[[Outlet], None]) -> None:
        """The thread's whole life."""
        try:
            work(self)
        except Stopped:
            return
        except Exception as error:
            self._error = error
            if self._stopped:
                log.debug("a stopped source failed", exc_info=True)
        with self._changed:
            self._over = True
        try:
            self._call(self._news.set)
        except Stopped:  # the loop was closed meanwhile
            return

    def _hear(self, state: State, reason: str) -> None:
        if not self._stopped:
            self._tell(state, reason)

    def check(self) -> None:
        """Raise Stopped when nobody wants more."""
        if self._stopped:
            raise Stopped

    def _call(self, func: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(func, *args)
        except RuntimeError:  # the loop was closed without stopping us
            raise Stopped from None


async def pump(work: Callable[[Outlet], None], out: Out, tell: Tell, *, name: str) -> None:
    """
    Run ``work`` in a thread of its own and give its frames to ``out`` until it ends; raise what ended it.

    The thread is a daemon: one that hangs in a library holds up neither stopping nor the end of the process.
    """
    if sum(thread.name.startswith(_NAME) for thread in threading.enumerate()) >= MAX_THREADS:
        return tell(State.ENDED, f"{MAX_THREADS} sources are open or still being closed, which is the limit.")
    outlet = Outlet(tell)
    threading.Thread(target=outlet.run, args=(work,), name=_NAME + name, daemon=True).start()
    try:
        while (frame := await outlet.next()) is not None:
            await out(frame)
    finally:
        outlet.stop()
