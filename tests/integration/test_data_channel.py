"""A data channel whose far side takes no long messages, over a real WebRTC connection."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.camera import Camera
from tests.support.models import untrained
from tests.support.whip import WAIT, Service, serving


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(untrained()) as service:
        yield service


async def test_messages_longer_than_the_far_side_takes_do_not_end_the_channel(service: Service) -> None:
    """aiortc's own sending raises. An acknowledgement repeats the names of the prompts that were chosen."""
    camera = service.camera(channel=True)
    offer = re.sub(r"a=max-message-size:\d+", "a=max-message-size:4096", await camera.offer())
    await camera.accept((await service.post(offer)).text)
    assert camera.channel is not None
    options = {"type": "options", "prompts": [f"{number:0>200}" for number in range(30)]}
    async with asyncio.timeout(WAIT):
        await next_message(camera, "result")
        camera.channel.send(json.dumps({**options, "request": 1}))
        refused = await next_message(camera, "error")
        camera.channel.send(json.dumps({**options, "chunks": True, "request": 2}))
        pieces: list[bytes] = []
        while not pieces or len(pieces) < int.from_bytes(pieces[0][6:8], "little"):
            message: str | bytes = await camera.messages.get()
            pieces += [message] if isinstance(message, bytes) else []
        await next_message(camera, "result")  # they go on
    assert refused["request"] == 1
    assert "longer than the 4096" in refused["message"]
    assert len(pieces) > 1
    ack = json.loads(b"".join(piece[8:] for piece in pieces))
    assert (ack["type"], ack["request"], ack["chunks"]) == ("ack", 2, True)
    assert ack["prompts"] == options["prompts"]


async def test_a_channel_that_takes_next_to_nothing_is_refused(service: Service) -> None:
    offer = await service.camera(channel=True).offer()
    refused = await service.post(re.sub(r"a=max-message-size:\d+", "a=max-message-size:100", offer))
    assert refused.status_code == 400
    assert "takes 100 bytes at once; at least 1024" in refused.json()["message"]


async def next_message(camera: Camera, kind: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(await camera.messages.get())
        if message["type"] == kind:
            return message
