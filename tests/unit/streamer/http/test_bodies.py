"""Bodies: read only once a key was shown, and only so far, so many values, and not for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamer import limits
from streamer.http import bodies
from streamer.http.bodies import UNKNOWN
from streamer.webrtc import sdp
from tests.support.asgi import Asked, asking
from tests.support.pictures import patches, saved, sent

JSON = {"Content-Type": "application/json"}
PICTURE = sent(saved(patches(64, 48)))


class Counted:
    """A body that says how much of it was taken."""

    def __init__(self, *parts: bytes, pause: asyncio.Event | None = None) -> None:
        self.parts = parts
        self.taken = 0
        self.pause = pause
        self.begun = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            self.taken += len(part)
            self.begun.set()
            yield part
        if self.pause is not None:
            await self.pause.wait()


@pytest.fixture
async def keyed() -> AsyncIterator[Asked]:
    async with asking(api_keys=("one",)) as here:
        yield here


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sessions"),
        ("POST", "/whip"),
        ("PATCH", "/whip/1"),
        ("POST", "/whep/1"),
        ("PATCH", "/whep/1/2"),
        ("GET", "/sessions"),
        ("DELETE", "/sessions/1"),
        ("POST", "/nothing"),
        ("PUT", "/sam3"),
    ],
)
@pytest.mark.parametrize("key", [None, "wrong"])
async def test_without_a_key_no_body_is_read(keyed: Asked, method: str, path: str, key: str | None) -> None:
    body = Counted(b"[" * 1000)
    headers = JSON | ({"Authorization": f"Bearer {key}"} if key else {})
    answer = await keyed.http.request(method, path, content=body, headers=headers)
    assert answer.status_code == 401
    assert set(answer.json()) == {"message", "detail"}
    assert body.taken == 0


@pytest.mark.parametrize("path", ["/sam3/embed_image", "/sam3/concept_segment"])
async def test_nor_with_a_wrong_one_where_it_may_be_inside(keyed: Asked, path: str) -> None:
    body = Counted(b"[" * 1000)
    assert (await keyed.http.post(f"{path}?api_key=wrong", content=body, headers=JSON)).status_code == 401
    assert body.taken == 0


async def test_a_refused_key_is_told_to_pages_of_other_origins(keyed: Asked) -> None:
    answer = await keyed.http.post("/sessions", json={}, headers={"Origin": "http://elsewhere"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, "*")


async def test_with_a_key_in_either_place_it_is_read(keyed: Asked) -> None:
    for query, headers in (("?api_key=one", {}), ("", {"Authorization": "Bearer one"})):
        answer = await keyed.http.post(f"/sessions{query}", json={"source": 1}, headers=headers)
        assert answer.status_code == 422


@pytest.mark.parametrize(
    ("path", "longest"), [("/sessions", limits.MAX_BODY), ("/nothing", limits.MAX_BODY), ("/whip", sdp.MAX_BYTES)]
)
async def test_each_route_has_its_bound_on_bytes(here: Asked, path: str, longest: int) -> None:
    told = Counted(b" ")
    answer = await here.http.post(path, content=told, headers={**JSON, "Content-Length": str(longest + 1)})
    assert answer.status_code == 413
    assert told.taken == 0
    if path == "/nothing":  # no route reads its body
        return
    kind = {"Content-Type": "application/sdp" if path == "/whip" else "application/json"}
    endless = Counted(*[b" " * 1024] * (2 * longest // 1024))
    answer = await here.http.post(path, content=endless, headers=kind)
    assert answer.status_code == 413
    assert str(longest) in answer.json()["message"]
    assert endless.taken <= longest + 1024


async def test_pictures_have_the_setting_as_their_bound() -> None:
    async with asking(max_body=1000) as here:
        assert (await here.http.post("/sam3/embed_image", content=b" " * 1001, headers=JSON)).status_code == 413
        assert (await here.http.post("/sessions", content=b" " * 1001, headers=JSON)).status_code == 413


@pytest.mark.parametrize(
    ("path", "most"), [("/sessions", limits.MAX_VALUES), ("/sam3/embed_image", limits.MAX_PICTURE_VALUES)]
)
async def test_too_many_values_are_refused_before_they_are_parsed(
    here: Asked, monkeypatch: pytest.MonkeyPatch, path: str, most: int
) -> None:
    with monkeypatch.context() as without:
        without.setattr("starlette.requests.json.loads", None)
        answer = await here.http.post(path, content=b"[" + b"0," * most + b"0]", headers=JSON)
    assert answer.status_code == 413
    assert f"more than {most:,} values" in answer.json()["message"]
    answer = await here.http.post(path, content=b"[" + b"0," * (most - 3) + b"0]", headers=JSON)
    assert answer.status_code == 422


async def test_the_largest_documented_requests_are_within_the_bounds(here: Asked) -> None:
    point, box = {"x": 1.5, "y": 2.5, "positive": True}, {"x": 1, "y": 1, "width": 2, "height": 2}
    objects: list[Any] = [{"points": [point] * limits.MAX_POINTS, "box": box}] * 64
    body = {"image": PICTURE, "model_id": "none", "prompts": {"prompts": objects}}
    assert (await here.http.post("/sam3/visual_segment", json=body)).status_code == 404  # it was read: no such model
    labels = [True] * limits.MAX_BOXES
    prompts: list[Any] = [{"text": "a", "boxes": [box] * limits.MAX_BOXES, "box_labels": labels}] * limits.MAX_PROMPTS
    body = {"image": PICTURE, "model_id": "none", "prompts": prompts}
    assert (await here.http.post("/sam3/concept_segment", json=body)).status_code == 404
    assert len(json.dumps(prompts)) < limits.MAX_BODY


async def test_a_key_in_the_body_is_found_among_few_values(keyed: Asked) -> None:
    body = {"image": PICTURE, "api_key": "one"}
    assert (await keyed.http.post("/sam3/embed_image", json=body)).status_code == 200
    assert (await keyed.http.post("/sam3/embed_image", json={**body, "api_key": "two"})).status_code == 401
    answer = await keyed.http.post("/sam3/embed_image", json={**body, "more": [0] * limits.MAX_VALUES})
    assert answer.status_code == 413
    key = {"Authorization": "Bearer one"}
    answer = await keyed.http.post("/sam3/embed_image", json={**body, "more": [0] * limits.MAX_VALUES}, headers=key)
    assert answer.status_code == 200


async def test_two_bodies_with_the_key_inside_are_read_at_a_time(keyed: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "TURN", 0.05)
    go_on, sent_in = asyncio.Event(), [Counted(b"{", pause=None) for _ in range(UNKNOWN + 1)]
    for each in sent_in[:UNKNOWN]:
        each.pause = go_on
    post = keyed.http.post
    async with asyncio.TaskGroup() as tasks:
        held = [tasks.create_task(post("/sam3/embed_image", content=each, headers=JSON)) for each in sent_in[:UNKNOWN]]
        for each in sent_in[:UNKNOWN]:
            await each.begun.wait()
        third = await post("/sam3/embed_image", content=sent_in[-1], headers=JSON)
        known = await post("/sam3/embed_image?api_key=one", json={"image": PICTURE})
        go_on.set()
    assert third.status_code == 429 and third.headers["Retry-After"]
    assert sent_in[-1].taken == 0
    assert "Authorization" in third.json()["detail"]
    assert known.status_code == 200
    assert [each.result().status_code for each in held] == [422, 422]
    again = await post("/sam3/embed_image", json={"image": PICTURE, "api_key": "one"})
    assert again.status_code == 200


async def test_a_turn_is_given_back_once_the_key_is_known(keyed: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the model keeps no one's body from being read."""
    monkeypatch.setattr(bodies, "TURN", 0.05)
    go_on = asyncio.Event()
    entered: list[Any] = []
    embeddings = keyed.app.state.embeddings
    really = embeddings.of

    def waiting(*args: Any) -> Any:
        entered.append(args)
        if len(entered) > UNKNOWN:
            go_on.set()
        return really(*args)

    monkeypatch.setattr(embeddings, "of", waiting)
    body = {"image": PICTURE, "api_key": "one"}
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(keyed.http.post("/sam3/embed_image", json=body)) for _ in range(UNKNOWN + 3)]
    assert {each.result().status_code for each in asked} == {200}


