"""The hosted SAM3 API on our own server: concept_segment, visual_segment and embed_image."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from streamer import auth
from streamer.auth import Scope
from streamer.engines import Engines
from streamer.errors import BadRequest, Gone, NotAllowed, NotFound
from streamer.hosted import visual_segment as visual
from streamer.hosted.cache import Account, Caches
from streamer.hosted.embeddings import Asked, Embeddings, There
from streamer.hosted.schemas import BASE_MODEL, ConceptRequest, EmbedRequest, OnPicture, VisualRequest
from streamer.wire import results
from streamer.wire.fields import MaskFormat
from tracker import Ability, Detected, Detection, Prompt, Sam3, Unable

ADMITTED = "streamer.admitted"  # in a request's scope: what to call once its sender is known
Shown = Callable[[Detection], dict[str, Any] | None]
CALLS = ("concept_segment", "visual_segment", "embed_image")

router = APIRouter(prefix="/sam3", tags=["images"])


# openapi.py documents these routes: the published documents are the contract.
@router.post("/concept_segment", include_in_schema=False)
async def concept_segment(body: ConceptRequest, request: Request, response: Response) -> dict[str, Any]:
    """Find every object of each concept in a picture: promptable concept segmentation."""
    began = time.perf_counter()
    async with _asking(request, response, body) as (_, asked):
        _hint(response, _words(asked.model, body))
        prompts = _prompts(body, asked.model.threshold, *asked.size)
        found = await _find(asked, prompts)
        form: MaskFormat = "rle" if body.format == "rle" else "polygon"
        shown = partial(_prediction, form=form, holes=body.holes)
        results = await asyncio.to_thread(_answer, asked, prompts, found, body.nms_iou_threshold, shown)
        _holes(response, body)
    return {"prompt_results": results, "time": _since(began)}


@router.post("/visual_segment", response_model=None, include_in_schema=False)
async def visual_segment(body: VisualRequest, request: Request, response: Response) -> dict[str, Any] | Response:
    """Segment what points and boxes point at in a picture: promptable visual segmentation."""
    began = time.perf_counter()
    async with _asking(request, response, body) as (account, asked):
        prompts = visual.prompts(body, *asked.size)
        _hint(response, [visual.hint(body)])
        if body.format == "binary":
            visual.check_dense(len(prompts), *asked.size)
        caches: Caches = request.app.state.embeddings.caches
        if body.load_logits_from_cache:
            prompts = visual.primed(prompts, [caches.load(account, asked.name, prompt) for prompt in prompts])
        found = await visual.segment(asked, prompts, body)
        if body.save_logits_to_cache:
            for prompt, logits in zip(prompts, found.logits, strict=True):
                caches.save(account, asked.name, prompt, logits[0].clone())
        if body.format == "binary":
            archive = await asyncio.to_thread(visual.archive, asked, found)
            return Response(archive, media_type="application/octet-stream", headers=dict(response.headers))
        answer = await asyncio.to_thread(visual.answer, asked, found, body)
        _holes(response, body)
    return {**answer, "time": _since(began)}


@router.post("/embed_image", include_in_schema=False)
async def embed_image(body: EmbedRequest, request: Request, response: Response) -> dict[str, Any]:
    """Embed a picture now, so that later requests with its ``image_id`` are answered sooner."""
    began = time.perf_counter()
    async with _asking(request, response, body) as (account, asked):
        image_id = body.image_id or asked.name
        request.app.state.embeddings.keep(account, image_id, asked)
    return {"image_id": image_id, "time": _since(began)}


@router.api_route("/{call:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def refuses(call: str, request: Request) -> None:
    """Without this the page's files would be looked through."""
    if call in CALLS:
        raise NotAllowed(request.method, "POST")
    raise NotFound(f"There is no /sam3/{call:.80} here.", detail=f"There is /sam3/ with {', '.join(CALLS)}.")


@asynccontextmanager
async def _asking(request: Request, response: Response, body: OnPicture) -> AsyncIterator[tuple[Account, Asked]]:
    """Let a request in and stand in line with its picture; a header says whether that had to be embedded."""
    account = await _admit(request, body)
    embeddings: Embeddings = request.app.state.embeddings
    fits = partial(_check, body=body)
    async with embeddings.of(account, body.image, body.image_id, _there(request), fits) as asked:
        response.headers["X-Cache"] = "hit" if asked.cached else "miss"
        response.headers["X-Model"] = asked.model.name  # refusals get theirs in middleware.py
        yield account, asked


