"""The hosted SAM3 API on our own server: POST /sam3/concept_segment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from streamer import auth, images, wire
from streamer.engine import Engine
from streamer.errors import BadRequest, NotFound
from streamer.wire import MAX_PROMPTS, MaskFormat
from tracker import Box, Detection, Prompt, Sam3

BASE_MODEL = "sam3/sam3_final"  # what hosted clients ask for; here it means the model that is loaded


router = APIRouter(prefix="/sam3", tags=["images"])


class ImageIn(wire._Input):
    """A picture: ``type`` is base64, ``value`` the data."""

    type: Annotated[str, Field(max_length=64)]
    value: str | None = None


class ConceptRequest(wire._Input):
    """The documented request. Fields that are not listed are ignored."""

    image: ImageIn
    prompts: Annotated[list[wire.PromptIn], Field(min_length=1, max_length=MAX_PROMPTS)]
    format: Literal["polygon", "rle", "json"] = "polygon"
    image_id: str | None = None
    output_prob_thresh: wire._Share | None = None
    model_id: Annotated[str | None, Field(max_length=256)] = BASE_MODEL
    nms_iou_threshold: wire._Share | None = None
    api_key: str | None = None


@router.post("/concept_segment")
async def concept_segment(body: ConceptRequest, request: Request, response: Response) -> dict[str, Any]:
    """Find every object of each concept in a picture: promptable concept segmentation."""
    began = time.perf_counter()
    auth.check_key(request.app.state.config, auth.key_of(request) or body.api_key)
    engine: Engine = request.app.state.engine
    async with engine.lane() as model:
        _check_model(model, body.model_id)
        response.headers["X-Model"] = model.name
        picture = await asyncio.to_thread(images.read_image, body.image.type, body.image.value)
        prompts = _prompts(body, height=picture.shape[0], width=picture.shape[1])
        embedding = await engine.take_turn(model.embed, picture)
        found = await _find(engine, model, embedding, prompts, body.nms_iou_threshold)
        form: MaskFormat = "rle" if body.format == "rle" else "polygon"
        results = await asyncio.to_thread(_results, prompts, found, form)
    return {"prompt_results": results, "time": round(time.perf_counter() - began, 4)}


async def _find(
    engine: Engine, model: Sam3, embedding: Any, prompts: Sequence[Prompt], nms_iou: float | None
) -> list[list[Detection]]:
    """One turn a prompt, so that live streams come in between; suppression over all prompts needs them together."""
    if nms_iou is not None:
        return await engine.take_turn(model.concept_segment, embedding, prompts, nms_iou=nms_iou)
    return [(await engine.take_turn(model.concept_segment, embedding, [prompt]))[0] for prompt in prompts]


def _check_model(model: Sam3, asked: str | None) -> None:
    if asked not in (None, BASE_MODEL, model.name):
        raise NotFound(
            f"There is no model {asked!r} here.", detail=f"{model.name} is loaded; {BASE_MODEL} means it too."
        )


def _prompts(body: ConceptRequest, *, height: int, width: int) -> list[Prompt]:
    """The tracker's prompts, their boxes cut to the picture. Raises BadRequest for a box outside of it."""
    default = wire.DEFAULT_THRESHOLD if body.output_prob_thresh is None else body.output_prob_thresh
    prompts = []
    for index, each in enumerate(body.prompts):
        prompt = each.prompt(default)
        boxes = []
        for place, box in enumerate(prompt.boxes):
            cut = Box(max(box.x0, 0.0), max(box.y0, 0.0), min(box.x1, float(width)), min(box.y1, float(height)))
            if cut.x0 >= cut.x1 or cut.y0 >= cut.y1:
                field = f"prompts[{index}].boxes[{place}]"
                raise BadRequest(f"{field}: the box lies outside the picture of {width}×{height} pixels.", field=field)
            boxes.append(cut)
        prompts.append(Prompt(prompt.text, tuple(boxes), prompt.labels, prompt.threshold))
    return prompts


def _results(prompts: Sequence[Prompt], found: Sequence[Sequence[Detection]], form: MaskFormat) -> list[dict[str, Any]]:
    """The documented ``prompt_results``: one entry for each prompt, in order, even when empty."""
    return [
        {
            "prompt_index": index,
            "echo": wire.echo_json(index, prompt),
            "predictions": [each for detection in detections if (each := _prediction(detection, form)) is not None],
        }
        for index, (prompt, detections) in enumerate(zip(prompts, found, strict=True))
    ]


def _prediction(detection: Detection, form: MaskFormat) -> dict[str, Any] | None:
    """One object as documented; None when its mask has no outline: clients make boxes of what they get."""
    masks = wire.masks_json(detection.mask, form)
    if not masks or not detection.mask.area:
        return None
    return {"format": form, "confidence": round(float(detection.score), 4), "masks": masks}
