"""What every request goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.asgi import Asked, asking


@pytest.fixture
async def here() -> AsyncIterator[Asked]:
    async with asking(max_body=1000) as here:
        yield here


async def test_a_body_that_is_too_long_is_refused(here: Asked) -> None:
    answer = await here.http.post("/sessions", json={"source": "x" * 2000})
    assert answer.status_code == 413
    assert set(answer.json()) == {"message", "detail"}


async def test_a_body_that_does_not_end_is_refused_before_it_is_kept(here: Asked) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield b"[" * 100

    answer = await here.http.post("/sessions", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert sent <= 1200


async def test_the_hosted_api_names_the_model_on_refusals_too_and_nothing_else_does(here: Asked) -> None:
    assert (await here.http.post("/sam3/embed_image", json={})).headers["X-Model"] == "nano"
    assert (await here.http.get("/sam3/nothing")).headers["X-Model"] == "nano"
    assert "X-Model" not in (await here.http.get("/sessions")).headers
    here.app.state.engine.model = None
    assert "X-Model" not in (await here.http.post("/sam3/embed_image", json={})).headers
