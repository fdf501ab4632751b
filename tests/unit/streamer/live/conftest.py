"""A session to be asked, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from streamer.engine import Engine
from tests.support.models import untrained
from tests.support.sources import HandSource
from tests.support.stage import Stage, playing
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
    async with playing(engine, HandSource()) as stage:
        yield stage
