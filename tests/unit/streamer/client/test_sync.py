"""streamer.client.sync without a server: what a healthy one cannot be made to say, and a session on a fake socket."""

from __future__ import annotations

import json
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import httpx
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from streamer.client import Busy, Client, ClientError, Session, sync
from streamer.wire import results
from tests.support.listing import LISTED
from tests.support.results import result


class FakeServer(httpx.MockTransport):
    """Gives one answer to everything, and keeps what it was asked."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        super().__init__(self._reply)
        self.answer = answer
        self.asked: list[httpx.Request] = []

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def refusal(self) -> ClientError:
        """What a client makes of it."""
        with Client("http://fake", transport=self, timeout=7) as client, pytest.raises(ClientError) as refused:
            client.sessions()
        return refused.value


def test_a_closed_client_says_so() -> None:
    client = Client("http://fake", transport=FakeServer(httpx.Response(200, json={"sessions": []})))
    client.close()
    with pytest.raises(ClientError, match="has been closed"):
        client.sessions()


def test_a_key_is_sent_as_it_was_meant_and_never_shown() -> None:
    for given in ("secret\n", " secret"):
        assert Client("http://fake", api_key=given).headers == {"Authorization": "Bearer secret"}
    assert Client("http://fake", api_key="").headers == {}
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        Client("http://fake", api_key="schlüssel")
    assert "schl" not in str(refused.value)


def test_other_failures_are_sentences_too() -> None:
    loading = FakeServer(httpx.Response(503, json={"message": "Loading.", "detail": "…"}, headers={"Retry-After": "5"}))
    assert isinstance(busy := loading.refusal(), Busy)
    assert (busy.message, busy.retry_after) == ("Loading.", 5)
    assert str(FakeServer(httpx.Response(502, html="<h1>")).refusal()) == "The server answered 502 Bad Gateway."
    assert str(FakeServer(httpx.Response(307)).refusal()) == "The server answered 307 Temporary Redirect."
    assert "not one of this API" in str(FakeServer(httpx.Response(200, html="<h1>")).refusal())
    assert str(FakeServer(httpx.ReadTimeout("")).refusal()) == "The server at http://fake has not answered within 7 s."
    assert "failed (reset)" in str(FakeServer(httpx.ReadError("reset")).refusal())


def test_the_key_goes_with_every_request() -> None:
    fake = FakeServer(httpx.Response(200, json={"sessions": []}))
    with Client("http://fake/base/", api_key="secret", transport=fake) as client:
        assert client.sessions() == []
    assert str(fake.asked[0].url) == "http://fake/base/sessions"
    assert fake.asked[0].headers["Authorization"] == "Bearer secret"


class FakeSocket:
    """A WebSocket that brings what the test puts in, and acknowledges what it is sent."""

    def __init__(self) -> None:
        self.incoming: queue.SimpleQueue[str | ConnectionClosed] = queue.SimpleQueue()
        self.sent: list[dict[str, Any]] = []

    def __enter__(self) -> FakeSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def recv(self) -> str:
        message = self.incoming.get()
        if isinstance(message, ConnectionClosed):
            raise message
        return message

    def send(self, text: str) -> None:
        message = json.loads(text)
        self.sent.append(message)
        self.incoming.put(json.dumps({"type": "ack", "request": message["request"], "object_id": 7}))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.incoming.put(ConnectionClosed(Close(code, reason), None))


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[FakeSocket]:
    """The sockets that were asked for."""
    made: list[FakeSocket] = []

    def connect(url: str, **_: object) -> FakeSocket:
        assert url.startswith("ws://fake/sessions/abc/results")
        made.append(FakeSocket())
        made[-1].incoming.put(results.result_json(result(len(made))))
        return made[-1]

    monkeypatch.setattr(sync, "connect", connect)
    return made


def joined() -> Session:
    return Client("http://fake", transport=FakeServer(httpx.Response(200, json=LISTED))).attach("abc")


def test_a_session_connects_when_it_is_read_and_ends_with_its_connection(sockets: list[FakeSocket]) -> None:
    session = joined()
    assert (session.id, sockets) == ("abc", [])
    reading = session.results()
    assert next(reading).frame.index == 1
    sockets[0].close()
    assert list(reading) == []
    session.close()


def test_what_is_asked_is_sent_with_a_number_and_answered_by_it(sockets: list[FakeSocket]) -> None:
    with joined() as session:
        assert session.click(3, 10, 20) == session.box(3, 1, 2, 3, 4) == 7
        session.remove(7)
    assert [message["type"] for message in sockets[0].sent] == ["click", "box", "remove"]
    assert [message["request"] for message in sockets[0].sent] == [1, 2, 3]


def test_a_session_that_moves_is_found_again(sockets: list[FakeSocket]) -> None:
    with joined() as session:
        reading = session.results()
        next(reading)
        sockets[0].close(1012)
        assert next(reading).frame.index == 2
        sockets[1].close(1001)
        with pytest.raises(Busy):
            next(reading)


def test_closing_ends_the_search_for_a_session_that_moves(
    sockets: list[FakeSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = joined()
    reading = session.results()
    next(reading)
    full = threading.Event()

    def refuse(*_: object, **__: object) -> NoReturn:
        full.set()
        raise InvalidStatus(Response(503, "Service Unavailable", Headers()))

    monkeypatch.setattr(sync, "connect", refuse)
    sockets[0].close(1012)
    with ThreadPoolExecutor() as threads:
        rest = threads.submit(list, reading)
        assert full.wait(60)
        session.close()
        assert rest.result(60) == []


def test_a_connection_that_is_refused_is_an_error_and_the_next_try_connects_again(sockets: list[FakeSocket]) -> None:
    with joined() as session:
        reading = session.results()
        next(reading)
        sockets[0].close(4404, "There is no session abc.")
        with pytest.raises(ClientError, match="no session abc") as refused:
            next(reading)
        assert refused.value.status == 404
        assert next(session.results()).frame.index == 2
    assert len(sockets) == 2