@pytest.mark.parametrize("path", ["/sessions", "/whip"])
async def test_a_body_that_stops_is_given_up(here: Asked, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(bodies, "PAUSE", 0.05)
    kind = {"Content-Type": "application/sdp" if path == "/whip" else "application/json"}
    answer = await here.http.post(path, content=Counted(b"{", pause=asyncio.Event()), headers=kind)
    assert answer.status_code == 408
    assert "1 bytes" in answer.json()["message"]


async def test_a_body_that_drips_is_given_up(here: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PAUSE", 0.2)
    monkeypatch.setattr(bodies, "RATE", 1000)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.02)

    answer = await here.http.post("/sessions", content=drip(), headers=JSON)
    assert answer.status_code == 408


async def test_one_with_the_key_inside_has_less_time(keyed: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "UNKNOWN_SECONDS", 0.05)
    answer = await keyed.http.post("/sam3/embed_image", content=Counted(b"{", pause=asyncio.Event()), headers=JSON)
    assert answer.status_code == 408


async def test_an_answer_that_takes_long_is_no_slow_body(here: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """``is_disconnected`` receives on after the body's end."""
    monkeypatch.setattr(bodies, "PAUSE", 0.001)
    assert (await here.http.post("/sam3/embed_image", json={"image": PICTURE})).status_code == 200


async def test_other_codings_than_utf_8_are_refused(here: Asked) -> None:
    answer = await here.http.post("/sessions", content=json.dumps({"source": "demo:"}).encode("utf-16"), headers=JSON)
    assert answer.status_code == 422
    assert "UTF-8" in answer.json()["detail"][0]["msg"]
