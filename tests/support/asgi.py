"""The application in this process: asked without sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from streamer.app import create_app
from streamer.config import Config
from streamer.live.session import Session
from streamer.live.sessions import Sessions
from tests.support.models import untrained
from tests.support.sources import HandSource
from tracker import Prompt, Sam3


@dataclass(frozen=True, slots=True)
class Asked:
    """An application that runs, and a client of it."""

    app: FastAPI
    http: httpx.AsyncClient

    @property
    def sessions(self) -> Sessions:
        sessions: Sessions = self.app.state.sessions
        return sessions

    def start(self, *prompts: Prompt) -> tuple[Session, HandSource]:
        """Start a session whose source is held by the hand."""
        source = HandSource()
        return self.sessions.create(source, prompts), source


@contextlib.asynccontextmanager
async def asking(model: Sam3 | None = None, **settings: Any) -> AsyncIterator[Asked]:
    """Run an application until the block ends. A failure inside it is answered, as a server would."""
    app = create_app(Config(**settings), model or untrained())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://here") as http:
        yield Asked(app, http)
