"""A server in this process that cameras send to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
from fastapi import FastAPI

from streamer.app import create_app
from streamer.commands.serve import listen
from streamer.config import Config
from streamer.http.server import server
from streamer.sources.base import State
from tests.support.camera import Camera
from tracker import Sam3

WAIT = 60  # seconds until a test gives up
SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


class Service:
    """A running server, and the cameras that send to it."""

    def __init__(self, app: FastAPI, http: httpx.AsyncClient) -> None:
        self.app = app
        self.http = http
        self.cameras: list[Camera] = []

    def camera(self, codec: str | None = None, **options: Any) -> Camera:
        self.cameras.append(Camera(codec, **options))
        return self.cameras[-1]

    async def post(self, offer: str | bytes, query: str = "") -> httpx.Response:
        return await self.http.post(f"/whip{query}", content=offer, headers=SDP)

    async def publish(self, camera: Camera, query: str = "") -> httpx.Response:
        """Connect a camera; the 201 answer."""
        answer = await self.post(await camera.offer(), query)
        assert answer.status_code == 201, answer.text
        await camera.accept(answer.text)
        return answer

    async def until(self, id: str, state: State, looked_at: int = 0, epoch: int = 0) -> dict[str, Any]:  # noqa: A002
        """Wait until a session is in a state and has looked at so many frames, or at one of an epoch."""
        async with asyncio.timeout(WAIT):
            while True:
                found: dict[str, Any] = (await self.http.get(f"/sessions/{id}")).json()
                reached = found["frames"]["looked_at"] >= looked_at
                reached &= not epoch or (found["frame"] or {}).get("epoch") == epoch
                if found["state"] == state and reached:
                    return found
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def serving(loaded: Sam3 | None, **settings: Any) -> AsyncIterator[Service]:
    """Serve on a port of its own in this loop."""
    config = Config(port=0, **settings)
    app = create_app(config, loaded)
    uvicorn = server(app, config)
    before = asyncio.all_tasks()
    with listen(config.host, config.port) as bound:
        async with asyncio.TaskGroup() as tasks:
            serve = tasks.create_task(uvicorn._serve([bound]))
            while not uvicorn.started:
                await asyncio.sleep(0.01)
                assert not serve.done()
            port = bound.getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WAIT) as http:
                service = Service(app, http)
                try:
                    yield service
                finally:
                    for camera in service.cameras:
                        await camera.close()
                    uvicorn.should_exit = True
    left = {task for task in asyncio.all_tasks() - before if "TestRunner" not in repr(task.get_coro())}
    left -= {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=WAIT)
    assert not left


def id_of(answer: httpx.Response) -> str:
    return answer.headers["location"].rpartition("/")[2]
