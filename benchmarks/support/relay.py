"""A bad network for tests: a UDP path that delays what is sent over it and loses some."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

Lose = Callable[[bytes], bool]
HOST = "127.0.0.1"


class Relay:
    """
    Two ports; what comes to one leaves from the other, to whoever was last heard there.

    ``lose`` is asked of each datagram, both ways, and ``delay`` (seconds) is added each way. ``lost`` and ``passed``
    count. What waits in the delay is bounded by what is sent in that time.
    """

    def __init__(self, lose: Lose, delay: float = 0.0) -> None:
        self.lose = lose
        self.delay = delay
        self.lost = self.passed = 0
        self._ends: list[_End] = []

    @staticmethod
    @asynccontextmanager
    async def running(lose: Lose, delay: float = 0.0) -> AsyncIterator[Relay]:
        relay, loop = Relay(lose, delay), asyncio.get_running_loop()
        for _ in range(2):
            _, end = await loop.create_datagram_endpoint(lambda: _End(relay), local_addr=(HOST, 0))
            relay._ends.append(end)
        try:
            yield relay
        finally:
            for end in relay._ends:
                end.transport.close()

    @property
    def ports(self) -> tuple[int, int]:
        """The port for either side to send to."""
        first, second = (int(end.transport.get_extra_info("sockname")[1]) for end in self._ends)
        return first, second

    def _came(self, end: _End, data: bytes) -> None:
        if self.lose(data):
            self.lost += 1
            return
        self.passed += 1
        other = self._ends[1 - self._ends.index(end)]
        asyncio.get_running_loop().call_later(self.delay, other.send, data)


class _End(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._peer: Any = None
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._peer = addr
        self._relay._came(self, data)

    def send(self, data: bytes) -> None:
        if self._peer is not None and not self.transport.is_closing():
            self.transport.sendto(data, self._peer)


def through(sdp: str, port: int) -> str:
    """A description whose only candidate is a port of a relay."""
    first, *others = re.findall(r"a=candidate:.*\r\n", sdp)
    for other in others:
        sdp = sdp.replace(other, "")
    return sdp.replace(first, f"a=candidate:1 1 udp 2130706431 {HOST} {port} typ host\r\n")


def is_media(data: bytes) -> bool:
    """Whether a datagram is RTP: no STUN, DTLS or RTCP (RFC 7983, RFC 5761)."""
    return 128 <= data[0] <= 191 and not 192 <= data[1] <= 223
