"""A session to be asked, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest

from benchmarks.support.fake_model import FakeModel
from streamer.config import Config
from streamer.engine import Engine
from tests.support.models import untrained
from tests.support.sources import HandSource
from tests.support.squares import GREEN, RED, Squares
from tests.support.stage import Stage, playing
from tracker import Sam3


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(untrained)
    await engine.load()
    yield engine
    await engine.close()


@pytest.fixture
async def fake_engine() -> AsyncIterator[Engine]:
    engine = Engine(lambda: cast(Sam3, FakeModel()))
    await engine.load()
    yield engine
    await engine.close()


@pytest.fixture
async def presented(fake_engine: Engine) -> AsyncIterator[Stage]:
    """A session whose every frame is presented, by a model that finds what there is."""
    async with playing(fake_engine, Squares(), config=Config(), prompts=(RED, GREEN)) as stage:
        yield stage


@pytest.fixture
def model(engine: Engine) -> Sam3:
    return engine.need_model()


@pytest.fixture
async def stage(engine: Engine) -> AsyncIterator[Stage]:
    async with playing(engine, HandSource()) as stage:
        yield stage
