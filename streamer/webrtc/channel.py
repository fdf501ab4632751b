"""A WebRTC data channel in the shape of a small socket."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from aiortc import RTCDataChannel

from streamer.webrtc import patches

log = logging.getLogger(__name__)

INBOX = 64  # messages of a data channel that wait to be read; one more and it is closed
HIGH_WATER = 256 * 1024  # bytes not yet sent on a data channel; above it sending waits, and results are dropped before


class Channel:
    """
    A data channel in the shape of a small socket: text messages in and out, both sides bounded.

    ``limit`` is how many bytes of a message the far side takes, None where it takes any; of a longer one :meth:`send`
    raises ValueError.
    """

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self.limit: int | None = patches.MESSAGE_LIMIT.of(channel.transport) or None  # 0: any, RFC 8841
        self._inbox: deque[str] = deque(maxlen=INBOX)
        self._news = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = False
        channel.bufferedAmountLowThreshold = HIGH_WATER // 2
        channel.on("bufferedamountlow", self._drained.set)
        channel.on("message", self._received)
        channel.on("close", self._ended)

    async def receive(self) -> str | None:
        """Wait for the next text message; None when the channel is closed."""
        while not self._inbox:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._inbox.popleft()

    async def send(self, message: str | bytes) -> bool:
        """Send a text or binary message, waiting while too much is on its way; False when the channel is closed."""
        while not self._closed and self._channel.bufferedAmount > HIGH_WATER:
            self._drained.clear()
            await self._drained.wait()
        if self._closed or self._channel.readyState != "open":
            return False
        self._channel.send(message)
        return True

    def close(self) -> None:
        """Close the channel; the connection goes on."""
        self._ended()
        self._channel.close()

    def _received(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            message = message.decode(errors="replace")
        if len(self._inbox) == INBOX:
            log.info("A data channel was closed: more than %d messages wait.", INBOX)
            self.close()
            return
        self._inbox.append(message)
        self._news.set()

    def _ended(self) -> None:
        self._closed = True
        self._news.set()
        self._drained.set()
