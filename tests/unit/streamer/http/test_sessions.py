"""Sessions over HTTP: what is refused, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from streamer.http.sessions import describe
from tests.support.asgi import Asked, Live

DEMO = "demo:?seed=5&size=160x120&fps=15&objects=2"


@pytest.mark.parametrize(
    "source", ["/no/such/film.mp4", "a" * 300, "gopher://host/1", "rtsp://", "demo:?fps=900", "/tmp"]
)
async def test_a_source_that_can_be_seen_to_be_wrong_is_a_bad_request(here: Asked, source: str) -> None:
    answer = await here.http.post("/sessions", json={"source": source})
    assert answer.status_code == 400
    assert set(answer.json()) == {"message", "detail"}
    assert (await here.http.get("/sessions")).json() == {"sessions": []}


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "source"]),
        ({"source": 7}, ["body", "source"]),
        ({"source": "demo:", "prompts": ["x"] * 17}, ["body", "prompts"]),
        ({"source": "demo:", "prompts": [{"text": ""}]}, ["body", "prompts", 0, "text"]),
        ({"source": "demo:", "prompts": [{"boxes": [{"x": 1}]}]}, ["body", "prompts", 0, "boxes", 0, "y"]),
    ],
)
async def test_a_body_that_is_wrong_is_answered_by_the_name_of_the_field(
    here: Asked, body: Any, loc: list[Any]
) -> None:
    answer = await here.http.post("/sessions", json=body)
    assert answer.status_code == 422
    first = answer.json()["detail"][0]
    assert first["loc"] == loc
    assert set(first) == {"loc", "msg", "type"}


async def test_a_body_that_is_no_json_is_refused(here: Asked) -> None:
    answer = await here.http.post("/sessions", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


async def test_boxes_without_a_frame_are_refused(here: Asked) -> None:
    prompts = [{"boxes": [{"x": 1, "y": 1, "width": 5, "height": 5}]}]
    answer = await here.http.post("/sessions", json={"source": DEMO, "prompts": prompts})
    assert answer.status_code == 400
    assert "boxes" in answer.json()["message"]


async def test_more_sessions_than_the_limit_are_refused_with_a_time_to_come_back(here: Asked) -> None:
    ids = [(await here.start()).session.id for _ in range(4)]
    for _ in range(5):
        answer = await here.http.post("/sessions", json={"source": DEMO})
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
    for session in ids:
        await here.http.delete(f"/sessions/{session}")
    assert (await here.http.post("/sessions", json={"source": DEMO})).status_code == 201


async def test_a_word_the_model_was_never_taught_comes_back_with_a_hint(here: Asked) -> None:
    answer = (await here.http.post("/sessions", json={"source": DEMO, "prompts": ["zebra"]})).json()
    assert "zebra" in answer["hint"]
    assert (await here.http.get(f"/sessions/{answer['id']}")).json()["hint"] == answer["hint"]
    await here.http.delete(f"/sessions/{answer['id']}")


async def test_a_picture_that_is_not_kept_is_not_found(here: Asked, live: Live) -> None:
    for name in ("99999999", "-1"):
        answer = await here.http.get(f"/sessions/{live.session.id}/frames/{name}.jpg")
        assert answer.status_code == 404
    assert (await here.http.get(f"/sessions/{live.session.id}/frames/dog.jpg")).status_code == 422
    assert (await here.http.get("/sessions/none/frames/latest.jpg")).status_code == 404


async def test_a_session_is_described_by_what_it_is_and_what_it_did(live: Live) -> None:
    before = describe(live.session)
    assert (before["kind"], before["age_ms"], before["frame"], before["timings_ms"]) == ("hand", None, None, {})
    with live.session.subscribe() as reader:
        live.source.give()
        async for message in reader:
            if '"result"' in str(message):
                break
        after = describe(live.session)
    assert (after["id"], after["source"], after["state"], after["subscribers"]) == (live.session.id, "hand", "live", 1)
    assert after["frames"] == {"decoded": 1, "results": 1, "looked_at": 1}
    assert after["frame"]["index"] == 0
    assert after["age_ms"] > 0
    assert {"convert", "embed"} <= set(after["timings_ms"])
    assert [prompt["text"] for prompt in after["prompts"]] == ["red circle"]
