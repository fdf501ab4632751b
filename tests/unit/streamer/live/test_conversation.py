"""What is said over a channel: one loop sends, one listens, whatever the channel is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from streamer.auth import Scope
from streamer.config import Config
from streamer.counters import Counters
from streamer.engine import Engine
from streamer.live import subscription as bounds
from streamer.live.conversation import converse, send
from streamer.live.presenters import Here
from streamer.live.session import Session
from tests.support import results
from tests.support.models import untrained
from tests.support.sources import HandSource


class Pipe:
    """A peer in memory: what it says is put into ``said``, what it hears lies in ``heard``; None hangs up."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.there = True

    async def send(self, message: str | bytes) -> bool:
        await self.reads.wait()
        if self.there:
            self.heard.put_nowait(json.loads(message))
        return self.there

    async def receive(self) -> str | bytes | None:
        return await self.said.get()

    def say(self, **message: Any) -> None:
        self.said.put_nowait(json.dumps(message))

    async def hear(self, kind: str) -> dict[str, Any]:
        while (message := await self.heard.get())["type"] != kind:
            pass
        return message


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    """One that was not started: it has readers, and takes options."""
    with ThreadPoolExecutor(1) as executor:
        engine = Engine(untrained)
        yield Session(
            "s",
            HandSource(),
            (),
            engine=engine,
            executor=executor,
            presenters=executor,
            worker=Here(),
            config=Config(),
            counters=Counters(),
        )
        await engine.close()


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


async def test_it_begins_with_the_state_and_answers_each_message_in_order(session: Session, pipe: Pipe) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        with session.subscribe() as reader:
            talk = tasks.create_task(converse(session, reader, pipe, Scope.PROMPT))
            assert (await pipe.hear("state"))["state"] == "connecting"
            for number in range(100):
                pipe.say(type="options", max_fps=number, request=number)
            assert [(await pipe.hear("ack"))["request"] for _ in range(100)] == list(range(100))
            pipe.said.put_nowait(b'{"type":"options","request":"bytes"}')
            assert (await pipe.hear("ack"))["request"] == "bytes"
            pipe.say(type="dance")
            assert "must be one of" in (await pipe.hear("error"))["message"]
            reader.publish(results.result(7))
            assert (await pipe.hear("result"))["frame"]["index"] == 7
            assert not talk.done()
            pipe.said.put_nowait(None)


async def test_a_peer_that_hangs_up_ends_it(session: Session, pipe: Pipe) -> None:
    with session.subscribe() as reader:
        pipe.said.put_nowait(None)
        async with asyncio.timeout(20):
            await converse(session, reader, pipe, Scope.PROMPT)
    assert reader.given_up is None


async def test_a_peer_that_cannot_be_sent_to_ends_it(session: Session, pipe: Pipe) -> None:
    with session.subscribe() as reader:
        pipe.there = False
        async with asyncio.timeout(20):
            await converse(session, reader, pipe, Scope.PROMPT)
    assert pipe.heard.empty()


async def test_a_session_that_ends_ends_it_after_the_last_word(session: Session, pipe: Pipe) -> None:
    with session.subscribe() as reader:
        session.finish("It was stopped.")
        async with asyncio.timeout(20):
            await converse(session, reader, pipe, Scope.PROMPT)
    assert (await pipe.hear("state"))["state"] == "connecting"
    assert (await pipe.hear("state"))["reason"] == "It was stopped."


async def test_a_peer_that_asks_and_does_not_read_is_not_read_either_and_then_given_up(
    session: Session, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "PATIENCE", 0.05)
    pipe.reads.clear()
    for number in range(10 * bounds.OUTBOX):
        pipe.say(type="options", request=number)
    with session.subscribe() as reader:
        async with asyncio.timeout(20):
            await converse(session, reader, pipe, Scope.PROMPT)
    assert reader.given_up is not None
    assert pipe.said.qsize() >= 9 * bounds.OUTBOX - 2


async def test_who_only_sends_needs_no_way_back(session: Session, pipe: Pipe) -> None:
    with session.subscribe() as reader:
        session.finish("It was stopped.")
        async with asyncio.timeout(20):
            await send(reader, pipe)
    assert pipe.heard.qsize() == 2
