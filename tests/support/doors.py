"""A front door of a cluster, with a camera and a reader that come to it; the first is in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from streamer.cluster.doors import create_front
from streamer.cluster.front import Front
from streamer.commands.serve import listen
from streamer.config import Config
from streamer.http.server import server
from tests.support.camera import Camera
from tests.support.whip import SDP


@contextlib.asynccontextmanager
async def door(cluster: Any, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A front door on a socket of its own."""
    config = Config(port=0, **settings)
    web = server(create_front(config, Front(cluster.ask), b"0" * 32), config)
    web.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    with listen("127.0.0.1", 0) as bound:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(web.serve(sockets=[bound]))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{bound.getsockname()[1]}", timeout=60) as http:
                yield http
            web.should_exit = True


async def publish(http: httpx.AsyncClient, camera: Camera, place: str) -> httpx.Response:
    answer = await http.post(place, content=await camera.offer(), headers=SDP)
    assert answer.status_code == 201, answer.text
    await camera.accept(answer.text)
    return answer


async def live(http: httpx.AsyncClient, session: str) -> dict[str, Any]:
    """The session, once its pictures are looked at."""
    while True:
        found: dict[str, Any] = (await http.get(f"/sessions/{session}")).json()
        if found["state"] == "live" and found["frames"]["looked_at"]:
            return found
        await asyncio.sleep(0.05)


def results(http: httpx.AsyncClient, session: str) -> connect:
    return connect(f"ws://{http.base_url.netloc.decode()}/sessions/{session}/results?format=none")


async def offered(socket: ClientConnection) -> str:
    """Where the camera is to post a new offer, once its reader is told."""
    while "offer" not in (message := json.loads(await socket.recv())):
        pass
    assert (message["type"], message["state"]) == ("state", "reconnecting")
    return str(message["offer"])


async def closed(socket: ClientConnection) -> int | None:
    with contextlib.suppress(ConnectionClosed):  # else it fails by its time
        while True:
            await socket.recv()
    return socket.close_code
