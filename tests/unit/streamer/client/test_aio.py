"""streamer.client.aio without a server: the calls of the other client, awaited, and a session on a fake socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from streamer.client import AsyncClient, AsyncSession, Busy, ClientError, aio
from streamer.wire import results
from tests.support.listing import LISTED
from tests.support.results import result

WAIT = 60


class FakeServer(httpx.MockTransport):
    """Gives one answer to everything."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(lambda request: answer)


async def test_a_busy_server_says_when_to_come_back() -> None:
    fake = FakeServer(httpx.Response(503, json={"message": "Loading.", "detail": "…"}, headers={"Retry-After": "5"}))
    async with AsyncClient("http://fake", transport=fake) as client:
        with pytest.raises(Busy, match="Loading") as busy:
            await client.sessions()
    assert busy.value.retry_after == 5


class FakeSocket:
    """A WebSocket that brings what the test puts in, and acknowledges what it is sent."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[str | ConnectionClosed] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []

    async def recv(self) -> str:
        message = await self.incoming.get()
        if isinstance(message, ConnectionClosed):
            raise message
        return message

    async def send(self, text: str) -> None:
        message = json.loads(text)
        self.sent.append(message)
        self.incoming.put_nowait(json.dumps({"type": "ack", "request": message["request"], "object_id": 7}))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.incoming.put_nowait(ConnectionClosed(Close(code, reason), None))


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[FakeSocket]:
    """The sockets that were asked for."""
    made: list[FakeSocket] = []

    async def connect(url: str, **_: object) -> FakeSocket:
        assert url.startswith("ws://fake/sessions/abc/results")
        made.append(FakeSocket())
        made[-1].incoming.put_nowait(results.result_json(result(len(made))))
        return made[-1]

    monkeypatch.setattr(aio, "connect", connect)
    return made


async def joined() -> AsyncSession:
    return await AsyncClient("http://fake", transport=FakeServer(httpx.Response(200, json=LISTED))).attach("abc")


async def test_a_session_connects_when_it_is_read_and_ends_with_its_connection(sockets: list[FakeSocket]) -> None:
    session = await joined()
    assert (session.id, sockets) == ("abc", [])
    async with asyncio.timeout(WAIT):
        reading = session.results()
        assert (await anext(reading)).frame.index == 1
        await sockets[0].close()
        assert [each async for each in reading] == []
        await session.close()


async def test_what_is_asked_is_sent_with_a_number_and_answered_by_it(sockets: list[FakeSocket]) -> None:
    async with asyncio.timeout(WAIT), await joined() as session:
        clicked, boxed = await asyncio.gather(session.click(3, 10, 20), session.box(3, 1, 2, 3, 4))
        assert clicked == boxed == 7
        await session.remove(7)
    assert [message["type"] for message in sockets[0].sent] == ["click", "box", "remove"]
    assert [message["request"] for message in sockets[0].sent] == [1, 2, 3]


async def test_a_session_that_moves_is_found_again(sockets: list[FakeSocket]) -> None:
    async with asyncio.timeout(WAIT), await joined() as session:
        reading = session.results()
        await anext(reading)
        await sockets[0].close(1012)
        assert (await anext(reading)).frame.index == 2
        await sockets[1].close(1001)
        with pytest.raises(Busy):
            await anext(reading)


async def test_a_connection_that_is_refused_is_an_error_and_the_next_try_connects_again(
    sockets: list[FakeSocket],
) -> None:
    async with asyncio.timeout(WAIT), await joined() as session:
        reading = session.results()
        await anext(reading)
        await sockets[0].close(4404, "There is no session abc.")
        with pytest.raises(ClientError, match="no session abc") as refused:
            await anext(reading)
        assert refused.value.status == 404
        assert (await anext(session.results())).frame.index == 2
    assert len(sockets) == 2
