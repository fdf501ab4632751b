"""One reader of a session, whatever carries the messages to it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from streamer.counters import Counters
from streamer.latest import Latest
from streamer.live import long_messages, reader_options, rendering
from streamer.live.reader_options import Options
from streamer.live.rendering import rendered
from streamer.result import Result

OUTBOX = 64  # messages a reader may leave unread before it is given up
PATIENCE = 10.0  # seconds an answer waits for a place among them

JpegOf = Callable[[int], Awaitable[bytes | None]]


class Subscription:
    """
    What one reader is to be sent, in two parts.

    Results lie in one slot: a reader that is slower than the stream gets the newest and is told how many it missed.
    Everything else (acknowledgements, errors, states) stands in line, in order, and is never dropped for a result. That
    line has ``OUTBOX`` places. A reader that leaves it full is given up: :attr:`given_up` says why, and iteration ends.

    Iterate over it to get what to send next: ``str`` is a text message, ``bytes`` a binary one (in MessagePack all are;
    with ``pictures``, before each result, the picture of that very frame: see ``reader_options.picture``). None has
    more than ``limit`` bytes, where there is a limit: see ``long_messages``.
    """

    def __init__(
        self,
        jpeg_of: JpegOf,
        counters: Counters,
        *,
        pictures: bool = False,
        options: Options | None = None,
        general: bool = False,
        limit: int | None = None,
    ) -> None:
        self.pictures = pictures
        self.general = general  # reasons of states are told in general: it may not manage
        self.options = options or Options()
        self.given_up: str | None = None
        self._skipped = 0
        self._limit = limit
        self._sent = 0  # messages, which number the pieces of long ones
        self._jpeg_of = jpeg_of
        self._counters = counters
        self._results: Latest[Result] = Latest()
        self._outbox: deque[str | bytes] = deque()  # bound: OUTBOX, kept by tell() and answer()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False
        self._hopeless = asyncio.Event()
        self._last_sent = -float("inf")

    @property
    def dropped(self) -> int:
        """Results that this reader missed."""
        return self._results.dropped + self._skipped

    def publish(self, result: Result) -> None:
        """Lay a result in the slot; never waits."""
        before = self._results.dropped
        self._results.put(result)
        self._counters.missed.inc(self._results.dropped - before)
        self._news.set()

    def revise(self, change: Callable[[Result], Result]) -> None:
        """Change the result that lies unsent, so that it does not contradict what is acknowledged; never waits."""
        self._results.revise(change)

    def tell(self, message: dict[str, Any]) -> None:
        """Put a message in line; never waits. A reader with no room left is given up."""
        if self._closed:
            return
        if len(self._outbox) >= OUTBOX:
            self._give_up(f"{OUTBOX} messages lie unread.")
            return
        self._append(message)

    async def answer(self, message: dict[str, Any]) -> None:
        """Put an answer in line, waiting up to ``PATIENCE`` for a place: this is what slows a reader that only asks."""
        if len(self._outbox) >= OUTBOX:
            self._room.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._room.wait()
            except TimeoutError:
                self._give_up(f"{OUTBOX} answers lay unread for {PATIENCE:.0f} s.")
        if not self._closed:
            self._append(message)

    def close(self) -> None:
        """End the iteration once what stands in line was read."""
        self._closed = True
        self._results.close()
        self._news.set()
        self._room.set()

    async def converse(self, *sides: Coroutine[Any, Any, object]) -> None:
        """Run what sends and what listens side by side, until one has had enough or the reader is given up."""
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(side) for side in (*sides, self.hopeless())]
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for each in running:
                each.cancel()

    async def hopeless(self) -> None:
        """Wait until the reader is given up."""
        await self._hopeless.wait()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        async with aclosing(self._messages()) as messages:
            async for message in messages:
                for piece in long_messages.pieces(message, self._limit, self._sent):
                    yield piece
                self._sent += 1

    async def _messages(self) -> AsyncGenerator[str | bytes, None]:
        while True:
            if self._closed and self._results.waiting and self.given_up is None:  # the last, before word of the end
                for part in await self._next_result():
                    yield part
            while self._outbox:
                message = self._outbox.popleft()
                self._room.set()
                yield message
            if self._closed:
                return
            wait = self._until_due()
            if wait is not None and wait <= 0:
                for part in await self._next_result():
                    yield part
                continue
            self._news.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                pass

    def _append(self, message: dict[str, Any]) -> None:
        self._outbox.append(self._fitting(self.options.encode(message), message.get("request")))
        self._news.set()

    def _fitting(self, message: str | bytes, request: Any = None) -> str | bytes:
        """A message, or where it is too long and may not be split, what is told in its place."""
        length = long_messages.size(message)
        if self._limit is None or self.options.chunks or length <= self._limit:
            return message
        told = self.options.encode(long_messages.in_its_place(length, self._limit, request))
        if long_messages.size(told) > self._limit:  # what was asked for is long itself
            told = self.options.encode(long_messages.in_its_place(length, self._limit, None))
        return told

    def _give_up(self, reason: str) -> None:
        self.given_up = f"The messages are not being read: {reason}"
        self._hopeless.set()
        self._outbox.clear()
        self.close()

    def _until_due(self) -> float | None:
        """Seconds until the result in the slot may be sent; None: there is none."""
        if not self._results.waiting:
            return None
        if self.options.max_fps is None:
            return 0.0
        return self._last_sent + 1 / self.options.max_fps - time.monotonic()

    async def _next_result(self) -> list[str | bytes]:
        """Take the result as it is sent, with its picture before it. Nothing when its picture could not be kept."""
        result, chosen = self._results.take(), self.options
        self._last_sent = time.monotonic()
        parts: list[str | bytes] = []
        if self.pictures:
            jpeg = await self._jpeg_of(result.frame.index)
            if jpeg is None:
                self._skipped += 1
                self._counters.missed.inc()
                return []
            jpeg = await rendering.picture(result, jpeg, chosen.picture_width)
            parts.append(reader_options.picture(result.frame.index, jpeg, chosen.encoding))
        parts.append(await self._render(result, chosen))
        self._counters.sent.inc()
        return parts

    async def _render(self, result: Result, chosen: Options) -> str | bytes:
        limit = None if chosen.chunks else self._limit
        return self._fitting((await rendered(result, chosen, limit)).told(self.dropped))
