"""The name of the model on the answers of the hosted API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.asgi import Asked, asking


@pytest.fixture
async def here() -> AsyncIterator[Asked]:
    async with asking() as here:
        yield here


async def test_the_hosted_api_names_the_model_on_refusals_too_and_nothing_else_does(here: Asked) -> None:
    assert (await here.http.post("/sam3/embed_image", json={})).headers["X-Model"] == "nano"
    assert (await here.http.get("/sam3/nothing")).headers["X-Model"] == "nano"
    assert "X-Model" not in (await here.http.get("/sessions")).headers
    here.app.state.engines.all[0].model = None
    assert "X-Model" not in (await here.http.post("/sam3/embed_image", json={})).headers
