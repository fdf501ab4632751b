"""A model that hangs: the server says so, takes nothing new, recovers when it comes back, and ends when told to."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message

from streamer import engine
from tests.support import hanging
from tests.support.asgi import Asked, Live, asking, connected
from tests.support.hanging import HangingModel
from tests.support.leftovers import as_before
from tests.support.pictures import encoded, sent
from tests.support.programs import program
from tests.support.weights import random_weights
from tracker import Prompt, Sam3

WAIT = 60  # seconds until a test gives up
IN_TIME = 20  # seconds: ten from the signal to the end of the process, and what a busy machine takes to tell us


@pytest.fixture
def model() -> HangingModel:
    return HangingModel()


@pytest.fixture
async def here(model: HangingModel, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Asked]:
    monkeypatch.setattr(engine, "LONGEST", 0.3)
    monkeypatch.setattr(engine, "EVERY", 0.02)
    async with asyncio.timeout(WAIT), asking(cast(Sam3, model), present="looked", max_sessions=4) as here:
        yield here
        model.go_on()


@pytest.fixture
async def live(here: Asked) -> Live:
    """A session that has had a result."""
    live = await here.start(Prompt("red", threshold=0.0))
    live.source.give()
    await until(lambda: looked(live, 1))
    return live


async def looked(live: Live, times: int) -> bool:
    return live.session.told >= times


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    while not await true():  # noqa: ASYNC110  (what is asked for by HTTP tells nobody)
        await asyncio.sleep(0.02)


async def ready(here: Asked) -> bool:
    return (await here.http.get("/readyz")).status_code == 200


async def hangs(here: Asked) -> bool:
    return not await ready(here)


async def described(here: Asked, live: Live) -> dict[str, Any]:
    found: dict[str, Any] = (await here.http.get(f"/sessions/{live.session.id}")).json()
    return found


async def gauges(here: Asked) -> dict[str, float]:
    text = (await here.http.get("/metrics")).text
    return {each.name: each.value for family in text_string_to_metric_families(text) for each in family.samples}


async def test_while_it_hangs_everybody_is_told_and_afterwards_all_is_as_before(
    here: Asked, live: Live, model: HangingModel
) -> None:
    await gauges(here)  # what the first request of a kind leaves for good
    async with as_before():
        model.hang()
        live.source.give()
        await until(lambda: hangs(here))

        answer = await here.http.get("/readyz")
        assert answer.json()["message"] == "The model hangs."
        assert "has not come back" in answer.json()["detail"]
        assert (await here.http.get("/healthz")).status_code == 200  # the process answers

        stalled = await described(here, live)
        assert stalled["state"] == "stalled"
        assert "has not come back" in stalled["reason"]
        older = await described(here, live)
        assert older["age_ms"] > stalled["age_ms"] > 300
        assert {name: (await gauges(here))[name] for name in ("streamer_ready", "streamer_model_hangs")} == {
            "streamer_ready": 0,
            "streamer_model_hangs": 1,
        }

        model.go_on()
        await until(lambda: ready(here))
        await until(lambda: looked(live, 2))
        assert (await described(here, live))["state"] == "live"
        assert (await gauges(here))["streamer_ready"] == 1


async def test_what_is_new_is_refused_and_told_when_to_come_back(here: Asked, live: Live, model: HangingModel) -> None:
    model.hang()
    live.source.give()
    await until(lambda: hangs(here))
    picture = sent(encoded())
    for answer in (
        await here.http.post("/sessions", json={"source": "demo:"}),
        await here.http.post("/sam3/embed_image", json={"image": picture}),
        await here.http.post("/sam3/concept_segment", json={"image": picture, "prompts": [{"text": "red"}]}),
    ):
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert "hangs" in answer.json()["message"]
    assert len((await here.http.get("/sessions")).json()["sessions"]) == 1
    model.go_on()
    await until(lambda: ready(here))
    assert (await here.http.post("/sessions", json={"source": "demo:?size=64x64"})).status_code == 201


async def test_a_reader_is_told_and_its_clicks_are_refused_and_not_kept(
    here: Asked, live: Live, model: HangingModel
) -> None:
    async with connected(here, "websocket", f"/sessions/{live.session.id}/results") as reader:
        model.hang()
        live.source.give()
        states: list[Message] = []
        while "stalled" not in str(states[-1:]):
            states.append(await reader.until("websocket.send"))
        reader.say('{"type": "prompts", "prompts": ["green"], "request": 1}')
        while '"request":1' not in (refusal := str(await reader.until("websocket.send"))):
            pass
        assert "not_ready" in refusal
        model.go_on()
        await until(lambda: ready(here))
        live.source.give()
        while '"state":"live"' not in str(await reader.until("websocket.send")):
            pass
    assert [prompt.text for prompt in live.session.prompts] == ["red"]


async def test_a_session_can_be_stopped_while_it_hangs(here: Asked, live: Live, model: HangingModel) -> None:
    model.hang()
    live.source.give()
    await until(lambda: hangs(here))
    assert (await here.http.delete(f"/sessions/{live.session.id}")).status_code == 204
    assert (await here.http.get("/sessions")).json() == {"sessions": []}
    assert live.source.stopped.is_set()


def test_told_to_end_the_server_does_so_whatever_the_model_does(tmp_path: Path) -> None:
    """With a request in it that waits for the model, and a session whose step does not come back."""
    hang = tmp_path / "hang"
    weights = str(random_weights(tmp_path))
    arguments = ["--port", "0", "--threads", "1", "--checkpoint", weights, "--present", "looked"]
    source = ["--source", "demo:?size=128x96&fps=10", "--prompt", "star"]
    script = Path(hanging.__file__)
    with program(script, hang, "serve", *arguments, *source) as server:
        address = server.until(r"open http").split()[-1]
        with httpx.Client(base_url=address, timeout=WAIT) as client:
            server.until("live")
            hang.touch()
            refused: list[httpx.Response] = []
            waiting = threading.Thread(target=ask, args=(client, {"image": sent(encoded())}, refused))
            waiting.start()
            while float(metric(client, "streamer_requests_waiting")) < 1:
                time.sleep(0.05)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            lines = server.ended()
            took = time.monotonic() - began
            waiting.join()
    assert took < IN_TIME
    assert [answer.status_code for answer in refused] == [503]
    assert any("The model's thread does not end" in line for line in lines), lines
    assert any("hangs: the process ends without it" in line for line in lines), lines


def ask(client: httpx.Client, body: dict[str, Any], answers: list[httpx.Response]) -> None:
    answers.append(client.post("/sam3/embed_image", json=body))


def metric(client: httpx.Client, name: str) -> str:
    return next(line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")).split()[1]
