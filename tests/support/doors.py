"""A front door of a cluster that is in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from streamer.cluster.doors import create_front
from streamer.cluster.front import Front
from streamer.commands.serve import listen
from streamer.config import Config
from streamer.http.server import server


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
