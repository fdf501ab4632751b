"""Results as server-sent events, over real sockets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from streamer.live.session import Session
from tests.support.models import untrained
from tests.support.serving import Served, read, serving

DEMO = "demo:?seed=5&size=160x120&fps=15&objects=2"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained(), max_sessions=4, max_subscribers=3, allow_origins=("http://elsewhere",)) as served:
        yield served


@pytest.fixture
def session(served: Served) -> Iterator[str]:
    session = served.start(DEMO, {"text": "red circle", "output_prob_thresh": 0}, "star")
    yield session
    served.http.delete(f"/sessions/{session}")


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    id: str | None
    data: dict[str, Any]


@contextlib.contextmanager
def listening(served: Served, session: str, query: str = "") -> Iterator[Iterator[Event]]:
    """Read the events of a session as the standard says they are to be read; comments become events too."""
    with served.http.stream("GET", f"/sessions/{session}/events{query}") as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        yield _events(answer)


def _events(answer: httpx.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(":")
        if line and not name:
            yield Event("comment", None, {"text": value.strip()})
        elif line:
            fields[name] = value.strip()
        elif fields:
            yield Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
            fields = {}


def following(events: Iterator[Event], kind: str) -> Event:
    return next(each for each in events if each.kind == kind)


def test_the_messages_of_the_websocket_come_as_events(served: Served, session: str) -> None:
    with listening(served, session) as events:
        assert following(events, "state").data["type"] == "state"
        results = [following(events, "result") for _ in range(3)]
    for each in results:
        assert each.id == str(each.data["frame"]["index"])
        assert (each.data["type"], each.data["session"]) == ("result", session)
    indexes = [each.data["frame"]["index"] for each in results]
    assert indexes == sorted(set(indexes))


def test_a_page_of_another_origin_may_read_them(served: Served, session: str) -> None:
    headers = {"Origin": "http://elsewhere", "Accept": "text/event-stream"}
    with served.http.stream("GET", f"/sessions/{session}/events", headers=headers) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "http://elsewhere"


def test_the_options_of_the_websocket_hold(served: Served, session: str) -> None:
    with listening(served, session, "?format=none&prompts=red%20circle&max_fps=500") as events:
        result = following(events, "result").data
        while not result["prompt_results"][0]["predictions"]:
            result = following(events, "result").data
    (entry,) = result["prompt_results"]
    assert entry["echo"]["text"] == "red circle"
    assert {(each["format"], each["masks"]) for each in entry["predictions"]} == {("none", None)}
    with listening(served, session, "?ahead=1") as events:
        while "ahead" not in following(events, "result").data:
            pass
    with listening(served, session, "?max_fps=0.001") as events, served.results(session) as other:
        following(events, "result")
        for _ in range(5):
            read(other, "result")
        live: Session = served.app.state.sessions.get(session)
        assert live.missed >= 3  # of the one who wants fewer


def test_readers_over_the_limit_are_sent_away_and_places_come_back(served: Served, session: str) -> None:
    with contextlib.ExitStack() as readers:
        streams = [readers.enter_context(listening(served, session)) for _ in range(3)]
        for events in streams:
            following(events, "state")
        for _ in range(5):
            answer = served.http.get(f"/sessions/{session}/events")
            assert answer.status_code == 429
            assert int(answer.headers["Retry-After"]) > 0
    live: Session = served.app.state.sessions.get(session)
    with contextlib.suppress(httpx.HTTPError):
        while live.subscribers:  # each is noticed to have gone
            served.http.get("/healthz")
    with listening(served, session) as events:
        following(events, "result")


def test_where_there_are_keys_one_is_needed() -> None:
    with serving(untrained(), api_keys=("key",)) as served:
        session = served.http.post("/sessions?api_key=key", json={"source": DEMO}).json()["id"]
        assert served.http.get(f"/sessions/{session}/events").status_code == 401
        with listening(served, session, "?api_key=key") as events:
            following(events, "result")
