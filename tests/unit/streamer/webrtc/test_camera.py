"""streamer.peer: what of a connection the source and WHIP tests do not see."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from pyee.asyncio import AsyncIOEventEmitter

from streamer.errors import TooLarge
from streamer.webrtc import connection, sdp
from streamer.webrtc.camera import CameraConnection, Lost
from streamer.webrtc.channel import HIGH_WATER, INBOX, Channel
from tests.support.camera import Camera

WAIT = 60


class SlowChannel(AsyncIOEventEmitter):
    """A data channel whose far side reads when the test says so; aiortc's own gives no hold on its buffers."""

    readyState = "open"  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.bufferedAmount = 0
        self.bufferedAmountLowThreshold = 0
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


async def test_an_mdns_name_nobody_knows_holds_up_neither_the_answer_nor_the_end() -> None:
    camera, near = Camera(), CameraConnection()
    offer = await camera.offer()
    name = "a=candidate:1 1 udp 2122260223 6f3c1d2e-0000-4000-8000-000000000000.local 50000 typ host\r\n"
    async with asyncio.timeout(WAIT):
        await near.answer(offer.replace("a=end-of-candidates", name + "a=end-of-candidates"))
        await near.resolve()
        await near.close()
    await camera.close()


async def test_no_more_candidates_are_taken_than_can_be_checked() -> None:
    camera, near = Camera(), CameraConnection()
    await near.answer(await camera.offer())
    many = "".join(f"a=candidate:{n} 1 udp 5 192.0.2.1 {n + 1} typ host\n" for n in range(connection.MAX_CANDIDATES))
    with pytest.raises(TooLarge, match="64"):
        await near.add(sdp.read_fragment(many))
    await near.close()
    await camera.close()


async def test_a_peer_that_agreed_on_nothing_is_lost() -> None:
    near = CameraConnection()
    with pytest.raises(Lost, match="no video"):
        await near.recv()
    assert "ICE" in near.hint
    await near.close()
    with pytest.raises(Lost, match="closed"):
        near.check()


async def test_without_a_network_path_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The far side's only candidate answers nobody; 192.0.2.0/24 is for documentation."""
    monkeypatch.setattr("aioice.stun.RETRY_MAX", 1)  # a second instead of a minute
    camera, near = Camera(), CameraConnection()
    offer = await camera.offer()
    lines = [line for line in offer.splitlines() if not line.startswith(("a=candidate", "a=end-of"))]
    lines.append("a=candidate:1 1 udp 2122260223 192.0.2.250 50000 typ host")
    failed = asyncio.Event()
    near._connection.on("connectionstatechange", lambda: _when_failed(near, failed))
    await near.answer("\r\n".join([*lines, "a=end-of-candidates"]) + "\r\n")
    async with asyncio.timeout(WAIT):
        await failed.wait()
    with pytest.raises(Lost, match="no network path"):
        near.check()
    await near.close()
    await camera.close()


def _when_failed(near: Any, failed: asyncio.Event) -> None:
    if near._connection.connectionState == "failed":
        failed.set()


async def test_a_server_that_does_not_answer_holds_up_gathering_once_however_many_addresses_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """aioice alone waits five seconds."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **which: [f"127.0.0.{n}" for n in range(2, 34)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        camera, near = Camera(), CameraConnection([f"stun:127.0.0.1:{silent.getsockname()[1]}"])
        offer = await camera.offer()
        async with asyncio.timeout(4.5):
            answer = await near.answer(offer)
    assert answer.count("a=candidate:") == 32
    await near.close()
    await camera.close()


async def test_closing_while_connecting_leaves_no_task_behind() -> None:
    """aiortc alone would leave some that ask for consent and report for ever, depending on the moment."""
    before = asyncio.all_tasks()
    for pause in (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15):
        camera, near = Camera(), CameraConnection()
        await camera.accept(await near.answer(await camera.offer()))
        await asyncio.sleep(pause)
        await near.close()
        await camera.close()
    left = {task for task in asyncio.all_tasks() - before if "TestRunner" not in repr(task.get_coro())}
    left -= {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=WAIT)
    assert not left
