"""The application in this process, with a session in it whose source is held by the hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.asgi import Asked, Live, asking
from tracker import Prompt


@pytest.fixture
async def here() -> AsyncIterator[Asked]:
    async with asyncio.timeout(100), asking(max_sessions=4, max_subscribers=3) as here:
        yield here


@pytest.fixture
async def live(here: Asked) -> Live:
    """A session that runs."""
    return await here.start(Prompt("red circle", threshold=0.0))
