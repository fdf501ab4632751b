"""
What trouble leaves behind: descriptors, threads, children and memory of a process return to what they were.

How to use it. Do once, before, what leaves something behind for good: the first request, the first decoded picture (a
pool's threads, a library that is loaded). Then put the trouble into the block, several times over where it is cheap, so
that what is left each time adds up::

    with serving(untrained()) as served:
        attack(served)
        with as_before():
            for _ in range(20):
                attack(served)

In an async test write ``async with as_before():``, so that what still ends can do so. For a server in a process of its
own give its id: ``as_before(process.pid)``. Where a number may be higher afterwards, say by how much and why:
``as_before(threads=1)`` for a thread that the test itself left hanging.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
import threading
import time
from dataclasses import dataclass

import psutil

SECONDS = 30.0  # for what ends by itself to have ended, on a busy machine
POOLS = ("asyncio_", "AnyIO worker thread", "presenting_", "pictures_")  # they grow to a limit, and are idle then
POLL = 0.05  # seconds between looks
MEGABYTES = (
    48.0  # of resident memory that the allocator may keep; a leak of a 4K picture each time is over it after two
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds. ``names``: of its Python threads, where it is this process; for a message."""

    descriptors: int
    threads: int
    children: int
    megabytes: float
    names: tuple[str, ...] = ()


def names_of_all() -> list[str]:
    """The threads of this process that Python knows."""
    return [thread.name for thread in threading.enumerate()]


def held(pid: int | None = None) -> Held:
    """What a process, None for this one, holds at the moment. Linux."""
    process = psutil.Process(pid)
    names: tuple[str, ...] = ()
    if pid is None:
        gc.collect()
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)  # what glibc kept of what was freed is no leak
        names = tuple(sorted(name for name in names_of_all() if not name.startswith(POOLS)))
    threads = len(names) if pid is None else process.num_threads()
    return Held(
        process.num_fds(), threads, len(process.children(recursive=True)), process.memory_info().rss / 1e6, names
    )


class as_before:  # noqa: N801  (it reads as a sentence where it is used)
    """
    Assert that what a process holds after the block is what it held before it; see this module's docstring.

    ``descriptors``, ``threads``, ``children``: how many more are allowed; ``megabytes``: of resident memory. Waits
    ``SECONDS`` at most. A block that raises is not looked at.
    """

    def __init__(
        self,
        pid: int | None = None,
        *,
        descriptors: int = 0,
        threads: int = 0,
        children: int = 0,
        megabytes: float = MEGABYTES,
    ) -> None:
        self._pid = pid
        self._more = Held(descriptors, threads, children, megabytes)

    def __enter__(self) -> None:
        self._before = held(self._pid)

    def __exit__(self, kind: object, *_: object) -> None:
        until = time.monotonic() + SECONDS
        while kind is None and self._left() and time.monotonic() < until:
            time.sleep(POLL)
        assert kind is not None or not self._left(), self._left()

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, kind: object, *_: object) -> None:
        until = time.monotonic() + SECONDS
        while kind is None and self._left() and time.monotonic() < until:  # noqa: ASYNC110  (what ends tells nobody)
            await asyncio.sleep(POLL)
        assert kind is not None or not self._left(), self._left()

    def _left(self) -> str:
        """What is left over, in words; empty when nothing is."""
        before, now, more = self._before, held(self._pid), self._more
        words = [
            f"{name}: {getattr(before, name):.0f} before, {getattr(now, name):.0f} now"
            for name in ("descriptors", "threads", "children", "megabytes")
            if getattr(now, name) > getattr(before, name) + getattr(more, name)
        ]
        if now.threads > before.threads:
            words.append(f"threads now: {', '.join(now.names)}")
        return "; ".join(words)
