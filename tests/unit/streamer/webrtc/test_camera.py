"""streamer.webrtc.camera: what of a connection to a camera the source and WHIP tests do not see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from streamer.webrtc.camera import CameraConnection, Lost
from streamer.webrtc.sdp import read_offer
from tests.support.camera import Camera

WAIT = 60


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
    await near.answer(read_offer("\r\n".join([*lines, "a=end-of-candidates"]) + "\r\n"))
    async with asyncio.timeout(WAIT):
        await failed.wait()
    with pytest.raises(Lost, match="no network path"):
        near.check()
    await near.close()
    await camera.close()


def _when_failed(near: Any, failed: asyncio.Event) -> None:
    if near._connection.connectionState == "failed":
        failed.set()