async def _admit(request: Request, body: OnPicture) -> Account:
    """
    Whose request this is.

    Raises Unauthorized, Forbidden; NotFound for a model that is not here; NotReady; BadRequest for one that cannot.
    """
    caller = auth.allow(request, await auth.key_of(request) or body.api_key, Scope.PROMPT)
    if ADMITTED in request.scope:
        request.scope[ADMITTED]()
    engines: Engines = request.app.state.engines
    _check(engines.need_model(), body)
    return caller.account


def _check(model: Sam3, body: OnPicture) -> None:
    """Asked twice: before standing in line, and behind it, where the model may be another."""
    _check_model(model, body.model_id)
    _check_able(model, body)


def _check_model(model: Sam3, asked: str | None) -> None:
    if asked not in (None, BASE_MODEL, model.name):
        raise NotFound(
            f"There is no model {asked!r} here.", detail=f"{model.name} is loaded; {BASE_MODEL} means it too."
        )


def _check_able(model: Sam3, body: OnPicture) -> None:
    """Before the picture is embedded, which may take seconds. Raises BadRequest."""
    try:
        if isinstance(body, VisualRequest):
            model.need(Ability.CLICKS, "prompts")
        if isinstance(body, ConceptRequest):
            for index, prompt in enumerate(body.prompts):
                if prompt.boxes:
                    model.need(Ability.EXEMPLARS, f"prompts[{index}].boxes")
    except Unable as error:
        raise BadRequest(str(error), field=error.field) from None


def _words(model: Sam3, body: ConceptRequest) -> list[str | None]:
    """What the model has to say about words it was never taught."""
    return [model.hint(prompt.text) for prompt in body.prompts if prompt.text]


def _hint(response: Response, said: Sequence[str | None]) -> None:
    """What there is to say about a request, as a header: the answer's fields are documented."""
    if hints := [each for each in said if each]:
        response.headers["X-Hint"] = quote(" ".join(dict.fromkeys(hints)), safe=" \"',.:;()")


def _holes(response: Response, body: ConceptRequest | VisualRequest) -> None:
    """Say what polygons cannot: whether the holes of their masks are filled."""
    if body.format != "rle":
        response.headers["X-Holes"] = "even-odd" if body.holes else "filled"


def _there(request: Request) -> There:
    async def there() -> None:
        if await request.is_disconnected():
            raise Gone("The client has hung up.")

    return there


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 4)


def _prompts(body: ConceptRequest, threshold: float, height: int, width: int) -> list[Prompt]:
    """
    The tracker's prompts, their boxes cut to the picture; ``threshold``: where neither they nor the request name one.

    Raises BadRequest for a box outside of the picture.
    """
    default = threshold if body.output_prob_thresh is None else body.output_prob_thresh
    prompts = []
    for index, each in enumerate(body.prompts):
        prompt = each.prompt(default)
        boxes = [
            visual.cut(box, height, width, f"prompts[{index}].boxes[{place}]") for place, box in enumerate(prompt.boxes)
        ]
        prompts.append(Prompt(prompt.text, tuple(boxes), prompt.labels, prompt.threshold))
    return prompts


async def _find(asked: Asked, prompts: Sequence[Prompt]) -> list[Detected]:
    """One turn for each prompt, so that live streams come in between."""

    def detect(prompt: Prompt) -> Detected:
        return asked.model.detect(asked.embedding, [prompt], nms_iou=None)[0]

    found = []
    for prompt in prompts:
        await asked.there()
        found.append(await asked.engine.take_turn(detect, prompt))
    return found


def _answer(
    asked: Asked, prompts: Sequence[Prompt], found: Sequence[Detected], nms_iou: float | None, shown: Shown
) -> list[dict[str, Any]]:
    """The documented ``prompt_results``: one entry for each prompt, in order, even when empty."""
    return [
        {
            "prompt_index": index,
            "echo": results.echo_json(index, prompt),
            "predictions": [each for detection in detections if (each := shown(detection)) is not None],
        }
        for index, (prompt, detections) in enumerate(
            zip(prompts, asked.model.finish(asked.embedding, found, nms_iou=nms_iou), strict=True)
        )
    ]


def _prediction(detection: Detection, form: MaskFormat, *, holes: bool) -> dict[str, Any] | None:
    """One object as documented; None when its mask has no outline: clients make boxes of what they get."""
    masks = results.masks_json(detection.mask, form, holes=holes)
    if not masks or not detection.mask.area:
        return None
    said = results.even_odd(form, holes=holes)
    return {"format": form, **said, "confidence": round(float(detection.score), 4), "masks": masks}
