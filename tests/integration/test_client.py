"""The client as a person meets it: what it imports, what it exports, and the example of its own docstring."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

import streamer.client
from streamer.client import AsyncClient, Client
from tests.support.documents import ROOT
from tests.support.models import untrained
from tests.support.pictures import patches
from tests.support.serving import serving


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(untrained()) as served:
        yield f"http://{served.address}"


def test_importing_the_client_imports_no_model_and_no_server() -> None:
    heavy = {"torch", "torchvision", "sam3", "tracker", "fastapi", "uvicorn", "pydantic", "av", "aiortc"}
    words = f"import streamer.client, sys; print(*sorted({heavy!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_every_exported_name_is_there_and_says_what_it_is() -> None:
    for name in streamer.client.__all__:
        if name != "Polygon":  # an alias of a type
            assert getattr(streamer.client, name).__doc__


def test_both_clients_have_the_same_calls() -> None:
    def calls(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert calls(Client) == calls(AsyncClient)
    assert calls(streamer.client.Session) == calls(streamer.client.AsyncSession)


async def test_the_example_runs_with_asyncio(address: str) -> None:
    async with AsyncClient(address) as client:
        found = await client.concept_segment(patches(64, 48), ["red circle", "star"])
        assert [prompt.text for prompt in found] == ["red circle", "star"]
        async with client.start("demo:?size=160x120", prompts=["circle"]) as session:
            async for result in session.results():
                await session.prompt("circle", "red thing")
                await session.click(result.frame, x=100, y=60)
                break
        assert await client.sessions() == []
