"""streamer.hosted.routes without a socket: who is let in, what is said in headers; the answers are in test_api.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from streamer.app import create_app
from streamer.config import Config
from streamer.engines import Engines
from streamer.hosted import routes
from tests.support.models import untrained, words_only
from tests.support.pictures import patches, saved, sent
from tracker import Detected, Embedding, Prompt, Sam3

IMAGE = sent(saved(patches(80, 60)))
CALLS = ("concept_segment", "visual_segment", "embed_image")


@asynccontextmanager
async def hosted(
    *keys: str, loaded: bool = True, model: Callable[[], Sam3] = untrained
) -> AsyncIterator[httpx.AsyncClient]:
    """An application in this process, with the real model and random weights, or while it is still being loaded."""
    app: FastAPI = create_app(Config(api_keys=keys), model() if loaded else None)
    engines: Engines = app.state.engines
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/sam3") as http:
        yield http
    await engines.close()


async def test_whether_a_picture_had_to_be_embedded_stands_in_a_header() -> None:
    async with hosted() as http:
        for cache in ("miss", "hit"):
            answer = await http.post("/embed_image", json={"image": IMAGE, "image_id": "dog"})
            assert (answer.status_code, answer.json()["image_id"]) == (200, "dog")
            assert answer.headers["x-cache"] == cache
            assert answer.headers["x-model"] == "nano"
        answer = await http.post("/visual_segment", json={"image_id": "dog"})
        assert (answer.status_code, len(answer.json()["predictions"])) == (200, 1)


async def test_words_that_were_never_taught_are_named_in_a_header() -> None:
    async with hosted() as http:
        body = {"image": IMAGE, "prompts": [{"text": "unicorn"}, {"text": "circle"}]}
        answer = await http.post("/concept_segment", json=body)
        assert [each["prompt_index"] for each in answer.json()["prompt_results"]] == [0, 1]
        assert "unicorn" in answer.headers["x-hint"]
        assert "circle" not in answer.headers["x-hint"].split("unicorn")[0]


async def test_what_a_model_has_no_part_for_is_refused_in_words_before_the_picture_is_read() -> None:
    """The picture cannot even be read: nobody tries to."""
    broken = {"type": "base64", "value": "no base64!"}
    box = {"x": 1, "y": 1, "width": 5, "height": 5}
    async with hosted(model=words_only) as http:
        for call, prompts, field, what in (
            ("visual_segment", [{"points": [{"x": 1, "y": 1}]}], "prompts", "clicks and boxes"),
            ("concept_segment", [{"text": "star"}, {"boxes": [box]}], "prompts[1].boxes", "example boxes"),
        ):
            refused = await http.post(f"/{call}", json={"image": broken, "prompts": prompts})
            assert refused.status_code == 400
            assert refused.json()["message"].startswith(f"{field}: the model words-only cannot do {what}: ")
            assert refused.headers["x-model"] == "nano"


async def test_the_threshold_of_a_request_without_one_is_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    real = words_only().detect

    def detect(embedding: Embedding, prompts: Sequence[Prompt], *, nms_iou: float | None) -> list[Detected]:
        asked.extend(prompt.threshold for prompt in prompts)
        return real(embedding, prompts, nms_iou=nms_iou)

    monkeypatch.setattr(words_only(), "detect", detect)
    async with hosted(model=words_only) as http:
        body = {"image": IMAGE, "prompts": [{"text": "star"}, {"text": "star", "output_prob_thresh": 0.9}]}
        for more, first in (({}, 0.1), ({"output_prob_thresh": 0.7}, 0.7)):
            answer = await http.post("/concept_segment", json=body | more)
            assert answer.status_code == 200, answer.text
            assert asked[-2:] == [first, 0.9]


@pytest.mark.parametrize("asked", ["sam3/sam3_final", "nano", None])
async def test_the_hosted_models_name_and_the_loaded_ones_are_accepted(asked: str | None) -> None:
    async with hosted() as http:
        answer = await http.post("/embed_image", json={"image": IMAGE, "model_id": asked})
        assert answer.status_code == 200, answer.text


async def test_another_model_is_refused_by_the_name_of_what_is_loaded() -> None:
    async with hosted() as http:
        answer = await http.post("/embed_image", json={"image": IMAGE, "model_id": "sam2"})
    assert (answer.status_code, answer.json()["message"]) == (404, "There is no model 'sam2' here.")
    assert "nano is loaded" in answer.json()["detail"]


@pytest.mark.parametrize("call", CALLS)
async def test_a_key_may_come_in_three_places(call: str) -> None:
    body: dict[str, Any] = {"image": IMAGE, "prompts": [{"text": "circle"}]} if call[0] == "c" else {"image": IMAGE}
    async with hosted("secret") as http:
        ways = [
            await http.post(f"/{call}?api_key=secret", json=body),
            await http.post(f"/{call}", json=body, headers={"Authorization": "Bearer secret"}),
            await http.post(f"/{call}", json={**body, "api_key": "secret"}),
        ]
        assert [each.status_code for each in ways] == [200, 200, 200]
        assert (await http.post(f"/{call}", json={**body, "api_key": "guess"})).status_code == 401
        assert (await http.post(f"/{call}", json=body)).status_code == 401


@pytest.mark.parametrize("call", CALLS)
async def test_another_method_is_refused_with_the_one_that_is_right(call: str) -> None:
    async with hosted() as http:
        answer = await http.get(f"/{call}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_another_call_is_told_what_there_is() -> None:
    async with hosted() as http:
        answer = await http.post("/everything_segment", json={})
    assert answer.status_code == 404
    assert all(call in answer.json()["detail"] for call in CALLS)


@pytest.mark.parametrize("call", CALLS)
async def test_while_the_model_is_not_there_the_answer_is_503(call: str) -> None:
    async with hosted(loaded=False) as http:
        answer = await http.post(f"/{call}", json={"image": IMAGE, "prompts": [{"text": "x"}]})
    assert answer.status_code == 503
    assert "being loaded" in answer.json()["message"]


async def test_an_answer_names_the_model_that_gave_it_whichever_answers_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with hosted() as http:
        engine = http._transport.app.state.engines.all[0]  # type: ignore[attr-defined]
        really = routes._answer

        def changed(*given: Any) -> Any:
            engine.model = words_only()
            return really(*given)

        monkeypatch.setattr(routes, "_answer", changed)
        body = {"image": IMAGE, "prompts": [{"text": "circle"}]}
        assert (await http.post("/concept_segment", json=body)).headers["x-model"] == "nano"
