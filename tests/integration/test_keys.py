"""Keys that close: what each scope opens, over HTTP and WebSocket; tokens; wrong keys."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streamer.auth import Scope, keys_file
from streamer.auth.slowdown import FREE
from tests.support.asgi import Asked, Live, Peer, asking, connected
from tests.support.pictures import patches, saved, sent

IMAGE = sent(saved(patches(80, 60)))
SDP = {"Content-Type": "application/sdp"}


@dataclass(frozen=True, slots=True)
class Locked:
    """A server with a key of each scope, and a session of it."""

    here: Asked
    live: Live
    path: Path
    keys: dict[Scope, str]

    async def ask(self, method: str, path: str, key: str | None, **more: Any) -> int:
        headers = {**more.pop("headers", {}), **({} if key is None else {"Authorization": f"Bearer {key}"})}
        answer = await self.here.http.request(method, path.format(id=self.live.session.id), headers=headers, **more)
        return answer.status_code

    async def metric(self, line: str) -> float:
        answer = await self.here.http.get("/metrics", headers={"Authorization": f"Bearer {self.keys[Scope.VIEW]}"})
        values = [each.rpartition(" ")[2] for each in answer.text.splitlines() if each.startswith(line)]
        return float(values[0]) if values else 0.0


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Locked]:
    path = tmp_path / "keys.json"
    keys = {scope: keys_file.add(path, scope.word, scope) for scope in Scope}
    async with asking(keys=path) as here:
        live = await here.start()
        yield Locked(here, live, path, keys)


# What each scope opens. The status is what who may gets: no body here makes anything happen.
OPENS: list[tuple[Scope, str, str, dict[str, Any], int]] = [
    (Scope.VIEW, "GET", "/sessions", {}, 200),
    (Scope.VIEW, "GET", "/sessions/{id}", {}, 200),
    (Scope.VIEW, "GET", "/sessions/{id}/frames/latest.jpg", {}, 404),
    (Scope.VIEW, "GET", "/sessions/{id}/frames/3.jpg", {}, 404),
    (Scope.VIEW, "GET", "/sessions/{id}/events?pictures=1", {}, 422),
    (Scope.VIEW, "POST", "/whep/{id}", {"content": b"x", "headers": SDP}, 400),
    (Scope.VIEW, "PATCH", "/whep/{id}/x", {}, 404),
    (Scope.VIEW, "DELETE", "/whep/{id}/x", {}, 404),
    (Scope.VIEW, "GET", "/metrics", {}, 200),
    (Scope.VIEW, "GET", "/models", {}, 200),
    (Scope.VIEW, "POST", "/tokens", {}, 200),
    (Scope.PROMPT, "POST", "/sam3/concept_segment", {"json": {"image": IMAGE, "prompts": [{"text": "x"}]}}, 200),
    (Scope.PROMPT, "POST", "/sam3/visual_segment", {"json": {"image": IMAGE}}, 200),
    (Scope.PROMPT, "POST", "/sam3/embed_image", {"json": {"image": IMAGE}}, 200),
    (Scope.MANAGE, "POST", "/sessions", {"json": {"source": "gopher://x"}}, 400),
    (Scope.MANAGE, "POST", "/whip", {"content": b"x", "headers": SDP}, 400),
    (Scope.MANAGE, "PATCH", "/whip/x", {}, 404),
    (Scope.MANAGE, "DELETE", "/whip/x", {}, 404),
    (Scope.MANAGE, "DELETE", "/sessions/none", {}, 404),
]


@pytest.mark.parametrize(
    ("needed", "method", "path", "more", "status"), OPENS, ids=[f"{m} {p}" for _, m, p, _, _ in OPENS]
)
async def test_each_scope_opens_what_it_says(
    locked: Locked, needed: Scope, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    assert await locked.ask(method, path, None, **more) == 401
    assert await locked.ask(method, path, "wrong", **more) == 401
    for scope, key in locked.keys.items():
        assert await locked.ask(method, path, key, **more) == (status if scope >= needed else 403), scope


async def test_a_key_that_is_removed_opens_nothing_more(locked: Locked) -> None:
    key = locked.keys[Scope.VIEW]
    assert await locked.ask("GET", "/sessions", key) == 200
    keys_file.remove(locked.path, "view")
    assert await locked.ask("GET", "/sessions", key) == 401
    assert await locked.ask("GET", "/sessions", keys_file.add(locked.path, "another", Scope.VIEW)) == 200


async def test_wrong_keys_are_slowed_down_and_counted(locked: Locked) -> None:
    statuses = [await locked.ask("GET", "/sessions", f"guess-{number}") for number in range(FREE + 5)]
    assert statuses == [401] * FREE + [429] * 5
    answer = await locked.here.http.get("/sessions?api_key=guess")
    assert 0 < int(answer.headers["retry-after"]) <= 6 and "wrong API keys" in answer.json()["message"]
    assert await locked.ask("GET", "/sessions", locked.keys[Scope.VIEW]) == 200
    assert await locked.metric('streamer_keys_refused_total{reason="wrong"}') == FREE
    assert await locked.metric('streamer_keys_refused_total{reason="slowed"}') == 6


async def test_the_same_holds_for_keys_in_the_body(locked: Locked) -> None:
    statuses = [
        await locked.ask("POST", "/sam3/embed_image", None, json={"image": IMAGE, "api_key": f"guess-{number}"})
        for number in range(FREE + 1)
    ]
    assert statuses == [401] * FREE + [429]
    body = {"image": IMAGE, "api_key": locked.keys[Scope.PROMPT]}
    assert await locked.ask("POST", "/sam3/embed_image", None, json=body) == 200


async def answer(peer: Peer, **message: Any) -> dict[str, Any]:
    """What a socket is answered."""
    peer.say(json.dumps({**message, "request": 1}))
    while True:
        told: dict[str, Any] = json.loads((await peer.until("websocket.send"))["text"])
        if "request" in told:
            return told


async def test_a_socket_that_may_view_gets_an_error_for_a_prompt_and_stays_open(locked: Locked) -> None:
    path = f"/sessions/{locked.live.session.id}/results"
    async with connected(locked.here, "websocket", path, f"api_key={locked.keys[Scope.VIEW]}") as peer:
        for message in ({"type": "prompts", "prompts": ["star"]}, {"type": "remove", "object_id": 1}):
            told = await answer(peer, **message)
            assert (told["type"], told["code"]) == ("error", "forbidden")
            assert "may view only" in told["message"]
        assert (await answer(peer, type="options", max_fps=5))["type"] == "ack"
    assert not locked.live.session.prompts
    async with connected(locked.here, "websocket", path, f"api_key={locked.keys[Scope.PROMPT]}") as peer:
        assert (await answer(peer, type="prompts", prompts=["star"]))["type"] == "ack"
    assert [prompt.text for prompt in locked.live.session.prompts] == ["star"]


@pytest.mark.parametrize(("query", "code"), [("", 4401), ("api_key=wrong", 4401), ("api_key={token}", 4403)])
async def test_a_socket_without_a_key_that_opens_it_is_closed_with_the_reason(
    locked: Locked, query: str, code: int
) -> None:
    other = await locked.here.start()
    body = {"session": other.session.id}
    made = await locked.here.http.post("/tokens", json=body, params={"api_key": locked.keys[Scope.VIEW]})
    path, query = f"/sessions/{locked.live.session.id}/results", query.format(token=made.json()["token"])
    async with connected(locked.here, "websocket", path, query) as peer:
        closed = await peer.until("websocket.close")
        assert closed["code"] == code and closed["reason"]


async def test_what_is_kept_for_a_key_is_found_with_its_tokens(locked: Locked) -> None:
    key = locked.keys[Scope.PROMPT]
    assert await locked.ask("POST", "/sam3/embed_image", key, json={"image": IMAGE, "image_id": "mine"}) == 200
    made = (await locked.here.http.post("/tokens", headers={"Authorization": f"Bearer {key}"})).json()["token"]
    assert await locked.ask("POST", "/sam3/visual_segment", made, json={"image_id": "mine"}) == 200
    other = locked.keys[Scope.MANAGE]
    assert await locked.ask("POST", "/sam3/visual_segment", other, json={"image_id": "mine"}) == 404
