"""How a source's own thread hands frames to the event loop: one slot, and a way to be stopped at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from streamer.errors import TooMany
from streamer.frame import Frame
from streamer.sources.base import Out, State, Tell

MAX_THREADS = 64  # of all sources together, those among them that were stopped and hang in a library
MAX_HANGING = 2  # threads of one source that hang: more would take the places of other sources
PATIENCE = 60.0  # seconds without a word of a thread that promises no other time: a slow machine starts one in ten
TICK = 1.0  # seconds between looks at a thread that is waited for

log = logging.getLogger(__name__)


class Stopped(Exception):
    """Raised in the source's thread when nobody wants its frames any more."""


class Hanging(Exception):
    """The source's thread does not come back out of a library."""


class Reader(threading.Thread):
    """A source's own thread: a daemon, so one that hangs in a library holds up neither stopping nor the process."""

    def __init__(self, name: str, outlet: Outlet, work: Callable[[Outlet], None]) -> None:
        super().__init__(target=outlet.run, args=(work,), name=f"source {name}", daemon=True)
        self.outlet = outlet


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
        self.stopped = False
        self._said = 0  # how often the thread said something
        self._thread: int | None = None  # the thread's identity: another one that helps it says nothing for it
        self._waits = False  # the thread waits in here, and not in a library
        self._over = False
        self._error: BaseException | None = None

    def wanted(self) -> None:
        """Raise Stopped when nobody wants more; no word of the thread."""
        if self.stopped:
            raise Stopped

    def frame(self, frame: Frame, *, wait: bool) -> None:
        """Hand over a frame: in place of one that was not taken yet, or, with ``wait``, when that one was taken."""
        with self._changed:
            if wait:
                with self._waiting():
                    self._changed.wait_for(lambda: self._slot is None or self.stopped)
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
        with self._changed, self._waiting():
            self._changed.wait_for(lambda: self.stopped, timeout=seconds)
            self.check()

    async def next(self, patience: float = PATIENCE) -> Frame | None:
        """
        The next frame, or None when the thread is over; raises what ended it.

        Raises Hanging when the thread has said nothing for ``patience`` seconds. They are counted tick by tick: a
        process that was paused has not waited.
        """
        silent, said = 0.0, self._said
        while not self._news.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._news.wait()
            silent = 0.0 if self._waits or said != self._said else silent + TICK
            said = self._said
            if silent > patience:
                raise Hanging
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
            self.stopped, self._slot = True, None
            self._changed.notify_all()

    def run(self, work: Callable[[Outlet], None]) -> None:
        """The thread's whole life."""
        self._thread = threading.get_ident()
        try:
            work(self)
        except Stopped:
            return
        except Exception as error:
            self._error = error
            if self.stopped:
                log.debug("a stopped source failed", exc_info=True)
        with self._changed:
            self._over = True
        try:
            self._call(self._news.set)
        except Stopped:  # the loop was closed meanwhile
            return

    def _hear(self, state: State, reason: str) -> None:
        if not self.stopped:
            self._tell(state, reason)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def check(self) -> None:
        """Raise Stopped when nobody wants more; and a word of the thread, which lives."""
        self._said += self._thread in (None, threading.get_ident())
        if self.stopped:
            raise Stopped

    def _call(self, func: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(func, *args)
        except RuntimeError:  # the loop was closed without stopping us
            raise Stopped from None


async def pump(
    work: Callable[[Outlet], None],
    out: Out,
    tell: Tell,
    *,
    name: str,
    patience: float = PATIENCE,
    again: Callable[[], bool] = lambda: False,
) -> None:
    """
    Run ``work`` in a thread of its own and give its frames to ``out`` until it ends; raise what ended it.

    A thread that says nothing for ``patience`` seconds hangs. It is left alone, and where ``again`` says so another one
    does the work from the start; else the source has ended. While there is no place for a thread, the source waits.
    """
    hanging: list[Reader] = []  # bound: MAX_HANGING
    now, why = State.CONNECTING, ""

    def told(state: State, reason: str) -> None:
        """A thread that does the work again connects again."""
        tell(now if state is State.CONNECTING else state, reason or (why if state is State.CONNECTING else ""))

    while True:
        await _place(hanging, lambda words: told(State.CONNECTING, words))
        outlet = Outlet(told)
        reader = Reader(name, outlet, work)
        reader.start()
        try:
            while (frame := await outlet.next(patience)) is not None:
                await out(frame)
            break
        except Hanging:
            hanging.append(reader)
        finally:
            outlet.stop()
        why = f"Reading it has not come back for {patience:.0f} s."
        log.warning("%s: %s", name, why)
        if not again():
            tell(State.ENDED, why)
            break
        now, why = State.RECONNECTING, f"{why} Another thread tries it again."
        tell(now, why)


def need_place() -> None:
    """Raises TooMany when there is no place for one more thread."""
    reading, stopped = readers()
    if reading + stopped >= MAX_THREADS:
        raise TooMany(
            f"{MAX_THREADS} sources are open or still being closed, which is the limit.",
            detail="Stop one, or ask again when one has ended.",
        )


def readers() -> tuple[int, int]:
    """How many threads of sources read, and how many were stopped and have not ended: those hang, or soon will."""
    alive = [thread for thread in threading.enumerate() if isinstance(thread, Reader)]
    stopped = sum(thread.outlet.stopped for thread in alive)
    return len(alive) - stopped, stopped


async def _place(hanging: list[Reader], tell: Callable[[str], None]) -> None:
    """Wait until there is a place for one more thread of this source; ``tell`` why it waits."""
    told = ""
    while True:
        hanging[:] = [reader for reader in hanging if reader.is_alive()]
        if len(hanging) >= MAX_HANGING:
            words = f"Reading it hangs in {MAX_HANGING} threads; it waits until one of them comes back."
        elif sum(readers()) >= MAX_THREADS:
            words = f"{MAX_THREADS} sources are open or still being closed, which is the limit; it waits for a place."
        else:
            return
        if words != told:
            tell(words)
        told = words
        await asyncio.sleep(TICK)
