"""A session to be asked, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from streamer.engine import Engine
from tests.support.models import untrained
from tests.support.sources import HandSource
from tests.support.stage import Stage, make
from tracker import Sam3


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(untrained)
    await engine.load()
    yield engine
    await engine.close()


@pytest.fixture
def model(engine: Engine) -> Sam3:
    return engine.need_model()


@pytest.fixture
async def stage(engine: Engine) -> AsyncIterator[Stage]:
    source = HandSource()
    session = make(engine, source)
    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(session.run())
        with session.subscribe() as reader:
            yield Stage(session, source, reader)
        task.cancel()
