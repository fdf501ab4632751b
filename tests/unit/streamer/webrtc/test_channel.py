"""streamer.webrtc.channel: a data channel in the shape of a small socket, bounded both ways."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from pyee.asyncio import AsyncIOEventEmitter

from streamer.webrtc.channel import HIGH_WATER, INBOX, Channel

WAIT = 60


class SlowChannel(AsyncIOEventEmitter):
    """A data channel whose far side reads when the test says so; aiortc's own gives no hold on its buffers."""

    readyState = "open"  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.bufferedAmount = 0
        self.bufferedAmountLowThreshold = 0
        self.transport = SimpleNamespace(_remote_max_message_size=0)
        self.sent: list[str] = []

    def send(self, text: str) -> None:
        self.sent.append(text)
        self.bufferedAmount += len(text)

    def drain(self) -> None:
        self.bufferedAmount = 0
        self.emit("bufferedamountlow")

    def close(self) -> None:
        self.emit("close")


def channel() -> tuple[SlowChannel, Channel]:
    slow = SlowChannel()
    return slow, Channel(slow)  # type: ignore[arg-type]


async def test_sending_waits_while_too_much_is_on_its_way() -> None:
    slow, small = channel()
    assert await small.send("x" * (HIGH_WATER + 1))
    waiting = asyncio.ensure_future(small.send("next"))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert len(slow.sent) == 1
    slow.drain()
    assert await asyncio.wait_for(waiting, WAIT)
    assert slow.sent[-1] == "next"


async def test_sending_ends_when_the_channel_is_closed() -> None:
    slow, small = channel()
    await small.send("x" * (HIGH_WATER + 1))
    waiting = asyncio.ensure_future(small.send("next"))
    await asyncio.sleep(0)
    slow.close()
    assert not await asyncio.wait_for(waiting, WAIT)
    assert not await small.send("more")


async def test_messages_are_read_in_order_and_none_after_the_close() -> None:
    slow, small = channel()
    for text in ("one", b"two", "three"):
        slow.emit("message", text)
    slow.close()
    assert [await small.receive() for _ in range(4)] == ["one", "two", "three", None]


async def test_one_message_more_than_the_inbox_holds_closes_the_channel() -> None:
    slow, small = channel()
    for number in range(INBOX + 1):
        slow.emit("message", str(number))
    read = [await small.receive() for _ in range(INBOX + 1)]
    assert read == [*map(str, range(INBOX)), None]


async def test_the_far_sides_limit_is_known_and_none_where_it_takes_any() -> None:
    slow, small = channel()
    assert small.limit is None
    slow.transport._remote_max_message_size = 65_536
    assert Channel(slow).limit == 65_536  # type: ignore[arg-type]
