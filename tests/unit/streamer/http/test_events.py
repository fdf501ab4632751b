"""A session's messages as server-sent events: their form, their end, and readers that do not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from streamer.http import events as module
from streamer.http.server import TRANSPORT
from streamer.live.subscription import OUTBOX
from streamer.sources.base import State
from tests.support.asgi import Asked, Live, Peer, connected


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    id: str | None
    data: dict[str, Any]


def parsed(text: str) -> Iterator[Event]:
    """Read as the standard says; comments become events too."""
    for part in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in part.split("\n"))
        if "" in fields:
            yield Event("comment", None, {"text": fields[""]})
        else:
            yield Event(fields["event"], fields.get("id"), json.loads(fields["data"]))


async def following(peer: Peer, kind: str) -> Event:
    while True:
        for event in parsed((await peer.until("http.response.body"))["body"].decode()):
            if event.kind == kind:
                return event


async def rest(peer: Peer) -> list[Event]:
    """All that is still to come, of an answer that ends; comments left out."""
    found: list[Event] = []
    while True:
        message = await peer.until("http.response.body")
        found += [event for event in parsed(message["body"].decode()) if event.kind != "comment"]
        if not message["more_body"]:
            return found


class Wire(asyncio.Transport):
    """A transport whose connection can be cut."""

    def __init__(self, peer: list[Peer]) -> None:
        super().__init__()
        self.cut = asyncio.Event()
        self.limits: dict[str, Any] = {}
        self._peer = peer

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits = {"high": high}

    def abort(self) -> None:
        self.cut.set()
        self._peer[0].hang_up()


async def test_a_message_is_an_event_with_its_type_and_its_frames_index(here: Asked, live: Live) -> None:
    async with connected(here, "http", f"/sessions/{live.session.id}/events") as peer:
        start = await peer.until("http.response.start")
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
        assert "content-length" not in headers
        assert (await peer.until("http.response.body"))["body"] == b": still here\n\n"
        state = (await peer.until("http.response.body"))["body"].decode()
        assert state.startswith('event: state\ndata: {"type":"state"')
        live.source.give()
        while not (text := (await peer.until("http.response.body"))["body"].decode()).startswith("event: result\n"):
            pass
        assert text.startswith("event: result\nid: 0\ndata: {")
        assert text.endswith("}\n\n")


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("encoding=msgpack", "encoding", "should be json"),
        ("pictures=1", "pictures", "/sessions/{id}/frames/{index}.jpg"),
        ("format=png", "format", "'rle', 'polygon' or 'none'"),
        ("max_fps=-1", "max_fps", "greater than or equal to 0"),
        ("max_fps=nan", "max_fps", "finite"),
        ("ahead=2", "ahead", "less than or equal to 1"),
    ],
)
async def test_a_wrong_option_is_refused_by_name(here: Asked, live: Live, query: str, field: str, words: str) -> None:
    answer = await here.http.get(f"/sessions/{live.session.id}/events?{query}")
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["loc"] == ["query", field]
    assert words in problem["msg"]


async def test_the_options_that_text_can_carry_may_be_written_out(here: Asked, live: Live) -> None:
    async with connected(here, "http", f"/sessions/{live.session.id}/events", "encoding=json&pictures=0") as peer:
        live.source.give()
        await following(peer, "result")


async def test_a_session_that_is_not_there_is_not_found(here: Asked) -> None:
    answer = await here.http.get("/sessions/nobody/events")
    assert answer.status_code == 404
    assert set(answer.json()) == {"message", "detail"}


async def test_a_reader_over_the_limit_is_refused_before_the_first_byte(here: Asked, live: Live) -> None:
    with live.session.subscribe(), live.session.subscribe(), live.session.subscribe():
        answer = await here.http.get(f"/sessions/{live.session.id}/events")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_the_last_event_says_that_the_session_ended_and_why(here: Asked, live: Live) -> None:
    address = f"/sessions/{live.session.id}/events"
    async with connected(here, "http", address) as peer:
        await following(peer, "state")
        live.source.end()
        *_, state, end = await rest(peer)
    assert (state.kind, state.data["state"]) == ("state", "ended")
    assert (end.kind, end.id) == ("end", "end")
    assert end.data == {"type": "end", "session": live.session.id, "reason": "The hand was taken away."}
    async with connected(here, "http", address) as peer:
        assert [each.kind for each in await rest(peer)] == ["state", "end"]
    again = await here.http.get(address, headers={"Last-Event-ID": "end"})
    assert (again.status_code, again.content) == (204, b"")


async def test_stopping_a_session_ends_its_events(here: Asked, live: Live) -> None:
    async with connected(here, "http", f"/sessions/{live.session.id}/events") as peer:
        await following(peer, "state")
        await here.sessions.delete(live.session.id)
        *_, end = await rest(peer)
    assert (end.kind, end.data["reason"]) == ("end", "It was stopped.")


async def test_a_quiet_stream_has_a_heartbeat(here: Asked, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.02)
    async with connected(here, "http", f"/sessions/{live.session.id}/events") as peer:
        await following(peer, "state")
        for _ in range(3):
            assert (await following(peer, "comment")).data == {"text": "still here"}


async def test_a_reader_that_hangs_up_gives_its_place_back(here: Asked, live: Live) -> None:
    async with connected(here, "http", f"/sessions/{live.session.id}/events") as peer:
        await following(peer, "state")
        assert live.session.subscribers == 1
    assert live.session.subscribers == 0


@pytest.mark.parametrize("ended", [False, True])
async def test_a_reader_that_lets_a_message_wait_too_long_is_cut_off(
    here: Asked, live: Live, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    """Be it a result, or the last word of a stream that has ended."""
    monkeypatch.setattr(module, "STALLED", 0.05)
    peers: list[Peer] = []
    wire = Wire(peers)
    async with connected(here, "http", f"/sessions/{live.session.id}/events", more={TRANSPORT: wire}) as peer:
        peers.append(peer)
        await following(peer, "state")
        peer.reads.clear()
        if ended:
            live.source.end()
        else:
            live.source.give()
        await wire.cut.wait()
        assert live.session.subscribers == 0
    assert wire.limits == {"high": 1}


async def test_a_reader_that_is_given_up_is_cut_off_at_once(here: Asked, live: Live) -> None:
    peers: list[Peer] = []
    wire = Wire(peers)
    async with connected(here, "http", f"/sessions/{live.session.id}/events", more={TRANSPORT: wire}) as peer:
        peers.append(peer)
        await following(peer, "state")
        peer.reads.clear()
        assert live.source.tell is not None
        for number in range(OUTBOX + 2):
            live.source.tell(State.LIVE, f"state {number}")
        await wire.cut.wait()
