"""One session that runs, with a source that is held by the hand and a reader."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.frame import Frame
from streamer.live.presenters import Here
from streamer.live.session import Session
from streamer.live.subscription import Subscription
from tests.support.sources import HandSource
from tracker import Prompt, Tracker

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
    """A session whose results are of looked-at frames alone, unless its ``config`` says otherwise."""
    config = more.pop("config", Config(present="looked"))
    prompts = more.pop("prompts", (Prompt("red circle", threshold=0.0),))
    return Session(
        "s",
        source,
        prompts,
        engine=engine,
        executor=ThreadPoolExecutor(1),
        presenters=ThreadPoolExecutor(1),
        worker=Here(),
        config=config,
        counters=more.pop("counters", Counters()),
        **more,
    )


@asynccontextmanager
async def playing(engine: Engine, source: HandSource, **more: Any) -> AsyncIterator[Stage]:
    """A session of a source that runs for the length of a ``with`` block, with one reader."""
    session = make(engine, source, **more)
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        with session.subscribe() as reader:
            yield Stage(session, source, reader)
        task.cancel()


@asynccontextmanager
async def looking(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """For the length of the block a look takes for ever; orders are carried out in the middle of it."""
    go_on, step = threading.Event(), Tracker.step

    def slow(self: Tracker, *given: Any, **named: Any) -> Any:
        while not go_on.wait(0.002):
            named["between"]()
        return step(self, *given, **named)

    monkeypatch.setattr(Tracker, "step", slow)
    try:
        yield
    finally:
        go_on.set()
        monkeypatch.setattr(Tracker, "step", step)


@asynccontextmanager
async def standing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Enter when a next frame was looked at and only its age keeps it from being told again; at the end it is old."""
    looked, old = asyncio.Event(), asyncio.Event()

    async def stands(_: Frame) -> bool:
        looked.set()
        return await old.wait()

    monkeypatch.setattr(stage.session, "_stands", stands)
    await stage.frame()
    await looked.wait()
    yield
    old.set()
    await asyncio.sleep(0)  # what waits for it goes on at once, and ends
