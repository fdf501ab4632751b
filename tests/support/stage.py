"""One session that runs, with a source that is held by the hand and a reader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.live.session import Session
from streamer.live.subscription import Subscription
from tests.support.sources import HandSource
from tracker import Prompt

SECONDS = 100  # until a session that hangs fails its test


class Stage:
    """A session that runs, its source, and one reader of it."""

    def __init__(self, session: Session, source: HandSource, reader: Subscription) -> None:
        self.session, self.source, self.reader = session, source, reader
        self.messages = aiter(reader)

    async def read(self, kind: str) -> dict[str, Any]:
        async for message in self.messages:
            data: dict[str, Any] = json.loads(message)
            if data["type"] == kind:
                return data
        raise AssertionError(f"no {kind} came")

    async def frame(self) -> dict[str, Any]:
        """Give a frame and wait for what becomes of it."""
        self.source.give()
        async for message in self.messages:
            data: dict[str, Any] = json.loads(message)
            if "frame" in data:
                return data
        raise AssertionError("nothing became of it")


def make(engine: Engine, source: HandSource, **more: Any) -> Session:
    encoder = ThreadPoolExecutor(1)
    config, counters = more.pop("config", Config()), more.pop("counters", Counters())
    prompts = more.pop("prompts", (Prompt("red circle", threshold=0.0),))
    return Session("s", source, prompts, engine=engine, executor=encoder, config=config, counters=counters, **more)


@asynccontextmanager
async def playing(engine: Engine, source: HandSource) -> AsyncIterator[Stage]:
    """A session of a source that runs for the length of a ``with`` block, with one reader."""
    session = make(engine, source)
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        with session.subscribe() as reader:
            yield Stage(session, source, reader)
        task.cancel()
