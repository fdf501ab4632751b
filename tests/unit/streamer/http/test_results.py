"""Results over a WebSocket: how it is opened, what it carries, and how it is closed."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from streamer.live.subscription import OUTBOX
from streamer.sources.base import State
from tests.support.asgi import Asked, Live, Peer, connected


async def next_message(peer: Peer, kind: str) -> dict[str, Any]:
    while True:
        message = await peer.until("websocket.send")
        data: dict[str, Any] = json.loads(message["text"])
        if data["type"] == kind:
            return data


async def closed(peer: Peer) -> tuple[int, str]:
    message = await peer.until("websocket.close")
    return message["code"], message["reason"]


async def test_the_state_comes_first_then_results_and_answers(here: Asked, live: Live) -> None:
    async with connected(here, "websocket", f"/sessions/{live.session.id}/results") as peer:
        assert (await next_message(peer, "state"))["state"] in ("connecting", "live")
        live.source.give()
        assert (await next_message(peer, "result"))["frame"]["index"] == 0
        for message in ('{"type":"options","request":1}', b'{"type":"options","request":2}'):
            peer.say(message)
        assert [(await next_message(peer, "ack"))["request"] for _ in range(2)] == [1, 2]
        peer.say("")
        assert "not JSON" in (await next_message(peer, "error"))["message"]


async def test_messagepack_is_binary_and_pictures_come_before_results(here: Asked, live: Live) -> None:
    address = f"/sessions/{live.session.id}/results"
    async with connected(here, "websocket", address, "pictures=1&encoding=msgpack") as peer:
        live.source.give()
        kinds = []
        while "result" not in kinds:
            kinds.append(msgpack.unpackb((await peer.until("websocket.send"))["bytes"])["type"])
        assert kinds[-2:] == ["picture", "result"]


async def test_an_unknown_session_closes_it_with_a_reason(here: Asked) -> None:
    async with connected(here, "websocket", "/sessions/nobody/results") as peer:
        assert await closed(peer) == (4404, "There is no session nobody.")


@pytest.mark.parametrize("query", ["format=png", "max_fps=fast", "pictures=perhaps", "encoding=xml", "ahead=far"])
async def test_an_address_with_a_wrong_option_is_refused_with_its_name(here: Asked, live: Live, query: str) -> None:
    async with connected(here, "websocket", f"/sessions/{live.session.id}/results", query) as peer:
        code, reason = await closed(peer)
    assert code == 4400
    assert reason.startswith(query.partition("=")[0])


async def test_readers_over_the_limit_are_sent_away(here: Asked, live: Live) -> None:
    with live.session.subscribe(), live.session.subscribe(), live.session.subscribe():
        async with connected(here, "websocket", f"/sessions/{live.session.id}/results") as peer:
            assert (await closed(peer))[0] == 4429
        assert live.session.subscribers == 3
    async with connected(here, "websocket", f"/sessions/{live.session.id}/results") as peer:
        await next_message(peer, "state")


async def test_the_end_of_the_session_is_said_and_closes_it(here: Asked, live: Live) -> None:
    async with connected(here, "websocket", f"/sessions/{live.session.id}/results") as peer:
        await next_message(peer, "state")
        await here.sessions.delete(live.session.id)
        while (await next_message(peer, "state"))["state"] != "ended":
            pass
        assert await closed(peer) == (1000, "It was stopped.")


async def test_a_reader_that_leaves_messages_unread_is_given_up_and_told_why(here: Asked, live: Live) -> None:
    async with connected(here, "websocket", f"/sessions/{live.session.id}/results") as peer:
        await next_message(peer, "state")
        peer.reads.clear()
        assert live.source.tell is not None
        for number in range(OUTBOX + 2):
            live.source.tell(State.LIVE, f"state {number}")
        peer.reads.set()
        code, reason = await closed(peer)
    assert code == 4408
    assert reason == f"The messages are not being read: {OUTBOX} messages lie unread."
    assert live.session.subscribers == 0
