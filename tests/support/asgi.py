"""The application in this process: asked without sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
from fastapi import FastAPI
from starlette.types import Message

from streamer.app import create_app
from streamer.config import Config
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from tests.support.models import untrained
from tests.support.sources import HandSource
from tracker import Prompt, Sam3

EMPTY: Mapping[str, Any] = MappingProxyType({})


class Live(NamedTuple):
    """A session, and its source that is held by the hand."""

    session: Session
    source: HandSource


@dataclass(frozen=True, slots=True)
class Asked:
    """An application that runs, and a client of it."""

    app: FastAPI
    http: httpx.AsyncClient

    @property
    def sessions(self) -> Sessions:
        sessions: Sessions = self.app.state.sessions
        return sessions

    async def start(self, *prompts: Prompt) -> Live:
        """Start a session, and wait until it runs."""
        source = HandSource()
        session = self.sessions.create(source, prompts)
        await source.running.wait()
        return Live(session, source)


@contextlib.asynccontextmanager
async def asking(model: Sam3 | None = None, **settings: Any) -> AsyncIterator[Asked]:
    """Run an application until the block ends. A failure inside it is answered, as a server would."""
    app = create_app(Config(**settings), model or untrained())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http,
    ):
        yield Asked(app, http)


class Peer:
    """
    The far side of one connection, held by the hand: of a WebSocket, or of an answer that does not end.

    While ``reads`` is not set it takes nothing. ``sent`` holds the ASGI messages that it was sent.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.reads = asyncio.Event()
        self.reads.set()
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()

    async def receive(self) -> Message:
        return await self._said.get()

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.put_nowait(message)

    def say(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self._said.put_nowait({"type": "websocket.receive", kind: message})

    def hang_up(self) -> None:
        self._said.put_nowait({"type": f"{self.kind}.disconnect", "code": 1001})

    async def until(self, kind: str) -> Message:
        """The next message of this ASGI type, which may be a beginning."""
        while not (message := await self.sent.get())["type"].startswith(kind):
            pass
        return message


@contextlib.asynccontextmanager
async def connected(
    here: Asked, kind: str, path: str, query: str = "", *, more: Mapping[str, Any] = EMPTY
) -> AsyncIterator[Peer]:
    """Ask for a path by ``http`` or ``websocket``; ``more`` is put into the scope."""
    peer = Peer(kind)
    scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [],
        **more,
    }
    if kind == "websocket":
        peer._said.put_nowait({"type": "websocket.connect"})
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(here.app(scope, peer.receive, peer.send))
        try:
            yield peer
        finally:
            peer.reads.set()
            peer.hang_up()
